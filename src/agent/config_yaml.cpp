// SPDX-License-Identifier: Apache-2.0
// The YAML form of the configuration: one document, one flat map. Read from the parser's events rather than its nodes:
// they carry the place of everything, keep duplicate keys, and nothing is built that a hostile file could blow up.
#include <map>
#include <sstream>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "agent/config.h"
#include "agent/options_values.h"
#include "base/suggest.h"

namespace redan::agent {
namespace {

// Collects the entries of the map and sets each as it is complete. Depth 0 is outside of the document's node, 1 in the
// map, 2 in a list that is a value; what is deeper is refused as part of the value that holds it.
class FlatMapReader : public YAML::EventHandler {
 public:
  FlatMapReader(std::string_view file_name, Configuration& into) : file_name_(file_name), into_(into) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) problem(mark, "found more after the end of the YAML document, allowed: one document");
  }
  void OnDocumentEnd() override { depth_ = 0; }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (depth_ == 0) return;  // an empty document
    leaf(mark, Leaf::kNull, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { leaf(mark, Leaf::kAlias, ""); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string& value) override {
    leaf(mark, Leaf::kText, value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(mark, "a list");
    if (depth_ == 2) items_.emplace();
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(mark, "a map");
  }
  void OnMapEnd() override { close(); }

  void problem(const YAML::Mark& mark, std::string_view what) {
    if (is_full()) return;
    if (++problem_count_ == kMostProblems) what = "and so on; what else is wrong is not looked for";
    if (!problems_.empty()) problems_ += '\n';
    problems_ += place(mark) + ": " + std::string(what);
  }

  Result<void> result() const {
    if (problems_.empty()) return {};
    return Error{ErrorCode::kConfig, problems_};
  }

 private:
  enum class Leaf { kText, kNull, kAlias };

  struct Key {
    YAML::Mark mark;
    std::string name;
    const Option* option = nullptr;  // null: its value is skipped
  };

  // A file of nothing but mistakes is some other file.
  static constexpr int kMostProblems = 100;
  bool is_full() const { return problem_count_ >= kMostProblems; }

  std::string place(const YAML::Mark& mark) const {
    return file_name_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }

  void key_problem(const YAML::Mark& mark, const std::string& what) {
    problem(mark, "key " + in_quotes(key_->name) + ": " + what);
  }

  void open(const YAML::Mark& mark, std::string_view what) {
    const bool is_document = depth_ == 0;
    const bool is_key = depth_ == 1 && !key_;
    if (is_document && (what != "a map" || documents_ > 1)) {
      if (documents_ == 1) problem(mark, "found " + std::string(what) + ", allowed: lines of NAME: VALUE");
      skipping_ = true;
    } else if (is_key) {
      problem(mark, "found " + std::string(what) + " as a key, allowed: the name of an option");
      key_ = Key{mark, std::string(what), nullptr};
      key_is_open_ = true;
    } else if (depth_ == 1 && key_->option && !(what == "a list" && is_list(*key_->option))) {
      key_problem(mark, "found " + std::string(what) + ", allowed: " + allowed_values(*key_->option));
      key_->option = nullptr;
    } else if (depth_ == 2 && key_ && key_->option) {
      key_problem(mark, "found " + std::string(what) + " inside the list, allowed: " + allowed_values(*key_->option));
      key_->option = nullptr;
    }
    ++depth_;
  }

  void close() {
    --depth_;
    if (depth_ == 0) skipping_ = false;
    if (depth_ != 1 || skipping_) return;
    if (key_is_open_) {
      key_is_open_ = false;  // what comes next is its value
      return;
    }
    if (key_ && key_->option && items_) accept(key_->mark, set_option(*key_->option, *items_, into_.options));
    end_entry();
  }

  void leaf(const YAML::Mark& mark, Leaf kind, const std::string& text) {
    if (skipping_ || key_is_open_ || is_full()) return;
    if (depth_ == 0) {
      if (documents_ == 1) problem(mark, "found " + in_quotes(text) + ", allowed: lines of NAME: VALUE");
    } else if (depth_ == 1 && !key_) {
      start_entry(mark, kind, text);
    } else if (depth_ == 1) {
      if (key_->option) set_leaf(mark, kind, text);
      end_entry();
    } else if (depth_ == 2 && key_ && key_->option && items_) {
      if (kind == Leaf::kText)
        items_->push_back(text);
      else
        refuse_leaf(mark, kind);
    }
  }

  void start_entry(const YAML::Mark& mark, Leaf kind, const std::string& text) {
    key_ = Key{mark, text, nullptr};
    if (kind != Leaf::kText) {
      problem(mark, std::string("found ") + found_text(kind) + " as a key, allowed: the name of an option");
      return;
    }
    const Option* option = find_option(text);
    const auto [first, is_new] = first_places_.emplace(text, mark);
    if (!option) {
      key_problem(mark, "no such option" + did_you_mean(text, option_names()));
    } else if (!is_new) {
      key_problem(
          mark, "given twice, the first time at line " + std::to_string(first->second.line + 1) + "; keep one of them");
    } else if (option->settable == Settable::kNotInFiles) {
      key_problem(mark,
                  "only a flag (--" + text + ") or the environment ($" + environment_name(*option) + ") can set it");
    } else {
      key_->option = option;
    }
  }

  void set_leaf(const YAML::Mark& mark, Leaf kind, const std::string& text) {
    if (kind != Leaf::kText) return refuse_leaf(mark, kind);
    accept(mark, set_option(*key_->option, text, into_.options));
  }

  void refuse_leaf(const YAML::Mark& mark, Leaf kind) {
    // yaml-cpp places a value that is not there at whatever comes next.
    const bool is_missing_value = kind == Leaf::kNull && depth_ == 1;
    key_problem(is_missing_value ? key_->mark : mark, std::string("found ") + found_text(kind) +
                                                          ", allowed: " + allowed_values(*key_->option) +
                                                          (kind == Leaf::kNull ? "; write '' for empty text" : ""));
    key_->option = nullptr;
  }

  static const char* found_text(Leaf kind) { return kind == Leaf::kNull ? "nothing" : "an alias (*name)"; }

  void accept(const YAML::Mark& mark, const Result<void>& set) {
    if (set)
      into_.set_source(*key_->option, place(key_->mark));
    else
      key_problem(mark, set.error().message);
  }

  void end_entry() {
    key_.reset();
    items_.reset();
  }

  std::string file_name_;
  Configuration& into_;
  std::string problems_;
  int problem_count_ = 0;
  int documents_ = 0;
  int depth_ = 0;
  bool skipping_ = false;     // inside a document node that is no map, or of a second document
  bool key_is_open_ = false;  // inside a list or map that stands where a key should
  std::optional<Key> key_;    // the entry that is being read
  std::optional<std::vector<std::string>> items_;
  std::map<std::string, YAML::Mark> first_places_;
};

}  // namespace

Result<void> apply_yaml(std::string_view text, std::string_view file_name, Configuration& into) {
  FlatMapReader reader(file_name, into);
  // The only exceptions of Redan's own code paths: yaml-cpp has no other way to say that something is wrong.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // Not until it says that there are no more: at a stray `,` it reports empty documents without end.
    for (int i = 0; i < 2 && parser.HandleNextDocument(reader); ++i) {
    }
  } catch (const YAML::DeepRecursion& exception) {
    reader.problem(exception.mark, "lists and maps are nested too deeply");
  } catch (const YAML::Exception& exception) {
    reader.problem(exception.mark, "not valid YAML: " + exception.msg);
  } catch (const std::exception& exception) {
    return Error{ErrorCode::kConfig, std::string(file_name) + ": cannot be read as YAML: " + exception.what()};
  }
  return reader.result();
}

}  // namespace redan::agent
