// ME806: rows of a router are zero.
// docs/checks/ME806-zero-gate-rows.md
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "check/check.h"
#include "check/fixes.h"
#include "check/report_each.h"
#include "check/router_rows.h"
#include "check/wording.h"

namespace shardwright {
namespace {

void zero_gate_rows(const Model& model, const Reporter& report) {
  std::vector<std::pair<std::int32_t, std::string>> said;
  std::vector<const Tensor*> routers;
  bool all = true;
  for (const RouterRows& rows : router_rows(model)) {
    const auto& zero = rows.facts->zero;
    if (zero.empty()) continue;
    all = all && zero.size() == rows.facts->rows;
    routers.push_back(rows.router);
    said.emplace_back(
        rows.expected->layer,
        zero.size() == rows.facts->rows
            ? fmt::format("all {} rows of the router are zero", zero.size())
            : fmt::format("the router's row{} of {} {} zero", zero.size() == 1 ? "" : "s",
                          experts_text(zero), zero.size() == 1 ? "is" : "are"));
  }
  if (said.empty()) return;
  const std::string_view effect =
      all ? "the router tells no token from another" : "their scores are the same for all tokens";
  report_each(model, report,
              {.message = fmt::format("{}: {}", by_layers(said), effect),
               .fix = no_fix("which tokens an expert is for is nowhere in the checkpoint: make the "
                             "mixture again, with other prompts or random gates"),
               .group = "all"},
              routers);
}

}  // namespace

extern const Check kZeroGateRows;
constinit const Check kZeroGateRows{
    .code = "ME806",
    .name = "zero-gate-rows",
    .summary = "rows of a router are zero",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = zero_gate_rows,
};

}  // namespace shardwright
