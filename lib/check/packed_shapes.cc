#include "check/packed_shapes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/checked.h"
#include "check/quant_name.h"
#include "check/quantization.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

using Extents = std::vector<std::uint64_t>;
using Choices = std::vector<Extents>;  // any of them will do; none where nobody knows

constexpr std::uint64_t kWord = 32;     // bits of the integers that GPTQ and AWQ pack
constexpr std::uint64_t kNvBlock = 16;  // elements of FP4 that share a scale
constexpr std::uint64_t kMxBlock = 32;  // elements of MXFP4 that share one, in 16 bytes
constexpr std::uint64_t kMostExtent = std::uint64_t{1} << 40;

std::string_view text_of(const json::Value* value) {
  return value != nullptr && value->string() != nullptr ? std::string_view(*value->string())
                                                        : std::string_view();
}

std::optional<std::int64_t> number_of(const json::Value& settings, std::string_view key,
                                      std::string_view older) {
  const json::Value* value = settings.find(key);
  if (value == nullptr) value = settings.find(older);
  return value != nullptr ? value->whole_number() : std::nullopt;
}

std::uint64_t quotient_up(std::uint64_t a, std::uint64_t b) {
  return (a + b - 1) / b;
}

// What the settings say, whichever the method.
struct Packing {
  std::string_view method{}, form{};
  std::uint64_t bits{};                  // 0: unknown
  std::uint64_t group{};                 // elements of a row that share a scale; 0: all
  std::string_view strategy{};           // of compressed-tensors
  std::array<std::uint64_t, 2> block{};  // of its strategy "block"
  std::string_view inputs{};             // its strategy for what goes in
  std::string said{};
};

std::optional<std::uint64_t> positive(std::optional<std::int64_t> value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (!value || *value <= 0 || *value > kMost) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

// GPTQ and AWQ. A group_size of -1 is a whole row.
std::optional<Packing> packing_of_words(std::string_view method, const json::Value& settings) {
  const auto bits = positive(number_of(settings, "bits", "w_bit"));
  const auto group = number_of(settings, "group_size", "q_group_size");
  // Settings of some modules alone.
  const auto has = [&](std::string_view key) {
    const json::Value* value = settings.find(key);
    return value != nullptr && !value->is_null();
  };
  if (!bits || *bits > kWord || !group || has("dynamic") || has("extra_config"))
    return std::nullopt;
  if (method == "awq") {
    const json::Value* version = settings.find("version");
    if (version != nullptr && text_of(version) != "gemm") return std::nullopt;
  } else {
    const json::Value* format = settings.find("checkpoint_format");
    if (format != nullptr && !text_of(format).starts_with("gptq")) return std::nullopt;
  }
  return Packing{.method = method,
                 .bits = *bits,
                 .group = positive(group).value_or(0),
                 .said = fmt::format("bits {}, group_size {}", *bits, *group)};
}

std::optional<Packing> packing_of_groups(const json::Value& settings) {
  const json::Value* groups = settings.find("config_groups");
  if (groups == nullptr || groups->object() == nullptr || groups->object()->size() != 1)
    return std::nullopt;
  const json::Value& only = groups->object()->front().value;
  const json::Value* weights = only.find("weights");
  if (weights == nullptr || weights->object() == nullptr) return std::nullopt;
  Packing packing{.method = "compressed-tensors", .form = text_of(only.find("format"))};
  if (packing.form.empty()) packing.form = text_of(settings.find("format"));
  packing.strategy = text_of(weights->find("strategy"));
  packing.bits = positive(number_of(*weights, "num_bits", "num_bits")).value_or(0);
  packing.group = positive(number_of(*weights, "group_size", "group_size")).value_or(0);
  if (packing.strategy == "block") {
    const json::Value* block = weights->find("block_structure");
    const auto* pair = block != nullptr ? block->array() : nullptr;
    if (pair == nullptr || pair->size() != 2) return std::nullopt;
    for (std::size_t i = 0; i < 2; ++i)
      packing.block.at(i) = positive((*pair)[i].whole_number()).value_or(0);
    if (packing.block[0] == 0 || packing.block[1] == 0) return std::nullopt;
  }
  if (const json::Value* inputs = only.find("input_activations"); inputs != nullptr)
    packing.inputs = text_of(inputs->find("strategy"));
  packing.said = fmt::format(
      "num_bits {}, strategy '{}'{}", packing.bits, packing.strategy,
      packing.group > 0 ? fmt::format(", group_size {}", packing.group) : std::string());
  return packing;
}

std::optional<Packing> packing_of(const json::Value& settings) {
  const std::string_view method = stored_method(settings);
  if (method == "gptq" || method == "awq") return packing_of_words(method, settings);
  if (method == "compressed-tensors") return packing_of_groups(settings);
  if (method == "modelopt") {
    const std::string_view algo = text_of(settings.find("quant_algo"));
    if (algo != "FP8" && algo != "NVFP4") return std::nullopt;
    return Packing{.method = method, .form = algo, .said = fmt::format("quant_algo '{}'", algo)};
  }
  if (method == "bitsandbytes" || method == "fbgemm_fp8" || method == "mxfp4")
    return Packing{.method = method};
  return std::nullopt;
}

// A weight [out, in].
struct Matrix {
  std::uint64_t out{}, in{};
};

Choices one_number() {
  return {{}, {1}};
}

Choices words_part(const Packing& packing, std::string_view part, Matrix weight) {
  const bool divides = weight.in * packing.bits % kWord == 0 &&
                       weight.out * packing.bits % kWord == 0 &&
                       (packing.group == 0 || weight.in % packing.group == 0);
  if (!divides) return {};
  const std::uint64_t groups = packing.group == 0 ? 1 : weight.in / packing.group;
  const std::uint64_t packed_out = weight.out * packing.bits / kWord;
  if (part == "scales") return {{groups, weight.out}};
  if (part == "qzeros") return {{groups, packed_out}};
  if (packing.method == "awq")
    return part == "qweight" ? Choices{{weight.in, packed_out}} : Choices{};
  if (part == "qweight") return {{weight.in * packing.bits / kWord, weight.out}};
  return part == "g_idx" ? Choices{{weight.in}} : Choices{};
}

Choices bitsandbytes_part(std::string_view part, const Tensor& stored, Matrix weight) {
  const std::uint64_t elements = weight.out * weight.in;
  if (part == "weight" && stored.dtype == DType::kU8) return {{quotient_up(elements, 2), 1}};
  if (part == "weight" && stored.dtype == DType::kI8) return {{weight.out, weight.in}};
  if (part == "SCB") return {{weight.out}};
  if (part != "weight.absmax") return {};
  Choices choices;  // a block has 64 elements but on some machines
  for (std::uint64_t block = 64; block <= 4096; block *= 2)
    choices.push_back({quotient_up(elements, block)});
  return choices;
}

Choices scale_of_strategy(const Packing& packing, Matrix weight) {
  if (packing.strategy == "tensor") return one_number();
  if (packing.strategy == "channel") return {{weight.out, 1}, {weight.out}};
  if (packing.strategy == "block") {
    return {{quotient_up(weight.out, packing.block[0]), quotient_up(weight.in, packing.block[1])}};
  }
  const bool grouped = packing.strategy == "group" || packing.strategy == "tensor_group";
  if (!grouped || packing.group == 0 || weight.in % packing.group != 0) return {};
  return {{weight.out, weight.in / packing.group}};
}

// As many as scales. Packed ones stand for several rows in each number.
Choices zero_points(const Packing& packing, Matrix weight) {
  Choices choices = scale_of_strategy(packing, weight);
  if (packing.form != "pack-quantized" || packing.bits == 0 || packing.bits > kWord) return choices;
  Choices packed;
  for (const Extents& scale : choices) {
    if (scale.size() != 2) continue;
    packed.push_back({quotient_up(scale[0] * packing.bits, kWord), scale[1]});
    packed.push_back({quotient_up(scale[0], kWord / packing.bits), scale[1]});
  }
  choices.insert(choices.begin(), packed.begin(), packed.end());
  return choices;
}

Choices compressed_part(const Packing& packing, std::string_view part, const Tensor& stored,
                        Matrix weight) {
  if (part == "weight_scale") return scale_of_strategy(packing, weight);
  if (part == "weight_zero_point") return zero_points(packing, weight);
  if (part == "input_scale" || part == "input_zero_point")
    return packing.inputs == "tensor" ? one_number() : Choices{};
  if (part == "weight_shape") return {{2}};
  if (part == "weight_g_idx") return {{weight.in}};
  if (part == "weight_global_scale" || part == "input_global_scale") return one_number();
  if (part == "weight" && dtype_bits(stored.dtype) == 8) return {{weight.out, weight.in}};
  if (part != "weight_packed") return {};
  if (packing.form == "pack-quantized" && packing.bits > 0 && packing.bits <= kWord) {
    return {{weight.out, quotient_up(weight.in * packing.bits, kWord)},
            {weight.out, quotient_up(weight.in, kWord / packing.bits)}};
  }
  const bool four =
      packing.form == "nvfp4-pack-quantized" || packing.form == "mxfp4-pack-quantized";
  if (four && weight.in % 2 == 0) return {{weight.out, weight.in / 2}};
  if (packing.form == "mxfp6-pack-quantized" && weight.in % 4 == 0)
    return {{weight.out, weight.in / 4 * 3}};
  return {};
}

Choices modelopt_part(const Packing& packing, std::string_view part, const Tensor& stored,
                      Matrix weight) {
  if (part == "weight_scale_2" || part == "input_scale") return one_number();
  if (packing.form == "FP8") {
    if (part == "weight_scale") return {{}, {1}, {weight.out}, {weight.out, 1}};
    return part == "weight" && dtype_bits(stored.dtype) == 8 ? Choices{{weight.out, weight.in}}
                                                             : Choices{};
  }
  if (part == "weight_scale" && weight.in % kNvBlock == 0)
    return {{weight.out, weight.in / kNvBlock}};
  return part == "weight" && stored.dtype == DType::kU8 && weight.in % 2 == 0
             ? Choices{{weight.out, weight.in / 2}}
             : Choices{};
}

// Experts stacked as [experts, in, out], which is what the rule says of the plain weight.
Choices mxfp4_part(std::string_view part, ShapeView weight) {
  if (weight.size() != 3 || weight[1] % kMxBlock != 0) return {};
  const std::uint64_t blocks = weight[1] / kMxBlock;
  if (part == "blocks") return {{weight[0], weight[2], blocks, kMxBlock / 2}};
  return part == "scales" ? Choices{{weight[0], weight[2], blocks}} : Choices{};
}

Choices part_shapes(const Packing& packing, std::string_view part, const Tensor& stored,
                    ShapeView weight) {
  if (std::ranges::any_of(weight, [](std::uint64_t extent) { return extent > kMostExtent; }))
    return {};
  if (packing.method == "mxfp4") return mxfp4_part(part, weight);
  if (weight.size() != 2 || !checked_mul(weight[0], weight[1])) return {};
  const Matrix matrix{.out = weight[0], .in = weight[1]};
  if (packing.method == "bitsandbytes") return bitsandbytes_part(part, stored, matrix);
  if (packing.method == "compressed-tensors") return compressed_part(packing, part, stored, matrix);
  if (packing.method == "modelopt") return modelopt_part(packing, part, stored, matrix);
  if (packing.method == "fbgemm_fp8")
    return part == "weight_scale" ? Choices{{matrix.out, 1}} : Choices{};
  return words_part(packing, part, matrix);
}

struct Part {
  std::string weight{};  // of the rule: "model.layers.0.mlp.up_proj.weight"
  std::string part{};
};

Part part_of(const Tensor& tensor) {
  if (const auto part = quant_part(tensor.name))
    return {weight_of_part(*part), std::string(part->part)};
  return {std::string(tensor.name), "weight"};
}

}  // namespace

std::vector<WrongPart> wrong_parts(const Checkpoint& checkpoint, const Expansion& expected) {
  std::vector<WrongPart> found;
  const json::Value* settings = quantization_settings(checkpoint);
  const auto packing = settings != nullptr ? packing_of(*settings) : std::nullopt;
  if (!packing) return found;
  std::vector<WrongPart> turned;  // that fit a matrix which stands the other way round
  std::size_t upright = 0;        // parts of matrices that fit as they stand
  for (const Tensor& tensor : checkpoint.tensors) {
    const Part part = part_of(tensor);
    const ExpectedTensor* weight = expected.find(part.weight);
    if (weight == nullptr) continue;
    // Fewer elements of another width, AR406's if they are as many.
    if (tensor.dtype != DType::kU8 && holds_four_bits(checkpoint, tensor)) continue;
    const Choices choices = part_shapes(*packing, part.part, tensor, weight->shape);
    if (choices.empty()) continue;
    const auto is_it = [&](const Extents& wanted) { return same_shape(wanted, tensor.shape); };
    if (std::ranges::any_of(choices, is_it)) {
      if (weight->shape.size() == 2 && weight->shape[0] != weight->shape[1]) ++upright;
      continue;
    }
    const WrongPart wrong{.stored = &tensor,
                          .weight = weight,
                          .wanted = shape_text(choices.front()),
                          .settings = packing->said};
    const bool turns = packing->method == "gptq" || packing->method == "awq";
    const std::array<std::uint64_t, 2> back{turns ? weight->shape[1] : 0,
                                            turns ? weight->shape[0] : 0};
    const bool fits =
        turns && std::ranges::any_of(part_shapes(*packing, part.part, tensor, back), is_it);
    (fits ? turned : found).push_back(wrong);
  }
  // Some classes hold their matrices the other way round, and then all of them.
  if (turned.size() <= upright) {
    found.insert(found.end(), turned.begin(), turned.end());
    std::ranges::sort(found, {}, &WrongPart::stored);
  }
  return found;
}

}  // namespace shardwright
