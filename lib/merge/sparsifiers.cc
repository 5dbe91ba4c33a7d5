#include "merge/sparsifiers.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "merge/kept_mask.h"
#include "merge/kernels.h"
#include "merge/random.h"
#include "merge/row_ranks.h"
#include "merge/select.h"

namespace shardwright {

namespace {

bool any_thin(std::span<const double> densities) {
  return std::ranges::any_of(densities, [](double density) { return density < 1; });
}

// The whole part of a share, as the peer has it.
std::uint64_t part(double share, std::uint64_t elements) {
  return static_cast<std::uint64_t>(share * static_cast<double>(elements));
}

// --- by magnitude --------------------------------------------------------------------------------

// Ranks that are kept, counted from the largest magnitude.
struct Band {
  std::uint64_t begin{}, end{};
};

class CutSparsifier final : public Sparsifier {
 public:
  CutSparsifier(std::uint64_t elements, std::vector<Band> bands)
      : elements_(elements), bands_(std::move(bands)) {
    for (std::size_t i = 0; i < bands_.size(); ++i) {
      if (!small() && searched(i)) {
        searches_.emplace_back(CutSearch(elements, kChunk, {bands_[i].begin, bands_[i].end}));
      } else {
        searches_.emplace_back();
      }
    }
  }

  std::size_t chunk_elements() const override {
    return small() ? std::max<std::size_t>(1, elements_) : kChunk;
  }

  std::size_t counts(int /*pass*/) const override {
    std::size_t sum = 0;
    for (const auto& search : searches_)
      sum += search ? search->counts() : 0;
    return sum;
  }

  std::size_t most_counts() const override {
    std::size_t sum = 0;
    for (const auto& search : searches_)
      sum += search ? search->most_counts() : 0;
    return sum;
  }

  void gather(int /*pass*/, std::uint64_t first, std::span<const std::span<float>> deltas,
              std::span<std::uint64_t> counts) const override {
    std::size_t at = 0;
    for (std::size_t i = 0; i < searches_.size(); ++i) {
      if (!searches_[i]) continue;
      const std::size_t size = searches_[i]->counts();
      if (size > 0) searches_[i]->gather(first, deltas[i], counts.subspan(at, size));
      at += size;
    }
  }

  void conclude(int /*pass*/, std::span<const std::uint64_t> counts) override {
    std::size_t at = 0;
    for (auto& search : searches_) {
      if (!search) continue;
      const std::size_t size = search->counts();
      if (size > 0) search->conclude(counts.subspan(at, size));
      at += size;
    }
  }

  bool thins(std::size_t i) const override {
    return bands_[i].begin > 0 || bands_[i].end < elements_;
  }

  void keep(std::size_t i, std::uint64_t first, std::span<float> delta) const override {
    const Band band = bands_[i];
    if (!searched(i)) {
      std::ranges::fill(delta, 0.0F);
      return;
    }
    const auto cut = [&](std::size_t which, std::uint64_t rank) {
      return small() ? cut_of(delta, rank) : searches_[i]->cut(which);
    };
    const Cut inner = cut(0, band.begin);
    const Cut outer = cut(1, band.end);
    if (band.begin > 0) keep_outside(inner, first, delta);
    keep_inside(outer, first, delta);
  }

 private:
  static constexpr std::size_t kChunk = MergeProgram::kChunk;
  [[nodiscard]] bool small() const { return elements_ <= kOneChunk; }
  [[nodiscard]] bool searched(std::size_t i) const {
    return thins(i) && bands_[i].begin < bands_[i].end;
  }

  std::uint64_t elements_;
  std::vector<Band> bands_;
  std::vector<std::optional<CutSearch>> searches_;
};

// --- by chance -----------------------------------------------------------------------------------

// Whether chance decides, and the peer draws numbers.
bool is_drawn(double density) {
  return density > 0 && density < 1;
}

// Numbers of torch's generator, one for each element of each thinned delta, in that order.
class TorchDraws {
 public:
  TorchDraws(const MergeCase& merge_case, std::span<const double> densities)
      : numbers_(TorchNumbers::of(merge_case.seed)) {
    std::uint64_t place = merge_case.draws;
    for (const double density : densities) {
      places_.push_back(place);
      if (is_drawn(density)) place += merge_case.elements;
    }
  }

  [[nodiscard]] std::vector<std::uint32_t> read(std::size_t i, std::uint64_t first,
                                                std::size_t count) const {
    std::vector<std::uint32_t> numbers(count);
    numbers_->read(places_[i] + first, numbers);
    return numbers;
  }

 private:
  std::shared_ptr<TorchNumbers> numbers_;
  std::vector<std::uint64_t> places_;
};

class ChanceSparsifier : public Sparsifier {
 public:
  ChanceSparsifier(const MergeCase& merge_case, std::span<const double> densities)
      : densities_(densities.begin(), densities.end()) {
    for (std::size_t i = 0; i < densities.size(); ++i)
      keys_.push_back(random_key(merge_case.seed, merge_case.name, i));
    if (merge_case.round_to.has_value()) {
      draws_.emplace(merge_case, densities);
      work_ = work_dtype(*merge_case.round_to);
    }
  }

  // A final one, since the constructor asks.
  DType work_dtype(DType dtype) const final {
    return dtype == DType::kBF16 ? DType::kBF16 : DType::kF32;
  }

  bool thins(std::size_t i) const override { return densities_[i] < 1; }

  void keep(std::size_t i, std::uint64_t first, std::span<float> delta) const override {
    if (densities_[i] <= 0) {
      std::ranges::fill(delta, 0.0F);
    } else if (draws_) {
      keep_drawn(i, draws_->read(i, first, delta.size()), delta);
    } else {
      keep_keyed(i, first, delta);
    }
  }

 protected:
  virtual void keep_keyed(std::size_t i, std::uint64_t first, std::span<float> delta) const {
    keep_chance(keys_[i], first, delta, chance_of(densities_[i]));
  }

  virtual void keep_drawn(std::size_t i, std::span<const std::uint32_t> numbers,
                          std::span<float> delta) const {
    keep_torch(numbers, delta, kernel::rounded_to(work_, static_cast<float>(densities_[i])));
  }

  std::vector<double> densities_;
  std::vector<RandomKey> keys_;
  std::optional<TorchDraws> draws_;  // the peer's generator
  DType work_{};                     // and the dtype in which it computes chances
};

class RankedSparsifier final : public ChanceSparsifier {
 public:
  RankedSparsifier(const MergeCase& merge_case, std::span<const double> densities,
                   std::span<const double> epsilons)
      : ChanceSparsifier(merge_case, densities), epsilons_(epsilons.begin(), epsilons.end()) {
    const std::uint64_t extent = merge_case.shape.empty() ? 1 : merge_case.shape.back();
    row_ = static_cast<std::size_t>(std::clamp<std::uint64_t>(extent, 1, RowRanks::kLongest));
    noted_.emplace(merge_case.elements, rows_of_chunk() * row_, densities.size());
  }

  std::size_t chunk_elements() const override { return row_ * rows_of_chunk(); }

  void keep_and_note(std::size_t i, std::uint64_t first, std::span<float> delta) override {
    keep(i, first, delta);
    noted_->note(i, first, delta);
  }
  void keep_noted(std::size_t i, std::uint64_t first, std::span<float> delta) const override {
    if (!noted_->recall(i, first, delta)) keep(i, first, delta);
  }
  std::uint64_t noted_bytes() const override { return noted_->bytes(); }

 protected:
  void keep_keyed(std::size_t i, std::uint64_t first, std::span<float> delta) const override {
    thread_local RowRanks ranks;
    ranks.keep(keys_[i], first, delta, row_, densities_[i] - epsilons_[i],
               densities_[i] + epsilons_[i]);
  }

  void keep_drawn(std::size_t i, std::span<const std::uint32_t> numbers,
                  std::span<float> delta) const override {
    for (std::size_t at = 0; at < delta.size(); at += row_) {
      const std::size_t length = std::min(row_, delta.size() - at);
      keep_drawn_row(i, numbers.subspan(at, length), delta.subspan(at, length));
    }
  }

 private:
  [[nodiscard]] std::size_t rows_of_chunk() const {
    return std::max<std::size_t>(1, MergeProgram::kChunk / row_);
  }
  // As the peer computes it. Which of equal magnitudes comes first is what torch's sort makes of
  // them: that of the C++ library which both are built with, and not a stable one.
  void keep_drawn_row(std::size_t i, std::span<const std::uint32_t> numbers,
                      std::span<float> row) const;

  std::vector<double> epsilons_;
  std::size_t row_;
  std::optional<KeptMask> noted_;  // of all deltas
};

void RankedSparsifier::keep_drawn_row(std::size_t i, std::span<const std::uint32_t> numbers,
                                      std::span<float> row) const {
  std::vector<std::pair<float, std::uint32_t>> order(row.size());
  for (std::uint32_t at = 0; at < order.size(); ++at)
    order[at] = {std::abs(row[at]), at};
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first < b.first || (!std::isnan(a.first) && std::isnan(b.first));
  });

  const auto rounded = [this](float value) { return kernel::rounded_to(work_, value); };
  const float least = rounded(static_cast<float>(densities_[i] - epsilons_[i]));
  // Ranks from 0 are brought to the dtype of the work, and then count from 1.
  const auto from_zero = [&rounded](std::size_t rank) {
    return rounded(rounded(rounded(static_cast<float>(rank)) + 1) - 1);
  };
  const float span = from_zero(row.size() - 1);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const std::uint32_t at = order[rank].second;
    float share = from_zero(rank);
    if (span > 0) share = std::clamp(rounded(share / span), 0.0F, 1.0F);
    const float chance = rounded(least + rounded(share * static_cast<float>(2 * epsilons_[i])));
    keep_torch(numbers.subspan(at, 1), row.subspan(at, 1), chance);
  }
}

}  // namespace

std::unique_ptr<Sparsifier> keep_largest(const MergeCase& merge_case) {
  const std::vector<double> densities = task_values(merge_case, task::kDensity);
  if (!any_thin(densities)) return nullptr;
  const std::uint64_t elements = merge_case.elements;
  std::vector<Band> bands;
  for (const double density : densities) {
    const std::uint64_t kept =
        density <= 0 ? 0 : std::min(std::max<std::uint64_t>(part(density, elements), 1), elements);
    bands.push_back({.begin = 0, .end = density >= 1 ? elements : kept});
  }
  return std::make_unique<CutSparsifier>(elements, std::move(bands));
}

std::unique_ptr<Sparsifier> keep_middle(const MergeCase& merge_case) {
  const std::vector<double> densities = task_values(merge_case, task::kDensity);
  if (!any_thin(densities)) return nullptr;
  const std::vector<double> gammas = task_values(merge_case, task::kThird);
  const std::uint64_t elements = merge_case.elements;
  std::vector<Band> bands;
  for (std::size_t i = 0; i < densities.size(); ++i) {
    const std::uint64_t kept = std::min(part(densities[i], elements), elements);
    const std::uint64_t above = std::min(part(gammas[i], elements), elements - kept);
    bands.push_back({.begin = densities[i] >= 1 ? 0 : above,
                     .end = densities[i] >= 1 ? elements : above + kept});
  }
  return std::make_unique<CutSparsifier>(elements, std::move(bands));
}

std::unique_ptr<Sparsifier> keep_random(const MergeCase& merge_case) {
  const std::vector<double> densities = task_values(merge_case, task::kDensity);
  if (!any_thin(densities)) return nullptr;
  return std::make_unique<ChanceSparsifier>(merge_case, densities);
}

std::uint64_t draws_of(const MergeCase& merge_case) {
  const auto drawn = std::ranges::count_if(task_values(merge_case, task::kDensity), is_drawn);
  return static_cast<std::uint64_t>(drawn) * merge_case.elements;
}

Result<std::unique_ptr<Sparsifier>> keep_ranked(const MergeCase& merge_case) {
  const std::vector<double> densities = task_values(merge_case, task::kDensity);
  const std::vector<double> epsilons = task_values(merge_case, task::kThird);
  constexpr double kSlack = 1e-9;  // 0.85 + 0.15 is above 1 by a rounding
  for (std::size_t i = 0; i < densities.size(); ++i) {
    const double density = densities[i];
    const double epsilon = epsilons[i];
    if (density <= 0 || density >= 1) continue;  // all or nothing
    if (density - epsilon < -kSlack || density + epsilon > 1 + kSlack) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("epsilon: {} around the density {} leaves the range from 0 to 1",
                               epsilon, density)};
    }
  }
  if (!any_thin(densities)) return std::unique_ptr<Sparsifier>();
  return std::unique_ptr<Sparsifier>(
      std::make_unique<RankedSparsifier>(merge_case, densities, epsilons));
}

}  // namespace shardwright
