// The shapes of the parts in which quantised weights are stored, by the settings of the config:
//
// - GPTQ (bits, group_size): qweight [in * bits / 32, out], scales [groups, out], qzeros [groups,
//   out * bits / 32], g_idx [in].
// - AWQ, gemm (bits, group_size): qweight [in, out * bits / 32], scales and qzeros as above.
// - bitsandbytes, 4 bits: weight of bytes [out * in / 2, 1], a scale a block; 8 bits: weight
//   [out, in], SCB [out].
// - compressed-tensors (num_bits, strategy): weight_packed [out, in * bits / 32] (older versions
// put
//   each number into one word as a whole: [out, in / (32 / bits)]), weight_scale [out, groups],
//   [out, 1], [1] or one a block, weight_zero_point the same or packed along the rows, input_scale
//   [1] for the whole tensor.
// - ModelOpt (quant_algo): weight [out, in], or of FP4 [out, in / 2], and scales.
// - fbgemm: weight_scale [out, 1].
// - MXFP4: blocks [experts, out, in / 32, 16], scales without the 16.
#pragma once

#include <string>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

struct WrongPart {
  const Tensor* stored{};
  const ExpectedTensor* weight{};
  std::string wanted{};    // "[8, 64]"
  std::string settings{};  // "bits 4, group_size 32"
};

// Parts of other shapes than the method of `quantization_config` gives to the weights of the rule.
// Where a setting is unknown, or sizes do not divide, nothing is said of a part.
std::vector<WrongPart> wrong_parts(const Checkpoint& checkpoint, const Expansion& expected);

}  // namespace shardwright
