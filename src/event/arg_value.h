// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an argument of a policy hook was: values of their own, made from the views into a record.

#include <cstdint>
#include <string>
#include <variant>

#include "abi/hook.h"

namespace redan::event {

struct ArgView;

/// The kernel could not read it.
struct UnreadableArg {};

/// Bytes of a buffer.
struct BufferArg {
  std::string bytes;
  uint32_t whole = 0;  ///< size of the buffer, which is more than `bytes` if it was cut
};

/// A file, by its path.
struct FileArg {
  std::string path;   ///< absolute, " (deleted)" behind it if the file has no name any more; empty: it never had one
  uint32_t mode = 0;  ///< i_mode
  bool unresolved = false;  ///< only the end of the path is there
};

/// A struct sockaddr_un.
struct UnixAddressArg {
  uint32_t family = 0;
  std::string name;  ///< a path; or NUL and an abstract name, which is filled up with NULs
};

struct PerfEventArg {
  uint64_t config = 0;
  uint64_t probe_offset = 0;
  uint32_t type = 0;
  std::string function;
};

struct ModuleArg {
  uint64_t taints = 0;
  bool signature_ok = false;
  std::string name;
};

/// Number: also capabilities, sets of them and system calls. std::monostate: the record does not have it.
using ArgValue =
    std::variant<std::monostate, UnreadableArg, uint64_t, std::string, BufferArg, FileArg, redan_arg_socket,
                 UnixAddressArg, redan_arg_cred, redan_arg_user_ns, redan_arg_bpf, PerfEventArg, ModuleArg>;

/// The value of an argument of a record that was decoded.
ArgValue arg_value(const ArgView& view);

}  // namespace redan::event
