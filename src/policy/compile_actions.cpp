// SPDX-License-Identifier: Apache-2.0
// Actions: where each is allowed, and what of it the kernel program and the event need.
#include <algorithm>
#include <array>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/hook_compiler.h"
#include "policy/lists.h"
#include "policy/numbers.h"
#include "policy/syscalls.h"
#include "policy/unsupported.h"
#include "policy/words.h"

namespace redan::policy {
namespace {

constexpr size_t kMostActions = 3;

enum Places : uint8_t {
  kKprobe = 1 << 0,
  kFentry = 1 << 1,
  kTracepoint = 1 << 2,
  kRaw = 1 << 3,
  kLsm = 1 << 4,
  kOther = 1 << 5,
  kAnywhere = 0xff,
};

struct ActionRow {
  ActionKind kind;
  uint8_t reported;  // enum redan_action; 0: not supported
  uint8_t places;
  bool is_enforcement;
  Feature feature;  // of those that are not supported
};

constexpr std::array kActions = {
    ActionRow{ActionKind::kPost, REDAN_ACTION_POST, kAnywhere, false, {}},
    ActionRow{ActionKind::kNoPost, REDAN_ACTION_NO_POST, kAnywhere, false, {}},
    ActionRow{ActionKind::kSigkill, REDAN_ACTION_SIGKILL, kAnywhere & ~kFentry, true, {}},
    ActionRow{ActionKind::kSignal, REDAN_ACTION_SIGNAL, kAnywhere & ~kFentry, true, {}},
    ActionRow{ActionKind::kOverride, REDAN_ACTION_OVERRIDE, kKprobe | kLsm | kOther, true, {}},
    ActionRow{ActionKind::kNotifyEnforcer, REDAN_ACTION_NOTIFY_ENFORCER, kKprobe | kTracepoint, true, {}},
    ActionRow{ActionKind::kTrackSock, REDAN_ACTION_TRACK_SOCK, kAnywhere & ~kLsm, false, {}},
    ActionRow{ActionKind::kUntrackSock, REDAN_ACTION_UNTRACK_SOCK, kAnywhere & ~kLsm, false, {}},
    ActionRow{ActionKind::kCleanupEnforcerNotification, REDAN_ACTION_CLEANUP, kAnywhere & ~kLsm, false, {}},
    ActionRow{ActionKind::kGetUrl, 0, kKprobe | kFentry | kTracepoint | kRaw, false, Feature::kGetUrl},
    ActionRow{ActionKind::kDnsLookup, 0, kKprobe | kFentry | kTracepoint | kRaw, false, Feature::kDnsLookup},
    ActionRow{ActionKind::kSet, 0, kOther, true, Feature::kSet},
};

const ActionRow& row_of(ActionKind kind) { return *std::ranges::find(kActions, kind, &ActionRow::kind); }

uint8_t place_of(const Hook& hook) {
  switch (hook.section) {
    case Section::kKprobes: return kKprobe;
    case Section::kFentries: return kFentry;
    case Section::kTracepoints: return *hook.raw ? kRaw : kTracepoint;
    case Section::kLsmHooks: return kLsm;
    case Section::kUprobes:
    case Section::kUsdts: break;
  }
  return kOther;
}

class ActionsCompiler {
 public:
  ActionsCompiler(const CompileContext& context, const Hook& hook, const Slots& slots, redan_selector& into)
      : context_(context), hook_(hook), slots_(slots), into_(into) {}

  void run(const Selector& selector) {
    into_.action = REDAN_ACTION_POST;
    into_.post = 1;
    list(selector.actions, into_.action, false);
    const bool has_return = *hook_.returns;
    if (has_return)
      list(selector.return_actions, into_.return_action, true);
    else if (!selector.return_actions.empty())
      context_.diagnostics.warning(selector.return_actions[0].place, "has no effect without return: true");
  }

 private:
  void error(const Place& place, std::string message) { context_.diagnostics.error(place, std::move(message)); }

  void list(const std::vector<Action>& actions, __u8& reported, bool is_return) {
    if (actions.size() > kMostActions)
      return error(actions[kMostActions].place, "found " + std::to_string(actions.size()) + " actions, allowed: 3");
    for (const Action& action : actions) {
      const ActionRow& row = row_of(*action.action);
      options(action);
      if (!check_place(action, row)) continue;
      if (row.reported == 0) {
        not_supported(context_.diagnostics, action.action.place, row.feature);
        continue;
      }
      reported = row.reported;
      if (*action.action == ActionKind::kNoPost) into_.post = 0;
      if (row.is_enforcement) enforcement(action, is_return);
      if (*action.action == ActionKind::kCleanupEnforcerNotification)
        context_.diagnostics.warning(action.place, "has no effect yet: no notification is ever pending");
      track(action, is_return);
    }
  }

  bool check_place(const Action& action, const ActionRow& row) {
    const uint8_t place = place_of(hook_);
    if (row.places & place) return true;
    const std::string name(word_for(*action.action));
    std::vector<std::string_view> fitting;
    for (const ActionRow& other : kActions)
      if (other.places & place) fitting.push_back(word_for(other.kind));
    const std::string where = hook_.section == Section::kFentries ? "fentries" : "a " + hook_title(hook_);
    error(action.action.place, "found " + name + " at " + where + ", allowed: " + one_of(fitting));
    return false;
  }

  void enforcement(const Action& action, bool is_return) {
    const std::string name(word_for(*action.action));
    if (*action.action == ActionKind::kOverride && hook_.section == Section::kKprobes) {
      const bool is_list = is_list_name(*hook_.call);
      const bool can_fail = *hook_.syscall || hook_.call.value.starts_with("security_") || is_list;
      if (!can_fail)
        return error(action.action.place, "found Override at the function " + in_quotes(*hook_.call) +
                                              ", allowed: at system calls, functions named security_… and LSM hooks");
    }
    if (*action.action == ActionKind::kOverride && *action.error > 0)
      context_.diagnostics.warning(action.error.place, "a positive error is taken for the negative one, " +
                                                           std::to_string(-static_cast<int64_t>(*action.error)));
    if (*action.action == ActionKind::kNotifyEnforcer && context_.document.spec.enforcers.empty())
      return error(action.action.place, "found NotifyEnforcer without spec.enforcers, allowed: with one");
    const bool is_lost =
        is_return && (*action.action == ActionKind::kOverride || *action.action == ActionKind::kNotifyEnforcer);
    context_.diagnostics.warning(
        action.place, is_lost ? name + " has no effect after the function returned"
                              : name + " is not enforced yet: the event shows the action, nothing is prevented");
  }

  void track(const Action& action, bool is_return) {
    const bool is_track = *action.action == ActionKind::kTrackSock;
    if (!is_track && *action.action != ActionKind::kUntrackSock) return;
    const uint32_t slot = *action.sock;
    const Place& place = action.sock.is_given() ? action.sock.place : action.place;
    const bool is_there = slot < hook_.args.size() && slot < slots_.args.size();
    const redan_arg_type type = is_there ? slots_.args[slot].type->extraction : REDAN_ARG_NONE;
    if (type != REDAN_ARG_SOCK && type != REDAN_ARG_SOCKET)
      return error(place, "found the argument " + std::to_string(slot) +
                              ", allowed: the position in args of one of type sock or socket");
    __u8& into = is_return ? (is_track ? into_.return_track_slot : into_.return_untrack_slot)
                           : (is_track ? into_.track_slot : into_.untrack_slot);
    into = static_cast<__u8>(slot + 1);
  }

  void options(const Action& action) {
    Diagnostics& diagnostics = context_.diagnostics;
    for (const Flag* flag : {&action.kernel_stack_trace, &action.user_stack_trace}) {
      if (!**flag) continue;
      if (*action.action != ActionKind::kPost || hook_.section == Section::kLsmHooks)
        error(flag->place, "found true, allowed: with the action Post, in kprobes and fentries");
      else
        not_supported(diagnostics, flag->place, Feature::kStackTrace);
    }
    if (*action.ima_hash) not_supported(diagnostics, action.ima_hash.place, Feature::kImaHash);
    if (action.rate_limit.is_given() && !action.rate_limit.value.empty()) rate_limit(action);
  }

  void rate_limit(const Action& action) {
    struct Scope {
      std::string_view name;
      redan_rate_scope scope;
    };
    static constexpr std::array kScopes = {Scope{"", REDAN_RATE_THREAD}, Scope{"thread", REDAN_RATE_THREAD},
                                           Scope{"process", REDAN_RATE_PROCESS}, Scope{"global", REDAN_RATE_GLOBAL}};
    if (*action.action != ActionKind::kPost)
      return error(action.rate_limit.place, "found a rate limit, allowed: with the action Post");
    const auto interval = parse_rate_limit(*action.rate_limit);
    if (!interval)
      error(action.rate_limit.place,
            "found " + in_quotes(*action.rate_limit) +
                ", allowed: a number of seconds such as 5 or 5s, of minutes (5m) or hours (5h)");
    const auto scope = std::ranges::find(kScopes, *action.rate_limit_scope, &Scope::name);
    if (scope == kScopes.end())
      return error(action.rate_limit_scope.place,
                   "found " + in_quotes(*action.rate_limit_scope) + ", allowed: thread, process or global");
    into_.rate_ms = interval.value_or(0);
    into_.rate_scope = static_cast<__u8>(scope->scope);
  }

  const CompileContext& context_;
  const Hook& hook_;
  const Slots& slots_;
  redan_selector& into_;
};

}  // namespace

bool is_enforcement(ActionKind action) { return row_of(action).is_enforcement; }

void compile_actions(const CompileContext& context, const Hook& hook, const Selector& selector, const Slots& slots,
                     redan_selector& into) {
  ActionsCompiler(context, hook, slots, into).run(selector);
}

}  // namespace redan::policy
