// SPDX-License-Identifier: Apache-2.0
#include "hooks/stage.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

namespace redan::test {

SentHook parse_hook(event::Bytes record) {
  SentHook sent;
  REQUIRE(record.size() >= sizeof(sent.head));
  std::memcpy(&sent.head, record.data(), sizeof(sent.head));
  size_t at = sizeof(sent.head);
  REQUIRE(record.size() >= at + sent.head.args_len);
  for (int i = 0; i < sent.head.count; ++i) {
    SentArg arg;
    std::memcpy(&arg.head, record.data() + at, sizeof(arg.head));
    at += sizeof(arg.head);
    arg.bytes.assign(reinterpret_cast<const char*>(record.data()) + at, arg.head.len);
    at += (arg.head.len + 7) & ~size_t{7};
    REQUIRE(at <= sizeof(sent.head) + sent.head.args_len);
    sent.args.push_back(std::move(arg));
  }
  CHECK(at == sizeof(sent.head) + sent.head.args_len);
  return sent;
}

// --- Plan ---

Plan::Plan(event::HookSection section, std::string symbol, std::string subsystem) {
  event::HookInfo info;
  info.id = plan_.program.id = 7;
  info.section = section;
  info.name = symbol;
  info.subsystem = std::move(subsystem);
  plan_.info = std::make_shared<event::HookInfo>(std::move(info));
  plan_.symbol = std::move(symbol);
}

Plan& Plan::arg(int slot, redan_arg_type type, uint8_t index, uint8_t options, uint8_t size) {
  redan_hook_arg& arg = plan_.program.args[slot];
  arg.type = static_cast<uint8_t>(type);
  arg.index = index;
  arg.options = options;
  arg.size = size;
  return *this;
}

Plan& Plan::source(int slot, redan_arg_source source, uint16_t offset) {
  plan_.program.args[slot].source = static_cast<uint8_t>(source);
  plan_.program.args[slot].offset = offset;
  return *this;
}

Plan& Plan::size_slot(int slot, int from) {
  plan_.program.args[slot].size_slot = static_cast<uint8_t>(from + 1);
  return *this;
}

Plan& Plan::options(uint32_t options) {
  plan_.program.options = options;
  return *this;
}

Plan& Plan::selector(redan_action action, bool post) {
  redan_selector& selector = plan_.program.selectors[++selector_];
  selector.used = 1;
  selector.action = static_cast<uint8_t>(action);
  selector.post = post ? 1 : 0;
  return *this;
}

redan_filter& Plan::add(redan_filter* list, size_t most) {
  for (size_t i = 0; i < most; ++i) {
    if (list[i].op == REDAN_OP_NONE) return list[i];
  }
  FAIL("too many filters");
  return list[0];
}

redan_filter Plan::numbers(redan_field field, redan_op op, const std::vector<uint64_t>& values, uint8_t options) {
  redan_filter filter{};
  filter.field = static_cast<uint8_t>(field);
  filter.op = static_cast<uint8_t>(op);
  filter.options = options;
  if (op == REDAN_OP_NUMBERS || (op == REDAN_OP_PIDS && values.size() > REDAN_HOOK_INLINE_VALUES)) {
    filter.set = sets_++;
    for (const uint64_t value : values) plan_.numbers.push_back({.set = filter.set, .value = value});
    return filter;
  }
  filter.count = static_cast<uint8_t>(values.size());
  for (size_t i = 0; i < values.size(); ++i) filter.values[i][0] = values[i];
  return filter;
}

Plan& Plan::only_me() { return process(REDAN_FIELD_PID, REDAN_OP_EQUAL, {static_cast<uint64_t>(::getpid())}); }

Plan& Plan::process(redan_field field, redan_op op, std::vector<uint64_t> values, uint8_t options) {
  plan_.program.fields |= 1u << field;
  add(last_selector().process, REDAN_HOOK_PROCESS_FILTERS) = numbers(field, op, values, options);
  return *this;
}

uint16_t Plan::put_texts(redan_op op, const std::vector<std::string>& values) {
  auto& set = op == REDAN_OP_TEXT       ? plan_.texts
              : op == REDAN_OP_FOLLOWED ? plan_.followed
              : op == REDAN_OP_PREFIX   ? plan_.prefixes
                                        : plan_.postfixes;
  for (const std::string& value : values) set.push_back({.set = sets_, .bytes = value});
  return sets_++;
}

Plan& Plan::binary(redan_op op, std::vector<std::string> values, uint8_t options) {
  const redan_field field = op == REDAN_OP_FOLLOWED ? REDAN_FIELD_FOLLOWED : REDAN_FIELD_BINARY;
  plan_.program.fields |= 1u << field;
  redan_filter& filter = add(last_selector().process, REDAN_HOOK_PROCESS_FILTERS);
  filter.op = static_cast<uint8_t>(op);
  filter.field = static_cast<uint8_t>(field);
  filter.options = options;
  filter.set = put_texts(op, values);
  return *this;
}

Plan& Plan::number(int slot, redan_op op, std::vector<uint64_t> values, uint8_t options, redan_field field) {
  redan_filter& filter = add(last_selector().args, REDAN_HOOK_ARG_FILTERS);
  filter = numbers(field, op, values, options);
  filter.slot = static_cast<uint8_t>(slot);
  return *this;
}

Plan& Plan::range(int slot, std::vector<std::pair<uint64_t, uint64_t>> values, uint8_t options) {
  redan_filter& filter = add(last_selector().args, REDAN_HOOK_ARG_FILTERS);
  filter.op = REDAN_OP_RANGE;
  filter.slot = static_cast<uint8_t>(slot);
  filter.options = options;
  filter.count = static_cast<uint8_t>(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    filter.values[i][0] = values[i].first;
    filter.values[i][1] = values[i].second;
  }
  return *this;
}

Plan& Plan::text(int slot, redan_op op, std::vector<std::string> values, uint8_t options) {
  redan_filter& filter = add(last_selector().args, REDAN_HOOK_ARG_FILTERS);
  filter.op = static_cast<uint8_t>(op);
  filter.slot = static_cast<uint8_t>(slot);
  filter.options = options;
  filter.set = put_texts(op, values);
  return *this;
}

Plan& Plan::address(int slot, redan_field field, std::vector<event::SetAddress> values, uint8_t options) {
  redan_filter& filter = add(last_selector().args, REDAN_HOOK_ARG_FILTERS);
  filter.op = REDAN_OP_ADDRESS;
  filter.slot = static_cast<uint8_t>(slot);
  filter.field = static_cast<uint8_t>(field);
  filter.options = options;
  filter.set = sets_++;
  for (event::SetAddress value : values) {
    value.set = filter.set;
    plan_.addresses.push_back(value);
    filter.options |= value.v6 ? REDAN_FILTER_V6 : REDAN_FILTER_V4;
  }
  return *this;
}

Plan& Plan::gained(int slot_old, int slot_new, uint8_t options) {
  redan_filter& filter = add(last_selector().args, REDAN_HOOK_ARG_FILTERS);
  filter.op = REDAN_OP_GAINED;
  filter.slot = static_cast<uint8_t>(slot_old);
  filter.slot2 = static_cast<uint8_t>(slot_new);
  filter.options = options;
  return *this;
}

Plan& Plan::returned(redan_op op, std::vector<uint64_t> values, uint8_t options) {
  redan_filter& filter = add(last_selector().returned, REDAN_HOOK_RETURN_FILTERS);
  filter = numbers(REDAN_FIELD_VALUE, op, values, options);
  filter.slot = REDAN_HOOK_SLOT_RETURN;
  return *this;
}

event::HookPlan Plan::build_idle() const {
  Plan idle = *this;
  for (redan_selector& selector : idle.plan_.program.selectors) selector = {};
  idle.selector_ = -1;
  idle.selector(REDAN_ACTION_NO_POST, false).process(REDAN_FIELD_PID, REDAN_OP_EQUAL, {~uint64_t{0}});
  return idle.build();
}

// --- Stage ---

Boards::Boards(uint64_t ring_bytes) : sensor(must(kernel::BpfKernel::load({.ring_bytes = ring_bytes}))) {
  loader = must(sensor->make_hook_loader());
}

namespace {

// Cases are functions without arguments; nothing else could own what they have in common.
std::shared_ptr<Boards> common_boards() {
  static const auto boards = std::make_shared<Boards>(16u << 20);
  return boards;
}

}  // namespace

Stage::Stage() : boards_(common_boards()) { records(); }

Stage::Stage(uint64_t ring_bytes) : boards_(std::make_shared<Boards>(ring_bytes)) {}

Stage::Stage(const kernel::HookingFacts& assumed) : Stage(1u << 20) { loader().assume(assumed); }

Stage::~Stage() {
  (void)sensor().consume([](event::Bytes) {}, 1000000);
}

std::vector<SentHook> Stage::records() {
  std::vector<SentHook> sent;
  must(sensor().consume(
      [&](event::Bytes record) {
        redan_record head{};
        std::memcpy(&head, record.data(), sizeof(head));
        if (head.kind == REDAN_KIND_HOOK) sent.push_back(parse_hook(record));
      },
      100000));
  return sent;
}

void Stage::keep_open(const Plan& plan) {
  const auto [place, is_new] = boards_->places.try_emplace({facts.attachment, facts.target});
  if (is_new || place->second != nullptr) return;
  place->second = must(loader().load(plan.build_idle()));
  must(place->second->attach());
}

std::vector<SentHook> Stage::watch(const Plan& plan, const std::function<void()>& deed) {
  const auto hook = load(plan);
  facts = hook->facts();
  keep_open(plan);
  records();
  must(hook->attach());
  deed();
  hook->detach();
  counted = hook->counters();
  return records();
}

int Stage::selector_of(const Plan& plan, const std::function<void()>& deed) {
  const auto sent = watch(plan, deed);
  return sent.size() == 1 ? sent[0].head.selector : -1;
}

bool without_fentry() { return kernel::HookingFacts::look_up().preempt_full; }

void open_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK_MESSAGE(fd, path);
}

ScratchFolder::ScratchFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "hooks.XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  // Not overlayfs, as the virtual machine's root is: that opens each file twice.
  REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", 0, nullptr) == 0);
}

ScratchFolder::~ScratchFolder() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

std::string ScratchFolder::file(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << name;
  return path;
}

}  // namespace redan::test
