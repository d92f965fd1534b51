// SPDX-License-Identifier: Apache-2.0
#include "agent/policies.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "agent/attach_hooks.h"
#include "agent/policy_file.h"
#include "event/hook_facts.h"

namespace redan::agent {
namespace {

constexpr size_t kBatch = 65536;

}  // namespace

Policies::Policies(Parts parts, std::optional<Control> control)
    : parts_(std::move(parts)), control_(std::move(control)), directory_(parts_.options.tracing_policy_dir) {}

void Policies::begin(const Feed& feed) {
  for (const std::string& file : parts_.options.tracing_policy) add_file({PolicyOrigin::kOption, file}, feed);
  look(feed, true);
  facts_.reset();
}

void Policies::serve(const Feed& feed) {
  control_->serve([&](const Request& request) { return answer(request, feed); });
  facts_.reset();
}

void Policies::each_second(const Feed& feed) {
  look(feed, false);
  add_waiting(feed);
  facts_.reset();
  for (const auto& loaded : policies_) tell_losses(*loaded, feed);
}

void Policies::end(const Feed& feed) {
  for (const auto& loaded : policies_) detach(*loaded, feed);
  policies_.clear();
}

void Policies::look(const Feed& feed, bool is_first) {
  const Result<PolicyDirectory::Changes> changes = is_first ? directory_.first_look() : directory_.look();
  const std::string error = changes ? "" : changes.error().message;
  if (!error.empty() && error != directory_error_) parts_.log.error("{}", error);
  directory_error_ = error;
  if (!changes) return;
  for (const std::string& path : changes->gone) {
    const auto gone = std::ranges::find(policies_, PolicySource{PolicyOrigin::kDirectory, path},
                                        [](const auto& loaded) { return loaded->source; });
    if (gone == policies_.end()) continue;  // deleted by a client
    detach(**gone, feed);
    (*gone)->state = "deleted";
    (*gone)->error.clear();
    tell(**gone, feed);
    policies_.erase(gone);
  }
  for (const std::string& path : changes->changed) add_file({PolicyOrigin::kDirectory, path}, feed);
}

void Policies::add_file(const PolicySource& source, const Feed& feed) {
  const Result<std::string> text = read_policy_file(source.path);
  if (text) {
    (void)add(*text, source, feed);  // says in the log what is wrong
    return;
  }
  auto loaded = std::make_unique<Loaded>();
  loaded->source = source;
  loaded->name = source.path;
  (void)refuse(std::move(loaded), replaced_by(Loaded{.source = source}), text.error(), feed);
}

/// Files whose policy had the name of another one, which is gone now.
void Policies::add_waiting(const Feed& feed) {
  std::vector<PolicySource> sources;
  for (const auto& loaded : policies_)
    if (loaded->waits_for_name && check_name(*loaded, loaded.get())) sources.push_back(loaded->source);
  for (const PolicySource& source : sources) add_file(source, feed);
}

Result<std::string> Policies::add(std::string_view text, const PolicySource& source, const Feed& feed) {
  auto loaded = std::make_unique<Loaded>();
  loaded->source = source;
  loaded->name = source.path;
  Result<void> done = compile(text, *loaded);
  Loaded* before = replaced_by(*loaded);
  const bool stays_disabled = before != nullptr && before->state == kDisabled;
  if (done) done = check_name(*loaded, before);
  if (done && !stays_disabled) done = attach(*loaded, before, feed);
  if (!done) return refuse(std::move(loaded), before, done.error(), feed);

  if (stays_disabled) loaded->state = kDisabled;
  std::string notes;
  for (const policy::Diagnostic& warning : loaded->policy.warnings)
    notes += policy::format(warning, source.path) + "\n";
  if (loaded->policy.asked_mode == policy::PolicyMode::kEnforce)
    notes += fmt::format("{}: asks for enforcement, which this version does not have: its actions are reported and not "
                         "carried out (mode monitor)\n",
                         source.path);
  std::istringstream lines(notes);
  for (std::string line; std::getline(lines, line);) parts_.log.warn("policy {}", line);
  if (before != nullptr && before->name != loaded->name) {
    // The file names its policy anew: one policy ends, another one begins.
    before->state = "deleted";
    before->error.clear();
    tell(*before, feed);
  }
  tell(*loaded, feed);
  if (before != nullptr) detach(*before, feed);
  replace(before, std::move(loaded));
  return notes;
}

Result<void> Policies::compile(std::string_view text, Loaded& loaded) {
  const policy::Parsed parsed = policy::parse_document(text);
  if (!parsed.document) return Error{ErrorCode::kConfig, policy::format(parsed.diagnostics, loaded.source.path)};
  loaded.name = *parsed.document->metadata.name;
  if (facts_ == nullptr) {
    REDAN_ASSIGN(facts_, parts_.facts());
  }
  REDAN_ASSIGN(loaded.policy,
               policy::compile(*parsed.document, *facts_, {.first_id = last_hook_ + 1, .file = loaded.source.path}));
  if (loaded.source.mode && loaded.policy.mode != policy::PolicyMode::kMonitorOnly)
    loaded.policy.asked_mode = *loaded.source.mode;
  return {};
}

/// Two policies of one name could not be told apart, neither in events nor in commands.
Result<void> Policies::check_name(Loaded& loaded, const Loaded* before) const {
  const auto is_other = [&](const auto& other) {
    return other->name == loaded.name && other->state != kLoadError && other.get() != before;
  };
  const auto other = std::ranges::find_if(policies_, is_other);
  loaded.waits_for_name = other != policies_.end() && loaded.source.origin != PolicyOrigin::kClient;
  if (other == policies_.end()) return {};
  return Error{ErrorCode::kConfig,
               fmt::format("{}: metadata.name: '{}' is the name of the policy of {} already; delete that one first "
                           "(redan policy delete {}) or give this one another name",
                           loaded.source.path, loaded.name, (*other)->source.path, loaded.name)};
}

/// All or nothing: every hook is loaded before the first is attached. `before` is what it replaces, if anything: in force until
/// this returns, and after it if it fails.
Result<void> Policies::attach(Loaded& loaded, const Loaded* before, const Feed& feed) {
  std::vector<std::unique_ptr<kernel::Hook>> hooks;
  for (event::HookPlan& plan : loaded.policy.hooks) {
    auto info = std::make_shared<event::HookInfo>(*plan.info);
    info->id = plan.program.id = ++last_hook_;
    plan.info = info;
    REDAN_ASSIGN(std::unique_ptr<kernel::Hook> hook, parts_.kernel.load_hook(plan));
    hooks.push_back(std::move(hook));
    // The verifier may take a second for each hook, and the ring fills meanwhile. The loop meets the same error, if any.
    (void)parts_.kernel.consume(feed, kBatch);
    feed(event::text_frame(event::kFrameHook, parts_.now(), event::facts_text(event::hook_facts(*info))));
  }
  const std::vector<event::HookPlan> no_plans;
  const std::vector<std::unique_ptr<kernel::Hook>> no_hooks;
  REDAN_TRY(attach_hooks({loaded.policy.hooks, hooks}, before == nullptr
                                                           ? HooksOfPolicy{no_plans, no_hooks}
                                                           : HooksOfPolicy{before->policy.hooks, before->hooks}));
  loaded.hooks = std::move(hooks);
  loaded.losses.assign(loaded.hooks.size(), {});
  const bool partial = std::ranges::any_of(loaded.policy.statuses, [](const policy::HookStatus& status) {
    return status.state != policy::HookState::kLoaded;
  });
  loaded.state = partial ? kPartiallyEnabled : kEnabled;
  return {};
}

void Policies::detach(Loaded& loaded, const Feed& feed) {
  tell_losses(loaded, feed);
  loaded.hooks.clear();
  loaded.losses.clear();
}

/// The policy that makes way for this one if all goes well.
Policies::Loaded* Policies::replaced_by(const Loaded& loaded) {
  const auto makes_way = [&](const auto& other) {
    if (loaded.source.origin != PolicyOrigin::kClient) return other->source == loaded.source;
    return other->source.origin == PolicyOrigin::kClient && other->name == loaded.name && other->state == kLoadError;
  };
  const auto found = std::ranges::find_if(policies_, makes_way);
  return found == policies_.end() ? nullptr : found->get();
}

/// Keeps and tells that a policy is not in force, or that what it was to replace stays so.
Error Policies::refuse(std::unique_ptr<Loaded> loaded, Loaded* before, Error error, const Feed& feed) {
  parts_.log.error("policy {}: {}", loaded->source.path, error.message);
  const bool has_name = loaded->name != loaded->source.path;
  if (before != nullptr && before->state != kLoadError) {
    before->error = fmt::format("the file's new content is not in force, the one before it stays: {}", error.message);
    tell(*before, feed);
    return error;
  }
  loaded->state = kLoadError;
  loaded->error = error.message;
  // The name belongs to the other one.
  if (loaded->source.origin == PolicyOrigin::kClient && (!has_name || find(loaded->name) != nullptr) &&
      before == nullptr)
    return error;
  tell(*loaded, feed);
  loaded->policy = {};
  replace(before, std::move(loaded));
  return error;
}

void Policies::replace(Loaded* before, std::unique_ptr<Loaded> loaded) {
  const auto place = std::ranges::find(policies_, before, [](const auto& other) { return other.get(); });
  if (place == policies_.end()) {
    policies_.push_back(std::move(loaded));
  } else {
    *place = std::move(loaded);
  }
}

Result<std::string> Policies::remove(std::string_view name, const Feed& feed) {
  REDAN_ASSIGN(Loaded * loaded, get(name));
  detach(*loaded, feed);
  loaded->state = "deleted";
  loaded->error.clear();
  tell(*loaded, feed);
  std::string notes;
  if (loaded->source.origin != PolicyOrigin::kClient && file_version(loaded->source.path) != metadata::FileVersion())
    notes = fmt::format("its file {} is still there: it is added again when {}\n", loaded->source.path,
                        loaded->source.origin == PolicyOrigin::kDirectory ? "the file changes or the agent starts again"
                                                                          : "the agent starts again");
  std::erase_if(policies_, [loaded](const auto& other) { return other.get() == loaded; });
  return notes;
}

Result<void> Policies::set_enabled(std::string_view name, bool enabled, const Feed& feed) {
  REDAN_ASSIGN(Loaded * loaded, get(name));
  if (enabled == loaded->is_in_force() || loaded->state == kLoadError) {
    return Error{ErrorCode::kConfig, fmt::format("the policy '{}' is in state {}, allowed: {}", name, loaded->state,
                                                 enabled ? "disabled" : "enabled or partially_enabled")};
  }
  Result<void> done;
  if (enabled) {
    done = attach(*loaded, nullptr, feed);
    if (!done) {
      loaded->state = kLoadError;
      loaded->error = done.error().message;
    }
  } else {
    detach(*loaded, feed);
    loaded->state = kDisabled;
  }
  tell(*loaded, feed);
  return done;
}

Result<void> Policies::set_mode(std::string_view name, policy::PolicyMode mode, const Feed& feed) {
  REDAN_ASSIGN(Loaded * loaded, get(name));
  const auto refusal = [&](std::string_view why) {
    return Error{ErrorCode::kConfig, fmt::format("the policy '{}' {}", name, why)};
  };
  using enum policy::PolicyMode;
  if (!loaded->is_in_force()) return refusal(fmt::format("is in state {}, so it has no mode", loaded->state));
  const bool has_enforcement = loaded->policy.mode != kMonitorOnly;
  if (!has_enforcement && mode != kMonitorOnly)
    return refusal("has no enforcement action, so its mode is monitor_only and cannot be changed");
  if (has_enforcement && mode == kMonitorOnly)
    return refusal("has enforcement actions; allowed: monitor (enforce comes with a later version)");
  if (mode == kEnforce)
    return refusal("stays in mode monitor: this version reports enforcement actions and cannot carry them out");
  loaded->policy.mode = mode;
  loaded->policy.asked_mode = mode;
  tell(*loaded, feed);
  return {};
}

/// The policy in force of that name; else another one.
Policies::Loaded* Policies::find(std::string_view name) {
  Loaded* found = nullptr;
  for (const auto& loaded : policies_)
    if (loaded->name == name && (found == nullptr || found->state == kLoadError)) found = loaded.get();
  return found;
}

Result<Policies::Loaded*> Policies::get(std::string_view name) {
  Loaded* found = find(name);
  if (found != nullptr) return found;
  return Error{ErrorCode::kConfig,
               fmt::format("there is no policy '{}'; redan policy list shows those there are", name)};
}

}  // namespace redan::agent
