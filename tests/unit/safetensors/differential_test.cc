// The header parser against a slow reader of the same format, which is built on nlohmann's SAX
// interface and says each rule of docs/format.md in the plainest way: no fast path, no arena, every
// pair of ranges compared.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "safetensors/header.h"
#include "unit/json/mutate.h"

namespace shardwright::safetensors {
namespace {

// A tree that keeps equal keys, and numbers as they are written.
struct Node {
  char kind{};         // { [ " 0 t f n, and u for an unsigned integer
  std::string text{};  // of strings
  std::uint64_t number{};
  std::vector<std::string> keys{};
  std::vector<Node> items{};
};

class Tree final : public nlohmann::json::json_sax_t {
 public:
  Node root{};

  bool null() override { return add({.kind = 'n'}); }
  bool boolean(bool value) override { return add({.kind = value ? 't' : 'f'}); }
  bool number_integer(std::int64_t /*value*/) override { return add({.kind = '0'}); }
  bool number_unsigned(std::uint64_t value) override { return add({.kind = 'u', .number = value}); }
  bool number_float(double /*value*/, const std::string& /*text*/) override {
    return add({.kind = '0'});
  }
  bool string(std::string& value) override { return add({.kind = '"', .text = value}); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open('{'); }
  bool start_array(std::size_t /*size*/) override { return open('['); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& value) override {
    levels_.back().keys.push_back(value);
    return true;
  }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

 private:
  bool add(Node node) {
    if (levels_.empty()) {
      root = std::move(node);
    } else {
      levels_.back().items.push_back(std::move(node));
    }
    return true;
  }
  bool open(char kind) {
    levels_.push_back({.kind = kind});
    return true;
  }
  bool close() {
    Node node = std::move(levels_.back());
    levels_.pop_back();
    return add(std::move(node));
  }

  std::vector<Node> levels_;
};

struct SlowEntry {
  std::string name{};
  std::string dtype{};
  std::vector<std::uint64_t> shape{};
  std::uint64_t begin{};
  std::uint64_t end{};
};

struct SlowHeader {
  bool accepted{true};
  std::vector<SlowEntry> tensors{};  // entries that could be read
};

std::optional<std::vector<std::uint64_t>> numbers(const Node& node) {
  std::vector<std::uint64_t> out;
  for (const Node& item : node.items) {
    if (item.kind != 'u') return std::nullopt;
    out.push_back(item.number);
  }
  if (node.kind != '[') return std::nullopt;
  return out;
}

std::optional<std::string> dtype_text(const Node& node) {
  if (node.kind == '"') return node.text;
  if (node.kind == '{' && node.items.size() == 1 && node.items[0].kind == 'n') return node.keys[0];
  return std::nullopt;
}

// The three fields of an entry; says whether a known key stands twice.
std::map<std::string, Node> fields(const Node& node, bool& twice) {
  std::map<std::string, Node> out;
  if (node.kind == '[' && node.items.size() == 3) {
    return {{"dtype", node.items[0]}, {"shape", node.items[1]}, {"data_offsets", node.items[2]}};
  }
  if (node.kind != '{') return out;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i];
    if (key != "dtype" && key != "shape" && key != "data_offsets") continue;
    twice = twice || out.contains(key);
    out[key] = node.items[i];
  }
  return out;
}

std::optional<SlowEntry> slow_entry(const std::string& name, const Node& node, bool& accepted) {
  bool twice = false;
  auto found = fields(node, twice);
  if (twice) accepted = false;
  SlowEntry entry{.name = name};
  const auto dtype = dtype_text(found["dtype"]);
  const auto shape = numbers(found["shape"]);
  const auto range = numbers(found["data_offsets"]);
  if (!dtype || !dtype_from_name(*dtype) || !shape || !range || range->size() != 2) {
    accepted = false;
    return std::nullopt;
  }
  return SlowEntry{name, *dtype, *shape, (*range)[0], (*range)[1]};
}

// 128-bit arithmetic instead of checks for overflow.
bool has_its_size(const SlowEntry& entry) {
  __extension__ using Wide = unsigned __int128;
  constexpr Wide kLimit = Wide{1} << 64U;
  Wide count = 1;
  for (const std::uint64_t extent : entry.shape) {
    count *= extent;
    if (count >= kLimit) return false;
  }
  const Wide bits = count * dtype_bits(*dtype_from_name(entry.dtype));
  return bits < kLimit && bits % 8 == 0 && entry.begin <= entry.end &&
         bits / 8 == entry.end - entry.begin;
}

bool metadata_is_good(const Node& node) {
  return node.kind == 'n' ||
         (node.kind == '{' &&
          std::ranges::all_of(node.items, [](const Node& item) { return item.kind == '"'; }));
}

SlowHeader read_slowly(const std::string& text, std::uint64_t data) {
  SlowHeader header;
  Tree tree;
  const bool has_nul = text.find('\0') != std::string::npos;
  if (has_nul || text.starts_with("\xEF\xBB\xBF") || !nlohmann::json::sax_parse(text, &tree) ||
      tree.root.kind != '{') {
    header.accepted = false;
    return header;
  }
  std::vector<std::pair<std::string, std::optional<SlowEntry>>> entries;
  int metadata = 0;
  for (std::size_t i = 0; i < tree.root.keys.size(); ++i) {
    const std::string& name = tree.root.keys[i];
    const Node& node = tree.root.items[i];
    if (name == "__metadata__") {
      if (++metadata > 1 || !metadata_is_good(node)) header.accepted = false;
      continue;
    }
    auto entry = slow_entry(name, node, header.accepted);
    const auto same =
        std::ranges::find_if(entries, [&](const auto& known) { return known.first == name; });
    if (same == entries.end()) {
      entries.emplace_back(name, entry);
    } else {
      same->second = entry;
    }
  }
  for (const auto& [name, entry] : entries) {
    if (entry) header.tensors.push_back(*entry);
  }
  // Sound ranges cover [0, data) exactly once.
  std::uint64_t covered = 0;
  for (const SlowEntry& a : header.tensors) {
    if (!has_its_size(a) || a.end > data) header.accepted = false;
    covered += a.end - a.begin;
    for (const SlowEntry& b : header.tensors) {
      const bool a_is_empty = a.begin == a.end;
      const bool shares = a_is_empty
                              ? b.begin < a.begin && a.begin < b.end
                              : &a != &b && std::max(a.begin, b.begin) < std::min(a.end, b.end);
      if (shares) header.accepted = false;
    }
  }
  if (covered != data) header.accepted = false;
  return header;
}

std::string print(const SlowEntry& entry) {
  return fmt::format("'{}' {} [{}] {}-{}\n", entry.name, entry.dtype, fmt::join(entry.shape, ","),
                     entry.begin, entry.end);
}

constexpr std::string_view kFragments[] = {  // NOLINT(modernize-avoid-c-arrays)
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "1",
    "-",
    ".",
    "e",
    "null",
    "true",
    "\xFF",
    "\xC3\xA9",
    "\\u00e9",
    "\\ud800",
    "\\n",
    " ",
    "\n",
    "\t",
    "99999999999999999999",
    "\"shape\"",
    "\"dtype\":\"F32\",",
    "{\"F32\":null}",
    "NaN",
    "1e999",
    "[0,4]",
    "\"x\":[],",
    "BF16"};

// A header that is nearly always sound, and the bytes of its data.
std::pair<std::string, std::uint64_t> header_text(Dice& dice) {
  std::vector<std::string> members;
  std::uint64_t data = 0;
  for (unsigned i = dice.below(6); i > 0; --i) {
    const auto dtype = static_cast<DType>(dice.below(kDTypeCount));
    Shape shape;
    for (unsigned rank = dice.below(3); rank > 0; --rank)
      shape.push_back(dice.below(4));
    shape.push_back(dice.one_in(20) ? std::uint64_t{1} << 62U : 4 * dice.below(3));
    std::uint64_t begin = data;
    std::uint64_t end = data + size_in_bytes(dtype, shape).value_or(4);
    if (end > 1'000'000) end = begin;
    data = end;
    if (dice.one_in(20)) begin += 1;
    if (dice.one_in(20)) end += 1;
    const std::string name = dice.one_in(4) ? "\\u0061" : fmt::format("t{}", dice.below(20));
    const std::string text = fmt::format("[{}]", fmt::join(shape, ", "));
    members.push_back(
        dice.one_in(10)
            ? fmt::format(R"("{}":["{}",{},[{},{}]])", name, dtype_name(dtype), text, begin, end)
            : fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name,
                          dtype_name(dtype), text, begin, end));
  }
  if (dice.one_in(3)) members.emplace_back(R"("__metadata__":{"format":"pt"})");
  for (std::size_t i = members.size(); i > 1 && dice.one_in(2); --i)
    std::swap(members[i - 1], members[dice.below(i)]);
  return {fmt::format("{{{}}}", fmt::join(members, ",")), data + (dice.one_in(20) ? 1 : 0)};
}

TEST_CASE("safetensors: the header parser agrees with a slow reader") {
  Dice dice(11);
  unsigned accepted = 0;
  constexpr unsigned kHeaders = 10'000;
  for (unsigned i = 0; i < kHeaders; ++i) {
    const auto [sound, data] = header_text(dice);
    const std::string text = mutate(dice, sound, kFragments, dice.below(3));
    CAPTURE(text);
    CAPTURE(data);
    const SlowHeader slow = read_slowly(text, data);
    const Header header = parse_header(text, kPrefixBytes + text.size() + data);
    CHECK(header.usable() == slow.accepted);
    if (slow.accepted) ++accepted;
    // Where nlohmann stops, there is nothing to compare with.
    if (slow.tensors.empty() && !slow.accepted) continue;
    std::string expected;
    for (const SlowEntry& entry : slow.tensors)
      expected += print(entry);
    std::string found;
    for (const TensorEntry& entry : header.tensors) {
      const SlowEntry same{std::string(entry.name), std::string(dtype_name(entry.dtype)),
                           Shape(entry.shape.begin(), entry.shape.end()), entry.begin, entry.end};
      found += print(same);
      CHECK(entry.readable == (has_its_size(same) && entry.end <= data));
    }
    CHECK(found == expected);
  }
  CHECK(accepted > kHeaders / 5);
  CHECK(accepted < kHeaders * 4 / 5);
}

}  // namespace
}  // namespace shardwright::safetensors
