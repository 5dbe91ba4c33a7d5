#include "merge/task_vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "merge/deltas.h"
#include "merge/kernels.h"
#include "merge/task_kernels.h"

namespace shardwright {

namespace {

class TaskProgram : public MergeProgram {
 public:
  TaskProgram(const MergeCase& merge_case, const TaskRules& rules,
              std::unique_ptr<Sparsifier> sparsifier)
      : rules_(rules),
        base_(*merge_case.base),
        tasks_(tasks_of(merge_case)),
        weights_(task_values(merge_case, task::kWeight)),
        sparsifier_(std::move(sparsifier)),
        factors_(weights_) {
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (rules_.rescale && sparsifier_ != nullptr && sparsifier_->thins(i)) rescaled_.push_back(i);
    }
  }

  std::size_t chunk_elements() const override {
    return sparsifier_ == nullptr ? kChunk : sparsifier_->chunk_elements();
  }

  std::optional<PassShape> pass(int index) const override {
    if (selecting(index)) return PassShape{.counts = sparsifier_->counts(index)};
    if (rescaled_.empty() || measured_) return std::nullopt;
    return PassShape{.sums = 2 * rescaled_.size()};
  }

  std::size_t most_counts() const override {
    return sparsifier_ == nullptr ? 0 : sparsifier_->most_counts();
  }

  std::uint64_t noted_bytes() const override {
    return sparsifier_ == nullptr || rescaled_.empty() ? 0 : sparsifier_->noted_bytes();
  }

  void gather(int index, const Chunk& chunk, Tally tally) const override {
    if (selecting(index)) {
      const Deltas deltas = deltas_of(chunk);
      sparsifier_->gather(index, chunk.first, deltas.spans(), tally.counts);
      return;
    }
    const Deltas deltas(1, chunk.count);
    for (std::size_t at = 0; at < rescaled_.size(); ++at) {
      subtract(chunk, rescaled_[at], deltas[0].data());
      tally.sums[2 * at] += kernel::sum_abs(deltas[0].data(), chunk.count);
      sparsifier_->keep_and_note(rescaled_[at], chunk.first, deltas[0]);
      tally.sums[2 * at + 1] += kernel::sum_abs(deltas[0].data(), chunk.count);
    }
  }

  void conclude(int index, const PassResult& result) override {
    if (selecting(index)) {
      sparsifier_->conclude(index, result.counts);
      return;
    }
    measured_ = true;
    for (std::size_t at = 0; at < rescaled_.size(); ++at)
      rescale(rescaled_[at], result.total(2 * at), result.total(2 * at + 1));
  }

  void apply(const Chunk& chunk, float* result) const override {
    const Deltas deltas = deltas_of(chunk);
    if (sparsifier_ != nullptr) {
      for (std::size_t i = 0; i < tasks_.size(); ++i) {
        if (!sparsifier_->thins(i)) continue;
        measured_ ? sparsifier_->keep_noted(i, chunk.first, deltas[i])
                  : sparsifier_->keep(i, chunk.first, deltas[i]);
      }
    }
    add(deltas, chunk.inputs[base_], result, chunk.count);
  }

 protected:
  virtual void subtract(const Chunk& chunk, std::size_t i, float* to) const {
    kernel::subtract(chunk.inputs[tasks_[i]], chunk.inputs[base_], to, chunk.count);
  }

  // Sums of magnitudes of the whole delta and of what is kept.
  virtual void rescale(std::size_t i, double whole, double kept) {
    if (kept > 0) factors_[i] = weights_[i] * (whole / kept);
  }

  virtual void add(const Deltas& deltas, const float* base, float* result,
                   std::size_t count) const {
    const auto pointers = deltas.pointers();
    kernel::TaskSum sum{.deltas = pointers,
                        .factors = factors_,
                        .consensus = rules_.consensus,
                        .scale = rules_.lambda};
    if (rules_.normalize && rules_.consensus) sum.divisors = weights_;
    if (rules_.normalize && !rules_.consensus) {
      const double total = total_weight();
      if (std::abs(total) >= 1e-8) sum.scale /= total;  // else weights cancel each other
    }
    kernel::add_tasks(sum, base, result, count);
  }

  [[nodiscard]] double total_weight() const {
    double total = 0;
    for (const double weight : weights_)
      total += weight;
    return total;
  }

  TaskRules rules_;
  std::size_t base_;
  std::vector<std::size_t> tasks_;
  std::vector<double> weights_;
  std::unique_ptr<Sparsifier> sparsifier_;  // or none

 private:
  [[nodiscard]] bool selecting(int index) const {
    return sparsifier_ != nullptr && sparsifier_->counts(index) > 0;
  }

  [[nodiscard]] Deltas deltas_of(const Chunk& chunk) const {
    Deltas deltas(tasks_.size(), chunk.count);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      subtract(chunk, i, deltas[i].data());
    return deltas;
  }

  std::vector<double> factors_;        // weights times the ratios of rescaling
  std::vector<std::size_t> rescaled_;  // deltas that are
  bool measured_{};
};

// The peer's arithmetic: a rounding after each operation.
class RoundedTaskProgram final : public TaskProgram {
 public:
  RoundedTaskProgram(const MergeCase& merge_case, const TaskRules& rules,
                     std::unique_ptr<Sparsifier> sparsifier)
      : TaskProgram(merge_case, rules, std::move(sparsifier)),
        dtype_(*merge_case.round_to),
        work_(sparsifier_ == nullptr ? dtype_ : sparsifier_->work_dtype(dtype_)),
        ratios_(tasks_.size(), 1) {
    for (double& weight : weights_)
      weight = rounded(dtype_, weight);
  }

 protected:
  void subtract(const Chunk& chunk, std::size_t i, float* to) const override {
    TaskProgram::subtract(chunk, i, to);
    kernel::round_to(dtype_, to, chunk.count);
  }

  void rescale(std::size_t i, double whole, double kept) override {
    const float whole_rounded = rounded(work_, whole);
    const float kept_rounded = rounded(work_, kept);
    if (whole_rounded < 1e-7F || kept_rounded < 1e-7F) return;
    ratios_[i] = rounded(work_, whole_rounded / kept_rounded);
  }

  void add(const Deltas& deltas, const float* base, float* result,
           std::size_t count) const override {
    std::vector<float> sum(count);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      float* const v = deltas[i].data();
      if (ratios_[i] != 1) {
        scale(v, ratios_[i], count, work_);
        kernel::round_to(dtype_, v, count);
      }
      scale(v, static_cast<float>(weights_[i]), count, dtype_);
      kernel::add(sum.data(), v, sum.data(), count);
    }
    kernel::round_to(dtype_, sum.data(), count);
    if (rules_.consensus) {
      agree(deltas, sum);
    } else if (rules_.normalize) {
      const float divisor = rounded(dtype_, total_weight());
      kernel::divide_by(sum.data(), std::abs(divisor) < 1e-8F ? 1 : divisor, sum.data(), count);
      kernel::round_to(dtype_, sum.data(), count);
    }
    if (rules_.lambda != 1) scale(sum.data(), static_cast<float>(rules_.lambda), count, dtype_);
    kernel::add(base, sum.data(), result, count);
    kernel::round_to(dtype_, result, count);
  }

 private:
  static float rounded(DType dtype, double value) {
    return kernel::rounded_to(dtype, static_cast<float>(value));
  }

  static void scale(float* values, float factor, std::size_t count, DType dtype) {
    kernel::scale(values, factor, values, count);
    kernel::round_to(dtype, values, count);
  }

  // Leaves of the sum those that have its sign.
  void agree(const Deltas& deltas, std::vector<float>& sum) const {
    std::vector<float> weight(sum.size());
    for (std::size_t at = 0; at < sum.size(); ++at) {
      const bool positive = sum[at] >= 0;
      float total = 0;
      float total_weight = 0;
      for (std::size_t i = 0; i < tasks_.size(); ++i) {
        const float v = deltas[i][at];
        if (std::isnan(v)) total = v;
        if (positive ? v > 0 : v < 0) {
          total += v;
          total_weight += static_cast<float>(weights_[i]);
        }
      }
      sum[at] = total;
      weight[at] = total_weight;
    }
    kernel::round_to(dtype_, sum.data(), sum.size());
    if (!rules_.normalize) return;
    kernel::round_to(dtype_, weight.data(), weight.size());
    std::ranges::replace(weight, 0.0F, 1.0F);
    kernel::divide(sum.data(), weight.data(), sum.data(), sum.size());
    kernel::round_to(dtype_, sum.data(), sum.size());
  }

  DType dtype_, work_;
  std::vector<float> ratios_;
};

}  // namespace

std::vector<std::size_t> tasks_of(const MergeCase& merge_case) {
  std::vector<std::size_t> tasks;
  for (std::size_t i = 0; i < merge_case.inputs; ++i) {
    if (i != merge_case.base) tasks.push_back(i);
  }
  return tasks;
}

std::vector<double> task_values(const MergeCase& merge_case, std::size_t row) {
  std::vector<double> values;
  for (const std::size_t i : tasks_of(merge_case))
    values.push_back(merge_case.values[i][row]);
  return values;
}

std::unique_ptr<MergeProgram> make_task_program(const MergeCase& merge_case, const TaskRules& rules,
                                                std::unique_ptr<Sparsifier> sparsifier) {
  if (merge_case.round_to.has_value()) {
    return std::make_unique<RoundedTaskProgram>(merge_case, rules, std::move(sparsifier));
  }
  return std::make_unique<TaskProgram>(merge_case, rules, std::move(sparsifier));
}

TaskRules task::rules(const MergeCase& merge_case, bool consensus) {
  const auto& globals = merge_case.globals;
  return {.consensus = consensus,
          .normalize = globals[kNormalize] != 0,
          .rescale = globals[kRescale] != 0,
          .lambda = globals[kLambda]};
}

}  // namespace shardwright
