// SPDX-License-Identifier: Apache-2.0
#pragma once
// A folder that looks like /proc.

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "abi/record.h"
#include "unit/agent/scratch_dir.h"

namespace redan::metadata {

/// Start times are counted in these.
inline constexpr uint64_t kTickNs = 10'000'000;

/// One process in it. What is nothing has no file.
struct FakeProcess {
  uint32_t pid = 100;
  std::string comm = "app";
  char state = 'S';
  uint32_t ppid = 1;
  uint32_t kernel_flags = 0;  ///< PF_*
  uint64_t start_ticks = 5000;
  std::string ns_pid = {};  ///< pids in the namespaces below, outermost first, a tab before each
  std::optional<std::string> root = "/";
  std::optional<std::string> cwd = "/srv/app";
  std::optional<std::string> exe = "/usr/bin/app";
  std::optional<std::string> cmdline = std::string("app\0-v\0", 7);
  std::optional<std::string> environ = std::string("HOME=/\0", 7);
  std::optional<std::string> loginuid = "1000";
  bool has_status = true;
};

inline constexpr uint32_t kPfKthread = 0x00200000;
inline constexpr uint32_t kPfForkNoExec = 0x00000040;

class FakeProcfs {
 public:
  const std::string& path() const { return path_; }

  void add(const FakeProcess& process) const {
    const std::string folder = std::to_string(process.pid) + '/';
    dir_.write(folder + "stat", stat_text(process));
    if (process.has_status) dir_.write(folder + "status", status_text(process));
    if (process.cmdline) dir_.write(folder + "cmdline", *process.cmdline);
    if (process.environ) dir_.write(folder + "environ", *process.environ);
    if (process.loginuid) dir_.write(folder + "loginuid", *process.loginuid);
    link(folder + "root", process.root);
    link(folder + "cwd", process.cwd);
    link(folder + "exe", process.exe);
  }

  void remove(uint32_t pid) const { std::filesystem::remove_all(dir_.path(std::to_string(pid))); }

  const agent::ScratchDir& dir() const { return dir_; }

 private:
  static std::string stat_text(const FakeProcess& p) {
    return std::to_string(p.pid) + " (" + p.comm + ") " + p.state + ' ' + std::to_string(p.ppid) + " 1 1 0 -1 " +
           std::to_string(p.kernel_flags) + " 9 0 0 0 1 2 3 4 20 0 1 0 " + std::to_string(p.start_ticks) +
           " 1000 10 18446744073709551615 0\n";
  }
  static std::string status_text(const FakeProcess& p) {
    return "Name:\tUid:\\n1\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t" + std::to_string(p.pid) +
           "\nUid:\t1000\t1001\t1002\t1003\nGid:\t2000\t2001\t2002\t2003\nFDSize:\t64\nGroups:\t4 24\nNSpid:\t" +
           std::to_string(p.pid) + p.ns_pid +
           "\nThreads:\t1\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000004\n"
           "CapBnd:\t0000000000000000\n";
  }
  void link(const std::string& name, const std::optional<std::string>& target) const {
    if (target) REQUIRE(::symlink(target->c_str(), dir_.path(name).c_str()) == 0);
  }

  agent::ScratchDir dir_;
  std::string path_ = dir_.path();
};

}  // namespace redan::metadata
