// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <array>

#include <doctest/doctest.h>

namespace redan {

TEST_CASE("the edit distance counts letters added, left out, replaced and swapped") {
  struct Case {
    std::string_view from, to;
    size_t distance;
  };
  for (const Case& c : {Case{"", "", 0}, Case{"", "abc", 3}, Case{"abc", "", 3}, Case{"abc", "abc", 0},
                        Case{"abc", "abd", 1}, Case{"abc", "acb", 1}, Case{"abc", "ab", 1}, Case{"abc", "xabc", 1},
                        Case{"kitten", "sitting", 3}, Case{"filname", "filename", 1}, Case{"ca", "abc", 3}}) {
    CAPTURE(c.from);
    CAPTURE(c.to);
    CHECK(edit_distance(c.from, c.to) == c.distance);
    CHECK(edit_distance(c.to, c.from) == c.distance);
  }
}

TEST_CASE("the nearest name is found when one is near") {
  constexpr std::array<std::string_view, 5> kNames = {"export-filename", "export-file-perm", "btf", "log-level",
                                                      "log-format"};
  struct Case {
    std::string_view word, nearest;  // nearest "": none
  };
  for (const Case& c :
       {Case{"export-filname", "export-filename"}, Case{"export_filename", "export-filename"},
        Case{"EXPORT-FILENAME", "export-filename"}, Case{"export-file-permission", "export-file-perm"},
        Case{"export", "export-filename"}, Case{"btff", "btf"}, Case{"bft", "btf"}, Case{"loglevel", "log-level"},
        Case{"lgo-format", "log-format"}, Case{"b", ""}, Case{"", ""}, Case{"something-else", ""}, Case{"exp", ""}}) {
    CAPTURE(c.word);
    CHECK(nearest(c.word, kNames).value_or("") == c.nearest);
  }
  CHECK_FALSE(nearest(std::string(100000, 'x'), kNames));
}

TEST_CASE("the question has the name with its prefix") {
  constexpr std::array<std::string_view, 1> kNames = {"btf"};
  CHECK(did_you_mean("bft", kNames, "--") == "; did you mean '--btf'?");
  CHECK(did_you_mean("bft", kNames) == "; did you mean 'btf'?");
  CHECK(did_you_mean("procfs", kNames).empty());
}

}  // namespace redan
