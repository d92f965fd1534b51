// SPDX-License-Identifier: Apache-2.0
#pragma once
// The policies of a running agent: where they come from, what has become of them, their hooks in the kernel.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/control.h"
#include "agent/options.h"
#include "agent/run_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "event/frame.h"
#include "kernel/kernel.h"
#include "metadata/metadata.h"
#include "policy/compile.h"

namespace redan::agent {

/// States of a policy (language reference, 12.3), as they are written.
inline constexpr std::string_view kEnabled = "enabled";
inline constexpr std::string_view kPartiallyEnabled = "partially_enabled";
inline constexpr std::string_view kDisabled = "disabled";
inline constexpr std::string_view kLoadError = "load_error";

/// Owns the policies and their hooks. Belongs to the thread of the run loop. A policy that cannot be loaded never disturbs another
/// one, and never the one that it was to replace.
class Policies final : public LoopPart {
 public:
  struct Parts {
    kernel::Kernel& kernel;
    /// Looks at the kernel; takes a while and some MiB, so that it is done when there are policies, and for as long.
    std::function<Result<std::unique_ptr<policy::KernelFacts>>()> facts;
    const AgentOptions& options;
    Log& log;
    std::function<uint64_t()> now;  ///< boot ns
  };

  /// Listens on RUN_DIR/control.sock; adds nothing yet.
  static Result<Policies> open(Parts parts);

  /// Adds the policies of --tracing-policy, then those of --tracing-policy-dir.
  void begin(const Feed& feed) override;
  int fd() const override { return control_.fd(); }
  /// Answers a client of the control socket.
  void serve(const Feed& feed) override;
  /// Adds, replaces and deletes what has changed in the directory. Costs a stat per file.
  void each_second(const Feed& feed) override;
  void end() override;

  /// Compiles and attaches; replaces a policy that came from the same source. kConfig: the text; kKernel: the kernel refused.
  Result<void> add(std::string_view text, const std::string& source, const Feed& feed);

  /// kConfig: there is none of that name.
  Result<void> remove(std::string_view name, const Feed& feed);
  Result<void> set_enabled(std::string_view name, bool enabled, const Feed& feed);

  /// The table of `redan policy list`.
  std::string list() const;

 private:
  struct Command;
  struct Loaded {
    std::string source;
    std::string name;  ///< of the policy; the source's if it could not be read
    std::string state;
    std::string error;
    policy::Policy policy;
    std::vector<std::unique_ptr<kernel::Hook>> hooks;
  };

  void add_file(const std::string& path, const Feed& feed);
  Result<policy::Policy> compile(std::string_view text, const std::string& source);
  Result<void> attach(Loaded& loaded, const Loaded* before, const Feed& feed);
  Loaded* find(std::string_view name);
  void tell(const Loaded& loaded, const Feed& feed) const;

  Policies(Parts parts, Control control) : parts_(std::move(parts)), control_(std::move(control)) {}

  void look(const Feed& feed);
  Result<std::string> answer(const Request& request, const Feed& feed);

  Parts parts_;
  Control control_;
  std::map<std::string, metadata::FileVersion> files_;  ///< of the directory, by path
  std::vector<std::unique_ptr<Loaded>> policies_;       ///< in the order in which they were added
  std::unique_ptr<policy::KernelFacts> facts_;          ///< while policies are being added
  uint32_t last_hook_ = 0;
};

}  // namespace redan::agent
