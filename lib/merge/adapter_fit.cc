#include "merge/adapter_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

// The matrices of a pair, whatever their extents behind the first mean (those of a convolution).
struct PairShape {
  std::uint64_t rank{}, in{}, out{};
};

// A pair on its way to a parameter.
struct Fitting {
  const AdapterPair* pair{};
  std::string parameter{};
  AdapterScale scale{};
  Target target{};
  PairShape shape{};
  std::uint64_t experts{1};
  bool straight{};  // the parameter may be [out, in]
  bool turned{};    // the parameter may be [in, out]
};

std::uint64_t width_of(ShapeView shape) {
  return element_count(shape.subspan(1)).value_or(0);
}

class PairFitter {
 public:
  PairFitter(const Adapter& adapter, TargetFinder& finder, std::vector<std::string>& problems)
      : adapter_(adapter), finder_(finder), problems_(problems) {}

  Result<std::vector<FittedPair>> run() {
    std::vector<Fitting> fittings;
    std::map<std::string_view, std::vector<const AdapterPair*>> modules;
    for (const AdapterPair& pair : adapter_.pairs)
      modules[pair.module].push_back(&pair);
    for (auto& [module, pairs] : modules) {
      // The innermost wrapper was put on first, around the first parameter.
      std::ranges::reverse(pairs);
      std::vector<std::string> names = parameters_of(std::string(module));
      for (const AdapterPair* pair : pairs) {
        SW_TRY(auto fitting, find(*pair, names));
        if (fitting) fittings.push_back(*std::move(fitting));
      }
    }
    std::vector<FittedPair> fitted;
    for (const Fitting& fitting : fittings) {
      const auto turned = is_turned(fitting, fittings);
      if (!turned) continue;
      if (auto made = fit(fitting, *turned)) fitted.push_back(*std::move(made));
    }
    return fitted;
  }

 private:
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  // The parameters of a module that its pairs may be for, in the order in which PEFT wraps them:
  // that of the architecture, which is that of the model.
  [[nodiscard]] std::vector<std::string> parameters_of(const std::string& module) {
    std::vector<std::string> names;
    for (const std::string& target : adapter_.config.target_parameters) {
      const auto dot = target.rfind('.');
      const std::string owner = dot == std::string::npos ? "" : target.substr(0, dot);
      if (owner.empty() || ends_in(module, owner))
        names.push_back(module + '.' + target.substr(dot == std::string::npos ? 0 : dot + 1));
    }
    if (names.size() > 1) {
      std::ranges::stable_sort(names, {},
                               [this](const std::string& name) { return finder_.order(name); });
    }
    const std::string weight = module + ".weight";
    if (std::ranges::find(names, weight) == names.end()) names.push_back(weight);
    return names;
  }

  // The first of `names` that the pair fits, which is taken out of them.
  Result<std::optional<Fitting>> find(const AdapterPair& pair, std::vector<std::string>& names) {
    std::vector<Fitting> misfits;
    for (auto name = names.begin(); name != names.end(); ++name) {
      auto target = finder_.find(*name);
      if (!target) continue;
      Fitting fitting{.pair = &pair, .parameter = *name, .target = *std::move(target)};
      const bool plain = name->ends_with(".weight");
      SW_TRY(fitting.scale, scale_of(adapter_.config, plain ? pair.module : *name));
      if (measure(fitting)) {
        names.erase(name);
        return std::optional(std::move(fitting));
      }
      misfits.push_back(std::move(fitting));
    }
    if (misfits.empty()) {
      problem(fmt::format("{} and {} have no target: the base has no '{}'", quoted(pair.a->name),
                          quoted(pair.b->name), fmt::join(names, "' or '")));
    } else {
      tell_shapes(misfits.front());
    }
    return std::optional<Fitting>();
  }

  // Ranks and extents of the pair, and which ways round it fits its target.
  static bool measure(Fitting& fitting) {
    const ShapeView a = fitting.pair->a->shape;
    const ShapeView b = fitting.pair->b->shape;
    const Shape& target = fitting.target.shape;
    if (a.size() < 2 || b.size() < 2 || target.size() < 2) return false;
    if (fitting.target.parts.empty()) return false;
    PairShape& shape = fitting.shape;
    // Behind the second extent of B there are ones: a convolution's.
    if (width_of(b) != b[1]) return false;
    shape = {.rank = a[0], .in = width_of(a), .out = b[0]};
    if (b[1] != shape.rank || shape.in == 0 || shape.out == 0) return false;
    if (fitting.pair->embedding) {
      // A is [rank, tokens], B [dimension, rank], the embedding [tokens, dimension].
      fitting.turned = target.size() == 2 && target[0] == shape.in && target[1] == shape.out;
      return fitting.turned && shape.rank == fitting.scale.rank;
    }
    // PEFT's pair of a stack of one expert looks as that of a plain parameter does.
    const bool stack = is_stack(fitting) && (target[0] == 1 || shape.rank != fitting.scale.rank);
    if (stack && shape.rank != fitting.scale.rank) {
      // Of a stack of experts the ranks stand one after the other.
      fitting.experts = target[0];
      if (checked_mul(fitting.scale.rank, fitting.experts) != shape.rank) return false;
      shape.rank = fitting.scale.rank;
    }
    if (stack) {
      fitting.straight = target[1] == shape.out && target[2] == shape.in;
      fitting.turned = target[1] == shape.in && target[2] == shape.out;
    } else {
      fitting.straight = target[0] == shape.out && width_of(target) == shape.in;
      fitting.turned = target.size() == 2 && target[0] == shape.in && target[1] == shape.out;
    }
    return shape.rank == fitting.scale.rank && (fitting.straight || fitting.turned);
  }

  void tell_shapes(const Fitting& fitting) {
    const Tensor& a = *fitting.pair->a;
    const Tensor& b = *fitting.pair->b;
    problem(fmt::format(
        "{} {} and {} {} of rank {} do not fit {} {}: the adapter was made for another base, or "
        "its config says another rank",
        quoted(a.name), shape_text(a.shape), quoted(b.name), shape_text(b.shape),
        fitting.scale.rank, quoted(fitting.parameter), shape_text(fitting.target.shape)));
  }

  // Which way round a square parameter lies: as its kin do that are not square, else as the config
  // says.
  std::optional<bool> is_turned(const Fitting& fitting, const std::vector<Fitting>& all) {
    if (!fitting.straight || !fitting.turned) return fitting.turned;
    bool straight = false;
    bool turned = false;
    const bool stack = is_stack(fitting);
    for (const Fitting& other : all) {
      if (other.straight == other.turned || other.pair->embedding || is_stack(other) != stack)
        continue;
      straight |= other.straight;
      turned |= other.turned;
    }
    if (straight != turned) return turned;
    if (!stack) return adapter_.config.fan_in_fan_out;
    problem(
        fmt::format("{} is for {} {}, which may be [experts, out, in] or [experts, in, out]: "
                    "nothing tells which",
                    quoted(fitting.pair->a->name), quoted(fitting.parameter),
                    shape_text(fitting.target.shape)));
    return std::nullopt;
  }

  // Whether PEFT rounds the delta to the base's dtype before it adds it.
  static bool rounds_delta(const Fitting& fitting) {
    if (fitting.pair->magnitude != nullptr) return false;
    return fitting.pair->embedding || is_stack(fitting);
  }

  static bool is_stack(const Fitting& fitting) {
    return fitting.target.shape.size() == 3 && fitting.pair->a->shape.size() == 2;
  }

  std::optional<FittedPair> fit(const Fitting& fitting, bool turned) {
    FittedPair made{.pair = fitting.pair,
                    .scale = static_cast<float>(fitting.scale.scale),
                    .transposed = turned};
    if (!std::isfinite(made.scale)) {
      problem(fmt::format("{} has a scale that is no number", quoted(fitting.pair->module)));
      return std::nullopt;
    }
    if (!fits_magnitude(fitting)) return std::nullopt;
    const std::uint64_t rows = turned ? fitting.shape.in : fitting.shape.out;
    const std::uint64_t columns = turned ? fitting.shape.out : fitting.shape.in;
    for (const TargetPart& part : fitting.target.parts) {
      if (part.begin % columns != 0 || part.length % columns != 0 ||
          part.stored_begin % columns != 0) {
        problem(fmt::format(
            "{} is for {}, of which {} holds parts of rows: bring the base into the "
            "adapter's layout first (repair --layout)",
            quoted(fitting.pair->a->name), quoted(fitting.parameter), quoted(part.name)));
        return std::nullopt;
      }
      FittedPart fitted{.name = part.name, .tensor = part.tensor, .columns = columns};
      const std::uint64_t begin = part.begin / columns;
      const std::uint64_t end = begin + part.length / columns;
      for (std::uint64_t at = begin; at < end;) {
        const std::uint64_t expert = at / rows;
        const std::uint64_t until = std::min(end, (expert + 1) * rows);
        fitted.products.push_back(product(fitting, turned, expert, at - expert * rows, until - at,
                                          part.stored_begin / columns + (at - begin)));
        at = until;
      }
      made.parts.push_back(std::move(fitted));
    }
    return made;
  }

  bool fits_magnitude(const Fitting& fitting) {
    const Tensor* magnitude = fitting.pair->magnitude;
    if (magnitude == nullptr) {
      if (!adapter_.config.dora || fitting.pair->embedding) return true;
      problem(fmt::format("{} has no lora_magnitude_vector, and 'use_dora' is set",
                          quoted(fitting.pair->module)));
      return false;
    }
    if (element_count(magnitude->shape) == fitting.shape.out && fitting.target.is_whole() &&
        fitting.experts == 1) {
      return true;
    }
    problem(fmt::format("{} {} does not fit {} {}, or that is a part of another tensor",
                        quoted(magnitude->name), shape_text(magnitude->shape),
                        quoted(fitting.parameter), shape_text(fitting.target.shape)));
    return false;
  }

  // Rows [row, row + rows) of the delta of one expert.
  //
  // A of a stack is [experts * rank, in], expert after expert; B is [out, rank * experts], and the
  // experts of one rank lie side by side.
  static LowRank product(const Fitting& fitting, bool turned, std::uint64_t expert,
                         std::uint64_t row, std::uint64_t rows, std::uint64_t first_row) {
    const PairShape& shape = fitting.shape;
    const Factor a{.tensor = *fitting.pair->a,
                   .rows = shape.rank,
                   .columns = shape.in,
                   .offset = expert * shape.rank * shape.in,
                   .row_step = shape.in};
    const Factor b{.tensor = *fitting.pair->b,
                   .rows = shape.out,
                   .columns = shape.rank,
                   .offset = expert,
                   .row_step = shape.rank * fitting.experts,
                   .column_step = fitting.experts};
    LowRank made{.first_row = first_row,
                 .left = turned ? transposed(a) : b,
                 .right = turned ? transposed(b) : a,
                 .scale = static_cast<float>(fitting.scale.scale),
                 .rounds = rounds_delta(fitting)};
    made.left.offset += row * made.left.row_step;
    made.left.rows = rows;
    return made;
  }

  const Adapter& adapter_;
  TargetFinder& finder_;
  std::vector<std::string>& problems_;
};

}  // namespace

Result<std::vector<FittedPair>> fit_pairs(const Adapter& adapter, TargetFinder& finder,
                                          std::vector<std::string>& problems) {
  return PairFitter(adapter, finder, problems).run();
}

}  // namespace shardwright
