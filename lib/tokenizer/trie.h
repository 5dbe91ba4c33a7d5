// A set of texts by their bytes, to find those that a text goes on with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace shardwright {

class Trie {
 public:
  using Entry = std::pair<std::string_view, std::uint32_t>;  // a text that is not empty, its value

  // Of equal texts the last entry counts.
  explicit Trie(std::vector<Entry> entries = {});

  // Calls use(length, value) for each text of the set that `text` begins with, short ones first.
  template <typename Use>
  void for_each_prefix(std::string_view text, const Use& use) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == kNone) return;
      if (nodes_[node].value != kNone) use(i + 1, nodes_[node].value);
    }
  }

  // Whether any text of the set begins with this byte.
  [[nodiscard]] bool begins_with(char byte) const {
    return child(0, static_cast<unsigned char>(byte)) != kNone;
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Node {
    std::uint32_t first{};  // child; they lie side by side, by their bytes
    std::uint32_t value{kNone};
    std::uint16_t children{};
    std::uint8_t byte{};
  };

  [[nodiscard]] std::uint32_t child(std::uint32_t node, std::uint8_t byte) const;

  std::vector<Node> nodes_;
};

}  // namespace shardwright
