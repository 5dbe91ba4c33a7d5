// The point on the unit sphere from which the directions of all models pull equally (the Karcher
// mean), at the mean of their lengths.
//
// Each step walks along the mean of the tangents that lead to the models. All points are
// combinations of the models' directions, so that a step is arithmetic on their factors.
#include <algorithm>
#include <cmath>

#include "merge/combination.h"
#include "merge/kernels.h"
#include "merge/rounded.h"

namespace shardwright {
namespace {

using Point = std::vector<double>;  // factors of the vectors as they are

void scale(Point& point, double factor) {
  for (double& value : point)
    value *= factor;
}

// Moves the mean; false where it stands already.
bool step(const Dots& dots, std::span<const std::size_t> pulling, double tolerance, Point& mean) {
  Point tangent(mean.size());
  for (const std::size_t i : pulling) {
    const double cosine = std::clamp(dots.dot(i, mean) / dots.norm(i), -1.0, 1.0);
    const double angle = std::acos(cosine);
    if (angle < tolerance) continue;
    const double pull = angle / std::sin(angle) / static_cast<double>(pulling.size());
    tangent[i] += pull / dots.norm(i);
    for (std::size_t k = 0; k < mean.size(); ++k)
      tangent[k] -= pull * cosine * mean[k];
  }
  const double length = dots.norm(tangent);
  if (!(length >= tolerance)) return false;
  for (std::size_t k = 0; k < mean.size(); ++k)
    mean[k] = std::cos(length) * mean[k] + std::sin(length) * tangent[k] / length;
  if (const double norm = dots.norm(mean); norm > tolerance) scale(mean, 1 / norm);
  return true;
}

void karcher(int most_steps, double tolerance, const Dots& dots, std::span<double> factors) {
  double length = 0;
  std::vector<std::size_t> pulling;
  for (std::size_t i = 0; i < dots.size(); ++i) {
    length += dots.norm(i) / static_cast<double>(dots.size());
    if (!(dots.norm(i) <= tolerance)) pulling.push_back(i);
  }
  std::ranges::fill(factors, 0.0);
  if (pulling.empty()) return;
  Point mean(dots.size());
  for (const std::size_t i : pulling)
    mean[i] = 1 / dots.norm(i) / static_cast<double>(pulling.size());
  if (const double norm = dots.norm(mean); !(norm < tolerance)) {
    scale(mean, 1 / norm);
  } else {
    // The models pull against each other: begin at the first.
    std::ranges::fill(mean, 0.0);
    mean[pulling[0]] = 1 / dots.norm(pulling[0]);
  }
  for (int i = 0; i < most_steps; ++i) {
    if (!step(dots, pulling, tolerance, mean)) break;
  }
  scale(mean, length);
  std::ranges::copy(mean, factors.begin());
}

// As the peer computes it, the mean being of the dtype from step to step; so that each look at it
// takes all steps again. Numbers of n models: their lengths, and that of the result; the length of
// the first mean, or 0 where the first model stands for it; then what each step is made of.
class PeerKarcher final : public RoundedFormula {
 public:
  PeerKarcher(std::size_t models, int most_steps, double tolerance, DType dtype)
      : RoundedFormula(dtype),
        models_(models),
        most_steps_(static_cast<std::size_t>(most_steps)),
        tolerance_(tolerance) {}

  [[nodiscard]] std::size_t spare_lines() const override { return 5; }

  [[nodiscard]] std::size_t sums(std::size_t stage, std::span<const float> numbers) const override {
    if (stage == 0) return models_;
    const auto lengths = numbers.first(models_);
    if (std::ranges::none_of(lengths, [this](float length) { return pulls(length); })) return 0;
    if (stage == 1) return 1;
    const auto [at, part] = place(stage);
    if (at >= most_steps_ || (part == kNewLength && numbers.back() == 0)) return 0;
    return part == kCosines ? models_ : 1;
  }

  void gather(std::size_t stage, const RoundedRun& run, const Add& add) const override {
    if (stage == 0) {
      run.add_squares(run.vectors, add);
      return;
    }
    const Lines lines(run);
    const auto add_square = [&](const float* line) { run.add_squares({&line, 1}, add); };
    if (stage == 1) {
      sum_up(run);
      return add_square(lines.mean);
    }
    const auto [at, part] = place(stage);
    walk(run, at);
    if (part == kCosines) {
      for (std::size_t i = 0; i < models_; ++i) {
        if (!pulls(run.number(i))) continue;
        run.divide(run.vectors[i], i, lines.unit);
        kernel::multiply(lines.unit, lines.mean, lines.unit, run.count);
        add(i, lines.unit);
      }
      return;
    }
    find_tangent(run, at);
    if (part == kLength) return add_square(lines.tangent);
    follow(run, at);
    add_square(lines.mean);
  }

  void conclude(std::size_t stage, std::span<const double> sums,
                std::vector<float>& numbers) const override {
    if (stage == 0) {
      const auto part = static_cast<float>(1 / static_cast<double>(models_));
      float length = 0;
      for (const double sum : sums) {
        numbers.push_back(static_cast<float>(std::sqrt(sum)));
        const float weighed = numbers.back() * part;
        length += weighed;
      }
      numbers.push_back(rd(length));
      return;
    }
    const auto length = static_cast<float>(std::sqrt(sums[0]));
    if (stage == 1) {
      numbers.push_back(length < tolerance_ ? 0 : length);
      return;
    }
    switch (place(stage).part) {
      case kCosines:
        for (const double sum : sums) {
          const float cosine = std::clamp(rd(sum), -1.0F, 1.0F);
          const float angle = rd(std::acos(cosine));
          const float pull = rd(angle / rd(std::sin(angle))) * static_cast<float>(share(numbers));
          numbers.insert(numbers.end(), {cosine, angle < tolerance_ ? 0 : rd(pull)});
        }
        return;
      case kLength:
        numbers.insert(numbers.end(), {rd(std::cos(length)), rd(std::sin(length)),
                                       length < tolerance_ ? 0 : length});
        return;
      default:
        numbers.push_back(length > tolerance_ ? length : 1);
    }
  }

  void apply(const RoundedRun& run) const override {
    if (sums(1, run.numbers) == 0) {
      std::fill_n(run.result, run.count, 0.0F);
      return;
    }
    const std::size_t before = models_ + 2;
    walk(run, (run.numbers.size() - before) / step_size());
    run.scale(run.spare[0], models_, run.result);  // by the length of the result
  }

 private:
  enum Part : std::uint8_t { kCosines, kLength, kNewLength };
  struct Place {
    std::size_t at{};
    Part part{};
  };
  struct Lines {
    explicit Lines(const RoundedRun& run)
        : mean(run.spare[0]), tangent(run.spare[1]), unit(run.spare[2]), along(run.spare[3]) {}
    float *mean, *tangent, *unit, *along;
  };
  static Place place(std::size_t stage) {
    return {.at = (stage - 2) / 3, .part = static_cast<Part>((stage - 2) % 3)};
  }
  [[nodiscard]] bool pulls(float length) const { return length > tolerance_; }

  [[nodiscard]] double share(std::span<const float> numbers) const {
    return 1 / static_cast<double>(std::ranges::count_if(
                   numbers.first(models_), [this](float length) { return pulls(length); }));
  }
  // Numbers of a step: for each model the cosine of its angle and its pull; the cosine and sine of
  // the tangent's length, and that; the length of the new mean.
  [[nodiscard]] std::size_t step_size() const { return 2 * models_ + 4; }
  [[nodiscard]] std::size_t numbers_of(std::size_t step) const {
    return models_ + 2 + step * step_size();
  }

  // The first mean before it is brought to length.
  void sum_up(const RoundedRun& run) const {
    const Lines lines(run);
    const auto part = static_cast<float>(share(run.numbers));
    std::fill_n(lines.mean, run.count, 0.0F);
    for (std::size_t i = 0; i < models_; ++i) {
      if (!pulls(run.number(i))) continue;
      run.divide(run.vectors[i], i, lines.unit);
      run.steps.scale(lines.unit, part, lines.unit);
      run.steps.add(lines.mean, lines.unit, lines.mean);
    }
  }

  // The mean after that many steps.
  void walk(const RoundedRun& run, std::size_t steps) const {
    const Lines lines(run);
    if (run.number(models_ + 1) != 0) {
      sum_up(run);
      run.divide(lines.mean, models_ + 1, lines.mean);
    } else {
      std::size_t first = 0;
      while (!pulls(run.number(first)))
        ++first;
      run.divide(run.vectors[first], first, lines.mean);
    }
    for (std::size_t at = 0; at < steps; ++at) {
      find_tangent(run, at);
      follow(run, at);
      run.divide(lines.mean, numbers_of(at) + 2 * models_ + 3, lines.mean);
    }
  }

  void find_tangent(const RoundedRun& run, std::size_t at) const {
    const Lines lines(run);
    std::fill_n(lines.tangent, run.count, 0.0F);
    for (std::size_t i = 0; i < models_; ++i) {
      const std::size_t cosine = numbers_of(at) + 2 * i;
      if (!pulls(run.number(i)) || run.number(cosine + 1) == 0) continue;
      run.divide(run.vectors[i], i, lines.unit);
      run.scale(lines.mean, cosine, lines.along);
      run.steps.subtract(lines.unit, lines.along, lines.unit);
      run.scale(lines.unit, cosine + 1, lines.unit);
      run.steps.add(lines.tangent, lines.unit, lines.tangent);
    }
  }

  // The step, without bringing the new mean to length.
  void follow(const RoundedRun& run, std::size_t at) const {
    const Lines lines(run);
    const std::size_t length = numbers_of(at) + 2 * models_;
    run.scale(lines.mean, length, lines.mean);
    run.divide(lines.tangent, length + 2, lines.tangent);
    run.scale(lines.tangent, length + 1, lines.tangent);
    run.steps.add(lines.mean, lines.tangent, lines.mean);
  }

  std::size_t models_;
  std::size_t most_steps_;
  double tolerance_;
};

Result<std::unique_ptr<MergeProgram>> make_karcher(const MergeCase& merge_case) {
  if (merge_case.inputs == 1) return make_copy(0);
  const auto steps = static_cast<int>(merge_case.globals[0]);
  const double tolerance = merge_case.globals[1];
  CombinationCase combination{.members = all_inputs(merge_case)};
  if (merge_case.round_to) {
    return make_rounded(
        std::move(combination),
        std::make_unique<PeerKarcher>(merge_case.inputs, steps, tolerance, *merge_case.round_to));
  }
  return make_combination(std::move(combination),
                          [steps, tolerance](const Dots& dots, std::span<double> factors) {
                            karcher(steps, tolerance, dots, factors);
                          });
}

constexpr ParameterRow kKarcherParameters[] = {
    {.name = "max_iter",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kWhole,
     .preset = 10,
     .least = 0,
     .most = 1'000'000,
     .about = "most steps"},
    {.name = "tol",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1e-5,
     .least = 0,
     .most = 1,
     .about = "length of the step that is the last, and of a vector that is left out"},
};

}  // namespace

extern const Method kKarcher;
const Method kKarcher = {
    .name = "karcher",
    .summary = "the mean direction of all models on the sphere, at their mean length",
    .parameters = kKarcherParameters,
    .base = BaseRule::kNone,
    .least_inputs = 1,
    .passes = 1,
    .make = make_karcher,
};

}  // namespace shardwright
