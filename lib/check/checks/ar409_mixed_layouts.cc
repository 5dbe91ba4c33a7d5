// AR409: some tensors are in another layout than the rest.
// docs/checks/AR409-mixed-layouts.md
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

template <typename T>
std::string names_text(const std::vector<const T*>& list) {
  std::vector<std::string_view> names;
  for (const T* item : list)
    names.push_back(item->name);
  return some_of(names);
}

std::string division_text(const Model& model, const OtherDivision& division) {
  const std::string& rule = model.expected->schema->name;
  const std::string joined = "; their rows, one below the other in this order, are its rows";
  if (division.wanted.size() == 1) {
    return fmt::format(
        "{} {} is stored apart, as {}, and '{}' needs it in one: transformers reports these as "
        "UNEXPECTED, and would fill the one with random values{}",
        quoted(division.wanted.front()->name), shape_text(division.wanted.front()->shape),
        names_text(division.stored), rule, joined);
  }
  return fmt::format(
      "{} {} is stored in one, and '{}' needs {}: transformers reports the one as UNEXPECTED, and "
      "would fill these with random values{}",
      quoted(division.stored.front()->name), shape_text(division.stored.front()->shape), rule,
      names_text(division.wanted), joined);
}

// No loader takes them so.
void other_division(const Model& model, const Reporter& report) {
  for (const OtherDivision& division : model.join.other_division) {
    const Tensor& first = *division.stored.front();
    std::vector<std::string> places;
    for (const Tensor* tensor : division.stored)
      places.emplace_back(tensor->name);
    for (const ExpectedTensor* wanted : division.wanted)
      places.emplace_back(wanted->name);
    report({.file = model.checkpoint.shards[first.shard].file,
            .tensor = std::string(first.name),
            .message = division_text(model, division),
            .severity = Severity::kError,
            .fix = no_fix("'repair' divides and joins no single tensors: write them as the "
                          "architecture has them, or the checkpoint again"),
            .group = "division",
            .places = std::move(places)});
  }
}

void mixed_layouts(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  other_division(model, report);
  for (const Tensor* tensor : join.other_layout) {
    report({.file = model.checkpoint.shards[tensor->shard].file,
            .tensor = std::string(tensor->name),
            .message = fmt::format(
                "{} is in the layout '{}' and the rest of the model in '{}': transformers 5 takes "
                "both, and loaders that read one of them leave tensors out",
                quoted(tensor->name), join.other_layout_name, model.expected->layout),
            .group = "all"});
  }
}

}  // namespace

extern const Check kMixedLayouts;
constinit const Check kMixedLayouts{
    .code = "AR409",
    .name = "mixed-layouts",
    .summary = "some tensors are in another layout than the rest",
    .severity = Severity::kWarning,
    .repair = Repair::kNone,
    .since = "0.1",
    .run = mixed_layouts,
};

}  // namespace shardwright
