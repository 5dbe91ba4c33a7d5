// ME807: rows of a router are equal.
// docs/checks/ME807-equal-gate-rows.md
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "check/check.h"
#include "check/fixes.h"
#include "check/report_each.h"
#include "check/router_rows.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void equal_gate_rows(const Model& model, const Reporter& report) {
  std::vector<std::pair<std::int32_t, std::string>> said;
  std::vector<const Tensor*> routers;
  for (const RouterRows& rows : router_rows(model)) {
    const auto& equal = rows.facts->equal;
    if (equal.empty()) continue;
    constexpr std::size_t kNamed = 2;
    std::vector<std::string> groups;
    for (std::size_t i = 0; i < equal.size() && i < kNamed; ++i)
      groups.push_back(experts_text(equal[i]));
    std::string text = fmt::format("the router's rows of {}", fmt::join(groups, " and those of "));
    if (equal.size() > kNamed)
      text += fmt::format(" and of {}", counted(equal.size() - kNamed, "other group"));
    routers.push_back(rows.router);
    said.emplace_back(rows.expected->layer, text + " are equal");
  }
  if (said.empty()) return;
  report_each(
      model, report,
      {.message = fmt::format("{}: no token can tell these experts apart", by_layers(said)),
       .fix = no_fix("which tokens an expert is for is nowhere in the checkpoint: make the mixture "
                     "again, with prompts that differ or random gates"),
       .group = "all"},
      routers);
}

}  // namespace

extern const Check kEqualGateRows;
constinit const Check kEqualGateRows{
    .code = "ME807",
    .name = "equal-gate-rows",
    .summary = "rows of a router are equal",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = equal_gate_rows,
};

}  // namespace shardwright
