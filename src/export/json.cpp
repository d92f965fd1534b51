// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "export/arg_json.h"
#include "export/event_kind.h"
#include "export/hook_words.h"
#include "export/json_words.h"
#include "export/json_writer.h"
#include "export/timestamp.h"

namespace redan::exporting {
namespace {

/// Writes the body of one event: the object under its kind's key. For std::visit.
class BodyWriter {
 public:
  BodyWriter(ProcessTextCache& processes, const event::EventTime& time, JsonWriter& out)
      : processes_(processes), time_(time), out_(out) {
    time_size_ = static_cast<size_t>(timestamp_.write(time.wall_ns(), time_text_) - time_text_);
  }

  void operator()(const event::ProcessExec& exec) {
    if (exec.process != nullptr) {
      put_key(R"("process":)");
      processes_.append(exec.process, exec.properties, time_, timestamp_, out_);
    }
    put_process(R"("parent":)", exec.parent);
    put_ancestors(exec.ancestors);
    close();
  }

  void operator()(const event::ProcessExit& exit) {
    put_process(R"("process":)", exit.process);
    put_process(R"("parent":)", exit.parent);
    if (const uint32_t signal = exit.code & 0x7f; signal < kSignals.size() && signal != 0) {
      put_key(R"("signal":)");
      out_.put_string(kSignals[signal]);
    }
    if (const uint32_t status = exit.code >> 8 & 0xff; status != 0) {
      put_key(R"("status":)");
      out_.put(status);
    }
    put_key(R"("time":")");
    put_time();
    out_.put('"');
    put_ancestors(exit.ancestors);
    close();
  }

  /// The members of a hook's event, in the order of its kind's message.
  void operator()(const event::HookEvent& hook) {
    using Put = void (BodyWriter::*)(const event::HookEvent&);
    static constexpr Put kKprobeMembers[] = {&BodyWriter::put_caller,
                                             &BodyWriter::put_function,
                                             &BodyWriter::put_args<kArgument>,
                                             &BodyWriter::put_return,
                                             &BodyWriter::put_action,
                                             &BodyWriter::put_policy,
                                             &BodyWriter::put_return_action,
                                             &BodyWriter::put_message,
                                             &BodyWriter::put_tags,
                                             &BodyWriter::put_ancestors_of_hook,
                                             &BodyWriter::put_args<kData>};
    static constexpr Put kTracepointMembers[] = {&BodyWriter::put_caller,     &BodyWriter::put_tracepoint,
                                                 &BodyWriter::put_args<kAny>, &BodyWriter::put_policy,
                                                 &BodyWriter::put_action,     &BodyWriter::put_message,
                                                 &BodyWriter::put_tags,       &BodyWriter::put_ancestors_of_hook};
    static constexpr Put kLsmMembers[] = {&BodyWriter::put_caller,     &BodyWriter::put_function,
                                          &BodyWriter::put_policy,     &BodyWriter::put_message,
                                          &BodyWriter::put_args<kAny>, &BodyWriter::put_action,
                                          &BodyWriter::put_tags,       &BodyWriter::put_ancestors_of_hook};
    struct Message {
      EventKind kind;
      std::span<const Put> members;
    };
    static constexpr Message kMessages[] = {
        {kKprobe, kKprobeMembers}, {kTracepoint, kTracepointMembers}, {kLsm, kLsmMembers}};
    const EventKind kind = kind_of(hook);
    for (const Message& message : kMessages) {
      if (message.kind != kind) continue;
      for (const Put put : message.members) (this->*put)(hook);
    }
    close();
  }

  void operator()(const event::Notice& notice) {
    put_key(R"("kind":)");
    out_.put_string(notice.kind);
    for (const event::Notice::Field& field : notice.fields) {
      put_key("\"");
      out_.put_escaped(field.name);
      out_.put("\":");
      std::visit([this](const auto& value) { put_value(value); }, field.value);
    }
    close();
  }

  void put_time() { out_.put(std::string_view(time_text_, time_size_)); }

 private:
  void put_key(std::string_view key) {
    out_.put(std::exchange(open_, ','));
    out_.put(key);
  }

  void close() {
    if (open_ == '{') out_.put('{');
    out_.put('}');
  }

  void put_process(std::string_view key, const event::ProcessRef& process) {
    if (process == nullptr) return;
    put_key(key);
    processes_.append(process, time_, timestamp_, out_);
  }

  void put_ancestors(const std::vector<event::ProcessRef>& ancestors) {
    char open = '[';
    for (const event::ProcessRef& ancestor : ancestors) {
      if (open == '[') put_key(R"("ancestors":)");
      out_.put(std::exchange(open, ','));
      processes_.append(ancestor, time_, timestamp_, out_);
    }
    if (open == ',') out_.put(']');
  }

  void put_text(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    put_key(key);
    out_.put_string(text);
  }

  // --- members of a hook's event

  /// Which of a hook's arguments are meant: only kprobes have lists of their own for what else a policy asks for.
  enum ArgSet { kArgument, kData, kAny };

  template <ArgSet set>
  static bool is_in(const event::HookArg& arg) {
    if constexpr (set == kAny) return true;
    return !arg.is_return && arg.is_data == (set == kData);
  }

  void put_caller(const event::HookEvent& hook) {
    put_key(R"("process":)");
    processes_.append(hook.process, hook.tid, time_, timestamp_, out_);
    put_process(R"("parent":)", hook.parent);
  }
  void put_function(const event::HookEvent& hook) { put_text(R"("function_name":)", hook.hook->name); }
  void put_tracepoint(const event::HookEvent& hook) {
    put_text(R"("subsys":)", hook.hook->subsystem);
    put_text(R"("event":)", hook.hook->name);
  }
  void put_policy(const event::HookEvent& hook) { put_text(R"("policy_name":)", hook.hook->policy); }
  void put_message(const event::HookEvent& hook) { put_text(R"("message":)", hook.hook->message); }
  void put_action(const event::HookEvent& hook) { put_action(R"("action":)", hook.action); }
  void put_return_action(const event::HookEvent& hook) { put_action(R"("return_action":)", hook.return_action); }
  void put_ancestors_of_hook(const event::HookEvent& hook) { put_ancestors(hook.ancestors); }

  /// To do nothing else is to post.
  void put_action(std::string_view key, uint8_t action) {
    put_key(key);
    const uint8_t told = action == 0 ? uint8_t{REDAN_ACTION_POST} : action;
    const std::string_view word = word_of(kActions, told);
    if (word.empty()) return out_.put(told);
    out_.put_string(word);
  }

  void put_tags(const event::HookEvent& hook) {
    char open = '[';
    for (const std::string& tag : hook.hook->tags) {
      if (open == '[') put_key(R"("tags":)");
      out_.put(std::exchange(open, ','));
      out_.put_string(tag);
    }
    if (open == ',') out_.put(']');
  }

  template <ArgSet set>
  void put_args(const event::HookEvent& hook) {
    const ArgStyle style = kind_of(hook) == kTracepoint ? ArgStyle::kTracepoint : ArgStyle::kFull;
    constexpr std::string_view kOpen = set == kData ? R"(,"data":[)" : R"(,"args":[)";
    const std::vector<event::HookArg>& args = hook.hook->args;
    bool is_open = false;
    for (size_t i = 0; i < hook.args.size(); ++i) {
      if (is_in<set>(args[i])) is_open |= put_argument(args[i], hook.args[i], style, is_open ? "," : kOpen, out_);
    }
    if (is_open) out_.put(']');
  }

  void put_return(const event::HookEvent& hook) {
    const std::vector<event::HookArg>& args = hook.hook->args;
    const auto found = std::ranges::find_if(args, &event::HookArg::is_return);
    if (found == args.end()) return;
    put_argument(*found, hook.args[static_cast<size_t>(found - args.begin())], ArgStyle::kFull, R"(,"return":)", out_);
  }

  void put_value(const std::string& text) { out_.put_string(text); }
  void put_value(uint64_t number) {
    out_.put('"');
    out_.put(number);
    out_.put('"');
  }
  void put_value(const event::ImageKey& image) { processes_.json().append_exec_id(image, out_); }
  void put_value(bool yes) { out_.put(std::string_view(yes ? "true" : "false")); }

  ProcessTextCache& processes_;
  const event::EventTime& time_;
  JsonWriter& out_;
  TimestampText timestamp_;
  char time_text_[TimestampText::kMaxSize];
  size_t time_size_ = 0;
  char open_ = '{';  // what stands before the next member
};

}  // namespace

JsonEncoder::JsonEncoder(const JsonOptions& options) : processes_(ProcessJson(options.node_name, options.process)) {
  JsonWriter before(before_time_);
  before.put(R"(,"node_name":)");
  before.put_string(options.node_name);
  before.put(R"(,"time":")");
  before.finish();
  JsonWriter after(after_time_);
  after.put('"');
  if (!options.cluster_name.empty()) {
    after.put(R"(,"cluster_name":)");
    after.put_string(options.cluster_name);
  }
  after.put("}\n");
  after.finish();
}

void JsonEncoder::append(const event::Event& event, std::string& out) {
  JsonWriter writer(out);
  BodyWriter body(processes_, time_of(event), writer);
  writer.put("{\"");
  writer.put(kEventKeys[kind_of(event)]);
  writer.put("\":");
  std::visit(body, event);
  writer.put(before_time_);
  body.put_time();
  writer.put(after_time_);
  writer.finish();
}

}  // namespace redan::exporting
