// A parsed JSON document, for everything but the two large ones (headers and indexes: pull.h).
//
// nlohmann/json does the parsing, through its SAX interface: its own tree would keep the last of
// two equal keys without a word. Python's json writes and reads NaN and Infinity, and configs of
// state-space models hold them, so they are read and counted; so is 1e400, infinite in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shardwright/result.h"

namespace shardwright::json {

struct Member;

struct Value {
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;  // in file order; of two equal keys the last is found

  // Without {}: clang would need a whole Member for it.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data;

  [[nodiscard]] bool is_null() const { return data.index() == 0; }
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data); }
  [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data); }
  [[nodiscard]] const double* real() const { return std::get_if<double>(&data); }
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data); }
  [[nodiscard]] const Array* array() const { return std::get_if<Array>(&data); }
  [[nodiscard]] const Object* object() const { return std::get_if<Object>(&data); }

  // The member of that key, or null where this is no object or has none.
  [[nodiscard]] const Value* find(std::string_view key) const;
  // Whether the member of that key is this boolean.
  [[nodiscard]] bool says(std::string_view key, bool flag) const;
  // The value at a path of keys with dots between: "text_config.hidden_size".
  [[nodiscard]] const Value* find_path(std::string_view dotted) const;
  // An integer, also where the file writes it as 4.0; none otherwise.
  [[nodiscard]] std::optional<std::int64_t> whole_number() const;

  // An integer or a real; none otherwise.
  [[nodiscard]] std::optional<double> number() const;

  // "null", "true", "a string", "a list"...: for messages.
  [[nodiscard]] std::string_view kind_name() const;
};

struct Member {
  std::string key;
  Value value;
};

struct Document {
  Value root{};
  std::vector<std::string> duplicate_keys{};  // JSON pointers, in file order
  std::size_t non_finite{};                   // NaN, Infinity, -Infinity and 1e400
  bool byte_order_mark{};
};

// Documents deeper than this are refused.
inline constexpr std::size_t kMaxDepth = 128;

// Parses one whole document. Errors (kMalformed) say line and column.
Result<Document> parse(std::string_view text);

// Whether two values say the same: 1e6 and 1000000 do, whatever the order of members.
bool says_the_same(const Value& a, const Value& b);

// JSON text of the value: indented by `indent` spaces, or on one line where it is negative.
// Non-ASCII text is kept as UTF-8, but for what a terminal would obey (utf8.h), which is escaped;
// invalid UTF-8 becomes U+FFFD. Numbers that are not finite are written as Python writes them.
std::string dump(const Value& value, int indent = -1);

// The same for a value that will stand `depth` levels deep in a text of that indent.
std::string dump_inside(const Value& value, int indent, std::size_t depth);

// "key" as a step of a JSON pointer (RFC 6901): ~ and / escaped.
std::string pointer_step(std::string_view key);

}  // namespace shardwright::json
