// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "export/event_kind.h"
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
  writer.put(kEventKeys[event.index()]);
  writer.put("\":");
  std::visit(body, event);
  writer.put(before_time_);
  body.put_time();
  writer.put(after_time_);
  writer.finish();
}

}  // namespace redan::exporting
