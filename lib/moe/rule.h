// How a mixture is made of dense models: a file of rules/moe/, one for each architecture that a
// mixture may have (docs/moe.md, "Rules").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/name_pattern.h"
#include "json/value.h"
#include "shardwright/result.h"

namespace shardwright {

// A key that the mixture's config gets: a JSON value, or what a program computes of the base.
struct MixtureSetting {
  enum class Kind : std::uint8_t {
    kValue,        // `value`
    kExpression,   // of the base's rule, with `experts`, `per_token` and `shared`
    kRoot,         // the square root of an expression
    kInverseRoot,  // and one divided by it
    kEachLayer,    // a list of as many as there are layers
    kObject,       // `members`, each the value of an expression
    kRemoved,
  };
  std::string key{};  // at the top of the config
  Kind kind{};
  json::Value value{};
  std::string expression{};
  std::vector<std::pair<std::string, std::string>> members{};
  std::string condition{};  // of an object: an expression without which it is not set
};

// A condition under which the mixture would not compute what the dense models do.
struct MixtureRefusal {
  std::string when{};  // an expression of the model's rule
  std::string why{};
};

// A dense architecture that may go into the mixture, or that one of its experts may be taken out
// as.
struct MixtureSource {
  std::string schema{};                  // of rules/architectures
  std::string layout{"hub"};             // in which its tensors have the names of `tensors`
  std::vector<MixtureRefusal> refuse{};  // of the base; of the mixture on the way back
  std::vector<MixtureRefusal> each{};    // of the base and of every expert
  std::vector<MixtureSetting> set{};     // beside the mixture's
  std::vector<std::string> plus_one{};   // tensors of the base (with *) that are stored less one
};

// Tensors of the mixture that are made of the experts' own. Names are behind `under`, and a name's
// {expert} is the number of an expert; where it has none, all experts are in it, one after the
// other.
struct MixtureTensor {
  NumberedName target{};
  std::vector<NumberedName> of{};  // joined along the first extent
  bool by_expert{};                // the target's name has {expert}
  bool is_shared{};                // made of the shared experts, joined along `along`
  std::size_t along{};
};

struct MixtureRule {
  std::string name{};                   // of the mixture's architecture in rules/architectures
  std::vector<std::string> calls{};     // what recipes call it, beside its model types: "qwen"
  std::optional<std::int64_t> order{};  // among those that are taken unasked
  std::size_t least_shared{}, most_shared{};
  bool shared_prompts{};  // shared experts have a gate that prompts make
  bool is_gated{};        // a shared expert's output is multiplied by a gate between 0 and 1
  std::vector<std::string> letters{};  // of all names: "layer", "expert"
  std::vector<MixtureTensor> tensors{};
  std::vector<NumberedName> zeros{};  // tensors of zeros
  NumberedName down{};                // the dense tensor that `residual_scale` multiplies
  std::vector<MixtureSetting> set{};
  std::vector<MixtureSource> from{};
  std::vector<MixtureSource> back{};   // of one expert: the first that the mixture fits
  std::vector<std::string> without{};  // keys of the mixture's config that a dense one has not
  std::string
      factor{};  // the key of what the experts' output is multiplied by; empty: there is none
  // Why dense architectures whose tensors have the same names do not do, by their name.
  std::map<std::string, std::string, std::less<>> unlike{};

  [[nodiscard]] const MixtureSource* source(std::string_view schema) const;
};

// kMalformed, with file and JSON pointer, where the text is no such rule.
Result<MixtureRule> load_mixture_rule(std::string_view file_name, std::string_view text);

// All rules that are compiled in: those with an order first, by it; the rest by name.
Result<std::vector<MixtureRule>> mixture_rules();

}  // namespace shardwright
