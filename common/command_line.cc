#include "common/command_line.h"

#include <algorithm>

#include "common/errors.h"

namespace piecework {
namespace {

constexpr std::string_view kHelpName = "--help";
constexpr std::string_view kShortHelpName = "-h";

std::string text(std::string_view part) {
  return std::string(part);
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word.front() == '-';
}

// One word of the command line, taken apart.
struct OptionWord {
  std::string_view name;
  std::optional<std::string_view> value;  // when it stands in the same word
};

OptionWord split(std::string_view word) {
  if (!word.starts_with("--")) {
    if (word.size() == 2) return {word, std::nullopt};
    return {word.substr(0, 2), word.substr(2)};
  }
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return {word, std::nullopt};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

const OptionSpec& find_option(const CommandSpec& spec, std::string_view name) {
  const auto same = [&](const OptionSpec& option) { return option.name == name; };
  const auto found = std::find_if(spec.options.begin(), spec.options.end(), same);
  if (found == spec.options.end()) throw UsageError("unknown option " + text(name));
  return *found;
}

std::string left_column(const OptionSpec& option) {
  std::string out = "  " + text(option.name);
  if (!option.value_name.empty()) out += " " + text(option.value_name);
  return out;
}

// `help` beside the option, its further lines below its first.
void append_option(std::string& out, const OptionSpec& option, std::size_t width) {
  std::string line = left_column(option);
  for (std::string_view help = option.help;;) {
    const std::size_t end = help.find('\n');
    line.resize(std::max(line.size() + 2, width), ' ');
    out += line + text(help.substr(0, end)) + "\n";
    if (end == std::string_view::npos) return;
    help.remove_prefix(end + 1);
    line.clear();
  }
}

}  // namespace

CommandLine CommandLine::parse(const CommandSpec& spec, std::span<const std::string> arguments) {
  CommandLine line;
  bool options_over = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (options_over || !is_option(word)) {
      line.positionals_.push_back(word);
    } else if (word == "--") {
      options_over = true;
    } else if (word == kHelpName || word == kShortHelpName) {
      line.help_ = true;
    } else {
      auto [name, value] = split(word);
      const OptionSpec& option = find_option(spec, name);
      const bool flag = option.value_name.empty();
      if (flag && value) throw UsageError(text(name) + " takes no value");
      if (!flag && !value) {
        if (++i == arguments.size()) throw UsageError(text(name) + " needs a value");
        value = arguments[i];
      }
      std::vector<std::string>& values = line.values_[text(name)];
      if (!values.empty() && !option.repeatable) throw UsageError(text(name) + " is given twice");
      values.emplace_back(value.value_or(""));
    }
  }
  const std::size_t count = line.positionals_.size();
  if (line.help_) return line;
  if (count > spec.positionals.size()) {
    throw UsageError("unexpected argument " + line.positionals_[spec.positionals.size()]);
  }
  if (count < spec.required_positionals) {
    throw UsageError("missing argument " + text(spec.positionals[count]));
  }
  return line;
}

std::optional<std::string> CommandLine::value(std::string_view option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::nullopt : std::optional(found->second.back());
}

std::vector<std::string> CommandLine::values(std::string_view option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::string help_text(const CommandSpec& spec) {
  std::vector<OptionSpec> options = spec.options;
  options.push_back({.name = kHelpName, .help = "print this"});
  std::size_t width = 0;
  for (const OptionSpec& option : options) width = std::max(width, left_column(option).size() + 2);
  std::string out = "Usage: " + text(spec.name) + " " + text(spec.usage) + "\n\n";
  out += text(spec.about) + "\n\nOptions:\n";
  for (const OptionSpec& option : options) append_option(out, option, width);
  return out;
}

std::vector<std::string> argument_strings(int argc, char** argv, int first) {
  return std::vector<std::string>(argv + std::min(first, argc), argv + argc);
}

}  // namespace piecework
