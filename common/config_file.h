// Settings of a daemon: each a key with its help, bound to a field of the daemon's own struct whose
// initial value is the default. Read from YAML (strictly: an unknown or duplicate key, a wrong type
// or a value out of range is an error), changed by `--set key=value`, and printed back as YAML. A
// dotted key is a map's member: `log.file` is `file` below `log`. One thread at a time. The fields
// must outlive the schema.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "common/signing.h"
#include "common/yaml_file.h"

namespace piecework {

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;

// A public key as it was written: 64 hex digits, or the path of its file.
struct ConfiguredKey {
  std::string text;
  VerifyKey key;
};

class ConfigSchema {
 public:
  // Settings by type. `help` (lines of at most 98 characters) becomes a comment of dump().
  void text(std::string_view key, std::string& field, std::string_view help);
  void path(std::string_view key, std::string& field, std::string_view help);  // not empty
  void flag(std::string_view key, bool& field, std::string_view help);
  template <std::unsigned_integral T>
  void number(std::string_view key, T& field, T least, T most, std::string_view help) {
    add_number(
        key, least, most, [&field](std::uint64_t value) { field = static_cast<T>(value); },
        [&field] { return static_cast<std::uint64_t>(field); }, help);
  }
  // Bytes, with the suffixes of units.h.
  void size(std::string_view key, std::uint64_t& field, std::uint64_t least, std::uint64_t most,
            std::string_view help);
  // A number from 0 with at most three decimals, such as 1.5; the field holds thousandths.
  void thousandths(std::string_view key, std::uint32_t& field, std::uint32_t most,
                   std::string_view help);
  // With the suffixes of units.h.
  void duration(std::string_view key, milliseconds& field, milliseconds least, milliseconds most,
                std::string_view help);
  // At least one, and none of them twice unless its port is 0.
  void endpoints(std::string_view key, std::vector<Endpoint>& field, std::string_view help);
  void networks(std::string_view key, std::vector<Network>& field, std::string_view help);
  // Lists of such lists. None of these is empty, and no block stands there twice.
  void network_groups(std::string_view key, std::vector<std::vector<Network>>& field,
                      std::string_view help);
  // A list of maps, each with the keys that `members(element)` binds, which are scalars. The first
  // of these says what the map is about: it must be there, with at least one of the others, and no
  // two maps may have the same.
  template <typename T>
  void records(std::string_view key, std::vector<T>& field, ConfigSchema (*members)(T&),
               std::string_view help) {
    const auto seen = std::make_shared<std::set<std::string>>();
    add_list(
        key, help, Empty::kAllowed,
        [&field, members, seen](const YamlNode& node) {
          T element{};
          members(element).load_record(node, *seen);
          field.push_back(std::move(element));
        },
        [&field, seen] {
          field.clear();
          seen->clear();
        },
        [&field, members] {
          std::string out;
          for (T element : field) {
            out += (out.empty() ? "" : ", ") + members(element).print_record();
          }
          return "[" + out + "]";
        });
  }
  // What VerifyKey::parse_or_read() takes; files are read when the setting is, and changes_from()
  // compares the keys in them.
  void verify_keys(std::string_view key, std::vector<ConfiguredKey>& field, std::string_view help);
  // The path of a program, from the root, and its arguments; or an empty list.
  void command(std::string_view key, std::vector<std::string>& field, std::string_view help);
  void file_mode(std::string_view key, unsigned& field,
                 std::string_view help);  // 0400 … 0777, octal
  void log_level(std::string_view key, LogLevel& field, std::string_view help);

  enum class Missing { kIsFine, kIsAnError };

  // Sets what the file at `path` says, at most kMaxConfigBytes. Throws ConfigError "FILE:LINE:COL:
  // key: what is wrong", or "FILE: why it cannot be read"; the fields then hold a mixture and are
  // to be thrown away.
  void load(const std::string& path, Missing missing);

  // The same for text; `file_name` is for messages.
  void load_text(std::string_view yaml, const std::string& file_name);

  // "key=value", as after --set. A list is its elements with commas between them, or a YAML list;
  // a list of maps may be one map.
  // Throws UsageError when it has not that form, else ConfigError "--set: key: what is wrong".
  void apply_override(std::string_view assignment);

  // YAML that loads back to the same settings, with each key's help above it, and whether a change
  // needs a restart.
  std::string dump() const;

  // What a running daemon does not take over. Throws std::logic_error for a key that is not there.
  void need_restart(const std::vector<std::string_view>& keys);

  struct Changes {
    std::vector<std::string> taken;
    std::vector<std::string> need_restart;  // they have the running values again
  };
  // Before a daemon that runs with `running`, a schema with the same keys, takes over what was
  // loaded here.
  Changes changes_from(const ConfigSchema& running);

  // For what only the daemon can tell of a value: throws ConfigError "FILE:LINE:COL: key: what",
  // with the place of the key; of another one in its group if it was not set itself, or none.
  [[noreturn]] void refuse(std::string_view key, const std::string& what) const;

  // Runs a check of the values, and refuses what it throws as SettingError.
  void check(const std::function<void()>& values) const;

  // Has load() or apply_override() set that key?
  bool is_set(std::string_view key) const;

 private:
  enum class Shape { kScalar, kList };
  enum class Empty { kAllowed, kRefused };  // of a list
  using Take = std::function<void(const YamlNode&)>;
  using Print = std::function<std::string()>;

  struct Setting {
    std::string key;
    std::string help;
    Shape shape;
    Empty empty;
    Take take;                    // a scalar, or one element of a list; throws BadValue
    std::function<void()> clear;  // of a list, before its first element
    Print print;
    Print meaning = print;  // equal for equal settings, however they are written
    bool needs_restart = false;
    bool set = false;
    std::string where = {};  // it was set last: "FILE:LINE:COL", or "--set"
  };

  void add_scalar(std::string_view key, std::string_view help, Take take, Print print);
  void add_list(std::string_view key, std::string_view help, Empty empty, Take take,
                std::function<void()> clear, Print print);
  void add_number(std::string_view key, std::uint64_t least, std::uint64_t most,
                  std::function<void(std::uint64_t)> store, std::function<std::uint64_t()> value,
                  std::string_view help);
  void load_map(const YamlNode& map, const std::string& group, const std::string& file_name);
  void load_value(Setting& setting, const YamlNode& node, const std::string& file_name);
  static void take_value(Setting& setting, const YamlNode& node);
  void load_record(const YamlNode& node, std::set<std::string>& seen);
  std::string print_record() const;
  Setting* find(std::string_view key);
  bool is_group(std::string_view name) const;
  std::string unknown_key(const std::string& key) const;

  std::vector<Setting> settings_;
};

}  // namespace piecework
