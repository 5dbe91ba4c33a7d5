// CF308: the config names another dtype than most weights have.
// docs/checks/CF308-other-dtype.md
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

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

std::string_view torch_name(DType dtype) {
  switch (dtype) {
    case DType::kBF16:
      return "bfloat16";
    case DType::kF16:
      return "float16";
    case DType::kF64:
      return "float64";
    default:
      return "float32";
  }
}

struct StoredDType {
  DType dtype{};  // of most bytes
  bool alone{};   // ... and of all
};

// Of float tensors of 16 bits and more.
std::optional<StoredDType> stored_dtype(const Checkpoint& checkpoint) {
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
  const auto others = std::ranges::count_if(bytes, [](std::uint64_t size) { return size != 0; });
  return StoredDType{.dtype = static_cast<DType>(most - bytes.begin()), .alone = others == 1};
}

// The keys of the config that state another dtype. Of the two transformers takes the first.
std::vector<std::string_view> keys_that_differ(const json::Value& config, DType stored) {
  std::vector<std::string_view> keys;
  for (const char* key : {"dtype", "torch_dtype"}) {
    const json::Value* value = config.find(key);
    if (value == nullptr || value->string() == nullptr) continue;
    const auto stated = dtype_from_torch(*value->string());
    if (stated && stated != stored) keys.emplace_back(key);
  }
  return keys;
}

void other_dtype(const Model& model, const Reporter& report) {
  const json::Value* config = model.checkpoint.config_value();
  const auto stored = stored_dtype(model.checkpoint);
  if (config == nullptr || !stored) return;
  const auto keys = keys_that_differ(*config, stored->dtype);
  if (keys.empty()) return;
  const std::string& file = model.checkpoint.config->name;
  const std::string_view key = keys.front();
  std::optional<Fix> fix;
  if (stored->alone) {
    const std::string name = fmt::format("\"{}\"", torch_name(stored->dtype));
    fix = safe_fix(fmt::format("set {} to {}, the dtype of all weights", quoted(key), name), {});
    for (const std::string_view each : keys)
      fix->edits.emplace_back(edit::SetJson{file, fmt::format("/{}", each), name});
  }
  report(
      {.file = file,
       .pointer = fmt::format("/{}", key),
       .message = fmt::format("{} says {}, and {} weights are stored as {}: loaders convert them",
                              quoted(key), quoted(*config->find(key)->string()),
                              stored->alone ? "all" : "most", dtype_name(stored->dtype)),
       .fix = std::move(fix)});
}

}  // namespace

extern const Check kOtherDType;
constinit const Check kOtherDType{
    .code = "CF308",
    .name = "other-dtype",
    .summary = "the config names another dtype than most weights have",
    .severity = Severity::kInfo,
    .repair = Repair::kSafe,
    .since = "0.1",
    .run = other_dtype,
};

}  // namespace shardwright
