#include "moe/gate_quality.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace shardwright {
namespace {

constexpr double kEqual = 0.99999;
constexpr double kEqualNorms = 1e-6;   // of the longest
constexpr std::size_t kMostPairs = 4;  // that are named

// " in layers 0 to 3, 7"; empty where all layers share one row.
std::string in_layers(const GateTable& table, const std::vector<std::size_t>& layers) {
  if (table.layers == 1) return {};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t end = i + 1;
    while (end < layers.size() && layers[end] == layers[end - 1] + 1)
      ++end;
    parts.push_back(end == i + 1 ? std::to_string(layers[i])
                                 : fmt::format("{} to {}", layers[i], layers[end - 1]));
    i = end;
  }
  return fmt::format(" in layer{} {}", layers.size() == 1 ? "" : "s", fmt::join(parts, ", "));
}

// Two experts that tokens choose between.
struct Pair {
  std::size_t a{}, b{};
  std::vector<double> cosines{};    // by layer
  std::vector<std::size_t> hard{};  // layers
  double most = -1;                 // of all layers
  std::size_t at{};                 // the layer of that

  [[nodiscard]] std::string text() const { return fmt::format("{} and {}", a, b); }
};

// Rows have the length 1.
double cosine_of(const GateTable& table, std::size_t layer, std::size_t a, std::size_t b) {
  const auto left = table.row(layer, a);
  const auto right = table.row(layer, b);
  return std::inner_product(left.begin(), left.end(), right.begin(), 0.0);
}

Pair pair_of(const GateTable& table, std::size_t a, std::size_t b) {
  Pair pair{.a = a, .b = b};
  for (std::size_t layer = 0; layer < table.layers; ++layer) {
    const double cosine = cosine_of(table, layer, a, b);
    pair.cosines.push_back(cosine);
    if (cosine > kHardToTell) pair.hard.push_back(layer);
    if (cosine <= pair.most) continue;
    pair.most = cosine;
    pair.at = layer;
  }
  return pair;
}

// The nearest first.
std::vector<Pair> pairs_of(const GateTable& table) {
  std::vector<Pair> pairs;
  for (std::size_t a = 0; a < table.routed; ++a) {
    for (std::size_t b = a + 1; b < table.routed; ++b)
      pairs.push_back(pair_of(table, a, b));
  }
  std::ranges::stable_sort(pairs, [](const Pair& x, const Pair& y) { return x.most > y.most; });
  return pairs;
}

std::string list_of(const std::vector<std::string>& texts, std::string_view separator) {
  const std::size_t named = std::min(texts.size(), kMostPairs);
  std::string list = fmt::format("{}", fmt::join(std::span(texts).first(named), separator));
  const std::size_t more = texts.size() - named;
  if (more > 0) list += fmt::format("{}and {} more pair{}", separator, more, more == 1 ? "" : "s");
  return list;
}

// What the rows were scaled from: one that is much shorter than the others is made of little.
void tell_norms(const GateTable& table, std::vector<std::string>& notes) {
  if (table.norms.empty()) return;
  const auto [least, most] = std::ranges::minmax(table.norms);
  if (most - least < kEqualNorms * most) return;
  notes.push_back(
      fmt::format("the rows had lengths from {:.3g} to {:.3g}, and have 1", least, most));
}

// Last tokens that are the same have the same embedding.
void tell_equal_ends(std::vector<Pair>& pairs, std::vector<std::string>& notes) {
  std::vector<std::string> equal;
  for (Pair& pair : pairs) {
    if (pair.cosines.front() < kEqual) continue;
    equal.push_back(pair.text());
    std::erase(pair.hard, 0U);
  }
  if (equal.empty()) return;
  notes.push_back(fmt::format(
      "in layer 0 the rows of experts {} are equal: 'hidden' has there the embedding of a prompt's "
      "last token alone, and their prompts end alike; prompts that end differently help, or the "
      "gate_mode 'hidden_avg' or 'cheap_embed'",
      list_of(equal, ", ")));
}

void tell_hard(const GateTable& table, const std::vector<Pair>& pairs,
               std::vector<std::string>& notes) {
  std::vector<std::string> hard;
  for (const Pair& pair : pairs) {
    if (pair.hard.empty()) continue;
    double most = -1;
    for (const std::size_t layer : pair.hard)
      most = std::max(most, pair.cosines[layer]);
    hard.push_back(fmt::format("{}{} (cosine{} {:.3f})", pair.text(), in_layers(table, pair.hard),
                               pair.hard.size() > 1 ? " up to" : "", most));
  }
  if (hard.empty()) return;
  const std::string_view help =
      table.mode == GateMode::kHiddenMean
          ? "the first token's state, which many models make large and much the same for all "
            "prompts, may rule the means: 'hidden' or 'cheap_embed' may tell them apart"
          : "give them prompts that differ more";
  notes.push_back(
      fmt::format("hard to tell apart, so that both get much the same tokens: experts {}; {}",
                  list_of(hard, ", "), help));
}

// Positive and negative prompts that say the same.
void tell_cancelled(const GateTable& table, std::vector<std::string>& notes) {
  for (std::size_t expert = 0; expert < table.experts && !table.left.empty(); ++expert) {
    std::vector<std::size_t> layers;
    for (std::size_t layer = 0; layer < table.layers; ++layer) {
      if (table.left[layer * table.experts + expert] < kLittleLeft) layers.push_back(layer);
    }
    if (layers.empty()) continue;
    const std::string who = expert < table.routed
                                ? fmt::format("expert {}", expert)
                                : fmt::format("shared expert {}", expert - table.routed);
    notes.push_back(
        fmt::format("the negative prompts of {} leave nearly nothing of its positive ones{}", who,
                    in_layers(table, layers)));
  }
}

// In the first layer, the middle and the last.
void tell_shares(const GateTable& table, std::vector<std::string>& notes) {
  std::vector<std::string> by_layer;
  const std::size_t last = table.layers - 1;
  for (const GateTable::Shares& shares : table.shares) {
    if (shares.layer != 0 && shares.layer != last / 2 && shares.layer != last) continue;
    std::vector<std::string> parts;
    for (const double part : shares.of_experts)
      parts.push_back(fmt::format("{:.0f}%", 100 * part));
    by_layer.push_back(fmt::format("{} in layer {}", fmt::join(parts, ", "), shares.layer));
  }
  if (by_layer.empty()) return;
  notes.push_back(fmt::format("of the prompts' tokens, as they come to a layer, the experts get {}",
                              fmt::join(by_layer, "; ")));
}

}  // namespace

std::vector<MixtureGate> measure_gates(const GateTable& table) {
  std::vector<MixtureGate> gates;
  for (std::size_t layer = 0; layer < table.layers; ++layer) {
    MixtureGate gate;
    if (table.layers > 1) gate.layer = layer;
    for (std::size_t a = 0; a < table.experts; ++a) {
      gate.norms.push_back(table.norms[layer * table.experts + a]);
      std::vector<double>& row = gate.cosines.emplace_back();
      for (std::size_t b = 0; b < table.experts; ++b)
        row.push_back(cosine_of(table, layer, a, b));
    }
    for (const GateTable::Shares& shares : table.shares) {
      if (shares.layer == layer) gate.shares = shares.of_experts;
    }
    gates.push_back(std::move(gate));
  }
  return gates;
}

std::vector<std::string> describe_gates(const GateTable& table) {
  std::vector<std::string> notes;
  std::vector<Pair> pairs = pairs_of(table);
  if (!pairs.empty()) {
    const Pair& nearest = pairs.front();
    notes.push_back(
        fmt::format("the nearest rows of a gate are those of experts {}{}: their cosine is {:.3f}",
                    nearest.text(), in_layers(table, {nearest.at}), nearest.most));
  }
  tell_norms(table, notes);
  if (table.mode == GateMode::kHidden) tell_equal_ends(pairs, notes);
  tell_hard(table, pairs, notes);
  tell_cancelled(table, notes);
  tell_shares(table, notes);
  return notes;
}

}  // namespace shardwright
