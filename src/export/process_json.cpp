// SPDX-License-Identifier: Apache-2.0
#include "export/process_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <iterator>
#include <utility>

#include "export/json_words.h"
#include "export/json_writer.h"

namespace redan::exporting {
namespace {

// --- lists of words -------------------------------------------------------------------------------------------------

constexpr size_t kMaskBits = 64;

constexpr size_t digits(size_t number) { return number < 10 ? 1 : 2; }

constexpr size_t capability_list_size() {
  size_t size = 0;
  for (size_t i = 0; i < kMaskBits; ++i)
    size += (i < kCapabilities.size() ? kCapabilities[i].size() + 2 : digits(i)) + 1;
  return size;
}

/// The list of all capabilities, each followed by a comma: names in quotes, numbers where there is no name. A run of
/// capabilities in a set is one piece of it, and the sets that matter (all of them, or a container's few) have few
/// runs.
struct CapabilityList {
  std::array<char, capability_list_size()> text{};
  std::array<uint16_t, kMaskBits + 1> start{};  // of each capability in `text`, and the end

  constexpr CapabilityList() {
    size_t at = 0;
    const auto add = [&](char c) { text[at++] = c; };
    for (size_t i = 0; i < kMaskBits; ++i) {
      start[i] = static_cast<uint16_t>(at);
      if (i < kCapabilities.size()) {
        add('"');
        for (const char c : kCapabilities[i]) add(c);
        add('"');
      } else {
        add(static_cast<char>('0' + i / 10));
        add(static_cast<char>('0' + i % 10));
      }
      add(',');
    }
    start[kMaskBits] = static_cast<uint16_t>(at);
  }
};
constexpr CapabilityList kCapabilityList;

void put_capabilities(uint64_t mask, JsonWriter& out) {
  char open = '[';
  while (mask != 0) {
    const int first = std::countr_zero(mask);
    const int end = first + std::countr_one(mask >> first);
    const size_t from = kCapabilityList.start[static_cast<size_t>(first)];
    const size_t to = kCapabilityList.start[static_cast<size_t>(end)];
    out.put(std::exchange(open, ','));
    out.put(std::string_view(kCapabilityList.text.data() + from, to - from - 1));
    mask = end == kMaskBits ? 0 : mask >> end << end;
  }
  out.put(']');
}

/// Takes the first of NUL-terminated strings (the NUL of the last may be missing) off `rest`, which is not empty.
std::string_view take_string(std::string_view& rest) {
  const size_t size = std::min(rest.find('\0'), rest.size());
  const std::string_view first = rest.substr(0, size);
  rest.remove_prefix(std::min(size + 1, rest.size()));
  return first;
}

// --- fields, in proto order -----------------------------------------------------------------------------------------

bool encode_exec_id(const ProcessJson& self, const ProcessView& view, JsonWriter& out) {
  self.append_exec_id(view.process.key, out);
  return true;
}

bool encode_pid(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  out.put(view.process.key.tgid);
  return true;
}

bool encode_uid(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  out.put(view.image->uid);
  return true;
}

template <std::string event::Image::*member>
bool encode_text(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const std::string& text = view.image->*member;
  if (text.empty()) return false;
  out.put_string(text);
  return true;
}

/// Arguments of which one holds a space: that is put in quotes, and a space stands before it even if nothing else does.
void put_quoted_arguments(std::string_view rest, JsonWriter& out) {
  for (bool first = true; !rest.empty(); first = false) {
    const std::string_view argument = take_string(rest);
    const bool quoted = argument.find(' ') != std::string_view::npos;
    if (quoted || !first) out.put(' ');
    if (quoted) out.put("\\\"");
    out.put_escaped(argument);
    if (quoted) out.put("\\\"");
  }
}

bool encode_arguments(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const std::string_view arguments = view.image->args;
  std::string_view joined = arguments;  // by NULs
  if (joined.ends_with('\0')) joined.remove_suffix(1);
  if (joined.empty()) return false;
  out.put('"');
  if (joined.find(' ') == std::string_view::npos) {
    out.put_escaped_list(joined);
  } else {
    put_quoted_arguments(arguments, out);
  }
  out.put('"');
  return true;
}

bool encode_flags(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  uint32_t left = view.process.flags;
  char open = '"';
  for (const BitWord& flag : kFlagWords) {
    if (left == 0) break;
    if ((left & flag.bit) == 0) continue;
    left &= ~flag.bit;
    out.put(std::exchange(open, ' '));
    out.put(flag.word);
  }
  if (open == '"') return false;
  out.put('"');
  return true;
}

bool encode_start_time(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const event::EventTime start{.boot_ns = view.process.start_time, .wall_offset_ns = view.wall_offset_ns};
  out.put('"');
  out.commit(view.timestamp.write(start.wall_ns(), out.reserve(TimestampText::kMaxSize)));
  out.put('"');
  return true;
}

bool encode_auid(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  out.put(view.image->cred.auid);
  return true;
}

bool encode_docker(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const std::string_view id = container_id(view.image->cgroup_name);
  if (id.empty()) return false;
  out.put_string(id);
  return true;
}

bool encode_parent_exec_id(const ProcessJson& self, const ProcessView& view, JsonWriter& out) {
  if (!view.process.has_parent) return false;
  self.append_exec_id(view.process.parent, out);
  return true;
}

bool encode_cap(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const redan_credentials& cred = view.image->cred;
  char open = '{';
  const auto put_set = [&](std::string_view key, uint64_t mask) {
    if (mask == 0) return;
    out.put(std::exchange(open, ','));
    out.put(key);
    put_capabilities(mask, out);
  };
  put_set(R"("permitted":)", cred.permitted);
  put_set(R"("effective":)", cred.effective);
  put_set(R"("inheritable":)", cred.inheritable);
  if (open == '{') out.put('{');  // a set message without a set field
  out.put('}');
  return true;
}

/// Writes `ns`; false, and nothing written, if no namespace is known.
bool put_namespaces(const redan_namespaces& ns, const redan_namespaces& host, JsonWriter& out) {
  char open = '{';
  for (size_t i = 0; i < kNamespaces.size(); ++i) {
    const uint32_t inum = ns.inum[i];
    if (inum == 0) continue;
    out.put(std::exchange(open, ','));
    out.put('"');
    out.put(kNamespaces[i]);
    out.put(R"(":{"inum":)");
    out.put(inum);
    if (inum == host.inum[i]) out.put(R"(,"is_host":true)");
    out.put('}');
  }
  if (open == '{') return false;
  out.put('}');
  return true;
}

bool encode_ns(const ProcessJson& self, const ProcessView& view, JsonWriter& out) {
  const redan_namespaces& ns = view.image->ns;
  const redan_namespaces& host = self.options().host_namespaces;
  if (self.host_namespaces_text().empty() || std::memcmp(&ns, &host, sizeof(ns)) != 0)
    return put_namespaces(ns, host, out);
  out.put(self.host_namespaces_text());
  return true;
}

bool encode_process_credentials(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const redan_credentials& cred = view.image->cred;
  char open = '{';
  for (const CredentialWord& word : kCredentials) {
    out.put(std::exchange(open, ','));
    out.put('"');
    out.put(word.name);
    out.put("\":");
    out.put(cred.*word.id);
  }
  if (cred.securebits != 0) {
    char open_list = '[';
    for (const BitWord& bit : kSecureBits) {
      if ((cred.securebits & bit.bit) == 0) continue;
      if (open_list == '[') out.put(R"(,"securebits":)");
      out.put(std::exchange(open_list, ','));
      out.put_string(bit.word);
    }
    if (open_list == ',') out.put(']');
  }
  out.put('}');
  return true;
}

bool encode_binary_properties(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  if (view.properties == nullptr || *view.properties == event::BinaryProperties{}) return false;
  const event::BinaryProperties& properties = *view.properties;
  char open = '{';
  const auto put_id = [&](std::string_view key, const std::optional<uint32_t>& id) {
    if (!id) return;
    out.put(std::exchange(open, ','));
    out.put(key);
    out.put(*id);
  };
  put_id(R"("setuid":)", properties.setuid);
  put_id(R"("setgid":)", properties.setgid);

  char open_list = '[';
  for (const PrivilegeWord& privilege : kPrivileges) {
    if (!(properties.*privilege.raised)) continue;
    if (open_list == '[') {
      out.put(std::exchange(open, ','));
      out.put(R"("privileges_changed":)");
    }
    out.put(std::exchange(open_list, ','));
    out.put_string(privilege.word);
  }
  if (open_list == ',') out.put(']');

  if (properties.unlinked_inode) {
    out.put(std::exchange(open, ','));
    out.put(R"("file":{"inode":{)");
    if (*properties.unlinked_inode != 0) {
      out.put(R"("number":")");
      out.put(*properties.unlinked_inode);
      out.put("\",");
    }
    out.put(R"("links":0}})");
  }
  out.put('}');
  return true;
}

bool encode_user(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  const std::string& name = view.image->user_name;
  if (name.empty()) return false;
  out.put(R"({"name":)");
  out.put_string(name);
  out.put('}');
  return true;
}

bool encode_in_init_tree(const ProcessJson&, const ProcessView& view, JsonWriter& out) {
  if (view.process.in_init_tree) {
    out.put("true");
  } else {
    out.put("false");
  }
  return true;
}

bool encode_environment_variables(const ProcessJson& self, const ProcessView& view, JsonWriter& out) {
  const std::vector<std::string>& filter = self.options().environment_filter;
  char open = '[';
  for (std::string_view rest = view.image->environment; !rest.empty();) {
    const std::string_view text = take_string(rest);
    const size_t equals = text.find('=');
    const bool valid = equals != std::string_view::npos;
    const std::string_view name = valid ? text.substr(0, equals) : "invalid";
    const std::string_view value = valid ? text.substr(equals + 1) : text;
    // What has no name is on nobody's list: with a filter it stays inside.
    if (!filter.empty() && (!valid || std::find(filter.begin(), filter.end(), name) == filter.end())) continue;
    out.put(std::exchange(open, ','));
    char open_pair = '{';
    const auto put_member = [&](std::string_view key, std::string_view member) {
      if (member.empty()) return;
      out.put(std::exchange(open_pair, ','));
      out.put(key);
      out.put_string(member);
    };
    put_member(R"("Key":)", name);
    put_member(R"("Value":)", value);
    if (open_pair == '{') out.put('{');
    out.put('}');
  }
  if (open == '[') return false;
  out.put(']');
  return true;
}

/// What must be there for a field to be written.
enum Needs : unsigned {
  kNeedsNothing = 0,
  kNeedsImage = 1 << 0,
  kNeedsCredentials = 1 << 1,
  kNeedsNamespaces = 1 << 2,
  kNeedsEnvironment = 1 << 3,
};

}  // namespace

/// A row of the registry: a field of message Process.
struct ProcessField {
  unsigned number;  // in the proto
  std::string_view name;
  unsigned needs;
  ProcessJson::Encode encode;  // null: Redan has nothing to put there yet
};

namespace {

/// All fields of message Process in proto order, which is the order in which they are written.
constexpr ProcessField kProcessFields[] = {
    {1, "exec_id", kNeedsNothing, encode_exec_id},
    {2, "pid", kNeedsNothing, encode_pid},
    {3, "uid", kNeedsImage, encode_uid},
    {4, "cwd", kNeedsImage, encode_text<&event::Image::cwd>},
    {5, "binary", kNeedsImage, encode_text<&event::Image::binary>},
    {6, "arguments", kNeedsImage, encode_arguments},
    {7, "flags", kNeedsNothing, encode_flags},
    {8, "start_time", kNeedsNothing, encode_start_time},
    {9, "auid", kNeedsImage, encode_auid},
    {10, "pod", kNeedsImage, nullptr},  // comes with Kubernetes
    {11, "docker", kNeedsImage, encode_docker},
    {12, "parent_exec_id", kNeedsNothing, encode_parent_exec_id},
    {13, "refcnt", kNeedsNothing, nullptr},  // upstream's debugging aid
    {14, "cap", kNeedsImage | kNeedsCredentials, encode_cap},
    {15, "ns", kNeedsImage | kNeedsNamespaces, encode_ns},
    {16, "tid", kNeedsNothing, encode_pid},  // that of the process in every event of this issue
    {17, "process_credentials", kNeedsImage | kNeedsCredentials, encode_process_credentials},
    {18, "binary_properties", kNeedsCredentials, encode_binary_properties},
    {19, "user", kNeedsImage, encode_user},
    {20, "in_init_tree", kNeedsNothing, encode_in_init_tree},
    {21, "environment_variables", kNeedsImage | kNeedsEnvironment, encode_environment_variables},
};
static_assert(std::ranges::is_sorted(kProcessFields, {}, &ProcessField::number));

}  // namespace

ProcessJson::ProcessJson(std::string_view node_name, ProcessJsonOptions options)
    : exec_id_(node_name), options_(std::move(options)) {
  unsigned available = kNeedsImage;
  if (options_.credentials) available |= kNeedsCredentials;
  if (options_.namespaces) available |= kNeedsNamespaces;
  if (options_.environment) available |= kNeedsEnvironment;
  keys_ = keys_for(available);
  keys_without_image_ = keys_for(available & ~kNeedsImage);

  JsonWriter writer(host_namespaces_text_);
  put_namespaces(options_.host_namespaces, options_.host_namespaces, writer);
  writer.finish();
}

std::vector<ProcessJson::Key> ProcessJson::keys_for(unsigned available) {
  std::vector<Key> keys;
  for (const ProcessField& field : kProcessFields) {
    if (field.encode == nullptr || (field.needs & ~available) != 0) continue;
    const std::string text = '"' + std::string(field.name) + "\":";
    assert(text.size() <= kKeySize);
    Key& key = keys.emplace_back();
    key.size = text.copy(key.text, kKeySize);
    key.encode = field.encode;
  }
  return keys;
}

void ProcessJson::append_exec_id(const event::ImageKey& key, JsonWriter& out) const {
  out.put('"');
  out.put(exec_id_.head());
  out.commit(exec_id_.write_tail(key, out.reserve(ExecIdText::kMaxTailSize)));
  out.put('"');
}

void ProcessJson::append(const ProcessView& view, JsonWriter& out) const {
  char open = '{';
  for (const Key& key : view.image != nullptr ? keys_ : keys_without_image_) {
    char* const mark = out.reserve(1 + kKeySize);
    *mark = open;
    std::memcpy(mark + 1, key.text, kKeySize);
    out.commit(mark + 1 + key.size);
    if (key.encode(*this, view, out)) {
      open = ',';
    } else {
      out.rewind(mark);
    }
  }
  out.put('}');
}

std::string_view container_id(std::string_view cgroup_name) {
  constexpr size_t kIdSize = 64;     // hexadecimal digits of a container id
  constexpr size_t kShownSize = 31;  // upstream shows as many
  if (cgroup_name.size() < kIdSize || cgroup_name.ends_with(".service")) return {};
  std::string_view id = cgroup_name;
  id.remove_prefix(id.rfind(':') + 1);  // npos + 1 is 0
  id.remove_prefix(id.rfind('-') + 1);
  const bool was_cut = cgroup_name.size() >= REDAN_CGROUP_NAME_MAX - 1;
  if (id.size() < kIdSize && !(was_cut && id.size() >= kShownSize)) return {};
  return id.substr(0, kShownSize);
}

}  // namespace redan::exporting
