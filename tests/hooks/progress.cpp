// SPDX-License-Identifier: Apache-2.0
// Tells on stdout which case begins and how each ends, at once: so that tests/vm/test_hooks.py knows where a process has died.
#include <cstdio>

#include <doctest/doctest.h>

namespace {

class Progress final : public doctest::IReporter {
 public:
  explicit Progress(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData& data) override { tell("begin", data.m_name); }
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    tell("end", stats.testCaseSuccess ? "ok" : "failed");
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override { tell("done", ""); }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  // On a line of its own, whatever was printed before.
  static void tell(const char* what, const char* text) {
    std::printf("\n==> %s %s\n", what, text);
    std::fflush(stdout);
  }
};

REGISTER_LISTENER("progress", 1, Progress);

}  // namespace
