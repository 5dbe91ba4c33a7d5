// The stored tensors against the expected ones, computed once for all checks.
//
// One cause is one finding: what a single cause explains (a wrapper in all names, layers that are
// absent as a whole, another layout in some layers) is taken out of the plain lists.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "checkpoint/checkpoint.h"
#include "json/value.h"

namespace shardwright {

struct ShapeMismatch {
  const ExpectedTensor* expected{};
  const Tensor* stored{};
};

// A stored tensor that transformers reads as the expected one although its name differs.
struct Tolerated {
  const Tensor* stored{};
  const ExpectedTensor* expected{};
};

// Tensors of a layer's worth of names, by layer.
template <typename T>
using ByLayer = std::map<std::int32_t, std::vector<const T*>>;

// All layers hold the same number of experts, and it is not the config's.
struct ExpertCount {
  enum class Routers : std::uint8_t { kUnclear, kAsStored, kAsConfig };
  std::uint64_t stored{};
  std::uint64_t config{};
  Routers routers{};  // which of the two all of them have rows for
  bool fits{};        // with `stored` in the config all experts and routers are what it asks for
  std::vector<std::string> contradictions{};  // of the config, then: their messages
  std::vector<std::string> places{};  // tensors that are absent, too many or of another shape
};

// A layer whose experts are not those that the config counts.
struct ExpertNumbers {
  std::int32_t layer{};
  std::vector<std::int32_t> stored{};  // all that are there, sorted
  std::vector<std::int32_t> absent{};  // as a whole
  std::vector<std::int32_t> surplus{};
  std::vector<const ExpectedTensor*> missing{};  // of the absent ones
  std::vector<const Tensor*> unexpected{};       // of the others
};

// Weights stored in a quantised form that the config does not explain.
struct UnexplainedQuantization {
  std::string form{};       // "GPTQ or AWQ"
  std::string method{};     // that the config names instead, or its flag; empty where it names none
  std::uint64_t modules{};  // how many
  std::vector<const Tensor*> tensors{};  // all that they are stored in
};

// Tensors under other names than the expected ones: one text stands for another in all of them.
struct Renamed {
  std::string from{}, to{};  // segments, with dots between: "gate.linear" and "gate"
  bool is_numbering{};       // instead: layers whose numbers leave a gap
  std::vector<Tolerated> tensors{};
};

// Rows that the rule has in one tensor and the checkpoint in several, in their order, or the
// reverse: q_proj, k_proj and v_proj, and qkv_proj. On one side there is one tensor.
struct OtherDivision {
  std::vector<const Tensor*> stored{};
  std::vector<const ExpectedTensor*> wanted{};
};

// One key of the config has another value than the stored tensors imply.
struct ImpliedValue {
  std::string key{}, pointer{};     // dotted; RFC 6901
  std::string stated{}, implied{};  // JSON
  bool is_absent{};                 // the config leaves it to the class: `stated` is the default
};

// ... and with that value every stored tensor is expected and none is missing.
struct ImpliedSetting {
  std::vector<ImpliedValue> values{};  // one; two where only two together explain all
  std::vector<const ExpectedTensor*> missing{};
  std::vector<const Tensor*> unexpected{};
  std::vector<ShapeMismatch> mismatched{};

  // Nothing that is stored speaks for it: tensors that a tool lost look the same.
  [[nodiscard]] bool is_absence_alone() const { return unexpected.empty() && mismatched.empty(); }
};

// Another rule, and its class for the same purpose.
struct OtherRule {
  const Schema* schema{};
  std::string class_name{};
};

// By the same config other rules expect exactly what is stored.
struct ImpliedModelType {
  std::vector<OtherRule> rules{};  // the plainest first
  // What the config's own rule has to say against it.
  std::vector<const ExpectedTensor*> missing{};
  std::vector<const Tensor*> unexpected{};
  std::vector<ShapeMismatch> mismatched{};
};

// All token embeddings have another number of rows than the config has tokens, or the heads beside
// them have.
struct OtherRows {
  std::vector<const Tensor*> tensors{};
  std::uint64_t stated{};
  std::string pointer{};  // where the config says so; RFC 6901
  bool fits{};            // with the stored number in the config, nothing else has the stated one
};

// Numbers that are absent in a list of layers, or up to the config's count: nothing of them is
// stored.
struct NumberGap {
  std::string list{};  // "model.layers"
  std::vector<std::int32_t> absent{};
  std::int32_t last{};    // the highest number that is stored
  std::string pointer{};  // of the config's count of them; RFC 6901
  std::uint64_t count{};
};

// What is known of the tensors where no rule says which there should be (check/unruled.h).
struct Unruled {
  // The class that loads them is one of transformers: its model_type is, and no code lies beside
  // the weights. Other code may do what no class of transformers does.
  bool of_transformers{};

  std::vector<const Tensor*> empty{};     // of no elements
  std::vector<const Tensor*> unscaled{};  // whole numbers, or floats of 8 bits, and no settings
  std::optional<OtherRows> rows{};
  std::vector<NumberGap> gaps{};
  // Of a model of text alone: the one embedding of its tokens, with the rows that the config
  // counts.
  const Tensor* embedding{};
  // The head that the config ties to an embedding, where there is one of each.
  const Tensor* tied_head{};
  const Tensor* tied_to{};
  std::vector<ConfigProblem> problems{};
};

struct Join {
  bool compared{};  // there is a usable rule for these tensors, and no quantisation hides them from
                    // it
  std::string quantization{};           // the method that hides them
  bool modules_compared{};              // ... in modules whose names are those of the rule
  std::string quantization_pointer{};   // where the config says so; RFC 6901
  std::string leftover_quantization{};  // a method that the config names, where no tensor shows it

  // For each of Checkpoint::tensors the expected tensor of its name, or null; empty without a rule.
  std::vector<const ExpectedTensor*> expected_of{};
  std::uint64_t matched{};                       // name and shape agree
  std::vector<const ExpectedTensor*> missing{};  // required, and nowhere stored
  std::vector<const ExpectedTensor*>
      lost{};  // required, in a shard that is absent, unreadable, replaced
  std::vector<const Tensor*> unexpected{};  // stored, not expected, not ignored
  std::vector<const Tensor*> ignored{};     // stored, and passed over by loaders
  std::vector<ShapeMismatch> mismatched{};
  // Scales of the inputs of fp8 modules, which the config says are stored, and are not.
  std::vector<const ExpectedTensor*> input_scales{};

  const ExpectedTensor* missing_head{};     // an untied head that is not stored
  ByLayer<ExpectedTensor> absent_layers{};  // layers of which nothing required is stored
  ByLayer<Tensor> surplus_layers{};         // layers at and beyond the config's count
  std::optional<ExpertCount> experts{};
  std::vector<ExpertNumbers> expert_numbers{};  // by layer
  std::vector<std::string> wrappers{};  // taken out of all names they give names of the rule
  std::string outer_prefix{};           // the same of an unknown text before all names
  bool wrappers_exact{};                // ... one to one, with nothing missing
  bool wrappers_names_alone{};          // ... all of them, whatever else is wrong
  std::optional<UnexplainedQuantization> unexplained{};
  std::vector<const Tensor*> adapter{};  // tensors of an adapter, and those that it stands beside
  // Classes of the rule that the tensors fit, each whole; in front those that fit with the number
  // of labels that the config has.
  std::vector<std::string> other_class{};
  bool lacks_nothing_of_class{};  // ... and those of the named class are there, too
  bool class_leaves_out{};        // ... and the named class has all of theirs, and more
  // No class is named, and the one taken (by the tensors) is the rule's first but for tensors that
  // it lacks: another name of it would be that these are lost.
  std::string unnamed_class_of{};  // the rule's first
  std::vector<Renamed> renamed{};
  std::optional<ImpliedValue> implied{};        // by shapes
  std::vector<const Tensor*> implied_also{};    // what such a value explains besides
  std::optional<ImpliedValue> implied_depth{};  // the layers that are stored
  std::optional<ImpliedSetting> implied_setting{};
  std::optional<ImpliedModelType> implied_model_type{};  // then nothing else is told
  // Or of other rules what is missing would not be: nothing that is stored speaks for them.
  std::vector<OtherRule> types_without_missing{};
  // Problems of the config that an implied value resolves: their messages.
  std::vector<std::string> resolved{};
  std::vector<Tolerated> odd_prefix{};        // "model.model.x" or "x" for "model.x"
  std::vector<Tolerated> stand_ins{};         // tied, and stored under the target's name alone
  std::vector<const Tensor*> other_layout{};  // tensors of another layout than the rest
  std::string other_layout_name{};
  std::vector<OtherDivision> other_division{};
  std::optional<Unruled> unruled{};
};

Join join(const Checkpoint& checkpoint, const Expansion& expected);

// A defect after which nobody can list what the file holds.
bool hides_tensors(safetensors::DefectKind kind);

// Whether the shard's file is there and its header could be read as a list of tensors.
bool is_sound(const Shard& shard);
// Whether every loaded shard is sound: without one of them nobody knows what a checkpoint lacks.
bool is_all_readable(const Checkpoint& checkpoint);
// And some tensors are there: then all that it shows is known.
bool is_all_there(const Checkpoint& checkpoint);

// The name without the outer prefix, where there is one, or else without these wrappers.
std::string bare_name(std::string_view name, std::string_view outer_prefix,
                      std::span<const std::string> wrappers);

// The expected tensor, in this shape, of the name with the prefix of the class once more or once
// less; or null.
const ExpectedTensor* with_other_prefix(const Expansion& expected, const Tensor& tensor);

// The segments of known wrappers that the names hold.
std::vector<std::string> wrappers_in(const Checkpoint& checkpoint);

// What a model that sees has between the prefix and the names of its text:
// "model.language_model.x".
inline constexpr std::string_view kTextSegment = "language_model.";

// That, where some names have it behind the prefix of the class.
std::vector<std::string> text_segment_in(const Checkpoint& checkpoint, const Expansion& expected);

// The name with these segments taken out, at any depth.
std::string without_wrappers(std::string_view name, std::span<const std::string> wrappers);

}  // namespace shardwright
