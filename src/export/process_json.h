// SPDX-License-Identifier: Apache-2.0
#pragma once
// Message Process of the export format, as `process`, `parent` and in `ancestors`.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/process.h"
#include "export/exec_id.h"
#include "export/timestamp.h"

namespace redan::exporting {

class JsonWriter;

/// Which parts of a process are written.
struct ProcessJsonOptions {
  bool credentials = false;                     ///< cap, process_credentials, binary_properties (--enable-process-cred)
  bool namespaces = false;                      ///< ns (--enable-process-ns)
  bool environment = false;                     ///< environment_variables (--enable-process-environment-variables)
  std::vector<std::string> environment_filter;  ///< names of the only variables to write; empty: all
  redan_namespaces host_namespaces{};           ///< those of pid 1: what `is_host` means
};

/// One process of one event, as an encoder of a field sees it.
struct ProcessView {
  const event::Process& process;
  const event::Image* image;                  ///< null: only what does not come from the image is written
  const event::BinaryProperties* properties;  ///< null: not the process of an exec
  int64_t wall_offset_ns;                     ///< of the event
  TimestampText& timestamp;                   ///< of the event
};

/// Writes message Process. Immutable; any thread.
class ProcessJson {
 public:
  ProcessJson(std::string_view node_name, ProcessJsonOptions options);

  /// Appends the object, braces included. `tid` is the thread that an event is about.
  void append(const ProcessView& view, uint32_t tid, JsonWriter& out) const;

  /// The same in two pieces, between which the number of the thread belongs: it is all that differs between the events
  /// of one process.
  void append_before_tid(const ProcessView& view, JsonWriter& out) const;
  void append_after_tid(const ProcessView& view, JsonWriter& out) const;

  /// Appends the exec_id of an image, quotes included.
  void append_exec_id(const event::ImageKey& key, JsonWriter& out) const;

  const ExecIdText& exec_id() const { return exec_id_; }
  const ProcessJsonOptions& options() const { return options_; }

  /// `ns` of a process that is in all the host's namespaces: nearly every one.
  std::string_view host_namespaces_text() const { return host_namespaces_text_; }

 private:
  /// Writes the value of a field after its key; false if it is unset: then nothing was written, and the key is taken
  /// back.
  using Encode = bool (*)(const ProcessJson& self, const ProcessView& view, JsonWriter& out);

  friend struct ProcessField;

  static constexpr size_t kKeySize = 32;

  /// A field that is switched on: `"name":` in a block of fixed size, which copies fastest.
  struct Key {
    char text[kKeySize];
    size_t size;
    Encode encode;
  };

  /// Those of the fields with numbers between `above` and `below` that can be written.
  static std::vector<Key> keys_for(unsigned available, unsigned above, unsigned below);

  void append_fields(const std::vector<Key>& keys, char open, const ProcessView& view, JsonWriter& out) const;

  ExecIdText exec_id_;
  ProcessJsonOptions options_;
  std::string host_namespaces_text_;
  std::array<std::vector<Key>, 2> before_tid_;  // of a process without an image, and with one
  std::array<std::vector<Key>, 2> after_tid_;
};

/// The container id in the name of a process's cgroup, 31 characters of it as upstream; empty if it is not a
/// container's (API reference 2.7, `docker`).
std::string_view container_id(std::string_view cgroup_name);

}  // namespace redan::exporting
