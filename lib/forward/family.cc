#include "forward/family.h"

#include <algorithm>
#include <array>

namespace shardwright {
namespace {

constexpr DecoderNames kHunyuanNames = {.query_norm = "self_attn.query_layernorm",
                                        .key_norm = "self_attn.key_layernorm"};
constexpr DecoderNames kLfm2Names = {.first_norm = "operator_norm",
                                     .second_norm = "ffn_norm",
                                     .query_norm = "self_attn.q_layernorm",
                                     .key_norm = "self_attn.k_layernorm",
                                     .out = "self_attn.out_proj",
                                     .gate = "feed_forward.w1",
                                     .up = "feed_forward.w3",
                                     .down = "feed_forward.w2"};
constexpr DecoderNames kOlmo2Names = {.first_norm = "post_attention_layernorm",
                                      .second_norm = "post_feedforward_layernorm"};

// transformers 5.23.0; each is tested beside it (tests/interop/test_forward.py).
constexpr std::array kFamilies = {
    DecoderFamily{.schema = "llama"},
    DecoderFamily{.schema = "mistral", .windows = Windows::kAll},
    DecoderFamily{
        .schema = "phi3", .layout = "split", .windows = Windows::kAll, .rotary = {.partial = true}},
    DecoderFamily{.schema = "qwen2", .windows = Windows::kFromLayer},
    DecoderFamily{.schema = "seed_oss"},
    DecoderFamily{.schema = "qwen3", .windows = Windows::kFromLayer},
    DecoderFamily{.schema = "granite", .multipliers = true},
    DecoderFamily{.schema = "gemma", .norm = NormKind::kRmsOneMore, .root_of_hidden = true},
    DecoderFamily{.schema = "olmo2", .block = Block::kNormsAfter, .names = kOlmo2Names},
    DecoderFamily{.schema = "ernie4_5", .interleaved = true},
    DecoderFamily{.schema = "hunyuan_v1_dense",
                  .norm_after_rotation = true,
                  .rotary = {.alpha = true},
                  .names = kHunyuanNames},
    DecoderFamily{.schema = "deepseek_v3", .attention = Attention::kLatent},
    DecoderFamily{.schema = "cohere2",
                  .norm = NormKind::kMean,
                  .eps = "layer_norm_eps",
                  .block = Block::kParallel,
                  .windows = Windows::kByType,
                  .interleaved = true,
                  .full_rotates = false},
    DecoderFamily{.schema = "lfm2",
                  .eps = "norm_eps",
                  .attention = Attention::kConvolution,
                  .activation = "silu",
                  .names = kLfm2Names},
};

}  // namespace

const DecoderFamily* decoder_family(std::string_view schema) {
  const auto found = std::ranges::find(kFamilies, schema, &DecoderFamily::schema);
  return found == kFamilies.end() ? nullptr : &*found;
}

}  // namespace shardwright
