// fp8 with block scales, as configs of DeepSeek-V3 and its kin ask for it.
//
// Source: transformers 5.23.0, quantizers/quantizers_utils.py (should_convert_module) and
// integrations/finegrained_fp8.py (FP8Linear, FP8Experts).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "arch/config_values.h"
#include "json/value.h"

namespace shardwright {

// The modules that are left alone: a name fits from its start up to a dot, as a regular expression
// or letter by letter, or letter by letter at its end.
class SkippedModules {
 public:
  void add(std::string_view pattern);  // lives as long as this
  [[nodiscard]] bool contains(std::string_view module) const;

 private:
  std::unordered_set<std::string_view> plain_;
  std::vector<std::string_view> expressions_;
  std::vector<std::size_t> lengths_;  // of the plain ones, each once
};

struct BlockQuant {
  bool on{};
  std::optional<std::array<std::uint64_t, 2>> block{};  // none: one scale a tensor
  bool static_activations{};
  SkippedModules skipped{};
};

// What quantization_config says; `method` gets its quant_method, whatever it is.
BlockQuant read_block_quant(ConfigValues& values, std::string& method);

// The scale beside a weight, or beside a fused tensor, has the same name with this behind it.
inline constexpr std::string_view kScaleEnd = "_scale_inv";

}  // namespace shardwright
