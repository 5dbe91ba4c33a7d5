// Mistakes of a recipe that show in tensors: one kind may show in each of thousands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "merge/mark.h"
#include "merge/recipe.h"

namespace shardwright {

// Those that say the same of several tensors are one mistake, with their number.
class TensorMistakes {
 public:
  // `message` follows the tensor's name: " has no scale".
  void add(std::string_view tensor, Mark at, std::string message);

  [[nodiscard]] bool empty() const { return kinds_.empty(); }
  [[nodiscard]] std::vector<Mistake> told() const;

 private:
  struct Kind {
    Mark at{};
    std::string message{};
    std::string first{};  // tensor
    std::size_t tensors{};
  };
  std::vector<Kind> kinds_;
};

}  // namespace shardwright
