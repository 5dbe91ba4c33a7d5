// A range of bytes of a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace shardwright {

struct TextSpan {
  std::size_t begin{};
  std::size_t end{};

  [[nodiscard]] std::string_view of(std::string_view text) const {
    return text.substr(begin, end - begin);
  }
  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

}  // namespace shardwright
