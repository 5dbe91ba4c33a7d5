#include "forward/decoder.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.h"
#include "base/utf8.h"
#include "forward/decoder_settings.h"
#include "merge/kernels.h"

namespace shardwright {
namespace {

// So that no product overflows, and no part of a matrix that is read at once is large.
constexpr std::uint64_t kMostInputs = 1U << 22U;
constexpr std::uint64_t kMostTaps = 1U << 10U;

// Finds the tensors of a decoder whose settings are known.
class TensorFinder {
 public:
  TensorFinder(DecoderSettings settings, const View& view)
      : settings_(std::move(settings)), view_(view) {}

  Result<Decoder> find_all() {
    SW_TRY(made_.embedding, tensor("model.embed_tokens.weight"));
    const ShapeView shape = made_.embedding->shape;
    if (shape.size() != 2 || shape.back() != made_.hidden)
      return wrong_shape(*made_.embedding, {shape.empty() ? 0 : shape.front(), made_.hidden});
    for (std::size_t layer = 0; layer + 1 < settings_.layers.size(); ++layer) {
      under_ = fmt::format("model.layers.{}.", layer);
      SW_TRY(DecoderLayer seen, layer_of(settings_.layers[layer]));
      made_.layers.push_back(seen);
    }
    return std::move(made_);
  }

 private:
  [[nodiscard]] const DecoderFamily& family() const { return *made_.family; }
  [[nodiscard]] const DecoderNames& names() const { return family().names; }

  Result<DecoderLayer> layer_of(const LayerKind& kind) {
    DecoderLayer layer{.convolves = kind.convolves, .rotates = kind.rotates, .window = kind.window};
    SW_TRY(layer.first_norm, norm(names().first_norm, made_.hidden));
    if (family().block != Block::kParallel) {
      SW_TRY(layer.second_norm, norm(names().second_norm, made_.hidden));
    }
    if (layer.convolves) {
      SW_TRY_OK(find_convolution(layer));
    } else if (family().attention == Attention::kLatent) {
      SW_TRY_OK(find_latent(layer));
    } else {
      SW_TRY_OK(find_heads(layer));
    }
    SW_TRY(layer.gate, map(names().gate, std::nullopt, made_.hidden));
    SW_TRY(layer.up, map(names().up, layer.gate.out, made_.hidden));
    SW_TRY(layer.down, map(names().down, made_.hidden, layer.gate.out));
    return layer;
  }

  Status find_heads(DecoderLayer& layer) {
    const std::size_t of_queries = made_.heads * made_.head;
    const std::size_t of_keys = made_.kv * made_.head;
    SW_TRY(layer.query, map("self_attn.q_proj", of_queries, made_.hidden));
    SW_TRY(layer.key, map("self_attn.k_proj", of_keys, made_.hidden));
    SW_TRY(layer.value, map("self_attn.v_proj", of_keys, made_.hidden));
    SW_TRY(layer.out, map(names().out, made_.hidden, of_queries));
    SW_TRY(layer.query_norm, head_norm(names().query_norm, of_queries));
    SW_TRY(layer.key_norm, head_norm(names().key_norm, of_keys));
    return ok();
  }

  Status find_latent(DecoderLayer& layer) {
    const std::size_t rotated = made_.head - made_.rotated_from;
    const std::size_t of_queries = made_.heads * made_.head;
    std::size_t of_query = made_.hidden;
    if (find("self_attn.q_a_proj.weight") != nullptr) {
      SW_TRY(layer.query_latent, map("self_attn.q_a_proj", std::nullopt, made_.hidden));
      of_query = layer.query_latent.out;
      SW_TRY(layer.query_latent_norm, norm("self_attn.q_a_layernorm", of_query));
      SW_TRY(layer.query, map("self_attn.q_b_proj", of_queries, of_query));
    } else {
      SW_TRY(layer.query, map("self_attn.q_proj", of_queries, of_query));
    }
    const std::size_t of_keys = settings_.key_latent;
    SW_TRY(layer.key_latent, map("self_attn.kv_a_proj_with_mqa", of_keys + rotated, made_.hidden));
    SW_TRY(layer.key_latent_norm, norm("self_attn.kv_a_layernorm", of_keys));
    SW_TRY(layer.key_value, map("self_attn.kv_b_proj",
                                made_.heads * (made_.rotated_from + made_.head_value), of_keys));
    SW_TRY(layer.out, map(names().out, made_.hidden, made_.heads * made_.head_value));
    return ok();
  }

  Status find_convolution(DecoderLayer& layer) {
    SW_TRY(layer.in, map("conv.in_proj", 3 * made_.hidden, made_.hidden));
    SW_TRY(layer.out, map("conv.out_proj", made_.hidden, made_.hidden));
    SW_TRY(layer.kernel, tensor(under_ + "conv.conv.weight"));
    const ShapeView shape = layer.kernel->shape;
    if (shape.size() != 3 || shape[0] != made_.hidden || shape[1] != 1 || shape[2] < 1 ||
        shape[2] > kMostTaps) {
      return wrong_shape(*layer.kernel, {made_.hidden, 1, 3});
    }
    layer.taps = static_cast<std::size_t>(shape[2]);
    if (find("conv.conv.bias") != nullptr) {
      SW_TRY(layer.kernel_bias, norm("conv.conv.bias", made_.hidden, ""));
    }
    return ok();
  }

  [[nodiscard]] const Tensor* find(std::string_view name) const {
    const auto found = view_.tensors.find(under_ + std::string(name));
    return found == view_.tensors.end() ? nullptr : &found->second.tensor;
  }

  Result<const Tensor*> tensor(std::string_view name) const {
    const auto found = view_.tensors.find(name);
    if (found == view_.tensors.end()) {
      return Error{ErrorCode::kMalformed,
                   fmt::format("a forward pass needs {}, which is not there", quoted(name))};
    }
    const Tensor& tensor = found->second.tensor;
    if (kernel::is_float(tensor.dtype)) return &tensor;
    return Error{ErrorCode::kUnsupported, fmt::format("a forward pass cannot read {}, which is {}",
                                                      quoted(name), dtype_name(tensor.dtype))};
  }

  static Error wrong_shape(const Tensor& tensor, std::initializer_list<std::uint64_t> wanted) {
    return {
        ErrorCode::kMalformed,
        fmt::format("a forward pass needs {} of shape [{}], and it is [{}]", quoted(tensor.name),
                    fmt::join(wanted, ", "), fmt::join(tensor.shape, ", "))};
  }

  // A vector of that many.
  Result<const Tensor*> norm(std::string_view name, std::size_t count,
                             std::string_view ending = ".weight") const {
    SW_TRY(const Tensor* found, tensor(fmt::format("{}{}{}", under_, name, ending)));
    if (found->shape.size() == 1 && found->shape.front() == count) return found;
    return wrong_shape(*found, {count});
  }

  // Of each head or of `all`; null where there is none.
  Result<const Tensor*> head_norm(std::string_view name, std::size_t all) const {
    const Tensor* found = find(fmt::format("{}.weight", name));
    if (found == nullptr) return found;
    const bool of_all = found->shape.size() == 1 && found->shape.front() == all;
    return norm(name, of_all ? all : made_.head);
  }

  // `out`: none where the tensor itself says it.
  Result<LinearMap> map(std::string_view name, std::optional<std::size_t> out,
                        std::size_t in) const {
    SW_TRY(const Tensor* weight, tensor(fmt::format("{}{}.weight", under_, name)));
    const ShapeView shape = weight->shape;
    const bool fits = shape.size() == 2 && shape[1] == in && in <= kMostInputs && shape[0] >= 1 &&
                      shape[0] <= kMostInputs && (!out || shape[0] == *out);
    if (!fits) return wrong_shape(*weight, {out.value_or(shape.empty() ? 0 : shape[0]), in});
    LinearMap made{.weight = weight, .out = static_cast<std::size_t>(shape[0]), .in = in};
    if (find(fmt::format("{}.bias", name)) != nullptr) {
      SW_TRY(made.bias, norm(name, made.out, ".bias"));
    }
    return made;
  }

  DecoderSettings settings_;
  const View& view_;
  Decoder& made_ = settings_.decoder;
  std::string under_;
};

}  // namespace

Result<Decoder> decoder_of(const Expansion& expected, const json::Value& config, const View& view) {
  SW_TRY(DecoderSettings settings, decoder_settings(expected, config));
  return TensorFinder(std::move(settings), view).find_all();
}

std::vector<const LinearMap*> maps_of(const DecoderLayer& layer) {
  return {&layer.query,        &layer.key,        &layer.value,     &layer.out,
          &layer.query_latent, &layer.key_latent, &layer.key_value, &layer.in,
          &layer.gate,         &layer.up,         &layer.down};
}

std::size_t working_floats(const Decoder& decoder) {
  const std::size_t of_queries = decoder.heads * (decoder.head + decoder.head_value);
  const std::size_t of_keys = decoder.kv * (decoder.head + decoder.head_value);
  std::size_t most = 0;
  for (const DecoderLayer& layer : decoder.layers) {
    const std::size_t latent = 2 * layer.query_latent.out + layer.key_latent.out +
                               layer.key_value.in + layer.key_value.out;
    const std::size_t mixing = layer.convolves ? 4 * decoder.hidden : of_queries + of_keys + latent;
    most = std::max(most, 4 * decoder.hidden + std::max(mixing, 2 * layer.gate.out));
  }
  return most;
}

std::uint64_t layer_bytes(const Decoder& decoder) {
  std::uint64_t bytes = 0;
  for (const DecoderLayer& layer : decoder.layers) {
    for (const LinearMap* map : maps_of(layer)) {
      if (map->weight != nullptr) bytes += map->weight->bytes;
    }
  }
  return bytes;
}

}  // namespace shardwright
