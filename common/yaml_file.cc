#include "common/yaml_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <utility>

#include "common/errors.h"
#include "common/fields.h"
#include "common/utf8.h"

namespace piecework {
namespace {

YamlMark to_mark(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

YamlNode make_node(YamlNode::Kind kind, const YAML::Mark& mark) {
  YamlNode node;
  node.kind = kind;
  node.at = to_mark(mark);
  return node;
}

// Builds the tree from the parser's events, which come in the order of the text; yaml-cpp's own
// tree would take duplicate keys silently and lose where things stood.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& file_name) : file_name_(file_name) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) fail(mark, "more than one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) fail(mark, "a key must be a plain word");
    add(make_node(YamlNode::Kind::kNull, mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases are not supported");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) {
      take_key(mark, value);
      return;
    }
    YamlNode node = make_node(YamlNode::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == kQuotedTag;
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // What yaml-cpp reports for a value without a tag: "!" in quotes, "?" or nothing otherwise.
  static constexpr std::string_view kQuotedTag = "!";

  struct Level {
    YamlNode node;
    std::map<std::string, int> key_lines;  // of a map, so far
    bool has_key = false;
    std::string key;
    YamlMark key_at;
  };

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
    throw ConfigError(yaml_position(file_name_, to_mark(mark)) + ": " + what);
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor) fail(mark, "anchors are not supported");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != kQuotedTag) fail(mark, "tags are not supported");
  }

  bool expects_key() const {
    return !levels_.empty() && levels_.back().node.kind == YamlNode::Kind::kMap &&
           !levels_.back().has_key;
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    Level& level = levels_.back();
    const YamlMark at = to_mark(mark);
    const auto [same, is_new] = level.key_lines.emplace(key, at.line);
    if (!is_new) {
      std::string name;
      append_escaped(name, key);
      fail(mark, name + ": duplicate key, first given in line " + std::to_string(same->second));
    }
    level.has_key = true;
    level.key = key;
    level.key_at = at;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) fail(mark, "a key must be a plain word");
    if (levels_.size() >= kMaxYamlDepth) fail(mark, "nested too deeply");
    levels_.emplace_back().node = make_node(kind, mark);
  }

  void close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    node.key = std::move(level.key);
    node.key_at = level.key_at;
    level.has_key = false;
    level.node.children.push_back(std::move(node));
  }

  const std::string& file_name_;
  int documents_ = 0;
  YamlNode root_;
  std::vector<Level> levels_;
};

// yaml-cpp takes U+0004 for the end of the file and guesses at other encodings, so neither reaches
// it.
void check_characters(std::string_view text, const std::string& file_name) {
  YamlMark at;
  while (!text.empty()) {
    const std::size_t length = utf8_prefix(text);
    const char first = text.front();
    if (length == 0) throw ConfigError(yaml_position(file_name, at) + ": not UTF-8 text");
    const bool control = static_cast<unsigned char>(first) < 0x20 || first == 0x7f;
    if (control && first != '\n' && first != '\r' && first != '\t') {
      throw ConfigError(yaml_position(file_name, at) + ": a control character");
    }
    at = first == '\n' ? YamlMark{at.line + 1, 1}
                       : YamlMark{at.line, at.column + static_cast<int>(length)};
    text.remove_prefix(length);
  }
}

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::string& file_name) {
  check_characters(text, file_name);
  std::istringstream in{std::string(text)};
  TreeBuilder builder(file_name);
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    throw ConfigError(yaml_position(file_name, to_mark(error.mark)) + ": " + error.msg);
  }
  return builder.take_root();
}

std::string yaml_position(const std::string& file_name, YamlMark at) {
  return file_name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

}  // namespace piecework
