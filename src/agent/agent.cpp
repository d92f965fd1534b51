// SPDX-License-Identifier: Apache-2.0
// The wiring of `redan agent` and `redan record`: reading it from top to bottom explains the program.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/commands.h"
#include "agent/kernel_symbols.h"
#include "agent/output.h"
#include "agent/place.h"
#include "agent/policies.h"
#include "agent/run_loop.h"
#include "agent/start_facts.h"
#include "base/clock.h"
#include "kernel/bpf_kernel.h"
#include "metadata/metadata.h"

namespace redan::agent {
namespace {

Log make_log(const AgentOptions& options) { return Log({.level = options.log_level, .format = options.log_format}); }

/// Signals are taken from a file descriptor in the run loop, so every thread blocks them, from the first on. Writing to a closed
/// pipe or past a size limit is an error to report, not a reason to die.
void prepare_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

kernel::BpfKernelOptions kernel_options(const AgentOptions& options) {
  return {.ring_bytes = options.rb_size_total,
          .args_max = static_cast<uint32_t>(options.arguments_max_size),
          .environment = options.enable_process_environment_variables,
          .btf = options.btf};
}

struct Session {
  const AgentOptions& options;
  Log& log;
  bool is_agent = false;  ///< has the run directory for itself, and answers clients there
  event::RecordingWriter* recording = nullptr;
  std::optional<std::chrono::nanoseconds> duration;
  std::optional<Predecessor> predecessor;
  std::function<void()> each_second = [] {};
};

/// Load and size → start the sinks → attach, scan, serve → stop in reverse.
Result<void> run_session(const Session& session) {
  Start start;
  start.options = session.options;
  REDAN_ASSIGN(start.host, metadata::read_host(session.options.procfs));
  REDAN_ASSIGN(const std::unique_ptr<kernel::BpfKernel> kernel,
               kernel::BpfKernel::load(kernel_options(session.options)));
  start.wall_offset_ns = wall_offset_ns();
  start.wall_time = static_cast<int64_t>(boot_ns()) + start.wall_offset_ns;
  start.predecessor = session.predecessor;
  start.kernel_reads = kernel->kernel_reads();
  REDAN_ASSIGN(start.host.namespaces, host_namespaces(*kernel));
  if (!start.kernel_reads) {
    session.log.warn("kernel lockdown (confidentiality): working directories and cgroup names cannot be read");
  }

  const Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return errno_error("eventfd");
  REDAN_ASSIGN(Output output, Output::open(session.options, json_options(start), session.log, stop.get()));
  engine::Engine engine(engine_options(start), start.wall_offset_ns);

  const auto look_at_kernel = [&]() -> Result<std::unique_ptr<policy::KernelFacts>> {
    REDAN_ASSIGN(kernel::KernelSymbols symbols, kernel::KernelSymbols::load(session.options.btf));
    return std::unique_ptr<policy::KernelFacts>(
        std::make_unique<SymbolFacts>(std::move(symbols), start.host.namespaces));
  };
  std::optional<Control> control;
  if (session.is_agent) {
    REDAN_ASSIGN(Control listening, Control::listen(session.options.run_dir));
    control.emplace(std::move(listening));
  }
  Policies policies({.kernel = *kernel,
                     .facts = look_at_kernel,
                     .options = session.options,
                     .log = session.log,
                     .now = [] { return boot_ns(); }},
                    std::move(control));
  const RunParts parts{.kernel = *kernel,
                       .engine = engine,
                       .exporter = output.exporter(),
                       .recording = session.recording,
                       .other = &policies,
                       .log = session.log,
                       .stop_fd = stop.get()};
  RunOptions run_options{.start = start, .duration_ns = std::nullopt, .each_second = session.each_second};
  if (session.duration) run_options.duration_ns = static_cast<uint64_t>(session.duration->count());
  const Result<void> ran = run(parts, run_options);
  const Result<void> written = output.close();
  REDAN_TRY(ran);
  return written;
}

}  // namespace

Result<void> run_agent(const AgentCommand& command) {
  const AgentOptions& options = command.configuration.options;
  Log log = make_log(options);
  prepare_signals();
  REDAN_ASSIGN(Place place, take_place(options.run_dir));
  if (!place.warning().empty()) log.warn("{}", place.warning());
  if (options.export_filename.empty()) {
    log.warn("no --export-filename: processes are watched, but no event is written anywhere");
  }
  if (place.predecessor()) {
    log.warn("the agent before this one (pid {}) was killed; what happened since then was not seen",
             place.predecessor()->pid);
  }
  return run_session(
      {.options = options, .log = log, .is_agent = true, .predecessor = place.predecessor(), .each_second = [&place] {
         place.show_life();
         place.turn_away_visitors();
       }});
}

Result<void> run_record(const RecordCommand& command) {
  const AgentOptions& options = command.configuration.options;
  Log log = make_log(options);
  prepare_signals();
  REDAN_ASSIGN(event::RecordingWriter recording, event::RecordingWriter::create(command.file));
  return run_session({.options = options, .log = log, .recording = &recording, .duration = command.duration});
}

}  // namespace redan::agent
