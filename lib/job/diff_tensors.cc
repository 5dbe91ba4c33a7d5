#include "job/diff_tensors.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

DiffSide side_of(const Checkpoint& model, const Tensor& tensor) {
  return {.dtype = tensor.dtype,
          .shape = {tensor.shape.begin(), tensor.shape.end()},
          .file = model.shards[tensor.shard].file,
          .bytes = tensor.bytes};
}

// The very same bytes on the disk: a hard link, or one model given twice.
bool is_one_range(const Checkpoint& a, const Tensor& in_a, const Checkpoint& b,
                  const Tensor& in_b) {
  const FolderEntry& file_a = a.shards[in_a.shard].entry;
  const FolderEntry& file_b = b.shards[in_b.shard].entry;
  return file_a.inode != 0 && file_a.inode == file_b.inode && file_a.device == file_b.device &&
         in_a.offset == in_b.offset && in_a.bytes == in_b.bytes;
}

bool is_fp8(DType dtype) {
  return dtype_bits(dtype) == 8 && dtype_class(dtype) == DTypeClass::kFloat;
}

// What can be said without reading; `pair` is set where reading says more.
TensorDiff compare_headers(const Checkpoint& a, const Tensor& in_a, const Checkpoint& b,
                           const Tensor& in_b, std::optional<ComparedPair>& pair) {
  TensorDiff row{.name = std::string(in_a.name), .a = side_of(a, in_a), .b = side_of(b, in_b)};
  row.state = !same_shape(in_a.shape, in_b.shape) ? DiffState::kShape
              : in_a.dtype != in_b.dtype          ? DiffState::kDtype
                                                  : DiffState::kValues;
  if (!in_a.readable || !in_b.readable) {
    row.state = DiffState::kUnread;
    row.why = fmt::format("its bytes are not where the header of {} says",
                          quoted(in_a.readable ? row.b->file : row.a->file));
    return row;
  }
  const auto elements = element_count(in_a.shape);
  if (!elements || elements != element_count(in_b.shape)) return row;
  const bool values = has_values(in_a.dtype) && has_values(in_b.dtype);
  if (!values) {
    const DType odd = has_values(in_a.dtype) ? in_b.dtype : in_a.dtype;
    row.why = fmt::format("only bytes of {} are compared", dtype_name(odd));
  } else if (is_fp8(in_a.dtype) != is_fp8(in_b.dtype)) {
    row.why = "numbers as they are stored: no scale of the fp8 side is applied";
  }
  if (values || in_a.dtype == in_b.dtype)
    pair = ComparedPair{.a = in_a, .b = in_b, .values = values};
  return row;
}

// Every name of the model once, in order: the tensor that transformers keeps.
template <typename Visit>
void each_tensor(const Checkpoint& model, const Visit& visit) {
  for (const Tensor& tensor : model.tensors) {
    if (model.find(tensor.name) == &tensor) visit(tensor);
  }
}

}  // namespace

void count_same(const Tensor& tensor, DiffReport& report) {
  ++report.same;
  report.same_tensor_bytes =
      checked_add(report.same_tensor_bytes, tensor.bytes).value_or(report.same_tensor_bytes);
}

std::vector<TensorPairing> pair_up(const Checkpoint& a, const Checkpoint& b, DiffReport& report) {
  std::vector<TensorPairing> pending;
  each_tensor(a, [&](const Tensor& in_a) {
    const Tensor* in_b = b.find(in_a.name);
    if (in_b == nullptr) {
      pending.push_back(
          {.row = {
               .name = std::string(in_a.name), .state = DiffState::kOnlyA, .a = side_of(a, in_a)}});
      return;
    }
    std::optional<ComparedPair> pair;
    TensorDiff row = compare_headers(a, in_a, b, *in_b, pair);
    if (row.state == DiffState::kValues && is_one_range(a, in_a, b, *in_b)) {
      count_same(in_a, report);
      return;
    }
    pending.push_back({.pair = pair.value_or(ComparedPair{}), .row = std::move(row)});
  });
  each_tensor(b, [&](const Tensor& in_b) {
    if (a.find(in_b.name) != nullptr) return;
    pending.push_back(
        {.row = {
             .name = std::string(in_b.name), .state = DiffState::kOnlyB, .b = side_of(b, in_b)}});
  });
  return pending;
}

ValueDifference value_difference(const ValueSums& sums, const Tensor& tensor) {
  // A sum of the largest of F64 has no number of its own, and JSON no infinity.
  constexpr double kMost = std::numeric_limits<double>::max();
  ValueDifference values{.elements = element_count(tensor.shape).value_or(0),
                         .different = sums.different,
                         .not_finite = sums.not_finite,
                         .largest = sums.largest};
  if (const std::uint64_t measured = values.elements - sums.not_finite; measured > 0)
    values.mean = std::min(sums.sum, kMost) / static_cast<double>(measured);
  if (sums.largest == 0) return values;
  std::uint64_t rest = sums.at;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    values.at.push_back(rest % tensor.shape[i]);
    rest /= tensor.shape[i];
  }
  std::ranges::reverse(values.at);
  return values;
}

}  // namespace shardwright
