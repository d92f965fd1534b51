// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <array>
#include <string_view>

#include <doctest/doctest.h>

namespace redan {

TEST_CASE("a cleaned path is what Go's path.Clean makes of it") {
  struct Case {
    std::string_view in;
    std::string_view out;
  };
  constexpr std::array kCases = {
      // Already clean.
      Case{"", "."},
      Case{"abc", "abc"},
      Case{"abc/def", "abc/def"},
      Case{"a/b/c", "a/b/c"},
      Case{".", "."},
      Case{"..", ".."},
      Case{"../..", "../.."},
      Case{"../../abc", "../../abc"},
      Case{"/abc", "/abc"},
      Case{"/", "/"},
      // Slashes at the end.
      Case{"abc/", "abc"},
      Case{"abc/def/", "abc/def"},
      Case{"./", "."},
      Case{"../", ".."},
      Case{"../../", "../.."},
      Case{"/abc/", "/abc"},
      // Double slashes.
      Case{"abc//def//ghi", "abc/def/ghi"},
      Case{"//abc", "/abc"},
      Case{"///abc", "/abc"},
      Case{"//abc//", "/abc"},
      Case{"abc//", "abc"},
      // Dots.
      Case{"abc/./def", "abc/def"},
      Case{"/./abc/def", "/abc/def"},
      Case{"abc/.", "abc"},
      Case{"/.", "/"},
      // Dot-dots.
      Case{"abc/def/ghi/../jkl", "abc/def/jkl"},
      Case{"abc/def/../ghi/../jkl", "abc/jkl"},
      Case{"abc/def/..", "abc"},
      Case{"abc/def/../..", "."},
      Case{"/abc/def/../..", "/"},
      Case{"abc/def/../../..", ".."},
      Case{"/abc/def/../../..", "/"},
      Case{"abc/def/../../../ghi/jkl/../../../mno", "../../mno"},
      Case{"/..", "/"},
      Case{"/../../abc", "/abc"},
      Case{"../a/..", ".."},
      Case{"../a/../b", "../b"},
      Case{"a/../../b", "../b"},
      // Combinations.
      Case{"abc/./../def", "def"},
      Case{"abc//./../def", "def"},
      Case{"abc/../../././../def", "../../def"},
      // Names that only look special.
      Case{"/.../a", "/.../a"},
      Case{"/..a/b..", "/..a/b.."},
      Case{"/.a/./b.", "/.a/b."},
      Case{"/a b/\xFF", "/a b/\xFF"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.in);
    CHECK(clean_path(c.in) == c.out);
    CHECK(clean_path(c.out) == c.out);
  }
}

TEST_CASE("a joined path is what Go's path.Join makes of the two") {
  struct Case {
    std::string_view dir;
    std::string_view path;
    std::string_view out;
  };
  constexpr std::array kCases = {
      Case{"", "", ""},
      Case{"a", "b", "a/b"},
      Case{"a", "", "a"},
      Case{"", "b", "b"},
      Case{"/", "a", "/a"},
      Case{"/", "", "/"},
      Case{"a/", "b", "a/b"},
      Case{"a/", "", "a"},
      Case{"/tmp", "./run", "/tmp/run"},
      Case{"/tmp/x", "../run", "/tmp/run"},
      Case{"/tmp", "../../../run", "/run"},
      Case{"/tmp", "/bin/ls", "/tmp/bin/ls"},
      Case{"", "../a/./b", "../a/b"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.dir);
    CAPTURE(c.path);
    CHECK(join_path(c.dir, c.path) == c.out);
  }
}

}  // namespace redan
