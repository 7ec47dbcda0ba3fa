// Command lines, from one table that both reads them and prints their help. Options may stand
// anywhere among the other words: "--x", "--x V" and "--x=V", "-o V" and "-oV"; "--" ends them.
// Immutable values; safe from any thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace piecework {

struct OptionSpec {
  std::string_view name;             // "--listen", or "-o"
  std::string_view value_name = {};  // "HOST:PORT"; empty for a flag
  std::string_view help = {};        // may have several lines
  bool repeatable = false;
};

// The table of one command. "--help" and "-h" belong to every command without being listed.
struct CommandSpec {
  std::string_view name;   // "peerctl make"
  std::string_view usage;  // what follows the name: "FILE --announce HOST:PORT…"
  std::string_view about;  // a paragraph or two, already wrapped
  std::vector<std::string_view> positionals;  // names of the words that are no options
  std::size_t required_positionals = 0;       // how many of them must be there
  std::vector<OptionSpec> options;
};

class CommandLine {
 public:
  // `arguments` without the program's name. Throws UsageError saying which word is wrong and why.
  // With
  // --help among them the rest is not checked for what is missing.
  static CommandLine parse(const CommandSpec& spec, std::span<const std::string> arguments);

  bool help() const { return help_; }
  bool has(std::string_view option) const { return values_.find(option) != values_.end(); }
  // The value of an option, or nothing when it was not given.
  std::optional<std::string> value(std::string_view option) const;
  // All values of a repeatable option, in order.
  std::vector<std::string> values(std::string_view option) const;
  // The words that are no options: at least required_positionals of them, at most as many as named.
  const std::vector<std::string>& positionals() const { return positionals_; }

 private:
  bool help_ = false;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positionals_;
};

// Usage, what it is about, and every option with its help; ends in a line feed.
std::string help_text(const CommandSpec& spec);

// argv as strings, from `first` on.
std::vector<std::string> argument_strings(int argc, char** argv, int first = 1);

}  // namespace piecework
