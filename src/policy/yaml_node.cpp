// SPDX-License-Identifier: Apache-2.0
#include "policy/yaml_node.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/quote.h"

namespace redan::policy {
namespace {

constexpr size_t kMostBytes = 4U << 20;
constexpr size_t kMostNodes = 200'000;
constexpr size_t kMostDepth = 64;

Place place_of(const YAML::Mark& mark) {
  return {.line = static_cast<uint32_t>(std::max(mark.line, 0) + 1),
          .column = static_cast<uint32_t>(std::max(mark.column, 0) + 1)};
}

size_t count_nodes(const YamlNode& node) {
  size_t count = 1;
  for (const YamlNode& item : node.items) count += count_nodes(item);
  return count;
}

size_t depth_of(const YamlNode& node) {
  size_t deepest = 0;
  for (const YamlNode& item : node.items) deepest = std::max(deepest, depth_of(item));
  return deepest + 1;
}

// Builds the tree from the parser's events. The rest is skipped after a mistake in the structure.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ != 2) return;
    diagnostics_.error(place_of(mark), "found a second document, allowed: one policy in a file; split the file");
    is_over_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    leaf(mark, YamlNode::Kind::kNull, "", true, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    leaf(mark, YamlNode::Kind::kScalar, value, tag == "?", anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (is_over()) return;
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) return stop(mark, "found an alias inside of what it stands for");
    nodes_ += count_nodes(found->second);
    if (nodes_ > kMostNodes) return stop(mark, too_many());
    if (open_.size() + depth_of(found->second) > kMostDepth) return stop(mark, too_deep());
    YamlNode copy = found->second;
    if (is_key()) return leaf(mark, copy.kind, copy.text, copy.is_plain, 0);
    attach(std::move(copy));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, YamlNode::Kind::kMap, anchor);
  }
  void OnMapEnd() override { close(); }

  void stop(const YAML::Mark& mark, std::string message) {
    if (!stopped_) diagnostics_.error(place_of(mark), std::move(message));
    stopped_ = true;
  }

  bool stopped() const { return stopped_; }

  std::optional<YamlNode> take() && { return stopped_ ? std::nullopt : std::move(root_); }

 private:
  // A list or map that is not complete. A map's key waits for its value.
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlNode> key;
  };

  static std::string too_many() {
    return "found more than " + std::to_string(kMostNodes) + " values, allowed: so many in one policy";
  }
  static std::string too_deep() { return "lists and maps are nested too deeply"; }

  bool is_over() const { return stopped_ || is_over_; }

  bool is_key() const { return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().key; }

  static YamlNode make(const YAML::Mark& mark, YamlNode::Kind kind) {
    const Place place = place_of(mark);
    YamlNode node;
    node.kind = kind;
    node.line = place.line;
    node.column = place.column;
    return node;
  }

  void leaf(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& text, bool is_plain,
            YAML::anchor_t anchor) {
    if (is_over()) return;
    if (++nodes_ > kMostNodes) return stop(mark, too_many());
    YamlNode node = make(mark, kind);
    node.text = text;
    node.is_plain = is_plain;
    if (anchor != 0) anchored_[anchor] = node;
    if (is_key() && kind != YamlNode::Kind::kScalar) return stop(mark, "found nothing as a key, allowed: a name");
    if (is_key()) {
      open_.back().key = std::move(node);
      return;
    }
    // yaml-cpp places a value that is not there at whatever comes next.
    if (kind == YamlNode::Kind::kNull && !open_.empty() && open_.back().key) {
      node.line = open_.back().key->line;
      node.column = open_.back().key->column;
    }
    attach(std::move(node));
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::anchor_t anchor) {
    if (is_over()) return;
    if (is_key()) return stop(mark, "found a list or map as a key, allowed: a name");
    if (++nodes_ > kMostNodes) return stop(mark, too_many());
    if (open_.size() >= kMostDepth) return stop(mark, too_deep());
    open_.push_back({make(mark, kind), anchor, std::nullopt});
  }

  void close() {
    if (is_over() || open_.empty()) return;
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchored_[done.anchor] = done.node;
    attach(std::move(done.node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.key) {
      node.key = parent.key->text;
      node.key_line = parent.key->line;
      node.key_column = parent.key->column;
      parent.key.reset();
    }
    parent.node.items.push_back(std::move(node));
  }

  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::optional<YamlNode> root_;
  std::map<YAML::anchor_t, YamlNode> anchored_;
  size_t nodes_ = 0;
  int documents_ = 0;
  bool stopped_ = false;  // something is wrong with the structure
  bool is_over_ = false;  // the first document is complete
};

void check_keys(const YamlNode& node, const std::string& path, Diagnostics& diagnostics) {
  std::map<std::string_view, const YamlNode*> first;
  for (size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = node.items[i];
    const bool in_map = node.kind == YamlNode::Kind::kMap;
    std::string item_path = path;
    if (in_map)
      item_path += (path.empty() ? "" : ".") + item.key;
    else
      item_path += "[" + std::to_string(i) + "]";
    const auto [other, is_new] = in_map ? first.emplace(item.key, &item) : std::pair(first.end(), true);
    if (!is_new) {
      diagnostics.error({item.key_line, item.key_column, path},
                        "found " + in_quotes(item.key) + " twice, the first time at line " +
                            std::to_string(other->second->key_line) + "; keep one of them");
    }
    if (!item.items.empty()) check_keys(item, item_path, diagnostics);
  }
}

}  // namespace

std::optional<YamlNode> parse_yaml(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kMostBytes) {
    diagnostics.error({}, "found " + std::to_string(text.size()) + " bytes, allowed: " + std::to_string(kMostBytes));
    return std::nullopt;
  }
  TreeBuilder builder(diagnostics);
  // yaml-cpp has no other way to say that something is wrong.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // Not until it says that there are no more: at a stray `,` it reports empty documents without end.
    for (int i = 0; i < 2 && !builder.stopped() && parser.HandleNextDocument(builder); ++i) {
    }
  } catch (const YAML::DeepRecursion& exception) {
    builder.stop(exception.mark, "lists and maps are nested too deeply");
  } catch (const YAML::Exception& exception) {
    builder.stop(exception.mark, "not valid YAML: " + exception.msg);
  } catch (const std::exception& exception) {
    builder.stop(YAML::Mark(), std::string("cannot be read as YAML: ") + exception.what());
  }
  if (builder.stopped()) return std::nullopt;
  auto root = std::move(builder).take();
  if (!root || root->kind != YamlNode::Kind::kMap) {
    diagnostics.error({root ? root->line : 1, root ? root->column : 1, ""},
                      "found no policy, allowed: a document with apiVersion, kind, metadata and spec");
    return std::nullopt;
  }
  const size_t errors = diagnostics.errors();
  check_keys(*root, "", diagnostics);
  if (diagnostics.errors() != errors) return std::nullopt;
  return root;
}

}  // namespace redan::policy
