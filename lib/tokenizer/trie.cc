#include "tokenizer/trie.h"

#include <algorithm>

namespace shardwright {

Trie::Trie(std::vector<Entry> entries) : nodes_(1) {
  std::ranges::stable_sort(entries, {}, &Entry::first);
  // Of equal texts the last.
  std::vector<Entry> unique;
  unique.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (entry.first.empty()) continue;
    if (!unique.empty() && unique.back().first == entry.first) {
      unique.back() = entry;
    } else {
      unique.push_back(entry);
    }
  }
  // The entries below each node, which share its bytes, are a range of them.
  struct Range {
    std::size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, unique.size(), 0}};
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    auto [begin, end, depth] = ranges[node];
    if (begin < end && unique[begin].first.size() == depth) {
      nodes_[node].value = unique[begin].second;
      ++begin;
    }
    nodes_[node].first = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = unique[begin].first[depth];
      std::size_t next = begin;
      while (next < end && unique[next].first[depth] == byte)
        ++next;
      nodes_.push_back({.byte = static_cast<std::uint8_t>(byte)});
      ranges.push_back({begin, next, depth + 1});
      ++nodes_[node].children;
      begin = next;
    }
  }
}

std::uint32_t Trie::child(std::uint32_t node, std::uint8_t byte) const {
  const Node& parent = nodes_[node];
  const auto begin = nodes_.begin() + parent.first;
  const auto end = begin + parent.children;
  const auto found =
      std::lower_bound(begin, end, byte, [](const Node& a, std::uint8_t b) { return a.byte < b; });
  if (found == end || found->byte != byte) return kNone;
  return static_cast<std::uint32_t>(found - nodes_.begin());
}

}  // namespace shardwright
