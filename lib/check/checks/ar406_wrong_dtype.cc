// AR406: a weight is stored in a dtype that cannot hold it.
// docs/checks/AR406-wrong-dtype.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/quant_name.h"
#include "check/quantization.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

const Tensor* scale_of(const Checkpoint& checkpoint, const Tensor& weight) {
  return checkpoint.find(std::string(weight.name) + "_scale_inv");
}

// Parts of quantised weights that loaders read as one dtype and no other.
struct PartDType {
  std::string_view method;
  std::string_view part;
  DType dtype;
  std::string_view format{};  // of compressed-tensors
};

constexpr auto kPartDTypes = std::to_array<PartDType>({
    {"bitsandbytes", "SCB", DType::kF32},
    {"bitsandbytes", "weight.nested_absmax", DType::kF32},
    {"bitsandbytes", "weight.nested_quant_map", DType::kF32},
    {"compressed-tensors", "weight_packed", DType::kI32, "pack-quantized"},
    {"compressed-tensors", "weight_packed", DType::kU8, "nvfp4-pack-quantized"},
    {"compressed-tensors", "weight_packed", DType::kU8, "mxfp4-pack-quantized"},
});

std::string_view setting(const Model& model, std::string_view key) {
  const json::Value* settings = quantization_settings(model.checkpoint);
  const json::Value* value = settings != nullptr ? settings->find(key) : nullptr;
  return value != nullptr && value->string() != nullptr ? std::string_view(*value->string())
                                                        : std::string_view();
}

// Packed numbers of 4 bits of which each byte became an element of a wider dtype. Where
// bnb_4bit_quant_storage asked for that dtype, the elements are fewer and hold the same bytes.
bool is_widened(const Model& model, const Tensor& tensor) {
  const ExpectedTensor* weight = model.expected_of(tensor);
  if (weight == nullptr || dtype_bits(tensor.dtype) <= 8 ||
      !holds_four_bits(model.checkpoint, tensor))
    return false;
  const std::uint64_t elements = element_count(weight->shape).value_or(0);
  const std::uint64_t bytes = elements / 2 + elements % 2;
  return bytes > 1 && element_count(tensor.shape) == bytes;
}

void report_part(const Model& model, const Tensor& tensor, const PartDType& row,
                 const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message = fmt::format(
              "{} is stored as {}, and {} reads it as {}: it stops, or computes with wrong values",
              quoted(tensor.name), dtype_name(tensor.dtype), quoted(row.method),
              dtype_name(row.dtype)),
          .fix = no_fix("somebody converted all tensors of the file: take the quantised model "
                        "again as it was"),
          .group = std::string(row.part)});
}

void wrong_parts_dtype(const Model& model, const Reporter& report) {
  constexpr PartDType kFourBits{.method = "bitsandbytes", .part = "weight", .dtype = DType::kU8};
  const std::string_view format = setting(model, "format");
  for (const Tensor& tensor : model.checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    if (!part) {
      if (model.join.quantization == kFourBits.method && is_widened(model, tensor))
        report_part(model, tensor, kFourBits, report);
      continue;
    }
    const auto row = std::ranges::find_if(kPartDTypes, [&](const PartDType& known) {
      return known.method == model.join.quantization && known.part == part->part &&
             (known.format.empty() || known.format == format);
    });
    if (row == kPartDTypes.end() || row->dtype == tensor.dtype) continue;
    report_part(model, tensor, *row, report);
  }
}

void report_whole_numbers(const Model& model, const Tensor& tensor, const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message =
              fmt::format("{} is stored as {}, and it is a weight: transformers reads its bits as "
                          "integers and computes with them",
                          quoted(tensor.name), dtype_name(tensor.dtype)),
          .fix = no_fix("the header does not say what the bits once were: write the tensor again "
                        "in its own dtype"),
          .group = std::string(dtype_name(tensor.dtype))});
}

void report_unscaled(const Model& model, const Tensor& tensor, const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message = fmt::format(
              "{} is stored as {}, and the config has no quantization_config that explains "
              "it: transformers computes with unscaled values",
              quoted(tensor.name), dtype_name(tensor.dtype)),
          .fix = no_fix("the scales are not known: take the config.json of the model that was "
                        "quantised"),
          .group = std::string(dtype_name(tensor.dtype))});
}

// A scale of fp8 weights: of 16 bits or more, or the exponent of a power of two in 8 bits.
//
// Source: transformers 5.23.0, integrations/finegrained_fp8.py (Fp8Dequantize) and
// quantizers/quantizer_finegrained_fp8.py, where bytes are exponents if scale_fmt says so.
void report_scale(const Model& model, const Tensor& tensor, const Reporter& report) {
  const bool is_float = dtype_class(tensor.dtype) == DTypeClass::kFloat;
  if (is_float && (dtype_bits(tensor.dtype) > 8 || tensor.dtype == DType::kF8E8M0)) return;
  if (!is_float && tensor.dtype != DType::kU8) {
    report_whole_numbers(model, tensor, report);
    return;
  }
  if (!is_float && setting(model, "scale_fmt") == "ue8m0") return;
  Report finding{.file = model.checkpoint.shards[tensor.shard].file,
                 .tensor = std::string(tensor.name)};
  finding.group = std::string("scale ").append(dtype_name(tensor.dtype));
  if (is_float) {
    finding.message = fmt::format(
        "{} is stored as {}, and it is a scale, of F32, BF16 or F8_E8M0: transformers multiplies "
        "by what that dtype left of it",
        quoted(tensor.name), dtype_name(tensor.dtype));
    finding.fix = no_fix(
        "somebody converted all tensors of the file: take the quantised model "
        "again as it was");
  } else {
    finding.severity = Severity::kWarning;
    finding.message = fmt::format(
        "{} is stored as U8, and the config has no scale_fmt 'ue8m0': transformers takes the bytes "
        "for exponents where it dequantises, and for numbers where it computes in fp8",
        quoted(tensor.name));
    finding.fix = no_fix("set scale_fmt to 'ue8m0' if they are exponents");
  }
  report(std::move(finding));
}

void wrong_dtype_without_rule(const Model& model, const Reporter& report) {
  for (const Tensor* tensor : model.join.unruled->unscaled) {
    const bool is_float = dtype_class(tensor->dtype) == DTypeClass::kFloat;
    (is_float ? report_unscaled : report_whole_numbers)(model, *tensor, report);
  }
}

void wrong_dtype(const Model& model, const Reporter& report) {
  if (!model.join.quantization.empty()) wrong_parts_dtype(model, report);
  if (model.join.unruled) wrong_dtype_without_rule(model, report);
  if (!model.join.compared) return;
  std::unordered_set<const Tensor*> explained;  // AR417
  if (model.join.unexplained) {
    explained.insert(model.join.unexplained->tensors.begin(),
                     model.join.unexplained->tensors.end());
  }
  for (const Tensor& tensor : model.checkpoint.tensors) {
    const ExpectedTensor* expected = model.expected_of(tensor);
    if (expected == nullptr || expected->dtype == ExpectedDType::kAny ||
        explained.contains(&tensor)) {
      continue;
    }
    if (expected->dtype == ExpectedDType::kScale) {
      report_scale(model, tensor, report);
      continue;
    }
    const std::string& file = model.checkpoint.shards[tensor.shard].file;
    if (dtype_class(tensor.dtype) != DTypeClass::kFloat) {
      report_whole_numbers(model, tensor, report);
    } else if (dtype_bits(tensor.dtype) > 8 && expected->dtype == ExpectedDType::kFp8 &&
               scale_of(model.checkpoint, tensor) != nullptr) {
      report({.file = file,
              .tensor = std::string(tensor.name),
              .message = fmt::format(
                  "{} is stored as {} and has a scale beside it, {}: transformers multiplies it by "
                  "the scale and computes with wrong values",
                  quoted(tensor.name), dtype_name(tensor.dtype),
                  quoted(scale_of(model.checkpoint, tensor)->name)),
              .fix = no_fix("whether the weight was dequantised or the scale is another's, the "
                            "bytes do not say: write it again, or drop the scale and name the "
                            "module in modules_to_not_convert"),
              .group = "scaled"});
    } else if (dtype_bits(tensor.dtype) <= 8 && expected->dtype != ExpectedDType::kFp8 &&
               scale_of(model.checkpoint, tensor) != nullptr) {
      report({.file = file,
              .tensor = std::string(tensor.name),
              .message = fmt::format(
                  "{} is stored as {} with a scale, and modules_to_not_convert of the config names "
                  "its module: loaders read it as a plain weight and compute with unscaled values",
                  quoted(tensor.name), dtype_name(tensor.dtype)),
              .fix = no_fix("take the module out of modules_to_not_convert"),
              .group = "skipped"});
    } else if (dtype_bits(tensor.dtype) <= 8 && expected->dtype != ExpectedDType::kFp8) {
      report_unscaled(model, tensor, report);
    }
  }
}

}  // namespace

extern const Check kWrongDType;
constinit const Check kWrongDType{
    .code = "AR406",
    .name = "wrong-dtype",
    .summary = "a weight is stored in a dtype that cannot hold it",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = wrong_dtype,
};

}  // namespace shardwright
