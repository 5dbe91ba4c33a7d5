#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "check/unruled.h"

namespace shardwright {
namespace {

// transformers 5.23: the classes that build their embedding without a row for padding, in order,
// with spaces between. tests/interop/test_unruled.py builds the others with such a token, too.
constexpr std::string_view kNoPadding =
    "aimv2 beit blip_2_qformer bloom blt canary clip clip_text_model clipseg clvp codegen "
    "cpmant csm ctrl data2vec-audio decision_transformer esmc falcon_mamba "
    "fastspeech2_conformer gemma3n_audio gpt2 gpt_bigcode gpt_neo gpt_neox_japanese gptj "
    "granite_speech5_ctc granite_speech5_encoder groupvit hubert ibert imagegpt "
    "kyutai_speech_to_text lasr_ctc longt5 lxmert mamba metaclip_2 mllama mllama_text_model "
    "molmo2 molmo2_text moshi mpnet mpt mt5 nemotron3_5_asr "
    "nemotron3_5_transcribe_word_timestamp nemotron_asr_streaming neomme openai-gpt owlv2 "
    "owlvit parakeet_ctc parakeet_rnnt parakeet_tdt perceiver pix2struct pop2piano reformer "
    "rwkv sam3 sam3_lite_text sam3_lite_text_text_model sew sew-d siglip siglip2 "
    "switch_transformers t5gemma t5gemma2 tipsv2 tipsv2_text_model udop umt5 unispeech "
    "unispeech-sat videoprism voxtral_encoder voxtral_realtime_encoder wav2vec2 wavlm xclip "
    "xlnet xlstm";

bool has_padding(std::string_view model_type) {
  const auto words = split(kNoPadding, ' ');
  return std::ranges::find(words, model_type) == words.end();
}

void add_padding(const json::Value& config, const std::string& at, Unruled& unruled) {
  const json::Value* vocabulary = config.find("vocab_size");
  const json::Value* padding = config.find("pad_token_id");
  const auto rows = vocabulary != nullptr ? vocabulary->whole_number() : std::nullopt;
  const auto token = padding != nullptr ? padding->whole_number() : std::nullopt;
  if (!rows || !token || *rows <= 0 || *token < *rows) return;
  unruled.problems.push_back(
      {.kind = ConfigProblem::Kind::kContradiction,
       .pointer = at + "/pad_token_id",
       .message =
           fmt::format("'pad_token_id' is {}, and 'vocab_size' is {}: the padding token lies "
                       "outside the vocabulary, and transformers refuses to build the model",
                       *token, *rows)});
}

}  // namespace

void find_problems(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled) {
  const json::Value& config = *checkpoint.config_value();
  if (!has_padding(model_type)) return;
  const json::Value* text = config.find("text_config");
  if (text == nullptr) {
    add_padding(config, "", unruled);
  } else if (text->object() != nullptr) {
    const json::Value* inner = text->find("model_type");
    const bool pads =
        inner == nullptr || inner->string() == nullptr || has_padding(*inner->string());
    if (pads) add_padding(*text, "/text_config", unruled);
  }
}

}  // namespace shardwright
