// Strict JSON (RFC 8259) as a small value tree: what torrents, tracker messages, greetings, state
// and status files are made of. Stricter than most readers because its input comes from strangers:
// nesting beyond kMaxJsonDepth, too many values, duplicate keys, integers beyond 64
// bits, text that is not UTF-8 and anything after the value are refused.
// Values are plain data: one thread at a time, or shared while nobody changes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace piecework {

inline constexpr std::size_t kMaxJsonDepth = 8;

// Twice the values of the largest torrent. Two bytes of text make a value of tens of bytes, so that
// the size of the text alone would be no bound on memory.
inline constexpr std::size_t kMaxJsonValues = 2U << 20;

// what() names the byte offset of a syntax error, or the key that is missing or wrong.
class JsonError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // in the order written; keys are unique

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(std::int64_t value);  // stored as unsigned when not negative
  Json(std::uint64_t value) : value_(value) {}
  Json(int value) : Json(static_cast<std::int64_t>(value)) {}
  Json(unsigned value) : Json(static_cast<std::uint64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  // Exactly one JSON value, white space around it allowed, that holds at most so many values.
  // Throws JsonError.
  static Json parse(std::string_view text, std::size_t max_values = kMaxJsonValues);

  // Compact text, or indented by two spaces a level. Object members keep their order. Always valid
  // JSON: bytes that are not UTF-8 become U+FFFD, a double that is not finite becomes null.
  std::string dump() const;
  std::string dump_pretty() const;

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The value as that type, or nullptr / nothing when it is of another.
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  std::optional<bool> boolean() const;
  std::optional<std::uint64_t> unsigned_integer()
      const;                             // a whole number 0 … 2^64-1 written as one
  std::optional<double> number() const;  // any number

  // Calls `visitor` with what this holds: std::monostate (null), bool, uint64_t, int64_t (negative
  // only), double, std::string, Array or Object.
  template <typename Visitor>
  void visit(Visitor&& visitor) const {
    std::visit(visitor, value_);
  }

  // The member called `key`, or nullptr when there is none or this is no object.
  const Json* find(std::string_view key) const;

  // Members that must be there, of that type and range. Throw JsonError "key: missing",
  // "key: must be a string" and the like.
  const std::string& require_string(std::string_view key) const;
  bool require_bool(std::string_view key) const;
  std::uint64_t require_unsigned(std::string_view key, std::uint64_t least,
                                 std::uint64_t most) const;
  const Json& require_object(std::string_view key) const;
  const Array& require_array(std::string_view key) const;

  // Adds a member to an object (a null value becomes an object first); `key` must be new.
  Json& add(std::string_view key, Json value);

 private:
  const Json& require(std::string_view key) const;

  std::variant<std::monostate, bool, std::uint64_t, std::int64_t, double, std::string, Array,
               Object>
      value_;
};

}  // namespace piecework
