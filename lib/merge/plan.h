// What a merge will write, as a value: every tensor of the result, what it is made of, and where
// every tensor of the inputs goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/expand.h"
#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "merge/method.h"
#include "merge/recipe.h"
#include "shardwright/dtype.h"
#include "shardwright/mixture_gate.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright {

struct Adaptation;
struct LayoutMap;
struct Dequantization;

// An input as the planner sees it.
struct MergeInput {
  ModelRef model{};
  const Checkpoint* checkpoint{};
  const Expansion* expected{};           // null where no rule describes it
  std::vector<std::string> redundant{};  // stored names that are proven to repeat another
  const Adaptation* adaptation{};        // of its adapter (adapt.h), or null
  double reads_per_byte{1};              // of the disk, where the checkpoint is computed
  const Dequantization* dequantized{};   // where it is quantised (dequantize.h), or null
};

enum class TensorAction : std::uint8_t {
  kMerge,  // by the method
  kCast,   // one input, to another dtype
  kCopy,   // one input, byte for byte
};

// A tensor of an input that a tensor of the result is made of.
struct TensorInput {
  std::uint32_t model{};  // position among the inputs
  Tensor tensor{};
  std::uint64_t read_bytes{};  // of the disk, for all of it
};

struct PlannedTensor {
  std::string name{};
  DType dtype{};
  Shape shape{};
  std::uint64_t elements{};
  TensorAction action{};
  std::vector<TensorInput> inputs{};  // in the recipe's order
  std::optional<std::size_t> base{};  // position in `inputs`
  std::vector<double> globals{};      // values of the method's parameters, as MergeCase has them
  std::vector<std::vector<double>> values{};
  // Where it is merged with the peer's arithmetic: the dtype that inputs are rounded to, and then
  // each of its steps.
  std::optional<DType> round_to{};
  std::string why{};  // where it is not merged from all inputs as they are
};

std::uint64_t bytes_of(const PlannedTensor& tensor);  // in the result

// A tensor of an input that no tensor of the result is made of.
struct DroppedTensor {
  std::uint32_t model{};
  std::string name{};
  std::string why{};
};

// A file of the result beside its shards, whose text the plan knows.
struct PlannedText {
  std::string name{};
  std::string text{};
};

// A value that config.json gets.
struct ConfigValue {
  std::string pointer{};  // RFC 6901
  std::string text{};     // JSON; empty: the key goes
};

struct MergePlan {
  const Method* method{};  // of tensors that are merged; null where none is
  std::uint64_t seed{};
  bool compat{};
  std::vector<PlannedTensor> tensors{};            // in the order in which they are written
  std::vector<std::vector<std::size_t>> shards{};  // positions of tensors
  std::vector<DroppedTensor> dropped{};
  std::vector<std::string> notes{};  // decisions that a reader would want to know
  std::vector<MixtureGate> gates{};  // of a mixture, for the report
  std::size_t donor{};               // the input whose config and side files the result gets
  std::string config{};              // text of the result's config.json; empty: there is none
  std::vector<ConfigValue> config_values{};  // that the tokenizer asks for, part of `config`
  std::vector<PlannedText> files{};          // in place of the donor's of those names, or new
  std::vector<std::string> left{};           // files of the donor that the result does not get
  std::uint64_t tensor_bytes{};              // of the result
  std::uint64_t read_bytes{};                // of all passes over the inputs
  // Owns sources that exist in the plan alone, and what views in `tensors` point to.
  std::vector<std::shared_ptr<const ByteSource>> sources{};
  std::vector<std::shared_ptr<const LayoutMap>> layouts{};
};

struct PlanOptions {
  std::uint64_t max_shard_size{5'000'000'000};  // bytes of tensors
  std::uint64_t seed{};
  bool compat{};
  std::string
      layout{};  // that the result is to have; empty: that of the model whose config it gets
};

// The plan, or all that stands in its way: mistakes of the recipe in the light of the inputs. The
// inputs are those that the recipe names, each once, in the order of their first mention; they must
// outlive the plan.
struct Planned {
  MergePlan plan{};
  std::vector<Mistake> mistakes{};
  std::optional<Error> interrupted{};  // the caller asked to stop while it was planned
};
Planned plan_merge(const Recipe& recipe, std::vector<MergeInput> inputs,
                   const PlanOptions& options);

}  // namespace shardwright
