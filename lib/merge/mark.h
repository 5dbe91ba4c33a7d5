// Where something stands in a text, from 1; columns count characters. Line 0: nowhere.
#pragma once

#include <compare>

namespace shardwright {

struct Mark {
  int line{}, column{};
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

}  // namespace shardwright
