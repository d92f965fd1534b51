// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_directory.h"

#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "unit/agent/scratch_dir.h"

namespace redan::agent {
namespace {

using Paths = std::vector<std::string>;

PolicyDirectory::Changes look(PolicyDirectory& directory) {
  const auto changes = directory.look();
  REQUIRE(changes.ok());
  return *changes;
}

bool is_quiet(const PolicyDirectory::Changes& changes) { return changes.gone.empty() && changes.changed.empty(); }

}  // namespace

TEST_CASE("the first look takes what is there, by name, and only what is called like a policy") {
  const ScratchDir dir;
  for (const char* name : {"b.yaml", "a.yml", ".a.yaml.swp", ".hidden.yaml", "#a.yaml#", "a.yaml~", "4913",
                           "a.yaml.tmp", "c.yaml.dpkg-new", "sub/d.yaml"})
    dir.write(name, "x");
  std::filesystem::create_symlink(dir.path("sub/d.yaml"), dir.path("link.yaml"));
  std::filesystem::create_symlink(dir.path("nowhere"), dir.path("dangling.yaml"));
  std::filesystem::create_directory(dir.path("folder.yaml"));
  PolicyDirectory directory(dir.path());
  const auto changes = directory.first_look();
  REQUIRE(changes.ok());
  CHECK(changes->changed == Paths{dir.path("a.yml"), dir.path("b.yaml"), dir.path("link.yaml")});
  CHECK(changes->gone.empty());
  CHECK(is_quiet(look(directory)));
}

TEST_CASE("a change is reported once two looks saw the same of it") {
  const ScratchDir dir;
  PolicyDirectory directory(dir.path());
  CHECK(is_quiet(look(directory)));
  const std::string file = dir.write("a.yaml", "1");
  CHECK(is_quiet(look(directory)));
  dir.write("a.yaml", "still being written");
  CHECK(is_quiet(look(directory)));
  CHECK(look(directory).changed == Paths{file});
  CHECK(is_quiet(look(directory)));

  dir.write("a.yaml.new", "2");
  std::filesystem::rename(dir.path("a.yaml.new"), file);
  CHECK(is_quiet(look(directory)));
  CHECK(look(directory).changed == Paths{file});
}

TEST_CASE("a file that is missing for a moment is not gone") {
  const ScratchDir dir;
  const std::string file = dir.write("a.yaml", "1");
  PolicyDirectory directory(dir.path());
  REQUIRE(directory.first_look().ok());
  std::filesystem::rename(file, dir.path("a.yaml~"));
  CHECK(is_quiet(look(directory)));
  std::filesystem::rename(dir.path("a.yaml~"), file);
  CHECK(look(directory).gone.empty());  // the rename has changed its ctime, so it may be reported as changed
  (void)look(directory);

  std::filesystem::remove(file);
  CHECK(is_quiet(look(directory)));
  CHECK(look(directory).gone == Paths{file});
  CHECK(is_quiet(look(directory)));
}

TEST_CASE("a directory that is absent has no policies, one that cannot be read keeps those it had") {
  const ScratchDir dir;
  PolicyDirectory none("");
  CHECK(is_quiet(look(none)));
  PolicyDirectory absent(dir.path("later"));
  CHECK(is_quiet(look(absent)));
  const std::string file = dir.write("later/a.yaml", "1");
  CHECK(is_quiet(look(absent)));
  CHECK(look(absent).changed == Paths{file});

  std::filesystem::rename(dir.path("later"), dir.path("before"));
  REQUIRE_FALSE(absent.look().ok());  // gone as a whole
  REQUIRE_FALSE(absent.look().ok());
  dir.write("later", "no directory");
  const auto unreadable = absent.look();
  REQUIRE_FALSE(unreadable.ok());
  CHECK(unreadable.error().message.find(dir.path("later")) != std::string::npos);
  REQUIRE_FALSE(absent.look().ok());
  std::filesystem::remove(dir.path("later"));
  std::filesystem::rename(dir.path("before"), dir.path("later"));
  CHECK(is_quiet(look(absent)));
}

}  // namespace redan::agent
