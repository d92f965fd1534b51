// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON for scripts, put together member by member: what `redan policy list` and `explain` print with -o json.

#include <concepts>
#include <string>
#include <string_view>

#include "export/json_writer.h"

namespace redan::agent {

/// Knows of commas, where exporting::JsonWriter does not. Values stand behind key() in an object and alone in an array.
class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }

  JsonText& key(std::string_view name) {
    separate();
    out_.put_string(name);
    out_.put(':');
    is_first_ = true;
    return *this;
  }
  JsonText& value(std::string_view text) {
    separate();
    out_.put_string(text);
    return *this;
  }
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(bool yes) {
    separate();
    out_.put(std::string_view(yes ? "true" : "false"));
    return *this;
  }
  template <std::unsigned_integral T>
  JsonText& value(T number) {
    separate();
    out_.put(number);
    return *this;
  }
  template <typename T>
  JsonText& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// The whole text, with a newline at its end.
  std::string finish() {
    out_.put('\n');
    out_.finish();
    return std::move(text_);
  }

 private:
  void separate() {
    if (!is_first_) out_.put(',');
    is_first_ = false;
  }
  JsonText& open(char bracket) {
    separate();
    out_.put(bracket);
    is_first_ = true;
    return *this;
  }
  JsonText& close(char bracket) {
    out_.put(bracket);
    is_first_ = false;
    return *this;
  }

  std::string text_;
  exporting::JsonWriter out_{text_};
  bool is_first_ = true;
};

}  // namespace redan::agent
