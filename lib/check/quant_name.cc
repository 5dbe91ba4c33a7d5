#include "check/quant_name.h"

#include <array>

namespace shardwright {
namespace {

struct PartName {
  std::string_view end;
  QuantForm form;
  bool whole{};
};

// Of ends that are the end of another the longer one first.
constexpr auto kPartNames = std::to_array<PartName>({
    {".qweight", QuantForm::kGptq, true},
    {".qzeros", QuantForm::kGptq},
    {".g_idx", QuantForm::kGptq},
    {".weight.absmax", QuantForm::kFourBits},
    {".weight.quant_map", QuantForm::kFourBits},
    {".weight.nested_absmax", QuantForm::kFourBits},
    {".weight.nested_quant_map", QuantForm::kFourBits},
    {".SCB", QuantForm::kEightBits},
    {".weight_format", QuantForm::kEightBits},
    {".weight_packed", QuantForm::kCompressed, true},
    {".weight_shape", QuantForm::kCompressed},
    {".weight_zero_point", QuantForm::kCompressed},
    {".weight_g_idx", QuantForm::kCompressed},
    {".weight_global_scale", QuantForm::kCompressed},
    {".input_global_scale", QuantForm::kCompressed},
    {".input_scale", QuantForm::kCompressed},
    {".input_zero_point", QuantForm::kCompressed},
    {".weight_scale", QuantForm::kCompressed},
    {".weight_scale_2", QuantForm::kModelOpt},
    {".weight_scale_inv", QuantForm::kBlockScale},
    {".activation_scale", QuantForm::kBlockScale},
    {"._weight_qdata", QuantForm::kTorchao, true},
    {"._weight_scale_and_zero", QuantForm::kTorchao},
    {"._weight_per_tensor_scale", QuantForm::kTorchao},
    {"._weight_act_pre_scale", QuantForm::kTorchao},
    {"._weight_zero_point", QuantForm::kTorchao},
    {"._weight_scale", QuantForm::kTorchao},
    {".weight._data._data", QuantForm::kQuanto, true},
    {".weight._data", QuantForm::kQuanto, true},
    {".weight._scale", QuantForm::kQuanto},
    {".weight._shift", QuantForm::kQuanto},
    {".output_scale", QuantForm::kQuanto},
    {".biases", QuantForm::kMlx},
    {".scales", QuantForm::kGptq},
    {"_blocks", QuantForm::kMxfp4, true},
    {"_scales", QuantForm::kMxfp4},
});

constexpr std::string_view kQuantState = ".weight.quant_state.";

}  // namespace

std::string_view quant_form_name(QuantForm form) {
  switch (form) {
    case QuantForm::kGptq:
      return "GPTQ or AWQ";
    case QuantForm::kFourBits:
      return "bitsandbytes with 4 bits";
    case QuantForm::kEightBits:
      return "bitsandbytes with 8 bits";
    case QuantForm::kCompressed:
      return "compressed-tensors";
    case QuantForm::kModelOpt:
      return "ModelOpt";
    case QuantForm::kBlockScale:
      return "fp8 with block scales";
    case QuantForm::kMlx:
      return "MLX";
    case QuantForm::kMxfp4:
      return "MXFP4";
    case QuantForm::kTorchao:
      return "torchao";
    case QuantForm::kQuanto:
      return "quanto";
  }
  return "";
}

std::optional<QuantPart> quant_part(std::string_view name) {
  if (const std::size_t at = name.find(kQuantState); at != std::string_view::npos && at > 0) {
    return QuantPart{
        .module = name.substr(0, at), .part = name.substr(at + 1), .form = QuantForm::kFourBits};
  }
  for (const PartName& row : kPartNames) {
    if (name.size() <= row.end.size() || !name.ends_with(row.end)) continue;
    return QuantPart{.module = name.substr(0, name.size() - row.end.size()),
                     .part = row.end.substr(1),
                     .form = row.form,
                     .whole = row.whole};
  }
  return std::nullopt;
}

std::string_view module_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(0, dot);
}

std::string weight_of_part(const QuantPart& part) {
  std::string name(part.module);
  if (part.form != QuantForm::kMxfp4) name += ".weight";
  return name;
}

bool is_cache_scale(std::string_view name) {
  return name.ends_with(".k_scale") || name.ends_with(".v_scale");
}

}  // namespace shardwright
