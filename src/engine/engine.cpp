// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/path.h"
#include "engine/exec_image.h"
#include "event/hook_facts.h"

namespace redan::engine {

using event::Event;
using event::Notice;
using event::Process;

namespace {

/// The pseudo process that is the parent of the first processes, as in the event format.
constexpr ImageKey kKernelKey{.tgid = 0, .time = 1};

/// Resolution of process start times in procfs.
constexpr uint64_t kProcfsTickNs = 10'000'000;

/// Tree depth at which a chain of ancestors is cut; a real one has a few dozen.
constexpr size_t kAncestorsMax = 1024;

uint32_t flag_if(bool condition, uint32_t flag) { return condition ? flag : 0; }

/// Whether the image is one of the process that started then. Unknown starts are taken for the same.
bool is_of_process(const Node& node, uint64_t process_start) {
  if (node.process_start == 0 || process_start == 0 || node.process_start == process_start) return true;
  const bool rounded = node.process_start % kProcfsTickNs == 0;
  return rounded && process_start - node.process_start < kProcfsTickNs;
}

ImageKey key_of(const redan_image& image) {
  if (image.tgid == 0) return kKernelKey;
  return {.tgid = image.tgid, .time = image.time};
}

ImageKey key_of(const redan_record& hdr) { return {.tgid = hdr.tgid, .time = hdr.image_time}; }

/// A process of which nothing is known but its identity.
ProcessRef unknown_process(const ImageKey& key) {
  auto process = std::make_shared<Process>();
  process->key = key;
  process->flags = event::kFlagMiss;
  process->start_time = key.time;
  return process;
}

/// How each of the sensor's loss counters is called in notices, by enum redan_loss.
struct LossName {
  std::string_view cause;
  std::string_view amount;  ///< name of the field that holds how many
};
constexpr std::array<LossName, REDAN_LOSS_COUNT> kLossNames = {{
    {"ring_full", "exec"},
    {"ring_full", "fork"},
    {"ring_full", "exit"},
    {"no_task_storage", "count"},
    {"no_handover", "count"},
    {"record_access", "count"},
}};

}  // namespace

Engine::Engine(EngineOptions options, int64_t wall_offset_ns)
    : options_(std::move(options)), wall_offset_ns_(wall_offset_ns), tree_(options_.tree) {}

void Engine::handle(event::Bytes bytes, std::vector<Event>& out) {
  const auto frame = event::decode(bytes);
  if (!frame) {
    ++received_.malformed;
    return on_malformed(out);
  }
  last_time_ = event::time_of(bytes);
  std::visit([&](const auto& view) { on(view, out); }, *frame);
}

void Engine::on(const event::ForkView& view, std::vector<Event>&) {
  ++received_.fork;
  const redan_fork& fork = view.fixed;
  const ImageKey key = key_of(fork.hdr);
  if (tree_.find(key) != nullptr) return;  // a scan was faster

  const Node* creator = find_image(key_of(fork.creator));
  const ImageKey creator_key = creator != nullptr ? creator->process->key : key_of(fork.creator);
  auto process = std::make_shared<Process>();
  process->key = key;
  process->parent = creator_key;
  process->has_parent = creator_key.time != 0;
  process->start_time = fork.hdr.time;
  process->in_init_tree =
      (fork.hdr.flags & REDAN_FORK_NS_INIT) != 0 || (creator != nullptr && creator->process->in_init_tree);
  if (creator != nullptr) process->image = creator->process->image;
  process->flags = event::kFlagExecve | flag_if(process->in_init_tree, event::kFlagInInitTree) |
                   flag_if(creator == nullptr, event::kFlagMiss);
  tree_.insert({.process = std::move(process),
                .forked = true,
                .kernel_thread = (fork.hdr.flags & REDAN_FORK_KTHREAD) != 0,
                .process_start = key.time},
               fork.hdr.time);
}

void Engine::on(const event::ExecView& view, std::vector<Event>& out) {
  if ((view.fixed.hdr.flags & REDAN_EXEC_BACKFILL) != 0) {
    on_scanned_process(view, out);
  } else {
    ++received_.exec;
    on_exec(view, out);
  }
}

void Engine::on_exec(const event::ExecView& view, std::vector<Event>& out) {
  const redan_exec& exec = view.fixed;
  const ImageKey previous_key = key_of(exec.previous);
  // Of a process whose fork the sensor saw, the previous image is known exactly; what else has this pid is another process.
  const bool exact = (exec.previous.flags & (REDAN_IMAGE_FORKED | REDAN_IMAGE_LEARNT)) == REDAN_IMAGE_FORKED;
  const Node* previous = exact ? tree_.find(previous_key) : find_running(previous_key, exec.start_time);

  // The sensor knows better than the tree: a listing may have met the process in the middle of this exec.
  const bool forked = (exec.previous.flags & REDAN_IMAGE_FORKED) != 0;
  auto process = std::make_shared<Process>();
  process->key = key_of(exec.hdr);
  if (!forked) {
    process->parent = previous != nullptr ? previous->process->key : previous_key;
  } else {
    process->parent = previous != nullptr ? previous->process->parent : key_of(exec.creator);
  }
  process->has_parent = process->parent.time != 0;
  const Node* parent = find_image(process->parent);
  process->in_init_tree =
      previous != nullptr ? previous->process->in_init_tree : parent != nullptr && parent->process->in_init_tree;
  process->start_time = exec.hdr.time;
  process->flags = exec_flags(view) | flag_if(forked, event::kFlagClone) |
                   flag_if(process->in_init_tree, event::kFlagInInitTree) |
                   flag_if(parent == nullptr, event::kFlagMiss);
  process->image = image_of(view);

  const Node& node = tree_.insert({.process = std::move(process), .process_start = exec.start_time}, exec.hdr.time);
  publish_exec(node, exec.hdr.time, exec_properties(exec), out);
  for (const Cut& cut : exec_cuts(view)) {
    Notice told = notice(exec.hdr.time, "cut");
    told.fields.push_back({"exec_id", key_of(exec.hdr)});
    told.fields.push_back({"field", std::string(cut.field)});
    told.fields.push_back({"bytes", uint64_t{cut.total}});
    told.fields.push_back({"kept", uint64_t{cut.kept}});
    out.push_back(std::move(told));
  }
}

void Engine::on_scanned_process(const event::ExecView& view, std::vector<Event>& out) {
  const redan_exec& exec = view.fixed;
  const ImageKey key = key_of(exec.hdr);
  Node* known = find_image(key);
  // Newer than the listing, or than the start that procfs has rounded down: the records know better.
  if (Node* latest = tree_.latest(key.tgid); latest != nullptr && latest->process->key.time > key.time) known = latest;
  if (known != nullptr) {
    if (known->alive) known->scan = scan_;
    return;
  }
  auto process = std::make_shared<Process>();
  process->key = key;
  process->parent = key_of(exec.creator);
  // An exec in place is seen by its previous image, which the tree may still know.
  const Node* before = tree_.current(key.tgid);
  const bool forked = (exec.previous.flags & REDAN_IMAGE_FORKED) != 0;
  if (before != nullptr && !forked && !before->forked && before->process->key.time < key.time)
    process->parent = before->process->key;
  Node* parent = find_image(process->parent);
  // A creator that only procfs lists has no time in its children's records.
  if (parent == nullptr && process->parent.time == 0) parent = tree_.current(process->parent.tgid);
  if (parent != nullptr) process->parent = parent->process->key;
  process->has_parent = process->parent.time != 0;
  process->in_init_tree =
      (exec.hdr.flags & REDAN_EXEC_NS_INIT) != 0 || (parent != nullptr && parent->process->in_init_tree);
  process->start_time = key.time;
  process->flags = event::kFlagProcFs | exec_flags(view) | flag_if(process->in_init_tree, event::kFlagInInitTree);
  process->image = image_of(view);

  const bool kernel_thread = (exec.hdr.flags & REDAN_EXEC_KTHREAD) != 0;
  const Node& node = tree_.insert({.process = std::move(process),
                                   .forked = forked,
                                   .kernel_thread = kernel_thread,
                                   .scan = scan_,
                                   .process_start = exec.start_time},
                                  exec.hdr.time);
  ++scan_added_;
  if (!kernel_thread) publish_exec(node, key.time, {}, out);
}

void Engine::on(const event::ExitView& view, std::vector<Event>& out) {
  ++received_.exit;
  const redan_exit& exit = view.fixed;
  Node* node = find_running(key_of(exit.hdr), exit.start_time);
  if (node != nullptr && node->ended) return;  // told twice: it had no task storage
  const bool kernel_thread = (exit.hdr.flags & REDAN_EXIT_KTHREAD) != 0;
  if (node == nullptr) {
    // Its start was lost, and no scan has seen it. Kept as dead, so that a scan under way does not bring it back.
    node = &tree_.insert({.process = unknown_process(key_of(exit.hdr)),
                          .kernel_thread = kernel_thread,
                          .process_start = exit.start_time},
                         exit.hdr.time);
  }
  const ProcessRef process = node->process;
  tree_.mark_dead(process->key, exit.hdr.time, true);
  if (kernel_thread) return;

  const ProcessRef parent = process_at(process->parent);
  out.push_back(event::ProcessExit{.time = at(exit.hdr.time),
                                   .process = process,
                                   .parent = parent,
                                   .ancestors = ancestors_of(parent),
                                   .code = exit.code});
}

void Engine::on(const event::HookView& view, std::vector<Event>& out) {
  ++received_.hook;
  const redan_hook& record = view.fixed;
  const auto hook = hooks_.find(record.id);
  if (hook == hooks_.end()) {
    Notice lost = notice(record.hdr.time, "loss");
    lost.fields.push_back({"cause", std::string("unknown_hook")});
    lost.fields.push_back({"hook", uint64_t{record.id}});
    lost.fields.push_back({"count", uint64_t{1}});
    out.push_back(std::move(lost));
    return;
  }
  const bool owned = record.owner.tgid != 0;
  const redan_image caller{.time = record.hdr.image_time, .tgid = record.hdr.tgid, .flags = 0};
  const ImageKey key = key_of(owned ? record.owner : caller);
  const Node* node = find_acting(key);
  ProcessRef process = node != nullptr ? node->process : unknown_process(key);
  ProcessRef parent = process_at(process->parent);
  event::HookEvent event{.time = at(record.hdr.time),
                         .process = std::move(process),
                         .parent = parent,
                         .ancestors = ancestors_of(parent),
                         .tid = owned ? record.owner_tid : record.hdr.tid,
                         .hook = hook->second,
                         .selector = record.selector,
                         .action = record.action,
                         .return_action = record.return_action,
                         .args = {}};
  event.args.reserve(hook->second->args.size());
  for (const event::HookArg& arg : hook->second->args) {
    const auto args = view.args();
    const auto found = std::ranges::find(args, arg.slot, [](const event::ArgView& a) { return a.fixed.slot; });
    event.args.push_back(found != args.end() ? event::arg_value(*found) : event::ArgValue());
  }
  out.push_back(std::move(event));
}

void Engine::on(const event::TextView& view, std::vector<Event>& out) {
  switch (view.hdr.kind) {
    case event::kFrameStart: return on_start(view.hdr.time, out);
    case event::kFrameHook: return on_hook_facts(view, out);
    case event::kFramePolicy: out.push_back(notice(view.hdr.time, "policy", event::parse_facts(view.text))); return;
    case event::kFrameHookLoss: out.push_back(notice(view.hdr.time, "loss", event::parse_facts(view.text))); return;
    default: return on_users(view.text);
  }
}

void Engine::on_start(uint64_t now, std::vector<Event>& out) {
  out.push_back(notice(now, "start", options_.start_notice));
  if (!options_.gap_notice.empty()) out.push_back(notice(now, "loss", options_.gap_notice));
  heartbeat_at_ = now + options_.heartbeat_ns;
  insert_kernel(now, out);
}

void Engine::on_hook_facts(const event::TextView& view, std::vector<Event>& out) {
  std::optional<event::HookInfo> hook = event::parse_hook(event::parse_facts(view.text));
  if (!hook) return on_malformed(out);
  const uint32_t id = hook->id;
  hooks_.insert_or_assign(id, std::make_shared<const event::HookInfo>(std::move(*hook)));
}

void Engine::on_malformed(std::vector<Event>& out) {
  Notice lost = notice(last_time_, "loss");
  lost.fields.push_back({"cause", std::string("malformed_record")});
  lost.fields.push_back({"count", uint64_t{1}});
  out.push_back(std::move(lost));
}

void Engine::on_users(std::string_view text) {
  user_names_.clear();
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    uint32_t uid = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), uid);
    if (error == std::errc() && stop != line.data() + line.size() && *stop == ':') {
      user_names_.emplace(uid, line.substr(static_cast<size_t>(stop - line.data()) + 1));
    }
  }
}

void Engine::on(const event::ClockFrame& frame, std::vector<Event>&) { wall_offset_ns_ = frame.wall_offset_ns; }

void Engine::on(const redan_record& frame, std::vector<Event>& out) {
  switch (frame.kind) {
    case event::kFrameReady:
      ready_ = true;
      out.push_back(notice(frame.time, "ready"));
      break;
    case event::kFrameScanBegin:
      ++scan_;
      scan_began_ = frame.time;
      scan_added_ = 0;
      wants_scan_ = false;
      break;
    case event::kFrameScanEnd: on_scan_end(frame.time, out); break;
    case event::kFrameTick: tree_.collect(frame.time); break;
    default: break;
  }
}

void Engine::on_scan_end(uint64_t now, std::vector<Event>& out) {
  const std::vector<ImageKey> gone = tree_.missing_from_scan(scan_, scan_began_);
  for (const ImageKey& key : gone) tree_.mark_dead(key, now, true);
  if (!ready_) return;  // the first scan is no healing
  Notice healed = notice(now, "healed");
  healed.fields.push_back({"processes_added", scan_added_});
  healed.fields.push_back({"processes_gone", uint64_t{gone.size()}});
  healed.fields.push_back({"processes_known", uint64_t{tree_.living()}});
  out.push_back(std::move(healed));
}

void Engine::on(const event::CountersFrame& frame, std::vector<Event>& out) {
  report_losses(frame, out);
  if (frame.hdr.kind == event::kFrameStop) {
    Notice stop = notice(frame.hdr.time, "stop");
    add_totals(stop);
    out.push_back(std::move(stop));
  } else if (options_.heartbeat_ns != 0 && frame.hdr.time >= heartbeat_at_) {
    heartbeat_at_ = frame.hdr.time + options_.heartbeat_ns;
    Notice heartbeat = notice(frame.hdr.time, "heartbeat");
    add_totals(heartbeat);
    out.push_back(std::move(heartbeat));
  }
}

void Engine::report_losses(const event::CountersFrame& frame, std::vector<Event>& out) {
  std::string_view cause;
  for (size_t i = 0; i < kLossNames.size(); ++i) {
    const uint64_t lost = frame.counters.lost[i] - counters_.lost[i];
    if (lost == 0) continue;
    if (kLossNames[i].cause != cause) {
      cause = kLossNames[i].cause;
      out.push_back(notice(frame.hdr.time, "loss"));
      std::get<Notice>(out.back()).fields.push_back({"cause", std::string(cause)});
    }
    std::get<Notice>(out.back()).fields.push_back({std::string(kLossNames[i].amount), lost});
    wants_scan_ = true;
  }
  counters_ = frame.counters;

  const ProcessTree::Evictions& evicted = tree_.evictions();
  if (evicted.referenced != reported_evictions_.referenced || evicted.living != reported_evictions_.living) {
    Notice lost = notice(frame.hdr.time, "loss");
    lost.fields.push_back({"cause", std::string("process_cache_full")});
    lost.fields.push_back({"ancestors", evicted.referenced - reported_evictions_.referenced});
    lost.fields.push_back({"living", evicted.living - reported_evictions_.living});
    out.push_back(std::move(lost));
  }
  reported_evictions_ = evicted;
}

void Engine::add_totals(Notice& notice) const {
  uint64_t lost = 0;
  for (int i = REDAN_LOSS_RING_FULL_EXEC; i <= REDAN_LOSS_RING_FULL_EXIT; ++i) lost += counters_.lost[i];
  lost += counters_.lost[REDAN_LOSS_RECORD_ACCESS];
  notice.fields.push_back({"records_sent", counters_.seq});
  notice.fields.push_back({"records_received", received_.total()});
  notice.fields.push_back({"records_lost", lost});
  notice.fields.push_back({"processes", uint64_t{tree_.living()}});
  notice.fields.push_back({"images", uint64_t{tree_.size()}});
  notice.fields.push_back({"evictions", tree_.evictions().total()});
}

void Engine::insert_kernel(uint64_t now, std::vector<Event>& out) {
  auto image = std::make_shared<event::Image>();
  image->binary = "<kernel>";
  image->cwd = "/";
  image->cred.auid = UINT32_MAX;
  auto process = std::make_shared<Process>();
  process->key = kKernelKey;
  process->start_time = kKernelKey.time;
  process->flags = event::kFlagProcFs | event::kFlagRootCwd;
  process->image = std::move(image);
  publish_exec(tree_.insert({.process = std::move(process)}, now), now, {}, out);
}

std::shared_ptr<const event::Image> Engine::image_of(const event::ExecView& view) const {
  auto image = std::make_shared<event::Image>(exec_image(view));
  if (const auto name = user_names_.find(image->uid);
      name != user_names_.end() && in_host_namespaces(image->ns, options_.host_namespaces)) {
    image->user_name = name->second;
  }
  return image;
}

void Engine::publish_exec(const Node& node, uint64_t time, const event::BinaryProperties& properties,
                          std::vector<Event>& out) {
  const ProcessRef process = node.process;
  const ProcessRef parent = process_at(process->parent);
  out.push_back(event::ProcessExec{.time = at(time),
                                   .process = process,
                                   .parent = parent,
                                   .ancestors = ancestors_of(parent),
                                   .properties = properties});
}

Node* Engine::find_image(const ImageKey& key) {
  if (Node* node = tree_.find(key)) return node;
  Node* node = tree_.current(key.tgid);
  const bool rounded = node != nullptr && (node->process->flags & event::kFlagProcFs) != 0 &&
                       node->process->key.time % kProcfsTickNs == 0;
  return rounded && key.time - node->process->key.time < kProcfsTickNs ? node : nullptr;
}

Node* Engine::find_running(const ImageKey& key, uint64_t process_start) {
  Node* node = find_image(key);
  if (node != nullptr && (node->alive || node->ended)) return node;
  Node* latest = tree_.latest(key.tgid);
  if (latest == nullptr || !is_of_process(*latest, process_start)) return node;
  return latest->alive || latest->process->key.time > key.time ? latest : node;
}

Node* Engine::find_acting(const ImageKey& key) {
  Node* node = find_image(key);
  if (node != nullptr && (node->alive || node->ended)) return node;
  // The sensor may know an older image than the tree (see find_running), but not a newer one: what the record names in that
  // case is an image whose exec was lost, and the one before it did not do this.
  Node* latest = tree_.latest(key.tgid);
  return latest != nullptr && latest->process->key.time > key.time ? latest : node;
}

ProcessRef Engine::process_at(const ImageKey& key) {
  const Node* node = find_image(key);
  return node != nullptr ? node->process : nullptr;
}

std::vector<ProcessRef> Engine::ancestors_of(const ProcessRef& parent) {
  std::vector<ProcessRef> chain;
  if (!options_.ancestors) return chain;
  // The chain ends at the first user process or at the parent of kernel threads.
  ProcessRef last = parent;
  while (last != nullptr && last->key.tgid > 2 && chain.size() < kAncestorsMax) {
    last = process_at(last->parent);
    if (last != nullptr) chain.push_back(last);
  }
  return chain;
}

Notice Engine::notice(uint64_t now, std::string kind, const event::Facts& fields) const {
  Notice notice{.time = at(now), .kind = std::move(kind), .fields = {}};
  for (const auto& [name, value] : fields) notice.fields.push_back({name, value});
  return notice;
}

}  // namespace redan::engine
