// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lists of texts in the messages of failed checks.

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace doctest {

template <>
struct StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& texts) {
    std::string joined = "{";
    for (const std::string& text : texts) joined += (joined.size() > 1 ? ", \"" : "\"") + text + '"';
    return (joined + "}").c_str();
  }
};

}  // namespace doctest
