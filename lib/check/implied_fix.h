// What checks say of a key of the config that has another value than the stored tensors imply.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "check/join.h"
#include "shardwright/finding.h"

namespace shardwright {

struct Model;

inline constexpr std::string_view kFitsAll =
    "with which every stored tensor is expected and none missing";

// "'hidden_size' is 4096 in the config", or what its absence means.
std::string stated_text(const ImpliedValue& implied);

// What transformers does where the config asks for other tensors than the stored ones, by the first
// of what differs: one of them does.
std::string what_follows(std::span<const ExpectedTensor* const> missing,
                         std::span<const Tensor* const> unexpected,
                         std::span<const ShapeMismatch> mismatched);

// The types of these rules: "'qwen2' or 'seed_oss'".
std::string types_text(std::span<const OtherRule> rules);

// The names of all that differs.
std::vector<std::string> names_concerned(std::span<const ExpectedTensor* const> missing,
                                         std::span<const Tensor* const> unexpected,
                                         std::span<const ShapeMismatch> mismatched);

// "set '/hidden_size' to 32, WHY".
Fix implied_fix(const Model& model, const ImpliedValue& implied, std::string_view why);

// The same of the number of layers, where the stored tensors imply another; `places` are joined by
// what follows from it.
std::optional<Fix> depth_fix(const Model& model, std::vector<std::string>& places);

}  // namespace shardwright
