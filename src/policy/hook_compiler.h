// SPDX-License-Identifier: Apache-2.0
#pragma once
// The steps of compile(). Private to src/policy.

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "event/hook.h"
#include "policy/compile.h"
#include "policy/document.h"
#include "policy/kernel_facts.h"

namespace redan::policy {

/// What all steps share. kernel is null when a policy is only checked.
struct CompileContext {
  const Document& document;  ///< macros are expanded
  const KernelFacts* kernel;
  Diagnostics& diagnostics;
};

/// Where a hook is attached.
struct Target {
  std::string symbol;       ///< HookPlan::symbol
  std::string name;         ///< HookInfo::name
  bool is_syscall = false;  ///< arguments lie in the system call's registers
  bool is_i386 = false;     ///< entry of a 32-bit system call
  std::optional<int> parameters;
  std::optional<std::vector<TracepointField>> fields;  ///< of a classic tracepoint
};

/// A value that filters can look at.
struct Slot {
  const ArgTypeInfo* type = &auto_type();  ///< auto: not known without the kernel
  uint8_t size = 0;                        ///< bytes of a number
  bool is_signed = false;
  bool is_readable = true;  ///< false: filters on it never match
  bool is_known() const { return !type->is_auto(); }
};

/// The slots of a hook: those of the policy's args in their order, then hidden ones; the returned value.
struct Slots {
  std::vector<Slot> args;
  std::optional<Slot> returned;
};

/// Sections of the type table that a hook belongs to.
uint8_t type_section(const Hook& hook);

/// What is hooked by name, for messages: "function", "LSM hook", "tracepoint".
std::string hook_title(const Hook& hook);

/// Fills plan.args and the shown arguments of `info`.
Slots compile_args(const CompileContext& context, const Hook& hook, const Target& target, event::HookPlan& plan,
                   event::HookInfo& info);

/// Fills plan.selectors, the value sets, plan.fields and the options of arguments that filters need.
void compile_selectors(const CompileContext& context, const Hook& hook, const Slots& slots, event::HookPlan& plan);

/// Fills what follows from the actions of a selector.
void compile_actions(const CompileContext& context, const Hook& hook, const Selector& selector, const Slots& slots,
                     redan_selector& into);

/// Checks what does not depend on a hook: metadata, sections, options, lists, enforcers.
PolicyOptions check_policy(const CompileContext& context);

/// Whether an action would be enforced.
bool is_enforcement(ActionKind action);

}  // namespace redan::policy
