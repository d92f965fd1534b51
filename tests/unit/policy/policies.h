// SPDX-License-Identifier: Apache-2.0
#pragma once
// Short policies for tests, and what is said about them.

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "policy/compile.h"
#include "unit/policy/fake_kernel_facts.h"

namespace redan::policy {

/// A policy whose spec is `spec`, lines indented by two spaces. It starts at line 4.
inline std::string with_spec(std::string_view spec) {
  return "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: test}\nspec:\n" + std::string(spec);
}

/// A kprobe on "function" of the arguments and selectors, each in YAML's flow style.
inline std::string with_hook(std::string_view args, std::string_view selectors, std::string_view more = "") {
  return with_spec("  kprobes:\n  - call: function\n    syscall: false\n" + std::string(more) + "    args: [" +
                   std::string(args) + "]\n    selectors: [" + std::string(selectors) + "]\n");
}

/// A kprobe with one argument of a type and one filter on it.
inline std::string with_filter(std::string_view type, std::string_view op, std::string_view values) {
  return with_hook(
      "{index: 0, type: " + std::string(type) + "}",
      "{matchArgs: [{index: 0, operator: " + std::string(op) + ", values: [" + std::string(values) + "]}]}");
}

inline Document document_of(const std::string& text) {
  Parsed parsed = parse_document(text);
  INFO(format(parsed.diagnostics, "f"));
  REQUIRE(parsed.document.has_value());
  return std::move(*parsed.document);
}

inline FakeKernelFacts kernel_with_everything() {
  FakeKernelFacts kernel;
  kernel.has_everything = true;
  kernel.tracepoints["raw_syscalls/sys_enter"] = sys_enter_fields();
  return kernel;
}

inline Result<Policy> compiled(const std::string& text, const FakeKernelFacts& kernel = kernel_with_everything()) {
  return compile(document_of(text), kernel, {.first_id = 7, .file = "f"});
}

inline Policy policy_of(const std::string& text, const FakeKernelFacts& kernel = kernel_with_everything()) {
  auto policy = compiled(text, kernel);
  INFO((policy ? "" : policy.error().message));
  REQUIRE(policy.ok());
  return std::move(policy).value();
}

/// Everything that is said about a policy, parsing included; "" if nothing is.
inline std::string said_about(const std::string& text, const FakeKernelFacts& kernel = kernel_with_everything()) {
  const Parsed parsed = parse_document(text);
  if (!parsed.document) return format(parsed.diagnostics, "f");
  const auto policy = compile(*parsed.document, kernel, {.file = "f"});
  return policy ? format(policy->warnings, "f") : policy.error().message;
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace redan::policy
