// What the config says of quantisation against what the stored tensors show.
#pragma once

#include <cstdint>
#include <string_view>

#include "check/join.h"

namespace shardwright {

// The quantization_config, of the text model where the config has it there; null without one.
const json::Value* quantization_settings(const Checkpoint& checkpoint);

// The method whose parts are stored: quant_method, or that of the packing format of auto-round.
std::string_view stored_method(const json::Value& settings);

// What comes of plain weights under settings that name a method of quantisation.
enum class PlainUnder : std::uint8_t {
  kUnknown,  // the method may quantise them while it loads, or means something else
  kLacking,  // loaders look for the parts of quantised weights
  kRefused,  // transformers asks for the method's package first
  kLoaded,   // transformers reads them as they are (5.23: other methods than it knows, too)
};
PlainUnder plain_under(const json::Value& settings);

// Whether some stored tensor is quantised, by its name or its dtype.
bool shows_quantization(const Checkpoint& checkpoint);

// Whether a weight is numbers of 4 bits, as bitsandbytes packs them, whatever its dtype: the scales
// of its blocks stand beside it. Settings may ask for any dtype (bnb_4bit_quant_storage), which
// then says how wide the elements are, and nothing of their bits.
bool holds_four_bits(const Checkpoint& checkpoint, const Tensor& tensor);

// Sets `quantization` where the config names a method whose tensors no rule knows, and
// `leftover_quantization` where it names one of which no stored tensor shows anything.
void read_quantization(const Checkpoint& checkpoint, Join& join);

// Whether an fp8 scale is one for the whole weight, in a form that loaders take, where the config
// asks for that or leaves it open: of no dimension, or of one.
bool is_whole_scale(const Checkpoint& checkpoint, const Expansion& expected,
                    const ExpectedTensor& wanted, const Tensor& stored);

// Whether an optional tensor of the rule is the scale of what goes into an fp8 module that stands
// there, and the config says that such scales are stored (activation_scheme "static").
//
// Source: transformers 5.23.0, integrations/finegrained_fp8.py (FP8Linear). Those of experts are
// left out: FP8Experts has one for a stack, and nothing reads those of the experts into it.
bool needs_input_scale(const Checkpoint& checkpoint, const ExpectedTensor& wanted);

// Where quantised tensors hide the weights: what the rule requires and of which neither the weight
// nor anything in its place is stored, plain tensors of another shape, and what stands in layers
// and experts that the config does not count. Experts are compared where they stand one by one, or
// no tensor is named after any: the methods differ in how they stack them.
void compare_modules(const Checkpoint& checkpoint, const Expansion& expected, Join& join);

}  // namespace shardwright
