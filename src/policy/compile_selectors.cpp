// SPDX-License-Identifier: Apache-2.0
// Selectors: which filters there are, in which order, how many.
#include "policy/filter_compiler.h"
#include "policy/hook_compiler.h"
#include "policy/unsupported.h"

namespace redan::policy {
namespace {

constexpr size_t kMostNamespaces = 10;

// One selector of a hook.
class SelectorCompiler {
 public:
  SelectorCompiler(const CompileContext& context, const Hook& hook, const Slots& slots, FilterCompiler& filters,
                   const Selector& selector, redan_selector& into)
      : context_(context), hook_(hook), slots_(slots), filters_(filters), selector_(selector), into_(into) {}

  void run() {
    into_.used = 1;
    refuse_unsupported();
    binaries();
    for (const PidFilter& filter : selector_.pids)
      if (redan_filter* place = next_process(filter.place)) filters_.pids(filter, *place);
    namespaces();
    capabilities();
    namespace_changes();
    capability_changes();
    args();
    returned();
    compile_actions(context_, hook_, selector_, slots_, into_);
  }

 private:
  void error(const Place& place, std::string message) { context_.diagnostics.error(place, std::move(message)); }

  void refuse_unsupported() {
    Diagnostics& diagnostics = context_.diagnostics;
    if (!selector_.parent_binaries.empty())
      not_supported(diagnostics, selector_.parent_binaries[0].place, Feature::kParentBinaries);
    if (selector_.workloads) not_supported(diagnostics, selector_.workloads->place, Feature::kMatchWorkloads);
    if (!selector_.data.empty()) not_supported(diagnostics, selector_.data[0].place, Feature::kData);
  }

  redan_filter* next_process(const Place& place) {
    if (processes_ < REDAN_HOOK_PROCESS_FILTERS) return &into_.process[processes_++];
    error(place,
          "one filter on the process too many, allowed in a selector: " + std::to_string(REDAN_HOOK_PROCESS_FILTERS) +
              " (a capability of a namespace and capabilities that NotIn changed count as two)");
    return nullptr;
  }

  void binaries() {
    if (selector_.binaries.size() > 1)
      error(selector_.binaries[1].place, "found " + std::to_string(selector_.binaries.size()) + " entries, allowed: 1");
    for (const BinaryFilter& filter : selector_.binaries) {
      if (filter.values.empty()) {
        context_.diagnostics.warning(filter.place, "has no values and so no effect");
        continue;
      }
      if (redan_filter* place = next_process(filter.place)) filters_.binary(filter, *place);
    }
  }

  void namespaces() {
    if (selector_.namespaces.size() > kMostNamespaces)
      return error(selector_.namespaces[kMostNamespaces].place,
                   "found " + std::to_string(selector_.namespaces.size()) + " entries, allowed: 10");
    for (const NamespaceFilter& filter : selector_.namespaces)
      if (redan_filter* place = next_process(filter.place)) filters_.ns(filter, *place);
  }

  void capabilities() {
    if (selector_.capabilities.size() > 1)
      return error(selector_.capabilities[1].place,
                   "found " + std::to_string(selector_.capabilities.size()) + " entries, allowed: 1");
    for (const CapabilityFilter& filter : selector_.capabilities) {
      redan_filter* place = next_process(filter.place);
      if (place) filters_.capabilities(filter, *place);
      in_other_user_namespace(filter);
    }
  }

  void in_other_user_namespace(const CapabilityFilter& filter) {
    if (!*filter.is_namespace_capability) return;
    redan_filter* other = next_process(filter.place);
    if (!other) return;
    other->op = REDAN_OP_EQUAL;
    other->field = REDAN_FIELD_OTHER_USER_NS;
    other->count = 1;
    other->values[0][0] = 1;
  }

  void namespace_changes() {
    if (selector_.namespace_changes.size() > 1)
      return error(selector_.namespace_changes[1].place,
                   "found " + std::to_string(selector_.namespace_changes.size()) + " entries, allowed: 1");
    for (const NamespaceChangesFilter& filter : selector_.namespace_changes) {
      redan_filter* place = next_process(filter.place);
      if (place) filters_.namespace_changes(filter, *place);
      into_.renews |= REDAN_RENEW_NAMESPACES;
    }
  }

  // NotIn: none of those listed has changed, but something has.
  void capability_changes() {
    if (selector_.capability_changes.size() > 1)
      return error(selector_.capability_changes[1].place,
                   "found " + std::to_string(selector_.capability_changes.size()) + " entries, allowed: 1");
    for (const CapabilityFilter& filter : selector_.capability_changes) {
      redan_filter* place = next_process(filter.place);
      if (place) filters_.capability_changes(filter, *place);
      in_other_user_namespace(filter);
      into_.renews |= REDAN_RENEW_CAPABILITIES;
      if (*filter.op != InOperator::kNotIn || !place) continue;
      redan_filter* any = next_process(filter.place);
      if (!any) continue;
      any->op = REDAN_OP_MASK;
      any->field = place->field;
      any->count = 1;
      any->values[0][0] = UINT64_MAX;
    }
  }

  void args() {
    if (selector_.args.size() + selector_.data.size() > REDAN_HOOK_ARG_FILTERS) {
      const bool in_args = selector_.args.size() > REDAN_HOOK_ARG_FILTERS;
      const Place& place = in_args ? selector_.args[REDAN_HOOK_ARG_FILTERS].place : selector_.data.back().place;
      return error(place, "found " + std::to_string(selector_.args.size() + selector_.data.size()) +
                              " filters on arguments, allowed: 5, matchArgs and matchData together");
    }
    for (size_t i = 0; i < selector_.args.size(); ++i) filters_.arg(selector_.args[i], false, into_.args[i]);
  }

  void returned() {
    const bool is_used = *hook_.returns && hook_.return_arg;
    if (!is_used) {
      if (!selector_.return_args.empty() && hook_.section == Section::kLsmHooks)
        error(selector_.return_args[0].place, "an LSM hook returns nothing to filter");
      else if (!selector_.return_args.empty())
        context_.diagnostics.warning(selector_.return_args[0].place, "has no effect without return: true");
      return;
    }
    if (selector_.return_args.size() > REDAN_HOOK_RETURN_FILTERS)
      return error(selector_.return_args[REDAN_HOOK_RETURN_FILTERS].place,
                   "found " + std::to_string(selector_.return_args.size()) + " filters, allowed: 5");
    for (size_t i = 0; i < selector_.return_args.size(); ++i)
      filters_.arg(selector_.return_args[i], true, into_.returned[i]);
  }

  const CompileContext& context_;
  const Hook& hook_;
  const Slots& slots_;
  FilterCompiler& filters_;
  const Selector& selector_;
  redan_selector& into_;
  size_t processes_ = 0;
};

// Which fields of the process some filter looks at.
uint32_t used_fields(const redan_hook_plan& plan) {
  uint32_t fields = 0;
  for (const redan_selector& selector : plan.selectors)
    for (const redan_filter& filter : selector.process)
      if (filter.op != REDAN_OP_NONE) fields |= 1U << filter.field;
  return fields;
}

}  // namespace

void compile_selectors(const CompileContext& context, const Hook& hook, const Slots& slots, event::HookPlan& plan) {
  if (hook.selectors.size() > REDAN_HOOK_SELECTORS) {
    context.diagnostics.error(hook.selectors[REDAN_HOOK_SELECTORS].place,
                              "found " + std::to_string(hook.selectors.size()) + " selectors, allowed: 5");
    return;
  }
  FilterCompiler filters(context, hook, slots, plan);
  for (size_t i = 0; i < hook.selectors.size(); ++i)
    SelectorCompiler(context, hook, slots, filters, hook.selectors[i], plan.program.selectors[i]).run();
  plan.program.fields = used_fields(plan.program);
}

}  // namespace redan::policy
