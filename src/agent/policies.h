// SPDX-License-Identifier: Apache-2.0
#pragma once
// The policies of a running agent: where they come from, what has become of them, their hooks in the kernel.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/control.h"
#include "agent/options.h"
#include "agent/policy_directory.h"
#include "agent/policy_list.h"
#include "agent/run_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "event/frame.h"
#include "kernel/kernel.h"
#include "policy/compile.h"

namespace redan::agent {

/// States of a policy (language reference, 12.3), as they are written.
inline constexpr std::string_view kEnabled = "enabled";
inline constexpr std::string_view kPartiallyEnabled = "partially_enabled";
inline constexpr std::string_view kDisabled = "disabled";
inline constexpr std::string_view kLoadError = "load_error";

/// Who brought a policy.
enum class PolicyOrigin : uint8_t { kOption, kDirectory, kClient };
struct PolicySource {
  PolicyOrigin origin = PolicyOrigin::kClient;
  std::string path;                                       ///< of the file, as the origin names it
  std::optional<policy::PolicyMode> mode = std::nullopt;  ///< kEnforce or kMonitor, in place of what the policy says

  friend bool operator==(const PolicySource&, const PolicySource&) = default;
};

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

  /// Adds nothing yet. `control`: where clients are answered; nothing: nowhere.
  Policies(Parts parts, std::optional<Control> control);

  /// Adds the policies of --tracing-policy, then those of --tracing-policy-dir by path.
  void begin(const Feed& feed) override;
  int fd() const override { return control_ ? control_->fd() : -1; }
  /// Answers a client of the control socket.
  void serve(const Feed& feed) override;
  /// Adds, replaces and deletes what has changed in the directory, and tells what hooks have lost since the last time.
  void each_second(const Feed& feed) override;
  /// Detaches everything; tells what was lost until then.
  void end(const Feed& feed) override;

  /// What a client's request is answered. Errors: kUsage, it is none; what the verb's function says.
  Result<std::string> answer(const Request& request, const Feed& feed);

  /// Compiles and attaches, or changes nothing; the policy of the same file (of a client: the one of the same name that could not be
  /// loaded) is replaced, and stays disabled if it was. Returns what whoever added it should know, a line each. kConfig: the text, or
  /// the name is taken; kKernel, kPrivilege: the kernel refused.
  Result<std::string> add(std::string_view text, const PolicySource& source, const Feed& feed);

  /// kConfig: there is none of that name. Returns what else should be known.
  Result<std::string> remove(std::string_view name, const Feed& feed);
  /// kConfig: there is none, or its state is not one to do so from. kKernel, kPrivilege: the kernel refused.
  Result<void> set_enabled(std::string_view name, bool enabled, const Feed& feed);
  /// kConfig: there is none, it is not in force, it has no such mode, or this version does not have it.
  Result<void> set_mode(std::string_view name, policy::PolicyMode mode, const Feed& feed);

  /// As of now, in the order in which they were added.
  std::vector<ListedPolicy> list() const;

 private:
  struct Command;
  struct Losses {
    std::vector<uint64_t> told;  ///< by cause, as loss_causes() lists them
  };
  struct Loaded {
    PolicySource source;
    std::string name;  ///< of the policy; the file's path if it could not be read
    std::string state;
    std::string error;            ///< in kLoadError: why; else why the file's newer content is not in force
    bool waits_for_name = false;  ///< another policy has its name; to be tried again
    policy::Policy policy;
    std::vector<std::unique_ptr<kernel::Hook>> hooks;
    std::vector<Losses> losses;  ///< of each hook
    uint64_t next_loss_log = 0;  ///< boot ns; not before
    uint64_t unlogged_losses = 0;

    bool is_in_force() const { return state == kEnabled || state == kPartiallyEnabled; }
  };

  void look(const Feed& feed, bool is_first);
  void add_file(const PolicySource& source, const Feed& feed);
  void add_waiting(const Feed& feed);
  Result<void> compile(std::string_view text, Loaded& loaded);
  Result<void> check_name(Loaded& loaded, const Loaded* before) const;
  Result<void> attach(Loaded& loaded, const Loaded* before, const Feed& feed);
  void detach(Loaded& loaded, const Feed& feed);
  Loaded* replaced_by(const Loaded& loaded);
  Error refuse(std::unique_ptr<Loaded> loaded, Loaded* before, Error error, const Feed& feed);
  void replace(Loaded* before, std::unique_ptr<Loaded> loaded);
  Loaded* find(std::string_view name);
  Result<Loaded*> get(std::string_view name);
  void tell(const Loaded& loaded, const Feed& feed) const;
  void tell_losses(Loaded& loaded, const Feed& feed);

  Parts parts_;
  std::optional<Control> control_;
  PolicyDirectory directory_;
  std::string directory_error_;                    ///< that was logged
  std::vector<std::unique_ptr<Loaded>> policies_;  ///< in the order in which they were added
  std::unique_ptr<policy::KernelFacts> facts_;     ///< while policies are being added
  uint32_t last_hook_ = 0;
};

}  // namespace redan::agent
