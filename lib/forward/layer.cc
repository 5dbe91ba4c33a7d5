#include "forward/layer.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <utility>

#include "base/parallel.h"
#include "base/try.h"
#include "forward/attention.h"
#include "forward/linear.h"
#include "forward/pointwise.h"

namespace shardwright {
namespace {

constexpr std::size_t kTokensAtOnce = 32;
constexpr double kLatentEps = 1e-6;  // of the class: the config's is not asked

}  // namespace

Status LayerPass::read_norms() {
  const std::array<std::pair<const Tensor*, Floats*>, 8> all = {{
      {layer_.first_norm, &first_norm_},
      {layer_.second_norm, &second_norm_},
      {layer_.query_norm, &query_norm_},
      {layer_.key_norm, &key_norm_},
      {layer_.query_latent_norm, &query_latent_norm_},
      {layer_.key_latent_norm, &key_latent_norm_},
      {layer_.kernel, &kernel_},
      {layer_.kernel_bias, &kernel_bias_},
  }};
  for (const auto& [tensor, values] : all) {
    if (tensor == nullptr) continue;
    SW_TRY(*values, all_floats(*tensor));
  }
  return ok();
}

Status LayerPass::run(std::span<const std::size_t> lengths, std::size_t first_token,
                      std::span<float> states) {
  lengths_ = lengths;
  first_token_ = first_token;
  tokens_ = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  const double eps = decoder_.eps;
  switch (decoder_.family->block) {
    case Block::kNormsBefore: {
      SW_TRY(const Floats mixed, mix(normed(states, first_norm_, eps)));
      add(states, mixed);
      SW_TRY(const Floats fed, feed(normed(states, second_norm_, eps)));
      add(states, fed);
      return ok();
    }
    case Block::kNormsAfter: {
      SW_TRY(const Floats mixed, mix(states));
      add(states, normed(mixed, first_norm_, eps));
      SW_TRY(const Floats fed, feed(states));
      add(states, normed(fed, second_norm_, eps));
      return ok();
    }
    case Block::kParallel: {
      const Floats both = normed(states, first_norm_, eps);
      SW_TRY(const Floats mixed, mix(both));
      SW_TRY(const Floats fed, feed(both));
      add(states, mixed);
      add(states, fed);
      return ok();
    }
  }
  return ok();
}

Result<LayerPass::Floats> LayerPass::mapped(const LinearMap& map, std::span<const float> x) const {
  Floats y(tokens_ * map.out);
  SW_TRY_OK(apply(map, x, y, threads_, meter_));
  return y;
}

void LayerPass::for_tokens(const std::function<void(std::size_t)>& body) const {
  const std::size_t parts = (tokens_ + kTokensAtOnce - 1) / kTokensAtOnce;
  parallel_for(parts, threads_, [&](std::size_t part) {
    const std::size_t end = std::min((part + 1) * kTokensAtOnce, tokens_);
    for (std::size_t token = part * kTokensAtOnce; token < end; ++token)
      body(token);
  });
}

// Each token's numbers, of which the norm may be of some at a time.
LayerPass::Floats LayerPass::normed(std::span<const float> x, std::span<const float> weight,
                                    double eps) const {
  Floats y(x.size());
  const std::size_t width = x.size() / tokens_;
  for_tokens([&](std::size_t token) {
    normalise(decoder_.family->norm, eps, x.subspan(token * width, width), weight,
              std::span(y).subspan(token * width, width));
  });
  return y;
}

Result<LayerPass::Floats> LayerPass::mix(std::span<const float> x) const {
  if (layer_.convolves) return mix_convolved(x);
  if (decoder_.family->attention == Attention::kLatent) return mix_latent(x);
  return mix_heads(x);
}

Result<LayerPass::Floats> LayerPass::mix_heads(std::span<const float> x) const {
  SW_TRY(Floats queries, mapped(layer_.query, x));
  SW_TRY(Floats keys, mapped(layer_.key, x));
  SW_TRY(const Floats values, mapped(layer_.value, x));
  turn(queries, decoder_.heads, query_norm_);
  turn(keys, decoder_.kv, key_norm_);
  return mapped(layer_.out, attended(queries, keys, values));
}

// Norms and rotates the heads of queries or keys.
void LayerPass::turn(std::span<float> rows, std::size_t heads, std::span<const float> norm) const {
  const DecoderFamily& family = *decoder_.family;
  const std::size_t width = heads * decoder_.head;
  const auto normalise_token = [&](std::span<float> row) {
    for (std::size_t at = 0; at < row.size() && !norm.empty(); at += norm.size()) {
      const auto part = row.subspan(at, norm.size());
      normalise(family.norm, decoder_.eps, part, norm, part);
    }
  };
  for_tokens([&](std::size_t token) {
    const auto row = rows.subspan(token * width, width);
    if (!family.norm_after_rotation) normalise_token(row);
    for (std::size_t head = 0; head < heads && layer_.rotates; ++head) {
      rotate(row.subspan(head * decoder_.head + decoder_.rotated_from), rotary_,
             first_token_ + token, decoder_.interleaved);
    }
    if (family.norm_after_rotation) normalise_token(row);
  });
}

LayerPass::Floats LayerPass::attended(std::span<const float> queries, std::span<const float> keys,
                                      std::span<const float> values) const {
  Floats out(tokens_ * decoder_.heads * decoder_.head_value);
  attend({.heads = decoder_.heads,
          .kv = decoder_.kv,
          .head = decoder_.head,
          .head_value = decoder_.head_value,
          .score_factor = decoder_.score_factor,
          .window = layer_.window},
         lengths_, queries, keys, values, threads_, meter_, out);
  return out;
}

Result<LayerPass::Floats> LayerPass::mix_latent(std::span<const float> x) const {
  Floats of_queries;
  if (layer_.query_latent.weight != nullptr) {
    SW_TRY(of_queries, mapped(layer_.query_latent, x));
    of_queries = normed(of_queries, query_latent_norm_, kLatentEps);
  }
  SW_TRY(Floats queries,
         mapped(layer_.query, of_queries.empty() ? x : std::span<const float>(of_queries)));
  turn(queries, decoder_.heads, {});
  SW_TRY(Floats latent, mapped(layer_.key_latent, x));
  const std::size_t width = layer_.key_latent.out;
  const std::size_t plain = layer_.key_value.in;
  Floats compressed(tokens_ * plain);
  for_tokens([&](std::size_t token) {
    const auto row = std::span(latent).subspan(token * width, width);
    normalise(decoder_.family->norm, kLatentEps, row.first(plain), key_latent_norm_,
              std::span(compressed).subspan(token * plain, plain));
    rotate(row.subspan(plain), rotary_, first_token_ + token, decoder_.interleaved);
  });
  SW_TRY(const Floats both, mapped(layer_.key_value, compressed));
  Floats keys(tokens_ * decoder_.heads * decoder_.head);
  Floats values(tokens_ * decoder_.heads * decoder_.head_value);
  spread(latent, both, keys, values);
  return mapped(layer_.out, attended(queries, keys, values));
}

// `both` has for each head what of its key is not rotated, and its value.
void LayerPass::spread(std::span<const float> latent, std::span<const float> both,
                       std::span<float> keys, std::span<float> values) const {
  const std::size_t plain = decoder_.rotated_from;
  const std::size_t of_head = plain + decoder_.head_value;
  const std::size_t width = layer_.key_latent.out;
  for_tokens([&](std::size_t token) {
    const auto turned =
        latent.subspan(token * width + layer_.key_value.in, width - layer_.key_value.in);
    for (std::size_t head = 0; head < decoder_.heads; ++head) {
      const std::size_t at = token * decoder_.heads + head;
      const auto from = both.subspan(at * of_head, of_head);
      const auto key = keys.subspan(at * decoder_.head, decoder_.head);
      std::ranges::copy(from.first(plain), key.begin());
      std::ranges::copy(turned, key.subspan(plain).begin());
      std::ranges::copy(from.subspan(plain), values.subspan(at * decoder_.head_value).begin());
    }
  });
}

Result<LayerPass::Floats> LayerPass::mix_convolved(std::span<const float> x) const {
  SW_TRY(const Floats parts, mapped(layer_.in, x));
  const std::size_t hidden = decoder_.hidden;
  const auto part = [&](std::size_t token, std::size_t which) {
    return std::span(parts).subspan((3 * token + which) * hidden, hidden);
  };
  std::vector<std::size_t> place;  // of each token in its sequence
  for (const std::size_t length : lengths_) {
    for (std::size_t i = 0; i < length; ++i)
      place.push_back(i);
  }
  Floats mixed(tokens_ * hidden);
  for_tokens([&](std::size_t token) {
    const auto to = std::span(mixed).subspan(token * hidden, hidden);
    if (!kernel_bias_.empty()) std::ranges::copy(kernel_bias_, to.begin());
    // The last number of a kernel is for the token itself.
    for (std::size_t back = 0; back < std::min(layer_.taps, place[token] + 1); ++back) {
      const auto before = part(token - back, 0);
      const auto input = part(token - back, 2);
      const float* tap = kernel_.data() + layer_.taps - 1 - back;
      for (std::size_t i = 0; i < hidden; ++i)
        to[i] += tap[i * layer_.taps] * before[i] * input[i];
    }
    const auto after = part(token, 1);
    for (std::size_t i = 0; i < hidden; ++i)
      to[i] *= after[i];
  });
  return mapped(layer_.out, mixed);
}

Result<LayerPass::Floats> LayerPass::feed(std::span<const float> x) const {
  SW_TRY(Floats gate, mapped(layer_.gate, x));
  SW_TRY(const Floats up, mapped(layer_.up, x));
  const std::size_t width = layer_.gate.out;
  for_tokens([&](std::size_t token) {
    gated(decoder_.activation, std::span(gate).subspan(token * width, width),
          std::span(up).subspan(token * width, width));
  });
  return mapped(layer_.down, gate);
}

void LayerPass::add(std::span<float> states, std::span<const float> more) const {
  const auto factor = static_cast<float>(decoder_.residual_factor);
  for (std::size_t i = 0; i < states.size(); ++i)
    states[i] += factor * more[i];
}

}  // namespace shardwright
