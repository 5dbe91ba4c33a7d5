#include "tokenizer/trie.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

using FoundPrefixes = std::vector<std::pair<std::size_t, std::uint32_t>>;

FoundPrefixes prefixes_in(const Trie& trie, std::string_view text) {
  FoundPrefixes found;
  trie.for_each_prefix(
      text, [&](std::size_t length, std::uint32_t value) { found.emplace_back(length, value); });
  return found;
}

}  // namespace

TEST_CASE("trie: what a text begins with, short ones first") {
  const Trie trie({{"ab", 1}, {"a", 2}, {"abcd", 3}, {"b", 4}, {"\xC3\xA9", 5}});
  CHECK(prefixes_in(trie, "abcde") == FoundPrefixes{{1, 2}, {2, 1}, {4, 3}});
  CHECK(prefixes_in(trie, "abc") == FoundPrefixes{{1, 2}, {2, 1}});
  CHECK(prefixes_in(trie, "\xC3\xA9") == FoundPrefixes{{2, 5}});
  CHECK(prefixes_in(trie, "\xC3").empty());
  CHECK(prefixes_in(trie, "ca").empty());
  CHECK(prefixes_in(trie, "").empty());
}

TEST_CASE("trie: of equal texts the last counts, empty ones are passed over") {
  const Trie trie({{"a", 1}, {"", 2}, {"a", 3}});
  CHECK(prefixes_in(trie, "aa") == FoundPrefixes{{1, 3}});
  CHECK(prefixes_in(Trie(), "a").empty());
}

TEST_CASE("trie: every byte may follow another") {
  std::vector<std::string> texts;
  for (int byte = 0; byte < 256; ++byte)
    texts.push_back({'x', static_cast<char>(byte)});
  std::vector<Trie::Entry> entries;
  for (const std::string& text : texts)
    entries.emplace_back(text, static_cast<std::uint32_t>(entries.size()));
  const Trie trie(entries);
  for (std::size_t i = 0; i < texts.size(); ++i)
    CHECK(prefixes_in(trie, texts[i]) == FoundPrefixes{{2, static_cast<std::uint32_t>(i)}});
}

}  // namespace shardwright
