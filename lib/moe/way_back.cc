#include "moe/way_back.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "arch/expand.h"
#include "base/try.h"
#include "moe/choose.h"

namespace shardwright {
namespace {

Status has_expert(const Expansion& mixture, std::uint64_t expert) {
  const std::uint64_t experts = mixture.experts.value_or(0);
  const bool routes = std::ranges::any_of(mixture.tensors, [](const ExpectedTensor& tensor) {
    return tensor.role == Role::kRouter && !tensor.optional;
  });
  if (!routes || experts == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("none of the layers of this {} has experts", mixture.schema->name)};
  }
  if (expert < experts) return ok();
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("--expert is {}, and the model has experts 0 to {}", expert, experts - 1)};
}

}  // namespace

Result<WayBack> way_back(const MergeInput& mixture, std::uint64_t expert,
                         std::span<const MixtureRule> rules) {
  if (mixture.expected == nullptr) {
    return Error{ErrorCode::kInvalidArgument,
                 "no rule describes it, so which of its tensors are of experts is not known"};
  }
  const Expansion& expected = *mixture.expected;
  const Schema& schema = *expected.schema;
  std::vector<std::string_view> known;
  const MixtureRule* rule = nullptr;
  for (const MixtureRule& one : rules) {
    if (one.back.empty()) continue;
    known.push_back(one.name);
    if (one.name == schema.name) rule = &one;
  }
  if (rule == nullptr) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("no dense architecture is known to compute what {} does with one "
                             "expert; experts of these can be taken out: {}",
                             schema.name, fmt::join(known, ", "))};
  }
  SW_TRY_OK(has_expert(expected, expert));
  if (expected.class_name != schema.classes.front().name) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("it is a {}, and experts are taken out of a {} alone",
                             expected.class_name, schema.classes.front().name)};
  }
  std::string reasons;
  for (const MixtureSource& source : rule->back) {
    const std::vector<std::string> against = reasons_against(mixture, source.refuse);
    if (against.empty()) return WayBack{.rule = rule, .source = &source};
    for (const std::string& reason : against)
      reasons += fmt::format("\n{}: {}", source.schema, reason);
  }
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("no dense architecture computes what it does with one expert{}", reasons)};
}

}  // namespace shardwright
