// As ram, with changes that one model alone makes raised by 1 + r min(rho, alpha), where rho is the
// ratio of that model's shared changes to its own ones, in this tensor.
#include <algorithm>

#include "merge/combination.h"
#include "merge/overlap.h"

namespace shardwright {
namespace {

class RamplusTl final : public MergeProgram {
 public:
  RamplusTl(Overlap overlap, double r, double alpha, double epsilon)
      : overlap_(std::move(overlap)), r_(r), alpha_(alpha), epsilon_(epsilon) {}

  [[nodiscard]] std::optional<PassShape> pass(int index) const override {
    if (index > 0) return std::nullopt;
    return PassShape{.counts = 2 * overlap_.models()};
  }

  void gather(int /*index*/, const Chunk& chunk, Tally tally) const override {
    overlap_.count(chunk, tally.counts);
  }

  void conclude(int /*index*/, const PassResult& result) override {
    for (std::size_t i = 0; i < overlap_.models(); ++i) {
      const auto alone = static_cast<double>(result.counts[2 * i]);
      const auto shared = static_cast<double>(result.counts[2 * i + 1]);
      const double rho = shared == 0 ? 0 : shared / std::max(alone, epsilon_);
      raise_.push_back(static_cast<float>(r_ * std::clamp(rho, 0.0, alpha_)));
    }
  }

  void apply(const Chunk& chunk, float* result) const override {
    overlap_.apply(chunk, raise_, false, result);
  }

 private:
  Overlap overlap_;
  double r_, alpha_, epsilon_;
  std::vector<float> raise_;
};

Result<std::unique_ptr<MergeProgram>> make_ramplus_tl(const MergeCase& merge_case) {
  const auto& globals = merge_case.globals;
  return make_program<RamplusTl>(Overlap(merge_case, globals[2]), globals[0], globals[1],
                                 globals[2]);
}

constexpr ParameterRow kRamplusTlParameters[] = {
    {.name = "r",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 0.1,
     .least = 1,
     .most = 0,
     .about = "how much a change of one model alone is raised"},
    {.name = "alpha",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 0.2,
     .least = 0,
     .most = 1e6,
     .about = "largest ratio that is taken"},
    {.name = "epsilon",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1e-5,
     .least = 0,
     .most = 1e6,
     .about = "largest change that does not count"},
};

}  // namespace

extern const Method kRamplusTl;
const Method kRamplusTl = {
    .name = "ramplus_tl",
    .summary = "as ram, with what one model alone changes raised",
    .parameters = kRamplusTlParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 1,
    .make = make_ramplus_tl,
};

}  // namespace shardwright
