// What a config says of a decoder, without its tensors.
#pragma once

#include <cstddef>
#include <vector>

#include "arch/expand.h"
#include "forward/decoder.h"
#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

struct LayerKind {
  bool convolves{};
  bool rotates{};
  std::size_t window{};  // as a DecoderLayer has it
};

struct DecoderSettings {
  Decoder decoder{};                // all but its tensors
  std::size_t key_latent{};         // numbers of what a latent's keys and values are made of
  std::vector<LayerKind> layers{};  // all of them
};

// kUnsupported for what is not handled, with key and value.
Result<DecoderSettings> decoder_settings(const Expansion& expected, const json::Value& config);

}  // namespace shardwright
