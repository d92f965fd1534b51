// SPDX-License-Identifier: Apache-2.0
#pragma once
// For every option a value that is not its default, and values that it refuses. The tests of each source go through it.

#include <string>
#include <vector>

namespace redan::agent {

struct OptionExample {
  std::string name;
  std::string text;
  std::string printed;  ///< how option_value() says it
  std::vector<std::string> refused;
};

/// In the order of the table.
inline std::vector<OptionExample> option_examples() {
  const std::string nul("a\0b", 3);
  const std::string long_name(256, 'n');
  const std::string long_path(4096, 'p');
  const std::vector<std::string> no_bool = {"", "yes", "2", "tru"};
  return {
      {"config", "/nowhere/a.yaml", "/nowhere/a.yaml", {nul, long_path}},
      {"config-dir", "/nowhere/b", "/nowhere/b", {nul, long_path}},
      {"log-level", "debug", "debug", {"", "loud", "INFO", "fatal"}},
      {"log-format", "json", "json", {"", "xml", "text-ts"}},
      {"cluster-name", "east", "east", {nul, long_name}},
      {"node-name", "node-1", "node-1", {nul, long_name}},
      {"run-dir", "/tmp/run", "/tmp/run", {"", nul, long_path}},
      {"procfs", "/procRoot", "/procRoot", {"", nul, long_path}},
      {"btf", "/tmp/btf", "/tmp/btf", {nul, long_path}},
      {"rb-size-total",
       "1025K",
       "2M",
       {"", "0", "65535", "63K", "1073741825", "2G", "8m", "-8M", "99999999999999999999"}},
      {"arguments-max-size", "1K", "1K", {"", "0", "1023", "65K", "65537", "x"}},
      {"process-cache-size", "1024", "1024", {"", "0", "1023", "16777217", "-1", "1K", "18446744073709551616"}},
      {"process-cache-gc-interval", "1m30s", "1m30s", {"", "0", "0s", "-1s", "30", "721h", "soon"}},
      {"tracing-policy", "/a.yaml,/b.yaml", "/a.yaml,/b.yaml", {"A,,B", nul}},
      {"tracing-policy-dir", "/tmp/policies", "/tmp/policies", {nul, long_path}},
      {"enable-process-cred", "true", "true", no_bool},
      {"enable-process-ns", "1", "true", no_bool},
      {"enable-ancestors", "base,usdt", "base,usdt", {"all", "base,", "base,kprobes", "Base", ","}},
      {"enable-process-environment-variables", "T", "true", no_bool},
      {"filter-environment-variables", "PATH,LD_PRELOAD", "PATH,LD_PRELOAD", {"PATH=/bin", "A,,B", nul}},
      {"username-metadata", "unix", "unix", {"", "ldap", "Unix"}},
      {"export-filename", "-", "-", {nul, long_path}},
      {"export-file-perm", "0640", "640", {"", "888", "1777", "-600", "rw-r--r--", "1000"}},
      {"export-own-records", "false", "false", no_bool},
      {"event-queue-size", "1", "1", {"", "0", "16777217", "many"}},
      {"heartbeat-interval", "0", "0s", {"", "99ms", "-1m", "721h", "5"}},
  };
}

}  // namespace redan::agent
