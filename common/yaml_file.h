// YAML text as a tree that remembers where each value stood. A strict subset, since the only use is
// configuration: one document of maps with plain keys, lists and scalars; no anchors, aliases or
// tags, no duplicate keys, no nesting beyond kMaxYamlDepth. The only module that knows yaml-cpp.
// Plain data: one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace piecework {

inline constexpr std::size_t kMaxYamlDepth = 8;

struct YamlMark {
  int line = 1;  // both from 1; columns count bytes
  int column = 1;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  YamlMark at;
  std::string text;     // of a scalar
  bool quoted = false;  // a scalar written in quotes or as a block: text whatever it looks like
  std::vector<YamlNode> children;  // of a list or a map, in their order

  // Of a map's child.
  std::string key;
  YamlMark key_at;
};

// The tree of `text`; an empty document is a null. Throws ConfigError "FILE:LINE:COL: [key: ]what
// is wrong", where FILE is `file_name`.
YamlNode parse_yaml(std::string_view text, const std::string& file_name);

// "FILE:LINE:COL"
std::string yaml_position(const std::string& file_name, YamlMark at);

}  // namespace piecework
