// SPDX-License-Identifier: Apache-2.0
// Hook records: from bytes to views and values.

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "event/arg_value.h"
#include "event/decode.h"
#include "unit/event/hook_records.h"

namespace redan::event {
namespace {

HookView decoded(const Frame& frame) {
  const auto view = decode(frame);
  REQUIRE(view.has_value());
  REQUIRE(std::holds_alternative<HookView>(*view));
  return std::get<HookView>(*view);
}

/// The value of an argument that went through a record.
template <typename T>
T value_of(const ArgRecord& arg) {
  const Frame frame = HookRecord{.args = {arg}}.frame();
  const ArgValue value = arg_value(decoded(frame).args()[0]);
  REQUIRE(std::holds_alternative<T>(value));
  return std::get<T>(value);
}

HookRecord record_of_many() {
  return {.args = {{.type = REDAN_ARG_STRING, .slot = 0, .content = "eth0"},
                   {.type = REDAN_ARG_NUMBER, .slot = 2, .content = number_content(7)},
                   {.type = REDAN_ARG_BYTES, .slot = 3, .content = "abc"},
                   {.type = REDAN_ARG_FILE, .slot = 5, .content = "/etc/hosts"}}};
}

/// What each type of argument may be long.
struct TypeCase {
  redan_arg_type type;
  size_t least;
  size_t most;
};

std::vector<TypeCase> type_cases() {
  std::vector<TypeCase> cases;
  for (const auto type : {REDAN_ARG_NUMBER, REDAN_ARG_CAPABILITY, REDAN_ARG_CAP_SET, REDAN_ARG_SYSCALL})
    cases.push_back({type, 8, 8});
  for (const auto type :
       {REDAN_ARG_STRING, REDAN_ARG_FILENAME, REDAN_ARG_FILE, REDAN_ARG_PATH, REDAN_ARG_DENTRY, REDAN_ARG_FD,
        REDAN_ARG_KIOCB, REDAN_ARG_BINPRM, REDAN_ARG_SOCKADDR_UN, REDAN_ARG_NET_DEVICE, REDAN_ARG_DATA_LOC})
    cases.push_back({type, 0, 4096});
  for (const auto type : {REDAN_ARG_BYTES, REDAN_ARG_IOVEC, REDAN_ARG_IOV_ITER, REDAN_ARG_ARRAY})
    cases.push_back({type, 0, 100'000});
  for (const auto type : {REDAN_ARG_SOCK, REDAN_ARG_SOCKET, REDAN_ARG_SKB, REDAN_ARG_SOCKADDR, REDAN_ARG_CRED,
                          REDAN_ARG_MODULE, REDAN_ARG_LOAD_INFO})
    cases.push_back({type, 80, 80});
  for (const auto type : {REDAN_ARG_BPF_ATTR, REDAN_ARG_BPF_PROG, REDAN_ARG_BPF_MAP}) cases.push_back({type, 32, 32});
  cases.push_back({REDAN_ARG_USER_NS, 16, 16});
  cases.push_back({REDAN_ARG_PERF_EVENT, 152, 152});
  return cases;
}

bool decodes(unsigned type, size_t length, unsigned flags = 0) {
  const ArgRecord arg{.type = type, .flags = flags, .content = std::string(length, 'x')};
  const Frame frame = HookRecord{.args = {arg}}.frame();
  const auto view = decode(frame);
  if (view) arg_value(std::get<HookView>(*view).args()[0]);  // any bytes make a value
  return view.has_value();
}

}  // namespace

TEST_CASE("a hook record comes out with every argument in its place") {
  HookRecord record = record_of_many();
  record.tid = 101;
  record.id = 9;
  record.selector = 2;
  record.action = REDAN_ACTION_SIGKILL;
  record.return_action = REDAN_ACTION_POST;
  record.owner = image(7, 5);
  record.owner_tid = 8;
  const Frame frame = record.frame();
  const HookView view = decoded(frame);
  CHECK(view.fixed.hdr.tid == 101);
  CHECK(view.fixed.id == 9);
  CHECK(view.fixed.selector == 2);
  CHECK(view.fixed.action == REDAN_ACTION_SIGKILL);
  CHECK(view.fixed.return_action == REDAN_ACTION_POST);
  CHECK(view.fixed.owner.tgid == 7);
  CHECK(view.fixed.owner_tid == 8);
  REQUIRE(view.args().size() == 4);
  CHECK(view.args()[0].content == "eth0");
  CHECK(view.args()[1].fixed.slot == 2);
  CHECK(view.args()[2].content == "abc");
  CHECK(view.args()[3].content == "/etc/hosts");
  CHECK(std::get<uint64_t>(arg_value(view.args()[1])) == 7);
}

TEST_CASE("a hook record that lacks bytes at its end is refused at every length, one with slack is not") {
  for (const HookRecord& record : {HookRecord{}, record_of_many()}) {
    const Frame frame = record.frame();
    REQUIRE(decode(frame).has_value());
    for (size_t size = 0; size < frame.size(); ++size) {
      CAPTURE(size);
      const Frame cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK_FALSE(decode(cut).has_value());
    }
    Frame longer = frame;
    append(longer, std::string(REDAN_RECORD_SLACK, '\xff'));
    CHECK(decoded(longer).args().size() == record.args.size());
  }
}

TEST_CASE("a hook record need not be aligned, and its last argument may be filled up to eight bytes") {
  Frame frame = record_of_many().frame();
  pad(frame);
  redan_hook fixed;
  std::memcpy(&fixed, frame.data(), sizeof(fixed));
  fixed.args_len = static_cast<uint32_t>(frame.size() - sizeof(fixed));
  std::memcpy(frame.data(), &fixed, sizeof(fixed));
  Frame shifted(1);
  shifted.insert(shifted.end(), frame.begin(), frame.end());
  const auto view = decode(Bytes(shifted).subspan(1));
  REQUIRE(view.has_value());
  CHECK(std::get<HookView>(*view).args()[3].content == "/etc/hosts");
}

TEST_CASE("arguments are held to what the record says they take together") {
  Frame frame = record_of_many().frame();
  redan_hook fixed;
  std::memcpy(&fixed, frame.data(), sizeof(fixed));
  const auto with = [&](auto change) {
    redan_hook changed = fixed;
    change(changed);
    std::memcpy(frame.data(), &changed, sizeof(changed));
    return decode(frame).has_value();
  };
  CHECK(with([](redan_hook&) {}));
  CHECK(with([](redan_hook& hook) { hook.count = 3; }));
  CHECK_FALSE(with([](redan_hook& hook) { hook.count = 5; }));
  CHECK_FALSE(with([](redan_hook& hook) { hook.count = REDAN_HOOK_SLOTS + 1; }));
  CHECK_FALSE(with([](redan_hook& hook) { hook.count = UINT8_MAX; }));
  CHECK_FALSE(with([](redan_hook& hook) { --hook.args_len; }));
  CHECK_FALSE(with([](redan_hook& hook) { ++hook.args_len; }));
  CHECK_FALSE(with([](redan_hook& hook) { hook.args_len = UINT32_MAX; }));
}

TEST_CASE("an argument is as long as its type can be, and no type is left out") {
  const std::vector<TypeCase> cases = type_cases();
  CHECK(cases.size() == REDAN_ARG_TYPE_COUNT - 1);
  for (const TypeCase& c : cases) {
    CAPTURE(c.type);
    CHECK(decodes(c.type, c.least));
    CHECK(decodes(c.type, c.most));
    if (c.least > 0) CHECK_FALSE(decodes(c.type, c.least - 1));
    if (c.most < 100'000) CHECK_FALSE(decodes(c.type, c.most + 1));
    CHECK(decodes(c.type, 0, REDAN_ARG_UNREADABLE));
    CHECK(decodes(c.type, 5000, REDAN_ARG_UNREADABLE));
  }
  CHECK_FALSE(decodes(REDAN_ARG_NONE, 8));
  CHECK_FALSE(decodes(REDAN_ARG_TYPE_COUNT, 8));
  CHECK_FALSE(decodes(255, 0, REDAN_ARG_UNREADABLE));
}

TEST_CASE("values: numbers and texts") {
  CHECK(value_of<uint64_t>({.content = number_content(UINT64_MAX)}) == UINT64_MAX);
  CHECK(value_of<std::string>({.type = REDAN_ARG_STRING, .content = "lo"}) == "lo");
  CHECK(value_of<std::string>({.type = REDAN_ARG_NET_DEVICE, .content = raw("lo\0\0x")}) == "lo");
  CHECK(value_of<std::string>({.type = REDAN_ARG_STRING, .content = ""}).empty());
  value_of<UnreadableArg>({.type = REDAN_ARG_STRING, .flags = REDAN_ARG_UNREADABLE, .content = ""});
}

TEST_CASE("values: buffers know what they were") {
  const auto whole = value_of<BufferArg>({.type = REDAN_ARG_BYTES, .aux = 99, .content = raw("a\0b")});
  CHECK(whole.bytes == raw("a\0b"));
  CHECK(whole.whole == 3);
  const auto cut = value_of<BufferArg>({.type = REDAN_ARG_IOVEC, .flags = REDAN_ARG_CUT, .aux = 9000, .content = "ab"});
  CHECK(cut.whole == 9000);
  const auto odd = value_of<BufferArg>({.type = REDAN_ARG_BYTES, .flags = REDAN_ARG_CUT, .aux = 1, .content = "ab"});
  CHECK(odd.whole == 2);
}

TEST_CASE("values: files") {
  struct Case {
    std::string name;
    std::string content;
    unsigned flags;
    std::string path;
    bool unresolved;
  };
  const std::array cases = {
      Case{"a path", "/ab/cd", 0, "/ab/cd", false},
      Case{"deleted", "/tmp/f", REDAN_ARG_DELETED, "/tmp/f (deleted)", false},
      Case{"the end of a path", "/c/d", REDAN_ARG_UNRESOLVED, "/c/d", true},
      Case{"nothing could be had", "", 0, "/", false},
      Case{"nothing could be had, deleted", "", REDAN_ARG_DELETED, "/ (deleted)", false},
      Case{"a pipe", "", REDAN_ARG_NO_PATH, "", false},
      Case{"a memfd", "", REDAN_ARG_NO_PATH | REDAN_ARG_DELETED, "", false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto file =
        value_of<FileArg>({.type = REDAN_ARG_FILE, .flags = c.flags, .aux = 0100644, .content = c.content});
    CHECK(file.path == c.path);
    CHECK(file.mode == 0100644);
    CHECK(file.unresolved == c.unresolved);
  }
}

TEST_CASE("values: names in the kernel's structs end at the first NUL, or fill them") {
  redan_arg_module module{.taints = 3, .signature_ok = 1, .pad0 = 0, .name = "dummy"};
  const auto plain = value_of<ModuleArg>({.type = REDAN_ARG_LOAD_INFO, .content = content_of(module)});
  CHECK(plain.name == "dummy");
  CHECK(plain.signature_ok);
  CHECK(plain.taints == 3);
  std::memset(module.name, 'm', sizeof(module.name));
  CHECK(value_of<ModuleArg>({.type = REDAN_ARG_MODULE, .content = content_of(module)}).name == std::string(64, 'm'));
  redan_arg_perf perf{.config = 9, .probe_offset = 4, .type = 1, .pad0 = 0, .function = "f"};
  const auto event = value_of<PerfEventArg>({.type = REDAN_ARG_PERF_EVENT, .content = content_of(perf)});
  CHECK(event.function == "f");
  CHECK(event.config == 9);
  CHECK(event.probe_offset == 4);
  CHECK(event.type == 1);
}

TEST_CASE("values: socket addresses of AF_UNIX") {
  const auto path = value_of<UnixAddressArg>({.type = REDAN_ARG_SOCKADDR_UN, .aux = 1, .content = raw("/run/s\0zz")});
  CHECK(path.family == 1);
  CHECK(path.name == "/run/s");
  const auto hidden = value_of<UnixAddressArg>({.type = REDAN_ARG_SOCKADDR_UN, .aux = 1, .content = raw("\0a\0b\0")});
  CHECK(hidden.name == raw("\0a\0b\0"));
}

TEST_CASE("what describes a hook comes out of its facts as it went in") {
  HookInfo hook{.id = 4'000'000'000,
                .section = HookSection::kLsmHooks,
                .name = "file_open",
                .subsystem = "odd\\n=subsystem\n",
                .policy = "p",
                .message = "a\\nb \"c\"",
                .tags = {"one", "two=2\n", ""},
                .args = {}};
  for (size_t type = 0; type <= static_cast<size_t>(ArgType::kNop); ++type) {
    hook.args.push_back({.slot = static_cast<uint8_t>(type % 6),
                         .type = static_cast<ArgType>(type),
                         .label = type % 2 == 0 ? "" : "a label " + std::to_string(type),
                         .is_return = type % 3 == 0,
                         .is_data = type % 5 == 0});
  }
  const auto back = parse_hook(parse_facts(facts_text(hook_facts(hook))));
  REQUIRE(back.has_value());
  CHECK(back->id == hook.id);
  CHECK(back->section == hook.section);
  CHECK(back->name == hook.name);
  CHECK(back->subsystem == hook.subsystem);
  CHECK(back->policy == hook.policy);
  CHECK(back->message == hook.message);
  CHECK(back->tags == hook.tags);
  REQUIRE(back->args.size() == hook.args.size());
  for (size_t i = 0; i < hook.args.size(); ++i) {
    CAPTURE(i);
    CHECK(back->args[i].slot == hook.args[i].slot);
    CHECK(back->args[i].type == hook.args[i].type);
    CHECK(back->args[i].label == hook.args[i].label);
    CHECK(back->args[i].is_return == hook.args[i].is_return);
    CHECK(back->args[i].is_data == hook.args[i].is_data);
  }
}

TEST_CASE("facts that describe no hook are refused") {
  const char* const texts[] = {"",
                               "id=1\n",
                               "section=kprobes\n",
                               "id=x\nsection=kprobes\n",
                               "id=4294967296\nsection=kprobes\n",
                               "id=1\nsection=kprobe\n",
                               "id=1\nsection=kprobes\narg=\n",
                               "id=1\nsection=kprobes\narg=0 file\n",
                               "id=1\nsection=kprobes\narg=256 file arg \n",
                               "id=1\nsection=kprobes\narg=0 fyle arg \n",
                               "id=1\nsection=kprobes\narg=0 file org \n"};
  for (const char* text : texts) {
    CAPTURE(text);
    CHECK_FALSE(parse_hook(parse_facts(text)).has_value());
  }
  CHECK(parse_hook(parse_facts("later=1\nid=1\nsection=kprobes\narg=0 file arg \n")).has_value());
}

}  // namespace redan::event
