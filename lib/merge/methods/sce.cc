// SCE (Wan et al., 2024): select the elements in which models differ most, weigh each model by the
// energy of what was selected of it, erase what is against the sign of the majority.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "merge/deltas.h"
#include "merge/kept_mask.h"
#include "merge/kernels.h"
#include "merge/select.h"
#include "merge/select_kernels.h"
#include "merge/task_kernels.h"
#include "merge/task_vectors.h"

namespace shardwright {
namespace {

class Sce final : public MergeProgram {
 public:
  explicit Sce(const MergeCase& merge_case)
      : elements_(merge_case.elements),
        share_(merge_case.globals[1]),
        base_(*merge_case.base),
        tasks_(tasks_of(merge_case)),
        round_to_(merge_case.round_to) {
    if (share_ < 1 && elements_ > kOneChunk) {
      search_.emplace(elements_, kChunk, Ranks{0});
      selected_ = std::make_unique<KeptMask>(elements_, kChunk, 1);
    }
  }

  std::size_t chunk_elements() const override {
    return elements_ <= kOneChunk ? std::max<std::size_t>(1, elements_) : kChunk;
  }

  std::optional<PassShape> pass(int /*index*/) const override {
    if (selecting()) return PassShape{.counts = search_->counts()};
    if (!weights_.empty() || tasks_.empty()) return std::nullopt;
    return PassShape{.sums = tasks_.size()};
  }

  std::size_t most_counts() const override { return search_ ? search_->most_counts() : 0; }
  std::uint64_t noted_bytes() const override { return selected_ ? selected_->bytes() : 0; }

  void gather(int /*index*/, const Chunk& chunk, Tally tally) const override {
    Deltas deltas = deltas_of(chunk);
    if (selecting()) {
      search_->gather(chunk.first, variance_of(deltas, chunk.count), tally.counts);
      return;
    }
    select(deltas, chunk, true);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      tally.sums[i] += energy(deltas[i]);
  }

  void conclude(int index, const PassResult& result) override {
    if (selecting()) {
      if (index == 0) search_->set_ranks({selected(CutSearch::nonzero(result.counts))});
      search_->conclude(result.counts);
      return;
    }
    weigh(result);
  }

  void apply(const Chunk& chunk, float* result) const override {
    Deltas deltas = deltas_of(chunk);
    if (!selected_ || !recall(deltas, chunk)) select(deltas, chunk, false);
    if (round_to_) {
      add_rounded(deltas, chunk, result);
      return;
    }
    const auto pointers = pointers_of(deltas);
    const std::vector<double> votes(tasks_.size(), 1);
    kernel::add_tasks({.deltas = pointers,
                       .factors = weights_,
                       .votes = votes,
                       .divisors = weights_,
                       .consensus = true},
                      chunk.inputs[base_], result, chunk.count);
  }

 private:
  using Ranks = std::vector<std::uint64_t>;

  [[nodiscard]] bool selecting() const { return search_ && search_->counts() > 0; }

  void round(std::span<float> values) const {
    if (round_to_) kernel::round_to(*round_to_, values.data(), values.size());
  }
  [[nodiscard]] float rounded(double value) const {
    const auto narrow = static_cast<float>(value);
    return round_to_ ? kernel::rounded_to(*round_to_, narrow) : narrow;
  }

  // And behind them room for their variance.
  [[nodiscard]] Deltas deltas_of(const Chunk& chunk) const {
    Deltas deltas(tasks_.size() + 1, chunk.count);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      kernel::subtract(chunk.inputs[tasks_[i]], chunk.inputs[base_], deltas[i].data(), chunk.count);
      round(deltas[i]);
    }
    return deltas;
  }

  [[nodiscard]] std::vector<const float*> pointers_of(const Deltas& deltas) const {
    auto pointers = deltas.pointers();
    pointers.resize(tasks_.size());
    return pointers;
  }

  [[nodiscard]] std::span<float> variance_of(const Deltas& deltas, std::size_t count) const {
    const std::span<float> variance = deltas[tasks_.size()];
    kernel::variance(pointers_of(deltas), variance.data(), count);
    round(variance);
    return variance;
  }

  // How many of the elements with any variance are taken. The peer multiplies in F32.
  [[nodiscard]] std::uint64_t selected(std::uint64_t nonzero) const {
    double count = static_cast<double>(nonzero) * share_;
    if (round_to_) count = static_cast<float>(nonzero) * static_cast<float>(share_);
    return static_cast<std::uint64_t>(std::min(count, static_cast<double>(elements_)));
  }

  void select(Deltas& deltas, const Chunk& chunk, bool noting) const {
    if (share_ >= 1) return;
    const std::span<float> variance = variance_of(deltas, chunk.count);
    const auto cut = [&] {
      if (search_) return search_->cut(0);
      const auto zeros = static_cast<std::uint64_t>(std::ranges::count(variance, 0.0F));
      return cut_of(variance, selected(variance.size() - zeros));
    };
    keep_inside(cut(), chunk.first, variance);
    if (noting && selected_) selected_->note(0, chunk.first, variance);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      kernel::keep_where(deltas[i].data(), variance.data(), chunk.count);
  }

  [[nodiscard]] bool recall(Deltas& deltas, const Chunk& chunk) const {
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (!selected_->recall(0, chunk.first, deltas[i])) return false;
    }
    return true;
  }

  [[nodiscard]] double energy(std::span<float> delta) const {
    if (!round_to_) return kernel::sum_squares(delta.data(), delta.size());
    std::vector<float> squares(delta.size());
    kernel::multiply(delta.data(), delta.data(), squares.data(), delta.size());
    round(squares);
    return kernel::sum(squares.data(), squares.size());
  }

  void weigh(const PassResult& result) {
    double total = 0;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const double mean = result.total(i) / static_cast<double>(elements_);
      weights_.push_back(round_to_ ? rounded(mean) : mean);
      total += weights_.back();
    }
    // The peer takes all models alike where the sum is below 1e-6, as it is for most fine-tunes.
    if (round_to_) total = rounded(total) < 1e-6 ? 0 : rounded(total);
    for (double& weight : weights_) {
      weight = total > 0 ? weight / total : 1 / static_cast<double>(tasks_.size());
      if (round_to_) weight = rounded(weight);
    }
  }

  void add_rounded(const Deltas& deltas, const Chunk& chunk, float* result) const;

  std::uint64_t elements_;
  double share_;
  std::size_t base_;
  std::vector<std::size_t> tasks_;
  std::optional<DType> round_to_;
  std::optional<CutSearch> search_;     // of variances
  std::unique_ptr<KeptMask> selected_;  // elements, once they are found
  std::vector<double> weights_;         // by task, once they are known
};

// The peer's arithmetic: a rounding after each operation.
void Sce::add_rounded(const Deltas& deltas, const Chunk& chunk, float* result) const {
  std::vector<float> votes(chunk.count);
  std::vector<float> sum(chunk.count);
  std::vector<float> weight(chunk.count);
  for (std::size_t i = 0; i < tasks_.size(); ++i)
    kernel::add(votes.data(), deltas[i].data(), votes.data(), chunk.count);
  round(votes);
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const auto factor = static_cast<float>(weights_[i]);
    std::vector<float> product(chunk.count);
    kernel::scale(deltas[i].data(), factor, product.data(), chunk.count);
    round(product);
    for (std::size_t at = 0; at < chunk.count; ++at) {
      const float delta = deltas[i][at];
      if (std::isnan(delta)) sum[at] = delta;
      if (votes[at] >= 0 ? delta <= 0 : delta >= 0) continue;
      sum[at] += product[at];
      weight[at] += factor;
    }
  }
  round(sum);
  round(weight);
  std::ranges::transform(weight, weight.begin(),
                         [this](float w) { return std::max(w, rounded(1e-6)); });
  kernel::divide(sum.data(), weight.data(), sum.data(), chunk.count);
  round(sum);
  kernel::add(chunk.inputs[base_], sum.data(), result, chunk.count);
  round({result, chunk.count});
}

Result<std::unique_ptr<MergeProgram>> make_sce(const MergeCase& merge_case) {
  return std::unique_ptr<MergeProgram>(std::make_unique<Sce>(merge_case));
}

constexpr ParameterRow kSceParameters[] = {
    task::int8_mask(),
    {.name = "select_topk",
     .scope = ParameterScope::kGlobal,
     .kind = ParameterKind::kNumber,
     .preset = 1,
     .least = 0,
     .most = 1,
     .about = "share of the elements that is merged, those in which models differ most"},
};

}  // namespace

extern const Method kSce;
const Method kSce = {
    .name = "sce",
    .summary = "the differences to a base of most variance, weighted by their energy",
    .parameters = kSceParameters,
    .base = BaseRule::kRequired,
    .least_inputs = 1,
    .passes = 3,
    .make = make_sce,
};

}  // namespace shardwright
