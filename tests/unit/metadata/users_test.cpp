// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "metadata/metadata.h"
#include "unit/agent/scratch_dir.h"

namespace redan::metadata {
namespace {

/// As editors and useradd do it: a new file takes the place of the old one.
void replace(const agent::ScratchDir& dir, const std::string& text) {
  const std::string fresh = dir.write("passwd.new", text);
  REQUIRE(std::rename(fresh.c_str(), dir.path("passwd").c_str()) == 0);
}

std::optional<std::string> read(FileVersion& version, const agent::ScratchDir& dir) {
  const auto users = read_users_if_changed(version, dir.path("passwd"));
  REQUIRE(users.ok());
  return *users;
}

constexpr const char* kTwo = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:Ann, A:/home/ann:/bin/sh\n";

}  // namespace

TEST_CASE("user names are read when the file is new, and again when it changes") {
  const agent::ScratchDir dir;
  FileVersion version;
  replace(dir, kTwo);
  CHECK(read(version, dir) == "0:root\n1000:ann\n");
  CHECK(read(version, dir) == std::nullopt);
  replace(dir, "bob:x:1001:1001::/:/bin/sh\n");
  CHECK(read(version, dir) == "1001:bob\n");
  CHECK(read(version, dir) == std::nullopt);
}

TEST_CASE("a file that grows in place is read again") {
  const agent::ScratchDir dir;
  FileVersion version;
  dir.write("passwd", kTwo);
  CHECK(read(version, dir).has_value());
  dir.write("passwd", std::string(kTwo) + "bob:x:1001:1001::/:/bin/sh\n");
  CHECK(read(version, dir) == "0:root\n1000:ann\n1001:bob\n");
}

TEST_CASE("an empty file is one without names, lines that are none are left out") {
  const agent::ScratchDir dir;
  FileVersion version;
  replace(dir, "");
  CHECK(read(version, dir) == "");
  replace(dir, "# a comment\n\nbroken\nann:x:1000:1000::/:/bin/sh\n");
  CHECK(read(version, dir) == "1000:ann\n");
}

TEST_CASE("a file that cannot be read is named, and read when it is back") {
  const agent::ScratchDir dir;
  FileVersion version;
  const auto users = read_users_if_changed(version, dir.path("passwd"));
  REQUIRE_FALSE(users.ok());
  CHECK(users.error().message.find(dir.path("passwd")) != std::string::npos);
  replace(dir, kTwo);
  CHECK(read(version, dir).has_value());
}

TEST_CASE("the host has a kernel, and a boot that procfs names") {
  const agent::ScratchDir dir;
  dir.write("self/stat", "1 (app) R");
  dir.write("sys/kernel/random/boot_id", "1b4e28ba-2fa1-11d2-883f-0016d3cca427\n");
  const auto host = read_host(dir.path());
  REQUIRE(host.ok());
  CHECK(host->boot_id == "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
  CHECK_FALSE(host->kernel_release.empty());
  const agent::ScratchDir plain;
  plain.write("self/stat", "1 (app) R");
  const auto without = read_host(plain.path());
  REQUIRE(without.ok());
  CHECK(without->boot_id.empty());
}

TEST_CASE("a folder that is no proc file system is an error that names it") {
  const agent::ScratchDir dir;
  const auto host = read_host(dir.path("nothing"));
  REQUIRE_FALSE(host.ok());
  CHECK(host.error().message.find(dir.path("nothing")) != std::string::npos);
}

}  // namespace redan::metadata
