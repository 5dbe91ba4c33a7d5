#include "merge/dequantize.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "arch/block_quant.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/computed.h"
#include "merge/kernels.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

bool is_code(const Tensor& tensor) {
  return dtype_class(tensor.dtype) == DTypeClass::kFloat && dtype_bits(tensor.dtype) < 16;
}

bool is_quantized(const Checkpoint& checkpoint, const Expansion* expected) {
  if (expected != nullptr && !expected->quantization.empty()) return true;
  const json::Value* config = checkpoint.config_value();
  const json::Value* stated = config == nullptr ? nullptr : config->find("quantization_config");
  if (stated != nullptr && !stated->is_null()) return true;
  return std::ranges::any_of(checkpoint.tensors, is_code);
}

// The extents of the scale of a weight; empty where it can have none.
Shape scale_shape(ShapeView weight, const std::array<std::uint64_t, 2>& block) {
  if (weight.size() != 2 && weight.size() != 3) return {};
  Shape shape(weight.begin(), weight.end());
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint64_t& extent = shape[shape.size() - 2 + i];
    extent = extent / block[i] + (extent % block[i] != 0 ? 1 : 0);
  }
  return shape;
}

class Dequantizer {
 public:
  Dequantizer(const Checkpoint& checkpoint, const Expansion& expected, Dequantization& made)
      : checkpoint_(checkpoint), expected_(expected), made_(made) {}

  // Why it cannot be done, or nothing.
  std::string run() {
    std::map<DType, std::uint64_t> plain{{DType::kBF16, 0}};
    for (const Tensor& tensor : checkpoint_.tensors) {
      const ExpectedTensor* wanted = expected_.find(tensor.name);
      if (wanted == nullptr && expected_.is_ignored(tensor.name)) continue;
      if (wanted != nullptr && wanted->role == Role::kBlockScale) {
        made_.scales.push_back(tensor.name);
      } else if (is_code(tensor)) {
        if (std::string why = take(tensor, wanted); !why.empty()) return why;
      } else if (kernel::is_float(tensor.dtype)) {
        plain[tensor.dtype] += element_count(tensor.shape).value_or(0);
      }
    }
    made_.plain =
        std::ranges::max_element(plain, {}, [](const auto& entry) { return entry.second; })->first;
    std::ranges::sort(made_.scales);
    std::ranges::sort(made_.tensors, {}, &Dequantized::name);
    return {};
  }

 private:
  std::string take(const Tensor& weight, const ExpectedTensor* wanted) {
    const auto why = [&](std::string_view text) {
      return fmt::format("{} is {} and {}: save the model in bfloat16 first", quoted(weight.name),
                         dtype_name(weight.dtype), text);
    };
    if (wanted == nullptr || wanted->dtype != ExpectedDType::kFp8)
      return why("the rule knows of no scale for it");
    if (weight.dtype != DType::kF8E4M3) return why("only F8_E4M3 is read");
    const std::string name = std::string(weight.name).append(kScaleEnd);
    const Tensor* scale = checkpoint_.find(name);
    if (scale == nullptr) return why(fmt::format("there is no {}", quoted(name)));
    const Shape shape = scale_shape(weight.shape, *expected_.block);
    const bool is_number = scale->dtype == DType::kF32 || scale->dtype == DType::kBF16;
    if (shape.empty() || !same_shape(scale->shape, shape) || !is_number) {
      return why(fmt::format("{} is {} {}, not F32 {}", quoted(name), dtype_name(scale->dtype),
                             shape_text(scale->shape), shape_text(shape)));
    }
    if (!weight.readable || !scale->readable) return why("its bytes or its scale's are not there");
    auto source = std::make_shared<DequantizedSource>(weight, *scale, *expected_.block);
    Dequantized one{
        .name = weight.name, .tensor = weight, .read_bytes = weight.bytes + scale->bytes};
    one.tensor.dtype = DType::kF32;
    one.tensor.source = source.get();
    one.tensor.offset = 0;
    one.tensor.bytes = source->size();
    made_.sources.push_back(std::move(source));
    made_.tensors.push_back(one);
    return {};
  }

  const Checkpoint& checkpoint_;
  const Expansion& expected_;
  Dequantization& made_;
};

const Dequantized* dequantized_of(const MergeInput& input, std::string_view name) {
  return input.dequantized == nullptr ? nullptr : input.dequantized->find(name);
}

}  // namespace

DequantizedSource::DequantizedSource(Tensor weight, Tensor scale,
                                     std::array<std::uint64_t, 2> block)
    : weight_(weight),
      scale_(scale),
      block_(block),
      elements_(element_count(weight.shape).value_or(0)),
      rows_(weight.shape[weight.shape.size() - 2]),
      columns_(weight.shape.back()),
      scale_rows_(scale.shape[scale.shape.size() - 2]),
      scale_columns_(scale.shape.back()) {}

Status DequantizedSource::read(std::uint64_t offset, MutableBytes into) const {
  return read_computed(elements_, offset, into,
                       [this](std::uint64_t first, std::size_t count, float* to) {
                         return compute(first, count, to);
                       });
}

std::uint64_t DequantizedSource::scale_row(std::uint64_t row) const {
  return row / rows_ * scale_rows_ + row % rows_ / block_[0];
}

Status DequantizedSource::compute(std::uint64_t first, std::size_t count, float* to) const {
  std::vector<std::byte> raw;
  SW_TRY_OK(read_floats(weight_, first, {to, count}, raw));
  const std::uint64_t end = first + count;
  const std::uint64_t top = scale_row(first / columns_);
  std::vector<float> scales((scale_row((end - 1) / columns_) + 1 - top) * scale_columns_);
  SW_TRY_OK(read_floats(scale_, top * scale_columns_, scales, raw));
  for (std::uint64_t at = first; at < end;) {
    const std::uint64_t row = at / columns_;
    const std::uint64_t block = at % columns_ / block_[1];
    const std::uint64_t part =
        std::min({end, (row + 1) * columns_, row * columns_ + (block + 1) * block_[1]});
    float* values = to + (at - first);
    kernel::scale(values, scales[(scale_row(row) - top) * scale_columns_ + block], values,
                  part - at);
    at = part;
  }
  return ok();
}

const Dequantized* Dequantization::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(tensors, name, {}, &Dequantized::name);
  return found == tensors.end() || found->name != name ? nullptr : &*found;
}

bool Dequantization::is_scale(std::string_view name) const {
  return std::ranges::binary_search(scales, name);
}

std::optional<Dequantization> dequantize(const Checkpoint& checkpoint, const Expansion* expected) {
  if (!is_quantized(checkpoint, expected)) return std::nullopt;
  Dequantization made;
  if (expected == nullptr || expected->quantization != "fp8") {
    made.refusal =
        "its stored numbers are codes, which cannot be merged: save it in bfloat16 first";
  } else if (!expected->block) {
    made.refusal =
        "its fp8 weights have one scale each, where blocks alone are read: save it in "
        "bfloat16 first";
  } else if (std::string why = Dequantizer(checkpoint, *expected, made).run(); !why.empty()) {
    made = {.refusal = std::move(why)};
  }
  return made;
}

const Tensor* find_tensor(const MergeInput& input, std::string_view name) {
  const Dequantized* found = dequantized_of(input, name);
  return found != nullptr ? &found->tensor : input.checkpoint->find(name);
}

DType stored_dtype(const MergeInput& input, const Tensor& tensor) {
  return dequantized_of(input, tensor.name) != nullptr ? input.dequantized->plain : tensor.dtype;
}

std::uint64_t stored_bytes(const MergeInput& input, const Tensor& tensor) {
  const Dequantized* found = dequantized_of(input, tensor.name);
  return found != nullptr ? found->read_bytes : tensor.bytes;
}

}  // namespace shardwright
