// One layer, and what some sequences are after it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/meter.h"
#include "forward/decoder.h"
#include "forward/rotary.h"
#include "shardwright/result.h"

namespace shardwright {

class LayerPass {
 public:
  // All must outlive this.
  LayerPass(const Decoder& decoder, const DecoderLayer& layer, const RotaryTable& rotary,
            int threads, Meter* meter)
      : decoder_(decoder), layer_(layer), rotary_(rotary), threads_(threads), meter_(meter) {}

  // Reads what is small; the matrices are read as they are used.
  Status read_norms();

  // `states`: [tokens, hidden] of some sequences, from that token of the rotary table on.
  Status run(std::span<const std::size_t> lengths, std::size_t first_token,
             std::span<float> states);

 private:
  using Floats = std::vector<float>;

  // [tokens, ...] of the sequences at hand.
  Result<Floats> mapped(const LinearMap& map, std::span<const float> x) const;
  [[nodiscard]] Floats normed(std::span<const float> x, std::span<const float> weight,
                              double eps) const;
  Result<Floats> mix(std::span<const float> x) const;
  Result<Floats> mix_heads(std::span<const float> x) const;
  Result<Floats> mix_latent(std::span<const float> x) const;
  Result<Floats> mix_convolved(std::span<const float> x) const;
  Result<Floats> feed(std::span<const float> x) const;
  [[nodiscard]] Floats attended(std::span<const float> queries, std::span<const float> keys,
                                std::span<const float> values) const;
  void turn(std::span<float> rows, std::size_t heads, std::span<const float> norm) const;
  void spread(std::span<const float> latent, std::span<const float> both, std::span<float> keys,
              std::span<float> values) const;
  void add(std::span<float> states, std::span<const float> more) const;
  void for_tokens(const std::function<void(std::size_t token)>& body) const;

  const Decoder& decoder_;
  const DecoderLayer& layer_;
  const RotaryTable& rotary_;
  int threads_;
  Meter* meter_;
  std::span<const std::size_t> lengths_;
  std::size_t first_token_{}, tokens_{};
  Floats first_norm_, second_norm_, query_norm_, key_norm_, query_latent_norm_, key_latent_norm_;
  Floats kernel_, kernel_bias_;
};

}  // namespace shardwright
