#include "common/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/fields.h"
#include "common/utf8.h"

namespace piecework {
namespace {

// Numbers arrive as text, because the reader would otherwise turn 2^64 into a double; the iterative
// parser does not use the thread's stack; without kParseStopWhenDoneFlag, text after the value is
// an error.
constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag |
                                 rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseNumbersAsStringsFlag;

constexpr std::size_t kMaxKeyBytesInErrors = 64;
constexpr std::size_t kFewMembers = 8;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// A key that stands there twice, or nullptr. A few keys are compared with each other; more are
// sorted, so that a stranger's object with a million keys stays cheap, whatever the keys are.
const std::string* find_duplicate(const Json::Object& members) {
  if (members.size() <= kFewMembers) {
    for (auto it = members.begin(); it != members.end(); ++it) {
      const auto same = [it](const Json::Member& other) { return other.first == it->first; };
      if (std::any_of(members.begin(), it, same)) return &it->first;
    }
    return nullptr;
  }
  std::vector<const std::string*> keys;
  keys.reserve(members.size());
  for (const Json::Member& member : members) keys.push_back(&member.first);
  std::sort(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a < *b; });
  const auto twice =
      std::adjacent_find(keys.begin(), keys.end(), [](auto* a, auto* b) { return *a == *b; });
  return twice == keys.end() ? nullptr : *twice;
}

std::optional<Json> parse_number(std::string_view text) {
  const char* const end = text.data() + text.size();
  const auto parse_as = [&](auto value) -> std::optional<Json> {
    const auto result = std::from_chars(text.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
    return Json(value);
  };
  if (text.find_first_of(".eE") != std::string_view::npos) return parse_as(double{});
  if (text.front() == '-') return parse_as(std::int64_t{});
  return parse_as(std::uint64_t{});
}

// Takes the reader's events and builds the value. An event returns false to stop the reader; the
// reason is then in problem().
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  explicit Builder(std::size_t max_values) : max_values_(max_values) {}

  using Size = rapidjson::SizeType;

  bool Default() { return false; }
  bool Null() { return put(Json()); }
  bool Bool(bool value) { return put(Json(value)); }
  bool RawNumber(const char* text, Size length, bool) {
    std::optional<Json> number = parse_number({text, length});
    return number ? put(std::move(*number)) : fail("number out of range");
  }
  bool String(const char* text, Size length, bool) {
    const std::string_view value(text, length);
    return is_text(value) ? put(Json(value)) : fail("not UTF-8");
  }
  bool StartObject() { return open(true); }
  bool Key(const char* text, Size length, bool) {
    levels_.back().key.assign(text, length);
    return is_text(levels_.back().key) || fail("key is not UTF-8");
  }
  bool EndObject(Size) {
    Level& level = levels_.back();
    if (const std::string* key = find_duplicate(level.members)) {
      level.key = *key;
      return fail("duplicate key");
    }
    Json object(std::move(level.members));
    levels_.pop_back();
    return put(std::move(object));
  }
  bool StartArray() { return open(false); }
  bool EndArray(Size) {
    Json array(std::move(levels_.back().values));
    levels_.pop_back();
    return put(std::move(array));
  }

  Json take_root() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

 private:
  // A container that is still open.
  struct Level {
    bool is_object;
    std::string key;  // of the member being read
    Json::Object members;
    Json::Array values;
  };

  // The reader validates what stands in the text, but makes a lone surrogate of an escape like
  // "\udc00"; its encoding begins with 0xed.
  static bool is_text(std::string_view text) {
    return text.find('\xed') == std::string_view::npos || is_utf8(text);
  }

  bool open(bool is_object) {
    if (levels_.size() == kMaxJsonDepth) return fail("nested too deep");
    levels_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool put(Json value) {
    if (++values_ > max_values_) return fail("too many values");
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = levels_.back(); level.is_object) {
      level.members.emplace_back(std::move(level.key), std::move(value));
    } else {
      level.values.push_back(std::move(value));
    }
    return true;
  }

  bool fail(std::string_view what) {
    const std::string where = path();
    problem_ = where.empty() ? "the value: " : where + ": ";
    problem_ += what;
    return false;
  }

  // Where the reader stands, empty at the root: "info.piece_hash[7]". Keys are a stranger's bytes:
  // cut and escaped.
  std::string path() const {
    std::string out;
    for (const Level& level : levels_) {
      if (!level.is_object) {
        out += "[" + std::to_string(level.values.size()) + "]";
        continue;
      }
      if (!out.empty()) out += '.';
      append_escaped(out, std::string_view(level.key).substr(0, kMaxKeyBytesInErrors));
    }
    return out;
  }

  const std::size_t max_values_;
  std::vector<Level> levels_;
  std::size_t values_ = 0;
  Json root_;
  std::string problem_;
};

std::string offset_text(std::size_t offset) {
  return "offset " + std::to_string(offset) + ": ";
}

// What RapidJSON's writers write to.
struct StringSink {
  using Ch = char;
  void Put(char c) { out.push_back(c); }
  void Flush() {}
  std::string out;
};

std::string replace_bad_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_prefix(text);
    out += length > 0 ? text.substr(0, length) : kReplacement;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

template <typename Writer>
void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

template <typename Writer>
void write_string(Writer& writer, std::string_view text) {
  if (is_utf8(text)) {
    write_text(writer, text);
  } else {
    write_text(writer, replace_bad_utf8(text));
  }
}

template <typename Writer>
struct Emit {
  Writer& writer;

  void operator()(std::monostate) const { writer.Null(); }
  void operator()(bool value) const { writer.Bool(value); }
  void operator()(std::uint64_t value) const { writer.Uint64(value); }
  void operator()(std::int64_t value) const { writer.Int64(value); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      writer.Double(value);
    } else {
      writer.Null();
    }
  }
  void operator()(const std::string& value) const { write_string(writer, value); }
  void operator()(const Json::Array& values) const {
    writer.StartArray();
    for (const Json& value : values) value.visit(*this);
    writer.EndArray();
  }
  void operator()(const Json::Object& members) const {
    writer.StartObject();
    for (const auto& [key, value] : members) {
      write_string(writer, key);
      value.visit(*this);
    }
    writer.EndObject();
  }
};

}  // namespace

Json::Json(std::int64_t value) {
  if (value < 0) {
    value_ = value;
  } else {
    value_ = static_cast<std::uint64_t>(value);
  }
}

Json Json::parse(std::string_view text, std::size_t max_values) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Builder builder(max_values);
  const rapidjson::ParseResult result = reader.Parse<kParseFlags>(stream, builder);
  if (result.Code() == rapidjson::kParseErrorTermination) {
    throw JsonError(builder.problem());
  }
  if (result.IsError()) {
    throw JsonError(offset_text(result.Offset()) + rapidjson::GetParseError_En(result.Code()));
  }
  // The reader takes a NUL for the end of the text.
  if (stream.Tell() != text.size()) {
    throw JsonError(offset_text(stream.Tell()) + "a NUL byte after the value");
  }
  return builder.take_root();
}

std::string Json::dump() const {
  StringSink sink;
  rapidjson::Writer<StringSink> writer(sink);
  visit(Emit<decltype(writer)>{writer});
  return std::move(sink.out);
}

std::string Json::dump_pretty() const {
  StringSink sink;
  rapidjson::PrettyWriter<StringSink> writer(sink);
  writer.SetIndent(' ', 2);
  visit(Emit<decltype(writer)>{writer});
  return std::move(sink.out);
}

std::optional<bool> Json::boolean() const {
  const bool* value = std::get_if<bool>(&value_);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<std::uint64_t> Json::unsigned_integer() const {
  const std::uint64_t* value = std::get_if<std::uint64_t>(&value_);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

std::optional<double> Json::number() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const std::string& Json::require_string(std::string_view key) const {
  const std::string* value = require(key).string();
  if (value == nullptr) throw JsonError(std::string(key) + ": must be a string");
  return *value;
}

bool Json::require_bool(std::string_view key) const {
  const std::optional<bool> value = require(key).boolean();
  if (!value) throw JsonError(std::string(key) + ": must be true or false");
  return *value;
}

std::uint64_t Json::require_unsigned(std::string_view key, std::uint64_t least,
                                     std::uint64_t most) const {
  const std::optional<std::uint64_t> value = require(key).unsigned_integer();
  if (!value || *value < least || *value > most) {
    throw JsonError(std::string(key) + ": must be a whole number from " + std::to_string(least) +
                    " to " + std::to_string(most));
  }
  return *value;
}

const Json& Json::require_object(std::string_view key) const {
  const Json& value = require(key);
  if (!value.is_object()) throw JsonError(std::string(key) + ": must be an object");
  return value;
}

const Json::Array& Json::require_array(std::string_view key) const {
  const Array* value = require(key).array();
  if (value == nullptr) throw JsonError(std::string(key) + ": must be an array");
  return *value;
}

Json& Json::add(std::string_view key, Json value) {
  if (is_null()) value_ = Object();
  std::get<Object>(value_).emplace_back(key, std::move(value));
  return *this;
}

const Json& Json::require(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) throw JsonError(std::string(key) + ": missing");
  return *value;
}

}  // namespace piecework
