// SPDX-License-Identifier: Apache-2.0
#include "agent/control.h"

#include <sys/stat.h>

#include <thread>

#include <doctest/doctest.h>

#include "unit/agent/scratch_dir.h"

namespace redan::agent {
namespace {

/// What the client gets for a request that the agent's side answers with `answer`.
Result<std::string> ask(const ScratchDir& dir, const Request& request, const Answer& answer) {
  auto control = Control::listen(dir.path());
  REQUIRE(control.ok());
  Result<std::string> got = std::string();
  std::thread client([&] { got = ask_agent(dir.path(), request); });
  while (true) {  // accept4() does not wait
    bool served = false;
    control->serve([&](const Request& asked) {
      served = true;
      return answer(asked);
    });
    if (served) break;
    std::this_thread::yield();
  }
  client.join();
  return got;
}

}  // namespace

TEST_CASE("a request arrives as it was sent, whatever its words and its text hold") {
  const ScratchDir dir;
  const Request sent{.words = {"add", "/a b/%41\n\t\xc3\xa4%.yaml"}, .text = "one\ntwo\0three\n"};
  Request arrived;
  const auto got = ask(dir, sent, [&](const Request& asked) {
    arrived = asked;
    return Result<std::string>("an\nanswer\n");
  });
  CHECK(arrived.words == sent.words);
  CHECK(arrived.text == sent.text);
  REQUIRE(got.ok());
  CHECK(*got == "an\nanswer\n");
}

TEST_CASE("an error arrives with its kind") {
  const ScratchDir dir;
  for (const ErrorCode code : {ErrorCode::kRuntime, ErrorCode::kConfig, ErrorCode::kKernel, ErrorCode::kPrivilege}) {
    const auto got = ask(dir, {.words = {"list"}, .text = ""}, [&](const Request&) { return Error{code, "why"}; });
    REQUIRE_FALSE(got.ok());
    CHECK(got.error() == Error{code, "why"});
  }
}

TEST_CASE("without an agent the client says where it looked; only root may connect") {
  const ScratchDir dir;
  const auto got = ask_agent(dir.path(), {.words = {"list"}, .text = ""});
  REQUIRE_FALSE(got.ok());
  CHECK(got.error().message.find(dir.path("control.sock")) != std::string::npos);
  CHECK(got.error().message.find("is one running") != std::string::npos);
  struct stat status {};
  {
    const auto control = Control::listen(dir.path());
    REQUIRE(control.ok());
    REQUIRE(::stat(dir.path("control.sock").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  CHECK(::stat(dir.path("control.sock").c_str(), &status) != 0);
}

}  // namespace redan::agent
