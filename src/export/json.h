// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events as lines of JSON: the export format of section 2 of the API reference.

#include <string>

#include "event/process.h"
#include "export/process_json.h"
#include "export/process_text_cache.h"

namespace redan::exporting {

/// What an encoder needs to know beside the events.
struct JsonOptions {
  std::string node_name;
  std::string cluster_name;         ///< empty: left out
  ProcessJsonOptions process = {};  ///< which parts of a process are written
};

/// Turns events into lines. Allocates nothing per event but by growing `out` and, for a while, the texts of lately
/// written processes that it keeps. The same event always gives the same line. Not thread-safe.
class JsonEncoder {
 public:
  explicit JsonEncoder(const JsonOptions& options);

  /// Appends one line with its line feed to `out`.
  void append(const event::Event& event, std::string& out);

 private:
  ProcessTextCache processes_;
  std::string before_time_;  // from the end of the body to the time
  std::string after_time_;   // from the time to the line feed
};

}  // namespace redan::exporting
