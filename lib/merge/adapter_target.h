// Where a parameter of the model in memory lies in a checkpoint, which may hold it under another
// name, as a part of a tensor, or in parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/layout.h"
#include "merge/plan.h"
#include "tensor/shape.h"

namespace shardwright {

// Elements [begin, begin + length) of the parameter are those from `stored_begin` on of the tensor.
struct TargetPart {
  std::string_view name{};  // of the tensor in the result; of a tied head, not that of `tensor`
  const Tensor* tensor{};
  std::uint64_t begin{}, stored_begin{}, length{};
};

struct Target {
  Shape shape{};  // of the parameter
  std::vector<TargetPart> parts{};
  [[nodiscard]] bool is_whole() const;  // one tensor, of the parameter's own shape
};

// Looks names up: as they are stored, with or without the prefix of the bare model, as a head that
// is tied, and in every layout that the architecture has.
class TargetFinder {
 public:
  explicit TargetFinder(const MergeInput& input) : input_(input) {}
  std::optional<Target> find(const std::string& parameter);
  // Orders parameters as the architecture does, which is the order in the model; what it does not
  // have comes last.
  std::size_t order(std::string_view parameter);

 private:
  std::optional<Target> stored(std::string_view parameter) const;
  std::optional<Target> tied(std::string_view parameter) const;
  std::optional<Target> in_layout(const LayoutMap& map, std::string_view parameter) const;
  void map_all();

  const MergeInput& input_;
  bool mapped_{};
  std::vector<LayoutMap> maps_;
};

}  // namespace shardwright
