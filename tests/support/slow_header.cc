#include "support/slow_header.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "shardwright/dtype.h"

namespace shardwright::test {
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

bool metadata_is_good(const Node& node) {
  return node.kind == 'n' ||
         (node.kind == '{' &&
          std::ranges::all_of(node.items, [](const Node& item) { return item.kind == '"'; }));
}

}  // namespace

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

}  // namespace shardwright::test
