// SPDX-License-Identifier: Apache-2.0
#include "policy/unsupported.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace redan::policy {
namespace {

struct Row {
  Feature feature;
  std::string_view what;     ///< "… is not supported yet"
  std::string_view instead;  ///< what to do
};

constexpr std::array kRows = {
    Row{Feature::kUprobes, "hooking functions of user programs (uprobes)", "leave the section out"},
    Row{Feature::kUsdts, "hooking static probes of user programs (usdts)", "leave the section out"},
    Row{Feature::kLoader, "events for loaded executables (loader)", "hook security_mmap_file instead"},
    Row{Feature::kNamespaced, "a policy for one Kubernetes namespace", "use the kind TracingPolicy"},
    Row{Feature::kPodSelector, "selecting pods (podSelector)", "leave it out, or filter by matchNamespaces"},
    Row{Feature::kContainerSelector, "selecting containers", "leave it out, or filter by matchNamespaces"},
    Row{Feature::kMatchWorkloads, "selecting workloads", "filter by matchNamespaces instead"},
    Row{Feature::kData, "values from outside of the arguments (data, matchData)", "leave them out"},
    Row{Feature::kResolve, "following members of structures (resolve)", "take the argument itself"},
    Row{Feature::kParentBinaries, "matching the parent's binary", "leave it out"},
    Row{Feature::kCelExpr, "the operator CelExpr", "use the operators of numbers"},
    Row{Feature::kSubString, "searching inside of texts", "use Equal, Prefix or Postfix"},
    Row{Feature::kGetUrl, "the action GetUrl", "use Post"},
    Row{Feature::kDnsLookup, "the action DnsLookup", "use Post"},
    Row{Feature::kSet, "the action Set", "leave it out"},
    Row{Feature::kStackTrace, "recording stack traces", "leave kernelStackTrace and userStackTrace out"},
    Row{Feature::kImaHash, "hashes of files (imaHash)", "leave it out"},
};

}  // namespace

void not_supported(Diagnostics& diagnostics, const Place& place, Feature feature) {
  const auto row = std::ranges::find(kRows, feature, &Row::feature);
  diagnostics.error(place, std::string(row->what) + " is not supported yet; " + std::string(row->instead));
}

}  // namespace redan::policy
