// What names say of quantisation: the parts in which the known forms store a weight.
//
//   GPTQ, AWQ           qweight qzeros scales, g_idx
//   bitsandbytes        weight, and weight.absmax weight.quant_map weight.quant_state.*, or SCB
//   compressed-tensors  weight_packed weight_scale, weight_shape weight_zero_point ...
//   ModelOpt            weight, and weight_scale weight_scale_2
//   fp8                 weight, and weight_scale_inv
//   MLX                 weight, and scales biases
//   MXFP4               blocks scales, behind "_" instead of a dot
//   torchao             _weight_qdata _weight_scale, _weight_zero_point ...
//   quanto              weight._data weight._scale, weight._shift
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shardwright {

enum class QuantForm : std::uint8_t {
  kGptq,
  kFourBits,
  kEightBits,
  kCompressed,
  kModelOpt,
  kBlockScale,
  kMlx,
  kMxfp4,
  kTorchao,
  kQuanto,
};
std::string_view quant_form_name(QuantForm form);  // "GPTQ or AWQ"

struct QuantPart {
  std::string_view module{};  // "model.layers.0.self_attn.q_proj"
  std::string_view part{};    // "qweight"
  QuantForm form{};
  bool whole{};  // stands in place of the weight; the others stand beside it
};

// The part of a quantised module that a tensor of this name is; none of a plain weight.
std::optional<QuantPart> quant_part(std::string_view name);

// "model.layers.0.mlp.up_proj" of its weight and bias.
std::string_view module_name(std::string_view name);

// The weight that it is a part of, by the name of the rule: "model.layers.0.mlp.up_proj.weight".
std::string weight_of_part(const QuantPart& part);

// The scale of the keys or values that a cache holds: of attention, and of no weight.
bool is_cache_scale(std::string_view name);

}  // namespace shardwright
