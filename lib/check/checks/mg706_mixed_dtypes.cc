// MG706: the inputs of a merge are stored in different dtypes, and the recipe names none.
// docs/checks/MG706-mixed-dtypes.md
#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "check/across.h"
#include "check/check.h"

namespace shardwright {
namespace {

// That of most bytes.
std::optional<DType> main_dtype(const Model& model) {
  std::map<DType, std::uint64_t> bytes;
  for (const Tensor& tensor : model.checkpoint.tensors) {
    if (dtype_class(tensor.dtype) == DTypeClass::kFloat) bytes[tensor.dtype] += tensor.bytes;
  }
  if (bytes.empty()) return std::nullopt;
  return std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; })->first;
}

void mixed_dtypes(const Model& first, const Model& other, const Reporter& report) {
  const auto wanted = main_dtype(first);
  const auto found = main_dtype(other);
  if (!wanted || !found || *wanted == *found) return;
  report({.message = fmt::format(
              "{} is stored as {} and {} as {}: the result has a dtype that holds "
              "both; 'dtype' of the recipe says another",
              label_of(other), dtype_name(*found), label_of(first), dtype_name(*wanted))});
}

}  // namespace

extern const Check kMixedDTypes;
constinit const Check kMixedDTypes{
    .code = "MG706",
    .name = "mixed-dtypes",
    .summary = "the inputs of a merge are stored in different dtypes, and the recipe names none",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .across = mixed_dtypes,
};

}  // namespace shardwright
