// SPDX-License-Identifier: Apache-2.0
#include "policy/macros.h"

#include <array>

#include "base/quote.h"
#include "base/suggest.h"

namespace redan::policy {
namespace {

// Takes over one list of a macro; false: the selector has it already.
template <auto Member>
bool take_list(const Selector& macro, Selector& into) {
  if ((macro.*Member).empty()) return true;
  if (!(into.*Member).empty()) return false;
  into.*Member = macro.*Member;
  return true;
}

struct ListOfSelector {
  std::string_view name;
  bool (*take)(const Selector& macro, Selector& into);
};
// matchWorkloads is not taken over.
constexpr std::array kLists = {
    ListOfSelector{"matchPIDs", take_list<&Selector::pids>},
    ListOfSelector{"matchArgs", take_list<&Selector::args>},
    ListOfSelector{"matchData", take_list<&Selector::data>},
    ListOfSelector{"matchActions", take_list<&Selector::actions>},
    ListOfSelector{"matchReturnArgs", take_list<&Selector::return_args>},
    ListOfSelector{"matchReturnActions", take_list<&Selector::return_actions>},
    ListOfSelector{"matchBinaries", take_list<&Selector::binaries>},
    ListOfSelector{"matchParentBinaries", take_list<&Selector::parent_binaries>},
    ListOfSelector{"matchNamespaces", take_list<&Selector::namespaces>},
    ListOfSelector{"matchNamespaceChanges", take_list<&Selector::namespace_changes>},
    ListOfSelector{"matchCapabilities", take_list<&Selector::capabilities>},
    ListOfSelector{"matchCapabilityChanges", take_list<&Selector::capability_changes>},
};

void expand(const std::map<std::string, Selector>& macros, Selector& selector, Diagnostics& diagnostics) {
  for (const Text& name : selector.macros) {
    const auto macro = macros.find(*name);
    if (macro == macros.end()) {
      std::vector<std::string_view> names;
      for (const auto& [defined, unused] : macros) names.push_back(defined);
      diagnostics.error(name.place, "found " + in_quotes(*name) + ", allowed: " +
                                        (names.empty() ? "no macro, for spec.selectorsMacros has none"
                                                       : "the macros of spec.selectorsMacros") +
                                        did_you_mean(*name, names));
      continue;
    }
    if (!macro->second.macros.empty()) continue;  // reported where it is defined
    for (const ListOfSelector& list : kLists) {
      if (list.take(macro->second, selector)) continue;
      diagnostics.error(name.place, "found a macro with " + std::string(list.name) +
                                        ", which the selector has already, allowed: each list once");
    }
    if (selector.label.value.empty()) selector.label = macro->second.label;
  }
  selector.macros.clear();
}

}  // namespace

void expand_macros(Document& document, Diagnostics& diagnostics) {
  const auto& macros = document.spec.macros;
  for (const auto& [name, macro] : macros) {
    if (macro.macros.empty()) continue;
    diagnostics.error(macro.macros[0].place, "found a macro inside of a macro, allowed: macros in selectors of hooks");
  }
  Spec& spec = document.spec;
  for (std::vector<Hook>* hooks :
       {&spec.kprobes, &spec.fentries, &spec.tracepoints, &spec.lsm_hooks, &spec.uprobes, &spec.usdts})
    for (Hook& hook : *hooks)
      for (Selector& selector : hook.selectors) expand(macros, selector, diagnostics);
}

}  // namespace redan::policy
