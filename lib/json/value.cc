#include "json/value.h"

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/name_set.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright::json {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Of the text's nulls one for each token, in order: a number that is not finite, or none where it
// is a null.
using Nulls = std::vector<std::optional<double>>;

// Builds the tree from nlohmann's events. Its parser keeps its own stack, so depth costs nothing.
class Builder final : public nlohmann::json::json_sax_t {
 public:
  Builder(Document& document, const Nulls& nulls) : document_(document), nulls_(nulls) {}

  bool null() override {
    const std::size_t position = seen_nulls_++;
    if (position >= nulls_.size() || !nulls_[position]) return add({});
    ++document_.non_finite;
    return add({*nulls_[position]});
  }
  bool boolean(bool value) override { return add({value}); }
  bool number_integer(std::int64_t value) override { return add({value}); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= std::numeric_limits<std::int64_t>::max()) {
      return add({static_cast<std::int64_t>(value)});
    }
    return add({static_cast<double>(value)});
  }
  bool number_float(double value, const std::string& /*text*/) override { return add({value}); }
  bool string(std::string& value) override { return add({std::move(value)}); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open({Value::Object{}}); }
  bool start_array(std::size_t /*size*/) override { return open({Value::Array{}}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

  bool key(std::string& value) override {
    Level& level = levels_.back();
    auto& members = std::get<Value::Object>(level.value.data);
    const auto equal = level.keys.insert(value, members.size(), [&](std::size_t position) {
      return std::string_view(members[position].key);
    });
    members.push_back({.key = std::move(value), .value = {}});
    if (equal) document_.duplicate_keys.push_back(pointer());
    return true;
  }

 private:
  struct Level {
    Value value{};
    NameSet keys{};
  };

  bool add(Value value) {
    if (levels_.empty()) {
      document_.root = std::move(value);
    } else if (auto* array = std::get_if<Value::Array>(&levels_.back().value.data)) {
      array->push_back(std::move(value));
    } else {
      std::get<Value::Object>(levels_.back().value.data).back().value = std::move(value);
    }
    return true;
  }

  bool open(Value value) {
    if (levels_.size() == kMaxDepth) return false;
    levels_.push_back({.value = std::move(value)});
    return true;
  }

  bool close() {
    Value value = std::move(levels_.back().value);
    levels_.pop_back();
    return add(std::move(value));
  }

  // Of the member whose key came last.
  [[nodiscard]] std::string pointer() const {
    std::string out;
    for (const Level& level : levels_) {
      if (const auto* object = level.value.object()) {
        out += '/' + pointer_step(object->back().key);
      } else {
        out += fmt::format("/{}", level.value.array()->size());
      }
    }
    return out;
  }

  Document& document_;
  const Nulls& nulls_;
  std::size_t seen_nulls_{};
  std::vector<Level> levels_;
};

double non_finite_number(std::string_view raw) {
  if (raw == "NaN") return std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return raw.starts_with('-') ? -kInfinity : kInfinity;
}

// The text with null in place of numbers that are not finite, which nlohmann does not read.
// Only tokens are replaced; where the text is not JSON even so, it stops.
std::string without_non_finite(std::string_view text, Nulls& nulls) {
  std::string out;
  std::size_t copied = 0;
  PullParser parser(text, {.non_finite = true});
  for (Token token = parser.next(); token != Token::kEnd && token != Token::kError;
       token = parser.next()) {
    if (token == Token::kNull) nulls.emplace_back(std::nullopt);
    if (!parser.non_finite()) continue;
    nulls.emplace_back(non_finite_number(parser.raw()));
    out += text.substr(copied, parser.begin() - copied);
    out += "null";
    copied = parser.end();
  }
  return out += text.substr(copied);
}

Error syntax_error(std::string_view text) {
  PullParser parser(text, {.non_finite = true});
  Token token = parser.next();
  while (token != Token::kEnd && token != Token::kError)
    token = parser.next();
  if (token == Token::kEnd) return {ErrorCode::kMalformed, "not valid JSON"};
  return {ErrorCode::kMalformed,
          fmt::format("{}: {}", place_text(text, parser.error().at), parser.error().what)};
}

}  // namespace

Result<Document> parse(std::string_view text) {
  Document document;
  document.byte_order_mark = text.starts_with(kByteOrderMark);
  if (document.byte_order_mark) text.remove_prefix(kByteOrderMark.size());
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("{}: bytes that are not UTF-8", place_text(text, bad))};
  }
  // nlohmann takes a NUL for the end of the text, and would pass over a second byte-order mark.
  if (text.find('\0') != std::string_view::npos || text.starts_with(kByteOrderMark)) {
    return syntax_error(text);
  }
  const auto read = [&](std::string_view readable, const Nulls& nulls) {
    document.root = {};
    document.duplicate_keys.clear();
    Builder builder(document, nulls);
    try {
      return nlohmann::json::sax_parse(readable.begin(), readable.end(), &builder);
    } catch (const nlohmann::json::exception&) {
      return false;
    }
  };
  if (read(text, {})) return document;
  Nulls nulls;
  const std::string replaced = without_non_finite(text, nulls);
  if (read(replaced, nulls)) return document;
  return syntax_error(text);
}

const Value* Value::find(std::string_view key) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  for (auto member = members->rbegin(); member != members->rend(); ++member) {
    if (member->key == key) return &member->value;
  }
  return nullptr;
}

bool Value::says(std::string_view key, bool flag) const {
  const Value* value = find(key);
  return value != nullptr && value->boolean() != nullptr && *value->boolean() == flag;
}

const Value* Value::find_path(std::string_view dotted) const {
  const Value* value = this;
  while (value != nullptr) {
    const std::size_t dot = dotted.find('.');
    value = value->find(dotted.substr(0, dot));
    if (dot == std::string_view::npos) break;
    dotted.remove_prefix(dot + 1);
  }
  return value;
}

std::optional<double> Value::number() const {
  if (const auto* whole = integer()) return static_cast<double>(*whole);
  const auto* decimal = real();
  return decimal == nullptr ? std::nullopt : std::optional(*decimal);
}

std::optional<std::int64_t> Value::whole_number() const {
  if (const auto* number = integer()) return *number;
  const auto* number = real();
  // 2^63 as a double is exact, and the first that does not fit.
  if (number == nullptr || std::trunc(*number) != *number || std::abs(*number) >= 0x1p63) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*number);
}

std::string_view Value::kind_name() const {
  if (const bool* value = boolean()) return *value ? "true" : "false";
  if (is_null()) return "null";
  if (string() != nullptr) return "a string";
  if (array() != nullptr) return "a list";
  if (object() != nullptr) return "an object";
  return "a number";
}

bool says_the_same(const Value& a, const Value& b) {
  if (const auto number = a.number(); number && std::isfinite(*number)) return number == b.number();
  const auto* left = a.object();
  const auto* right = b.object();
  if (left == nullptr || right == nullptr) return dump(a) == dump(b);
  if (left->size() != right->size()) return false;
  for (const Member& member : *left) {
    const Value* other = b.find(member.key);
    if (other == nullptr || !says_the_same(member.value, *other)) return false;
  }
  return true;
}

std::string pointer_step(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace shardwright::json
