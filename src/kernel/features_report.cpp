// SPDX-License-Identifier: Apache-2.0
#include "kernel/features_report.h"

#include <sys/utsname.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "kernel/lockdown.h"

namespace redan::kernel {
namespace {

std::string_view word(FeatureState state) {
  switch (state) {
    case FeatureState::kNo: return "no";
    case FeatureState::kYes: return "yes";
    case FeatureState::kUnknown: return "unknown";
  }
  return "";
}

std::string_view word(FeatureNeed need) {
  switch (need) {
    case FeatureNeed::kRequired: return "required";
    case FeatureNeed::kOptional: return "optional";
    case FeatureNeed::kPolicies: return "policies";
    case FeatureNeed::kInformation: return "information";
  }
  return "";
}

std::string_view heading(FeatureNeed need) {
  switch (need) {
    case FeatureNeed::kRequired: return "The sensor needs:";
    case FeatureNeed::kOptional: return "The sensor uses, where it is there:";
    case FeatureNeed::kPolicies: return "Policies will use:";
    case FeatureNeed::kInformation: return "What decides how these are used:";
  }
  return "";
}

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

/// On one line, as valid UTF-8.
std::string printable(std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text);
  for (char& c : valid) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return valid;
}

std::string json_string(std::string_view text) {
  std::string valid;
  append_valid_utf8(valid, text);
  std::string out = "\"";
  for (const char c : valid) {
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned int>(c));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_object(const FeatureResult& result, const Feature& feature) {
  std::string out =
      fmt::format(R"({{"name":{},"state":"{}","need":"{}","used_for":{},"without":{})", json_string(result.name),
                  word(result.state), word(feature.need), json_string(feature.used_for), json_string(feature.without));
  if (!result.detail.empty()) out += ",\"detail\":" + json_string(result.detail);
  if (!result.programs.empty()) {
    std::string_view separator = ",\"programs\":[";
    for (const ProgramFacts& program : result.programs) {
      out += fmt::format(R"({}{{"name":{},"verified_instructions":{},"instructions":{}}})", separator,
                         json_string(program.name), program.verified_instructions, program.instructions);
      separator = ",";
    }
    out += ']';
  }
  return out + '}';
}

}  // namespace

FeatureMachine this_machine(const FeaturePlaces& places) {
  utsname name{};
  ::uname(&name);  // fails for a bad address only
  return {.release = name.release,
          .architecture = name.machine,
          .lockdown = lockdown_mode(places.sysfs + "/kernel/security/lockdown")};
}

std::string verdict_text(const SensorVerdict& verdict) {
  if (verdict.runs) return "The sensor runs on this kernel.";
  if (!verdict.permitted) return "Whether the sensor runs here cannot be told: not permitted to load BPF programs.";
  if (!verdict.missing.empty()) return fmt::format("The sensor cannot run here: missing {}.", joined(verdict.missing));
  return fmt::format("The sensor cannot run here: {}.", verdict.why);
}

std::string features_text(const FeatureMachine& machine, std::span<const FeatureResult> results) {
  size_t width = 0;
  for (const FeatureResult& result : results) width = std::max(width, result.name.size());

  const size_t indentation = width + 9;  // under what follows the dash

  std::string out =
      fmt::format("Linux {} {}, kernel lockdown: {}\n", machine.release, machine.architecture, machine.lockdown);
  const Feature* before = nullptr;
  for (const FeatureResult& result : results) {
    const Feature* feature = find_feature(result.name);
    if (feature == nullptr) continue;
    if (before == nullptr || before->need != feature->need) out += fmt::format("\n{}\n", heading(feature->need));
    before = feature;
    const std::string_view state = result.state == FeatureState::kUnknown ? "?" : word(result.state);
    out += fmt::format("{:<3}  {:<{}}  — used for {}", state, result.name, width, feature->used_for);
    if (result.state == FeatureState::kNo) out += fmt::format("; without it: {}", feature->without);
    if (result.state == FeatureState::kUnknown) {
      out += fmt::format("; {}", printable(result.detail));
    } else if (!result.detail.empty()) {
      out += fmt::format("\n{:>{}}{}", "", indentation, printable(result.detail));
    }
    out += '\n';
    for (const ProgramFacts& program : result.programs) {
      out += fmt::format("{:>{}}{}: {} instructions, {} verified\n", "", indentation, program.name,
                         program.instructions, program.verified_instructions);
    }
  }
  return out + "\n" + verdict_text(sensor_verdict(results)) + "\n";
}

std::string features_json(const FeatureMachine& machine, std::span<const FeatureResult> results) {
  const SensorVerdict verdict = sensor_verdict(results);
  std::string missing;
  for (const std::string_view name : verdict.missing) missing += (missing.empty() ? "" : ",") + json_string(name);
  std::string rows;
  for (const FeatureResult& result : results) {
    const Feature* feature = find_feature(result.name);
    if (feature != nullptr) rows += (rows.empty() ? "" : ",") + json_object(result, *feature);
  }
  return fmt::format(
      R"({{"kernel":{},"architecture":{},"lockdown":{},"sensor_runs":{},"permitted":{},"missing":[{}],"verdict":{},)"
      R"("features":[{}]}})"
      "\n",
      json_string(machine.release), json_string(machine.architecture), json_string(machine.lockdown), verdict.runs,
      verdict.permitted, missing, json_string(verdict_text(verdict)), rows);
}

}  // namespace redan::kernel
