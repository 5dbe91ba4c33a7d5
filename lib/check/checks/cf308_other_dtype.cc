// CF308: the config names another dtype than most weights have.
// docs/checks/CF308-other-dtype.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"

namespace shardwright {
namespace {

std::optional<DType> dtype_from_torch(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16") return DType::kF16;
  if (name == "float32") return DType::kF32;
  if (name == "float64") return DType::kF64;
  return std::nullopt;
}

// The dtype of most bytes among the float tensors of 16 bits and more.
std::optional<DType> main_dtype(const Checkpoint& checkpoint) {
  std::array<std::uint64_t, kDTypeCount> bytes{};
  for (const Tensor& tensor : checkpoint.tensors) {
    if (dtype_class(tensor.dtype) == DTypeClass::kFloat && dtype_bits(tensor.dtype) >= 16) {
      bytes.at(static_cast<std::size_t>(tensor.dtype)) += tensor.bytes / 2;
    } else {
      return std::nullopt;  // quantised, or nothing to compare
    }
  }
  const auto most = std::ranges::max_element(bytes);
  if (*most == 0) return std::nullopt;
  return static_cast<DType>(most - bytes.begin());
}

void other_dtype(const Model& model, const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  if (config == nullptr) return;
  for (const char* key : {"dtype", "torch_dtype"}) {
    const json::Value* value = config->find(key);
    if (value == nullptr || value->string() == nullptr) continue;
    const auto stated = dtype_from_torch(*value->string());
    const auto stored = main_dtype(model.checkpoint);
    if (!stated || !stored || stated == stored) return;
    report({.file = model.checkpoint.config->name,
            .pointer = std::string("/") + key,
            .message =
                fmt::format("{} says {}, and most weights are stored as {}: loaders convert them",
                            quoted(key), quoted(*value->string()), dtype_name(*stored))});
    return;
  }
}

}  // namespace

extern const Check kOtherDType;
constinit const Check kOtherDType{
    .code = "CF308",
    .name = "other-dtype",
    .summary = "the config names another dtype than most weights have",
    .severity = Severity::kInfo,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = other_dtype,
};

}  // namespace shardwright
