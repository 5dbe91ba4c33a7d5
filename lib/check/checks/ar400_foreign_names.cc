// AR400: no stored tensor has a name of the architecture.
// docs/checks/AR400-foreign-names.md
#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.h"
#include "check/causes.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// FSDP joins the parameters of a module to one flat one.
bool is_flat(const Join& join) {
  return std::ranges::all_of(join.unexpected, [](const Tensor* tensor) {
    return tensor->name.find("_flat_param") != std::string_view::npos;
  });
}

void foreign_names(const Model& model, const Reporter& report) {
  const Join& join = model.join;
  if (!has_foreign_names(join)) return;
  const ExpectedTensor& wanted = *(join.missing.empty() ? join.lost : join.missing).front();
  report(
      {.message = fmt::format(
           "none of the {} stored tensors has a name that '{}' expects: stored is {}, expected {}; "
           "transformers would load nothing and fill the model with random values",
           join.unexpected.size(), model.expected->schema->name,
           quoted(join.unexpected.front()->name), quoted(wanted.name)),
       .fix = no_fix(is_flat(join)
                         ? "FSDP's flat parameters were saved as they are: save again with a full "
                           "state dict (StateDictType.FULL_STATE_DICT)"
                         : "the config and the weights are of different models: find the config "
                           "that belongs to these weights"),
       .group = "all",
       .places = {std::string(join.unexpected.front()->name)}});
}

}  // namespace

extern const Check kForeignNames;
constinit const Check kForeignNames{
    .code = "AR400",
    .name = "foreign-names",
    .summary = "no stored tensor has a name of the architecture",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = foreign_names,
};

}  // namespace shardwright
