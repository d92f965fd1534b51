// SPDX-License-Identifier: Apache-2.0
#include "kernel/features.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <set>

#include <doctest/doctest.h>

#include "kernel/features_files.h"
#include "kernel/features_report.h"
#include "kernel/features_trials.h"
#include "unit/agent/scratch_dir.h"

namespace redan::kernel {
namespace {

using agent::ScratchDir;
using enum FeatureState;

// What stands in files of a machine that is made of a folder.
class FakeMachine {
 public:
  FakeMachine& with(std::string_view file, std::string_view text) {
    scratch_.write(file, text);
    return *this;
  }
  std::string path(std::string_view file) const { return scratch_.path(file); }
  FeaturePlaces places() const { return {.sysfs = path("sys"), .procfs = path("proc"), .btf = ""}; }

 private:
  ScratchDir scratch_;
};

std::string finding_text(const FeatureFinding& finding) {
  const std::string state = finding.state == kYes ? "yes" : finding.state == kNo ? "no" : "?";
  return finding.detail.empty() ? state : state + ": " + finding.detail;
}

struct BtfType {
  std::string name;
  uint32_t kind;
};
constexpr uint32_t kTypedef = 8;
constexpr uint32_t kFunction = 12;
constexpr uint32_t kFunctionProto = 13;

// The bytes of a BTF file: type 1 is `void f(void)`, the others are of that type.
std::string btf_with(const std::vector<BtfType>& named) {
  std::string types;
  std::string strings(1, '\0');
  const auto put = [](std::string& to, uint32_t value) {
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    to.append(bytes, sizeof(bytes));
  };
  const auto put_type = [&](uint32_t name, uint32_t kind, uint32_t type) {
    put(types, name);
    put(types, kind << 24);
    put(types, type);
  };
  put_type(0, kFunctionProto, 0);
  for (const BtfType& type : named) {
    put_type(static_cast<uint32_t>(strings.size()), type.kind, 1);
    strings += type.name + '\0';
  }
  std::string file("\x9f\xeb\x01\x00", 4);  // magic, version, flags
  for (const size_t word : {size_t{24}, size_t{0}, types.size(), types.size(), strings.size()}) {
    put(file, static_cast<uint32_t>(word));
  }
  return file + types + strings;
}

}  // namespace

TEST_CASE("every row of the table says what it is for, and has a name of its own") {
  std::set<std::string_view> names;
  for (const Feature& feature : features()) {
    CAPTURE(feature.name);
    CHECK(names.insert(feature.name).second);
    CHECK_FALSE(feature.used_for.empty());
    CHECK_FALSE(feature.without.empty());
    CHECK(static_cast<bool>(feature.probe));
    CHECK(find_feature(feature.name) == &feature);
  }
  CHECK(find_feature("telepathy") == nullptr);
}

TEST_CASE("what is missing of the capabilities is named") {
  struct Case {
    std::string status;
    std::string missing;
  };
  const Case cases[] = {
      {"Name:\tredan\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n", "CAP_BPF and CAP_PERFMON"},
      {"CapEff:\t0000008000000000\n", "CAP_PERFMON"},
      {"CapEff:\t0000004000000000\n", "CAP_BPF"},
      {"CapEff:\t000000c000000000\n", ""},
      {"CapEff:\t0000000000200000\n", ""},  // CAP_SYS_ADMIN contains both
      {"CapEff:\tnonsense\n", ""},
      {"Name:\tredan\n", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    FakeMachine machine;
    machine.with("proc/self/status", c.status);
    CHECK(missing_capabilities(machine.places()) == c.missing);
  }
  CHECK(missing_capabilities(FakeMachine().places()) == "");
}

TEST_CASE("the event source for kprobes has a number") {
  FakeMachine machine;
  CHECK(kprobe_event_source(machine.places()) == std::nullopt);
  machine.with("sys/bus/event_source/devices/kprobe/type", "8\n");
  CHECK(kprobe_event_source(machine.places()) == 8u);
  machine.with("sys/bus/event_source/devices/kprobe/type", "eight\n");
  CHECK(kprobe_event_source(machine.places()) == std::nullopt);
}

TEST_CASE("BPF LSM is active if it is in the kernel's list") {
  FakeMachine machine;
  CHECK(finding_text(look_for_active_bpf_lsm(machine.places())) ==
        "?: " + machine.path("sys/kernel/security/lsm") +
            ": No such file or directory; it tells whether BPF LSM is active: mount -t securityfs securityfs " +
            machine.path("sys/kernel/security"));
  machine.with("sys/kernel/security/lsm", "lockdown,capability,landlock,yama,bpf,ima,evm");
  CHECK(finding_text(look_for_active_bpf_lsm(machine.places())) == "yes");
  machine.with("sys/kernel/security/lsm", "lockdown,capability,landlock,yama,apparmor,ima,evm");
  CHECK(finding_text(look_for_active_bpf_lsm(machine.places())) ==
        "no: not among the active LSMs: boot with lsm=lockdown,landlock,yama,apparmor,bpf");
}

TEST_CASE("cgroup version 2 is there if it is mounted") {
  const std::string root = "/dev/vda / ext4 rw 0 0\n";
  const std::string version_1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n";
  struct Case {
    std::string mounts;
    std::string finding;
  };
  const Case cases[] = {
      {root + "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", "yes: /sys/fs/cgroup"},
      {root + version_1 + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
       "yes: /sys/fs/cgroup/unified, beside version 1: containers that are in version 1 alone are not told apart"},
      {root + version_1, "no: not mounted: boot with systemd.unified_cgroup_hierarchy=1, which containers then use"},
      {"", "no: not mounted: boot with systemd.unified_cgroup_hierarchy=1, which containers then use"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.mounts);
    FakeMachine machine;
    machine.with("proc/self/mounts", c.mounts);
    const FeaturePlaces places = machine.places();
    CHECK(finding_text(look_for_cgroup2({.places = places, .types = nullptr})) == c.finding);
  }
  const FakeMachine machine;
  const FeaturePlaces places = machine.places();
  CHECK(finding_text(look_for_cgroup2({.places = places, .types = nullptr})) ==
        "?: " + machine.path("proc/self/mounts") + ": No such file or directory");
}

TEST_CASE("the preemption model comes from debugfs, or else from the version and the command line") {
  struct Case {
    std::optional<std::string> debugfs;
    std::string version;
    std::string command_line;
    std::string finding;
  };
  const Case cases[] = {
      {"none (voluntary) full \n", "", "preempt=full", "yes: the model is voluntary"},
      {"none voluntary (full) \n", "", "", "no: the model is full"},
      {"(none) voluntary full lazy \n", "", "", "yes: the model is none"},
      {"none voluntary full (lazy) \n", "", "", "no: the model is lazy"},
      {{}, "Linux version 6.1.0 #1 SMP PREEMPT_RT Debian", "", "no: the model is rt"},
      {{}, "Linux version 6.1.0 #1 SMP PREEMPT Debian", "", "no: the model is full"},
      {{}, "Linux version 5.10.0 #1 SMP Debian", "", "yes: the model is none or voluntary"},
      {{}, "Linux version 6.1.0 #1 SMP PREEMPT_DYNAMIC", "quiet preempt=full preempt=none", "yes: the model is none"},
      {"nonsense", "Linux version 6.1.0 #1 SMP PREEMPT_DYNAMIC", "preempt=full\n", "no: the model is full"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.version);
    CAPTURE(c.command_line);
    FakeMachine machine;
    machine.with("proc/version", c.version + "\n").with("proc/cmdline", c.command_line);
    if (c.debugfs) machine.with("sys/kernel/debug/sched/preempt", *c.debugfs);
    const FeaturePlaces places = machine.places();
    CHECK(finding_text(look_for_limited_preemption({.places = places, .types = nullptr})) == c.finding);
  }
}

TEST_CASE("where nothing tells the preemption model, it says what would") {
  FakeMachine machine;
  FeaturePlaces places = machine.places();
  CHECK(finding_text(look_for_limited_preemption({.places = places, .types = nullptr})) ==
        "?: " + machine.path("proc/version") + ": No such file or directory");
  machine.with("proc/version", "Linux version 6.1.0 #1 SMP PREEMPT_DYNAMIC\n");
  CHECK(finding_text(look_for_limited_preemption({.places = places, .types = nullptr})) ==
        "?: the model is the built-in default, unknown: " + machine.path("sys/kernel/debug/sched/preempt") +
            ": No such file or directory; mount -t debugfs debugfs " + machine.path("sys/kernel/debug"));
}

TEST_CASE("types are found by kind and name") {
  FakeMachine machine;
  machine.with("btf", btf_with({{"btf_trace_sched_process_exec", kTypedef}, {"bpf_iter_task", kFunction}}));
  const auto types = KernelTypes::load(machine.path("btf"));
  REQUIRE(types.ok());
  CHECK(types->tracepoint("sched_process_exec") == 2);
  CHECK(types->tracepoint("sched_process_fork") == 0);
  CHECK(types->function("bpf_iter_task") == 3);
  CHECK(types->function("btf_trace_sched_process_exec") == 0);
}

TEST_CASE("a kernel without types, and a bad --btf, are told apart") {
  FakeMachine machine;
  FeaturePlaces places = machine.places();
  const std::string own = machine.path("sys/kernel/btf/vmlinux");
  CHECK(finding_text(try_btf({.places = places, .types = nullptr})) ==
        "no: " + own + ": No such file or directory; take a kernel that was built with CONFIG_DEBUG_INFO_BTF=y");

  const std::string good = btf_with({});
  machine.with("good", good).with("bad", "this is no BTF");
  places.btf = machine.path("good");
  CHECK(finding_text(try_btf({.places = places, .types = nullptr})) ==
        "no: the kernel has no types of its own, which --btf cannot make up for");

  machine.with("sys/kernel/btf/vmlinux", good);
  const auto types = KernelTypes::load(own);
  REQUIRE(types.ok());
  CHECK(finding_text(try_btf({.places = places, .types = &*types})) == "yes: " + places.btf);
  places.btf = machine.path("bad");
  CHECK(finding_text(try_btf({.places = places, .types = &*types})) ==
        "no: " + places.btf + ": not BTF; --btf must name this kernel's BTF, or nothing");
  places.btf = machine.path("missing");
  CHECK(finding_text(try_btf({.places = places, .types = &*types})) ==
        "no: " + places.btf + ": No such file or directory; --btf must name this kernel's BTF, or nothing");
  places.btf = "";
  CHECK(finding_text(try_btf({.places = places, .types = &*types})) == "yes");
}

TEST_CASE("what the kernel's types lack is named without asking the kernel") {
  FakeMachine machine;
  machine.with("btf", btf_with({{"within_error_injection_list", kFunction}}));
  const auto full = KernelTypes::load(machine.path("btf"));
  machine.with("btf", btf_with({}));
  const auto empty = KernelTypes::load(machine.path("btf"));
  REQUIRE(full.ok());
  REQUIRE(empty.ok());
  const FeaturePlaces places = machine.places();
  const ProbeContext nothing{.places = places, .types = &*empty};
  CHECK(finding_text(look_for_error_injection({.places = places, .types = &*full})) == "yes");
  CHECK(finding_text(look_for_error_injection(nothing)) ==
        "no: the kernel was built without CONFIG_FUNCTION_ERROR_INJECTION");
  CHECK(finding_text(try_tp_btf(nothing)) == "no: the kernel has no tracepoint sched_process_exec");
  CHECK(finding_text(try_bpf_lsm(nothing)) ==
        "no: the kernel has no bpf_lsm_file_open(): built without CONFIG_BPF_LSM");
  CHECK(finding_text(try_fentry({.places = places, .types = nullptr})) ==
        "no: the kernel has no types of its own (btf)");
  CHECK(finding_text(try_kprobe(nothing)) == "no: the kernel was built without CONFIG_KPROBE_EVENTS");
}

TEST_CASE("a probe is left out where something that it needs is missing") {
  const auto fails = [](const ProbeContext&) { return FeatureFinding::no("broken"); };
  const auto works = [](const ProbeContext&) { return FeatureFinding::yes("fine"); };
  const Feature table[] = {
      {"first", FeatureNeed::kRequired, fails, {}, "testing", "no test"},
      {"second", FeatureNeed::kRequired, works, {"first", ""}, "testing", "no test"},
      {"third", FeatureNeed::kRequired, works, {}, "testing", "no test"},
      {"fourth", FeatureNeed::kRequired, works, {"third", "second"}, "testing", "no test"},
      {"fifth", FeatureNeed::kRequired, works, {"third", ""}, "testing", "no test"},
  };
  const FakeMachine machine;
  std::string text;
  for (const FeatureResult& result : probe_features(machine.places(), table)) {
    text += std::string(result.name) + " " + finding_text({result.state, result.detail, {}}) + "\n";
  }
  CHECK(text == "first no: broken\n"
                "second ?: not tried: needs first\n"
                "third yes: fine\n"
                "fourth ?: not tried: needs second\n"
                "fifth yes: fine\n");
}

TEST_CASE("the verdict") {
  struct Case {
    std::string_view name;
    std::vector<FeatureResult> results;
    SensorVerdict verdict;
    std::string text;
  };
  const Case cases[] = {
      {"all is there",
       {{"permission", kYes}, {"btf", kYes}, {"sensor", kYes}},
       {.runs = true},
       "The sensor runs on this kernel."},
      {"what policies need does not count",
       {{"sensor", kYes}, {"kprobe", kNo, "none"}, {"kernel-reads", kNo, "none"}},
       {.runs = true},
       "The sensor runs on this kernel."},
      {"that the sensor was loaded outweighs a probe",
       {{"bpf-loop", kNo, "old"}, {"sensor", kYes}},
       {.runs = true},
       "The sensor runs on this kernel."},
      {"the first cause explains",
       {{"permission", kYes},
        {"btf", kNo, "no file"},
        {"ring-buffer", kNo, "no map"},
        {"tp-btf", kUnknown, "not tried"},
        {"sensor", kNo, "refused"},
        {"kprobe", kNo, "none"}},
       {.missing = {"btf", "ring-buffer"}, .why = "no file"},
       "The sensor cannot run here: missing btf, ring-buffer."},
      {"nothing is missing, and yet",
       {{"permission", kYes}, {"btf", kYes}, {"sensor", kNo, "the verifier said no"}},
       {.why = "the verifier said no"},
       "The sensor cannot run here: the verifier said no."},
      {"not permitted",
       {{"bpf", kYes}, {"permission", kNo, "EPERM"}, {"sensor", kUnknown, "not tried"}},
       {.permitted = false, .missing = {"permission"}, .why = "EPERM"},
       "Whether the sensor runs here cannot be told: not permitted to load BPF programs."},
      {"no BPF at all",
       {{"bpf", kNo, "ENOSYS"}, {"permission", kUnknown, "not tried"}, {"sensor", kUnknown, "not tried"}},
       {.missing = {"bpf"}, .why = "ENOSYS"},
       "The sensor cannot run here: missing bpf."},
      {"nothing was tried", {}, {.why = "it was not tried"}, "The sensor cannot run here: it was not tried."},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const SensorVerdict verdict = sensor_verdict(c.results);
    CHECK(verdict == c.verdict);
    CHECK(verdict_text(verdict) == c.text);
  }
}

namespace {

FeatureMachine made_up_machine() {
  return {.release = "6.12.0-test", .architecture = "x86_64", .lockdown = "confidentiality"};
}

std::vector<FeatureResult> made_up_results() {
  return {
      {"permission", kYes},
      {"btf", kYes, "/tmp/a \"file\"\n\xff"},
      {"sensor",
       kYes,
       "",
       {{.name = "process_exec", .verified_instructions = 7391, .instructions = 1167},
        {.name = "process_exit", .verified_instructions = 256, .instructions = 192}}},
      {"kernel-reads", kNo, "refused by lockdown=confidentiality"},
      {"bpf-lsm", kUnknown, "not tried: needs permission"},
  };
}

}  // namespace

TEST_CASE("people read rows") {
  CHECK(features_text(made_up_machine(), made_up_results()) ==
        R"(Linux 6.12.0-test x86_64, kernel lockdown: confidentiality

The sensor needs:
yes  permission    — used for loading BPF programs
yes  btf           — used for finding the fields of this kernel's structs
                     /tmp/a "file" �
yes  sensor        — used for events of every process start and end
                     process_exec: 1167 instructions, 7391 verified
                     process_exit: 192 instructions, 256 verified

The sensor uses, where it is there:
no   kernel-reads  — used for working directories and cgroup names; without it: events lack both; binary and arguments stay
                     refused by lockdown=confidentiality

Policies will use:
?    bpf-lsm       — used for watching and denying file, socket, credential and module operations; not tried: needs permission

The sensor runs on this kernel.
)");
}

TEST_CASE("programs read one JSON object") {
  CHECK(
      features_json(made_up_machine(), made_up_results()) ==
      R"({"kernel":"6.12.0-test","architecture":"x86_64","lockdown":"confidentiality","sensor_runs":true,"permitted":true,)"
      R"("missing":[],"verdict":"The sensor runs on this kernel.","features":[)"
      R"({"name":"permission","state":"yes","need":"required","used_for":"loading BPF programs",)"
      R"("without":"nothing is seen"},)"
      R"({"name":"btf","state":"yes","need":"required","used_for":"finding the fields of this kernel's structs",)"
      R"("without":"no program fits the kernel","detail":"/tmp/a \"file\"\u000a�"},)"
      R"({"name":"sensor","state":"yes","need":"required","used_for":"events of every process start and end",)"
      R"("without":"there are none","programs":[)"
      R"({"name":"process_exec","verified_instructions":7391,"instructions":1167},)"
      R"({"name":"process_exit","verified_instructions":256,"instructions":192}]},)"
      R"({"name":"kernel-reads","state":"no","need":"optional","used_for":"working directories and cgroup names",)"
      R"("without":"events lack both; binary and arguments stay","detail":"refused by lockdown=confidentiality"},)"
      R"({"name":"bpf-lsm","state":"unknown","need":"policies",)"
      R"("used_for":"watching and denying file, socket, credential and module operations",)"
      R"("without":"kprobes on the same functions watch, but cannot deny","detail":"not tried: needs permission"}]})"
      "\n");
}

TEST_CASE("what is missing is listed in JSON, too") {
  const FeatureResult results[] = {{"btf", kNo, "no file"}, {"tp-btf", kNo, "no tracepoint"}};
  const std::string json = features_json(made_up_machine(), results);
  CHECK(json.find(R"("sensor_runs":false,"permitted":true,"missing":["btf","tp-btf"],)") != std::string::npos);
}

TEST_CASE("the lockdown mode is read where sysfs is") {
  FakeMachine machine;
  CHECK(this_machine(machine.places()).lockdown == "none");
  machine.with("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  CHECK(this_machine(machine.places()).lockdown == "integrity");
  CHECK_FALSE(this_machine(machine.places()).release.empty());
}

}  // namespace redan::kernel
