#include "common/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/errors.h"
#include "common/fields.h"
#include "common/unique_fd.h"
#include "common/units.h"
#include "common/utf8.h"

namespace piecework {
namespace {

constexpr std::string_view kOverrideName = "--set";

// What is wrong with one value, and where if that is known; take_value() adds it otherwise.
class BadValue : public std::invalid_argument {
 public:
  explicit BadValue(const std::string& what, std::optional<YamlMark> where = std::nullopt)
      : std::invalid_argument(what), at(where) {}

  const std::optional<YamlMark> at;
};

const std::string& scalar_of(const YamlNode& node, const std::string& expected) {
  if (node.kind != YamlNode::Kind::kScalar) throw BadValue("must be " + expected);
  return node.text;
}

Network network_of(const YamlNode& node) {
  const std::string expected = "a network such as 10.0.0.0/8 or an address";
  const auto network = Network::parse(scalar_of(node, expected));
  if (!network) throw BadValue("must be " + expected);
  return *network;
}

bool has_block(const std::vector<Network>& networks, const Network& block) {
  return std::any_of(networks.begin(), networks.end(), [&](const Network& other) {
    return other.prefix_bits() == block.prefix_bits() && other.contains(block.base());
  });
}

// Quotes say "text", so a number or a flag in quotes is of the wrong type.
const std::string& plain_of(const YamlNode& node, const std::string& expected) {
  if (node.quoted) throw BadValue("must be " + expected + ", without quotes");
  return scalar_of(node, expected);
}

std::string printable_of(const YamlNode& node) {
  const std::string& text = scalar_of(node, "text");
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_printable_prefix(rest);
    if (length == 0) throw BadValue("must be printable UTF-8 text");
    rest.remove_prefix(length);
  }
  return text;
}

std::optional<std::uint64_t> parse_digits(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value, base);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// A usual path stands as it is; anything else in quotes, whatever it looks like.
std::string path_or_quoted(std::string_view text) {
  constexpr std::string_view kUsual =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  const bool usual = text.starts_with('/') && text.find_first_not_of(kUsual) == text.npos;
  return usual ? std::string(text) : quoted(text);
}

template <typename T>
std::string quoted_list(const std::vector<T>& values) {
  std::string out = "[";
  for (const T& value : values) {
    if (out.size() > 1) out += ", ";
    out += quoted(value.to_string());
  }
  return out + "]";
}

std::string print_size(std::uint64_t bytes) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 3> kUnits{
      {{std::uint64_t{1} << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}}};
  for (const auto& [unit, suffix] : kUnits) {
    if (bytes != 0 && bytes % unit == 0) return std::to_string(bytes / unit) + suffix;
  }
  return std::to_string(bytes);
}

std::string print_duration(milliseconds time) {
  constexpr std::array<std::pair<milliseconds, const char*>, 2> kUnits{
      {{std::chrono::hours(1), "h"}, {seconds(1), "s"}}};
  for (const auto& [unit, suffix] : kUnits) {
    if (time % unit == milliseconds(0) && (time >= unit || unit == seconds(1))) {
      return std::to_string(time / unit) + suffix;
    }
  }
  return std::to_string(time.count()) + "ms";
}

// "1.5" is 1500. Nothing when it has another form, more than three decimals, or is beyond 32 bits.
std::optional<std::uint32_t> parse_thousandths(std::string_view text) {
  constexpr std::size_t kDecimals = 3;
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string decimals(text.substr(std::min(point + 1, text.size())));
  if (decimals.size() > kDecimals || (decimals.empty() && point < text.size())) return std::nullopt;
  decimals.resize(kDecimals, '0');
  const auto whole = parse_digits(text.substr(0, point), 10);
  const auto rest = parse_digits(decimals, 10);
  constexpr std::uint64_t kMostWhole = UINT32_MAX / 1000 - 1;
  if (!whole || !rest || *whole > kMostWhole) return std::nullopt;
  return static_cast<std::uint32_t>(*whole * 1000 + *rest);
}

std::string print_thousandths(std::uint32_t value) {
  std::string decimals = std::to_string(1000 + value % 1000).substr(1);
  decimals.erase(decimals.find_last_not_of('0') + 1);
  return std::to_string(value / 1000) + (decimals.empty() ? "" : "." + decimals);
}

std::string range_text(const std::string& least, const std::string& most) {
  return " from " + least + " to " + most;
}

// Changes (insert, delete or replace one character) that lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

[[noreturn]] void fail_to_read(const std::string& path) {
  throw ConfigError(path + ": " + std::generic_category().message(errno));
}

// The whole file; nothing when there is none.
std::optional<std::string> read_config(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::nullopt;
    fail_to_read(path);
  }
  std::string text;
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n == 0) return text;
    if (n < 0 && errno != EINTR) fail_to_read(path);
    if (n < 0) continue;
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > kMaxConfigBytes) {
      throw ConfigError(path + ": longer than " + std::to_string(kMaxConfigBytes) + " bytes");
    }
  }
}

// "log.file" is `file` in the group `log`; a key without a dot is in the group "".
std::string_view group_of(std::string_view key) {
  const auto dot = key.find('.');
  return dot == key.npos ? std::string_view() : key.substr(0, dot);
}

void append_comment(std::string& out, std::string_view help, std::string_view indent) {
  while (!help.empty()) {
    const std::size_t end = std::min(help.find('\n'), help.size());
    out.append(indent).append("# ").append(help.substr(0, end)).append("\n");
    help.remove_prefix(std::min(end + 1, help.size()));
  }
}

// The value of an override as the tree a file would have given.
YamlNode override_value(const std::string& value, bool is_list) {
  const std::string name(kOverrideName);
  if (is_list && value.starts_with('[') && value.ends_with(']')) return parse_yaml(value, name);
  if (is_list && value.starts_with('{') && value.ends_with('}')) {
    return parse_yaml("[" + value + "]", name);
  }
  YamlNode scalar;
  scalar.kind = YamlNode::Kind::kScalar;
  scalar.text = value;
  if (!is_list) return scalar;
  YamlNode list;
  list.kind = YamlNode::Kind::kList;
  for (std::string_view rest = value; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    scalar.text = rest.substr(0, end);
    list.children.push_back(scalar);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return list;
}

}  // namespace

void ConfigSchema::text(std::string_view key, std::string& field, std::string_view help) {
  add_scalar(
      key, help, [&field](const YamlNode& node) { field = printable_of(node); },
      [&field] { return path_or_quoted(field); });
}

void ConfigSchema::path(std::string_view key, std::string& field, std::string_view help) {
  text(key, field, help);
  settings_.back().take = [&field](const YamlNode& node) {
    std::string path = printable_of(node);
    if (path.empty()) throw BadValue("must not be empty");
    field = std::move(path);
  };
}

void ConfigSchema::flag(std::string_view key, bool& field, std::string_view help) {
  const auto take = [&field](const YamlNode& node) {
    const std::string& word = plain_of(node, "true or false");
    if (word != "true" && word != "false") throw BadValue("must be true or false");
    field = word == "true";
  };
  add_scalar(key, help, take, [&field] { return std::string(field ? "true" : "false"); });
}

void ConfigSchema::add_number(std::string_view key, std::uint64_t least, std::uint64_t most,
                              std::function<void(std::uint64_t)> store,
                              std::function<std::uint64_t()> value, std::string_view help) {
  const auto take = [least, most, store = std::move(store)](const YamlNode& node) {
    const std::string expected =
        "a whole number" + range_text(std::to_string(least), std::to_string(most));
    const std::string& digits = plain_of(node, expected);
    const auto number = parse_digits(digits, 10);
    const bool octal_looking = digits.size() > 1 && digits.starts_with('0');
    if (!number || octal_looking || *number < least || *number > most) {
      throw BadValue("must be " + expected);
    }
    store(*number);
  };
  add_scalar(key, help, take, [value = std::move(value)] { return std::to_string(value()); });
}

void ConfigSchema::size(std::string_view key, std::uint64_t& field, std::uint64_t least,
                        std::uint64_t most, std::string_view help) {
  const auto take = [&field, least, most](const YamlNode& node) {
    const std::string expected =
        "a number of bytes" + range_text(print_size(least), print_size(most)) + ", such as 512KiB";
    const auto bytes = parse_size(scalar_of(node, expected));
    if (!bytes || *bytes < least || *bytes > most) throw BadValue("must be " + expected);
    field = *bytes;
  };
  add_scalar(key, help, take, [&field] { return print_size(field); });
}

void ConfigSchema::thousandths(std::string_view key, std::uint32_t& field, std::uint32_t most,
                               std::string_view help) {
  const auto take = [&field, most](const YamlNode& node) {
    const std::string expected = "a number" + range_text("0", print_thousandths(most)) +
                                 " with at most three decimals, such as 1.5";
    const auto value = parse_thousandths(plain_of(node, expected));
    if (!value || *value > most) throw BadValue("must be " + expected);
    field = *value;
  };
  add_scalar(key, help, take, [&field] { return print_thousandths(field); });
}

void ConfigSchema::duration(std::string_view key, milliseconds& field, milliseconds least,
                            milliseconds most, std::string_view help) {
  const auto take = [&field, least, most](const YamlNode& node) {
    const std::string expected =
        "a duration" + range_text(print_duration(least), print_duration(most)) + ", such as 30s";
    const auto time = parse_duration(scalar_of(node, expected));
    if (!time || *time < least || *time > most) throw BadValue("must be " + expected);
    field = *time;
  };
  add_scalar(key, help, take, [&field] { return print_duration(field); });
}

void ConfigSchema::endpoints(std::string_view key, std::vector<Endpoint>& field,
                             std::string_view help) {
  const auto take = [&field](const YamlNode& node) {
    const std::string expected = "ADDRESS:PORT or \"[IPV6]:PORT\"";
    const auto endpoint = Endpoint::parse(scalar_of(node, expected));
    if (!endpoint) throw BadValue("must be " + expected);
    if (endpoint->port != 0 && std::find(field.begin(), field.end(), *endpoint) != field.end()) {
      throw BadValue(endpoint->to_string() + " stands there twice");
    }
    field.push_back(*endpoint);
  };
  add_list(
      key, help, Empty::kRefused, take, [&field] { field.clear(); },
      [&field] { return quoted_list(field); });
}

void ConfigSchema::networks(std::string_view key, std::vector<Network>& field,
                            std::string_view help) {
  const auto take = [&field](const YamlNode& node) { field.push_back(network_of(node)); };
  add_list(
      key, help, Empty::kAllowed, take, [&field] { field.clear(); },
      [&field] { return quoted_list(field); });
}

void ConfigSchema::network_groups(std::string_view key, std::vector<std::vector<Network>>& field,
                                  std::string_view help) {
  constexpr std::size_t kMostGroups = 65535;
  const auto take = [&field](const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kList || node.children.empty()) {
      throw BadValue("must be a list of lists of networks such as 10.0.0.0/8");
    }
    if (field.size() == kMostGroups) throw BadValue("too many networks");
    std::vector<Network> group;
    for (const YamlNode& child : node.children) {
      const Network block = network_of(child);
      const auto has_it = [&](const std::vector<Network>& other) {
        return has_block(other, block);
      };
      if (has_it(group) || std::any_of(field.begin(), field.end(), has_it)) {
        throw BadValue(block.to_string() + " stands there twice");
      }
      group.push_back(block);
    }
    field.push_back(std::move(group));
  };
  const auto print = [&field] {
    std::string out;
    for (const auto& group : field) out += (out.empty() ? "" : ", ") + quoted_list(group);
    return "[" + out + "]";
  };
  add_list(
      key, help, Empty::kAllowed, take, [&field] { field.clear(); }, print);
}

void ConfigSchema::verify_keys(std::string_view key, std::vector<ConfiguredKey>& field,
                               std::string_view help) {
  const auto take = [&field](const YamlNode& node) {
    const std::string& text = printable_of(node);
    try {
      field.push_back({text, VerifyKey::parse_or_read(text)});
    } catch (const KeyError& error) {
      throw BadValue(error.what());
    } catch (const std::system_error& error) {
      throw BadValue(std::string("neither 64 hex digits nor a key's file: ") + error.what());
    }
  };
  const auto print = [&field] {
    std::string out;
    for (const ConfiguredKey& one : field) out += (out.empty() ? "" : ", ") + quoted(one.text);
    return "[" + out + "]";
  };
  add_list(
      key, help, Empty::kAllowed, take, [&field] { field.clear(); }, print);
  settings_.back().meaning = [&field] {
    std::string out;
    for (const ConfiguredKey& one : field) out += one.key.to_hex() + ' ';
    return out;
  };
}

void ConfigSchema::command(std::string_view key, std::vector<std::string>& field,
                           std::string_view help) {
  constexpr std::size_t kMostWords = 64;
  const auto take = [&field](const YamlNode& node) {
    const std::string& word = printable_of(node);
    if (field.empty() && !word.starts_with('/')) {
      throw BadValue("must begin with the path of a program, from /");
    }
    if (field.size() == kMostWords) throw BadValue("too many arguments");
    field.push_back(word);
  };
  const auto print = [&field] {
    std::string out;
    for (const std::string& word : field) out += (out.empty() ? "" : ", ") + quoted(word);
    return "[" + out + "]";
  };
  add_list(
      key, help, Empty::kAllowed, take, [&field] { field.clear(); }, print);
}

void ConfigSchema::file_mode(std::string_view key, unsigned& field, std::string_view help) {
  const auto take = [&field](const YamlNode& node) {
    constexpr std::uint64_t kLeast = 0400;  // the program itself reads them
    constexpr std::uint64_t kMost = 0777;
    const std::string expected = "a file mode in octal from 0400 to 0777, such as 0644";
    const auto mode = parse_digits(scalar_of(node, expected), 8);
    if (!mode || *mode < kLeast || *mode > kMost) throw BadValue("must be " + expected);
    field = static_cast<unsigned>(*mode);
  };
  const auto print = [&field] {
    std::array<char, 3> digits{'0', '0', '0'};
    for (unsigned i = 0; i < 3; ++i) {
      digits[2 - i] = static_cast<char>('0' + ((field >> (3 * i)) & 7));
    }
    return "0" + std::string(digits.data(), digits.size());
  };
  add_scalar(key, help, take, print);
}

void ConfigSchema::log_level(std::string_view key, LogLevel& field, std::string_view help) {
  const auto take = [&field](const YamlNode& node) {
    const std::string expected = "error, warn, info or debug";
    const auto level = parse_log_level(scalar_of(node, expected));
    if (!level) throw BadValue("must be " + expected);
    field = *level;
  };
  add_scalar(key, help, take, [&field] { return std::string(log_level_name(field)); });
}

void ConfigSchema::load(const std::string& path, Missing missing) {
  const auto text = read_config(path);
  if (text) return load_text(*text, path);
  if (missing == Missing::kIsAnError) throw ConfigError(path + ": no such file");
}

void ConfigSchema::load_text(std::string_view yaml, const std::string& file_name) {
  const YamlNode root = parse_yaml(yaml, file_name);
  if (root.kind == YamlNode::Kind::kNull) return;
  if (root.kind != YamlNode::Kind::kMap) {
    throw ConfigError(yaml_position(file_name, root.at) + ": must be a map of keys and values");
  }
  load_map(root, "", file_name);
}

void ConfigSchema::load_map(const YamlNode& map, const std::string& group,
                            const std::string& file_name) {
  for (const YamlNode& member : map.children) {
    const std::string key = group + member.key;
    Setting* const setting = find(key);
    if (setting != nullptr && group_of(member.key).empty()) {
      load_value(*setting, member, file_name);
    } else if (!is_group(key)) {
      throw ConfigError(yaml_position(file_name, member.key_at) + ": " + unknown_key(key));
    } else if (member.kind == YamlNode::Kind::kMap) {
      load_map(member, key + ".", file_name);
    } else if (member.kind != YamlNode::Kind::kNull) {  // nothing but comments below it is fine
      throw ConfigError(yaml_position(file_name, member.at) + ": " + key + ": must be a map");
    }
  }
}

void ConfigSchema::load_value(Setting& setting, const YamlNode& node,
                              const std::string& file_name) {
  try {
    take_value(setting, node);
    setting.where = file_name == kOverrideName ? file_name : yaml_position(file_name, node.at);
  } catch (const BadValue& bad) {
    const std::string where =
        file_name == kOverrideName ? file_name : yaml_position(file_name, bad.at.value());
    throw ConfigError(where + ": " + setting.key + ": " + bad.what());
  }
}

// What it throws says where.
void ConfigSchema::take_value(Setting& setting, const YamlNode& node) {
  using Kind = YamlNode::Kind;
  const YamlNode* at = &node;
  try {
    if (node.kind == Kind::kNull) throw BadValue("has no value");
    if (setting.shape == Shape::kScalar) {
      setting.take(node);
    } else {
      if (node.kind != Kind::kList) throw BadValue("must be a list");
      if (node.children.empty() && setting.empty == Empty::kRefused) {
        throw BadValue("must not be empty");
      }
      setting.clear();
      for (const YamlNode& element : node.children) {
        at = &element;
        setting.take(element);
      }
    }
  } catch (const BadValue& bad) {
    if (bad.at) throw;
    throw BadValue(bad.what(), node.kind == Kind::kNull ? node.key_at : at->at);
  }
  setting.set = true;
}

// One map of a list of such. What it is about joins `seen`.
void ConfigSchema::load_record(const YamlNode& node, std::set<std::string>& seen) {
  const Setting& subject = settings_.front();
  std::string others;
  for (std::size_t i = 1; i < settings_.size(); ++i) {
    others += (i == 1 ? "" : " or ") + settings_[i].key;
  }
  if (node.kind != YamlNode::Kind::kMap) {
    throw BadValue("must be a map of " + subject.key + " and " + others);
  }
  for (const YamlNode& member : node.children) {
    Setting* const setting = find(member.key);
    if (setting == nullptr) throw BadValue(unknown_key(member.key), member.key_at);
    try {
      take_value(*setting, member);
    } catch (const BadValue& bad) {
      throw BadValue(setting->key + ": " + bad.what(), bad.at);
    }
  }
  if (!subject.set) throw BadValue(subject.key + ": is missing");
  if (node.children.size() == 1) throw BadValue(others + ": is missing");
  if (!seen.insert(subject.print()).second) {
    throw BadValue(subject.key + ": " + subject.print() + " stands there twice");
  }
}

std::string ConfigSchema::print_record() const {
  std::string out;
  for (const Setting& setting : settings_) {
    out += (out.empty() ? "" : ", ") + setting.key + ": " + setting.print();
  }
  return "{" + out + "}";
}

void ConfigSchema::apply_override(std::string_view assignment) {
  const std::string name(kOverrideName);
  const std::size_t equals = assignment.find('=');
  if (equals == assignment.npos || equals == 0) {
    throw UsageError(name + ": must be key=value, not '" + std::string(assignment) + "'");
  }
  const std::string key(assignment.substr(0, equals));
  Setting* setting = find(key);
  if (is_group(key)) throw ConfigError(name + ": " + key + ": is a map; set a key below it");
  if (setting == nullptr) throw ConfigError(name + ": " + unknown_key(key));
  const std::string value(assignment.substr(equals + 1));
  load_value(*setting, override_value(value, setting->shape == Shape::kList), name);
}

std::string ConfigSchema::dump() const {
  std::string out;
  std::string_view group;
  for (const Setting& setting : settings_) {
    const std::string_view own_group = group_of(setting.key);
    if (!out.empty() && (own_group.empty() || own_group != group)) out += '\n';
    if (own_group != group && !own_group.empty()) out.append(own_group).append(":\n");
    group = own_group;
    const std::string_view indent = group.empty() ? "" : "  ";
    const std::size_t name_at = group.empty() ? 0 : group.size() + 1;
    append_comment(out, setting.help, indent);
    if (setting.needs_restart) append_comment(out, "A change needs a restart.", indent);
    out.append(indent).append(setting.key, name_at).append(": ").append(setting.print()) += '\n';
  }
  return out;
}

void ConfigSchema::need_restart(const std::vector<std::string_view>& keys) {
  for (const std::string_view key : keys) {
    Setting* const setting = find(key);
    if (setting == nullptr) throw std::logic_error("no setting " + std::string(key));
    setting->needs_restart = true;
  }
}

ConfigSchema::Changes ConfigSchema::changes_from(const ConfigSchema& running) {
  Changes changes;
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    Setting& setting = settings_[i];
    const Setting& other = running.settings_.at(i);
    if (setting.meaning() == other.meaning()) continue;
    (setting.needs_restart ? changes.need_restart : changes.taken).push_back(setting.key);
    if (!setting.needs_restart) continue;
    take_value(setting, parse_yaml("_: " + other.print(), "").children.front());
  }
  return changes;
}

void ConfigSchema::refuse(std::string_view key, const std::string& what) const {
  std::string where;
  for (const Setting& setting : settings_) {
    const bool near = !group_of(key).empty() && group_of(setting.key) == group_of(key);
    if (!setting.set || (setting.key != key && !near)) continue;
    where = setting.where + ": ";
    if (setting.key == key) break;
  }
  throw ConfigError(where + std::string(key) + ": " + what);
}

void ConfigSchema::check(const std::function<void()>& values) const {
  try {
    values();
  } catch (const SettingError& error) {
    refuse(error.key(), error.problem());
  }
}

bool ConfigSchema::is_set(std::string_view key) const {
  return std::any_of(settings_.begin(), settings_.end(),
                     [&](const Setting& setting) { return setting.set && setting.key == key; });
}

void ConfigSchema::add_scalar(std::string_view key, std::string_view help, Take take, Print print) {
  settings_.push_back({.key = std::string(key),
                       .help = std::string(help),
                       .shape = Shape::kScalar,
                       .empty = Empty::kAllowed,
                       .take = std::move(take),
                       .clear = nullptr,
                       .print = std::move(print)});
}

void ConfigSchema::add_list(std::string_view key, std::string_view help, Empty empty, Take take,
                            std::function<void()> clear, Print print) {
  settings_.push_back({.key = std::string(key),
                       .help = std::string(help),
                       .shape = Shape::kList,
                       .empty = empty,
                       .take = std::move(take),
                       .clear = std::move(clear),
                       .print = std::move(print)});
}

ConfigSchema::Setting* ConfigSchema::find(std::string_view key) {
  const auto at = std::find_if(settings_.begin(), settings_.end(),
                               [&](const Setting& setting) { return setting.key == key; });
  return at == settings_.end() ? nullptr : &*at;
}

bool ConfigSchema::is_group(std::string_view name) const {
  return !name.empty() &&
         std::any_of(settings_.begin(), settings_.end(),
                     [&](const Setting& setting) { return group_of(setting.key) == name; });
}

std::string ConfigSchema::unknown_key(const std::string& key) const {
  std::string message;
  append_escaped(message, key);
  message += ": unknown key";
  // Longer texts are no misspelling, and comparing them costs the product of the lengths.
  constexpr std::size_t kLongest = 64;
  constexpr std::size_t kClose = 2;
  std::string nearest;
  std::size_t distance = kClose + 1;
  const auto consider = [&](std::string_view candidate) {
    const std::size_t changes = edit_distance(key, candidate);
    if (changes >= distance || changes >= candidate.size()) return;
    distance = changes;
    nearest = candidate;
  };
  if (key.size() <= kLongest) {
    for (const Setting& setting : settings_) {
      consider(setting.key);
      consider(group_of(setting.key));
    }
  }
  if (nearest == key) return message + " (write it as a map: its group, and below that its name)";
  return message + (nearest.empty() ? "" : " (did you mean " + nearest + "?)");
}

}  // namespace piecework
