// SPDX-License-Identifier: Apache-2.0
#pragma once
// What each command does. Each returns when it is done; main turns an error into a line and an exit code.

#include "agent/command_line.h"
#include "base/result.h"

namespace redan::agent {

/// `redan agent`: runs until a signal.
Result<void> run_agent(const AgentCommand& command);

/// `redan record FILE`: runs until a signal or the end of the duration; what goes into the engine goes to the file, too.
Result<void> run_record(const RecordCommand& command);

/// `redan replay FILE`.
Result<void> run_replay(const ReplayCommand& command);

/// `redan features`.
Result<void> run_features(const FeaturesCommand& command);

/// `redan policy check`: prints what is wrong with each file to standard output. Errors: kConfig if a policy cannot be loaded,
/// kRuntime if a file cannot be read.
Result<void> run_policy_check(const PolicyCheckCommand& command);

/// `redan policy explain`: prints what each file becomes in this kernel to standard output. Errors: kConfig if a policy cannot be
/// loaded, kPrivilege if not permitted to load any (what is known without is printed), kRuntime if a file cannot be read.
Result<void> run_policy_explain(const PolicyExplainCommand& command);

/// `redan policy add|delete|enable|disable|set-mode|list`: asks the agent and prints what it did. Errors: those of the agent;
/// kRuntime if none runs.
Result<void> run_policy_client(const PolicyClientCommand& command);

}  // namespace redan::agent
