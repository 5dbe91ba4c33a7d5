// y = base + d, where d is the mean of those changes x_i - base that are larger than epsilon.
#include "merge/combination.h"
#include "merge/overlap.h"

namespace shardwright {
namespace {

class Ram final : public MergeProgram {
 public:
  explicit Ram(Overlap overlap) : overlap_(std::move(overlap)), raise_(overlap_.models()) {}

  void apply(const Chunk& chunk, float* result) const override {
    overlap_.apply(chunk, raise_, true, result);
  }

 private:
  Overlap overlap_;
  std::vector<float> raise_;  // nothing
};

Result<std::unique_ptr<MergeProgram>> make_ram(const MergeCase& merge_case) {
  return make_program<Ram>(Overlap(merge_case, merge_case.globals[0]));
}

constexpr ParameterRow kRamParameters[] = {
    {.name = "epsilon",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1e-5,
     .least = 0,
     .most = 1e6,
     .about = "largest change that does not count"},
};

}  // namespace

extern const Method kRam;
const Method kRam = {
    .name = "ram",
    .summary = "the base with the mean of the changes that each element has seen",
    .parameters = kRamParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .make = make_ram,
};

}  // namespace shardwright
