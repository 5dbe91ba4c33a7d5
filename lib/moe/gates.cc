#include "moe/gates.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/try.h"
#include "base/utf8.h"
#include "merge/random.h"
#include "merge/read_floats.h"
#include "moe/prompts.h"
#include "moe/sources.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

// A row of zeros stays one.
constexpr double kLeastGateNorm = 1e-8;

using Row = std::vector<double>;

void normalize(Row& row) {
  double squares = 0;
  for (const double value : row)
    squares += value * value;
  const double norm = std::max(std::sqrt(squares), kLeastGateNorm);
  for (double& value : row)
    value /= norm;
}

const ViewTensor* embedding_of(const View& view) {
  for (const auto& [name, tensor] : view.tensors) {
    if (tensor.role == Role::kEmbedding) return &tensor;
  }
  return nullptr;
}

// The sum of the embeddings of all tokens of all prompts, of length 1.
Result<Row> embedded(const Tensor& embedding, const std::vector<Prompt>& prompts) {
  const std::uint64_t rows = embedding.shape.front();
  const std::size_t hidden = embedding.shape.back();
  Row sum(hidden);
  std::vector<float> row(hidden);
  std::vector<std::byte> raw;
  for (const Prompt& prompt : prompts) {
    for (const TokenId token : prompt) {
      if (token >= rows) {
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("a prompt has the token {}, and {} has {} rows", token,
                                 quoted(embedding.name), rows)};
      }
      SW_TRY_OK(read_floats(embedding, token * std::uint64_t{hidden}, row, raw));
      for (std::size_t i = 0; i < hidden; ++i)
        sum[i] += row[i];
    }
  }
  normalize(sum);
  return sum;
}

// Counts each of the prompts' tokens to the experts whose rows fit it best.
Status count_tokens(const Tensor& embedding, const std::vector<ExpertPrompts>& experts,
                    std::size_t routed, std::size_t per_token, GateTable& table) {
  std::vector<float> row(table.hidden);
  std::vector<std::byte> raw;
  std::vector<std::uint64_t> counts(routed);
  std::uint64_t total = 0;
  for (const ExpertPrompts& prompts : experts) {
    for (const Prompt& prompt : prompts.positive) {
      for (const TokenId token : prompt) {
        SW_TRY_OK(read_floats(embedding, token * std::uint64_t{table.hidden}, row, raw));
        std::vector<std::pair<double, std::size_t>> scores;
        for (std::size_t expert = 0; expert < routed; ++expert) {
          const auto gate = table.row(0, expert);
          scores.emplace_back(-std::inner_product(row.begin(), row.end(), gate.begin(), 0.0),
                              expert);
        }
        std::ranges::sort(scores);
        for (std::size_t i = 0; i < per_token; ++i, ++total)
          ++counts[scores[i].second];
      }
    }
  }
  for (const std::uint64_t count : counts)
    table.shares.push_back(total == 0 ? 0
                                      : static_cast<double>(count) / static_cast<double>(total));
  return ok();
}

// What positive prompts have and negative ones have not.
Result<GateTable> embedding_gates(const GateTask& task, const std::vector<ExpertPrompts>& experts) {
  const ViewTensor* embedding = embedding_of(task.view);
  if (embedding == nullptr || embedding->tensor.shape.size() != 2)
    return Error{ErrorCode::kUnsupported, "its embedding is not known"};
  GateTable table{.layers = 1, .experts = experts.size(), .hidden = embedding->tensor.shape.back()};
  for (const ExpertPrompts& prompts : experts) {
    SW_TRY(Row row, embedded(embedding->tensor, prompts.positive));
    if (!prompts.negative.empty()) {
      SW_TRY(const Row negative, embedded(embedding->tensor, prompts.negative));
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] -= negative[i];
    }
    normalize(row);
    table.rows.insert(table.rows.end(), row.begin(), row.end());
  }
  SW_TRY_OK(count_tokens(embedding->tensor, experts, task.recipe.experts.size(),
                         task.recipe.per_token, table));
  return table;
}

Result<GateTable> prompt_gates(const GateTask& task) {
  SW_TRY(const auto experts, encode_prompts(*task.base.checkpoint, task.recipe));
  return embedding_gates(task, experts);
}

}  // namespace

std::optional<GateTable> make_gates(const GateTask& task, std::vector<Mistake>& mistakes) {
  const GateMode mode = task.recipe.gate;
  const auto mistake = [&](std::string message) {
    mistakes.push_back({task.recipe.gate_at, std::move(message)});
    return std::nullopt;
  };
  if (mode == GateMode::kRandom || mode == GateMode::kUniform) return std::nullopt;
  if (mode != GateMode::kEmbedding) {
    return mistake(
        fmt::format("gates by '{}' are not built yet; 'cheap_embed', 'random' and "
                    "'uniform_random' are",
                    gate_mode_name(mode)));
  }
  auto table = prompt_gates(task);
  if (table) return *std::move(table);
  const bool no_tokenizer = table.error().code == ErrorCode::kNotFound;
  return mistake(fmt::format("{}: {}{}", quoted(task.base.model.text), table.error().message,
                             no_tokenizer ? ": a gate that is made from prompts needs one; "
                                            "gate_mode 'random' does not"
                                          : ""));
}

std::vector<std::string> describe_gates(const GateTable& table) {
  std::vector<std::string> notes;
  double closest = -1;
  std::size_t at_layer = 0;
  std::pair<std::size_t, std::size_t> pair;
  for (std::size_t layer = 0; layer < table.layers; ++layer) {
    for (std::size_t a = 0; a < table.experts; ++a) {
      for (std::size_t b = a + 1; b < table.experts; ++b) {
        double cosine = 0;
        const auto left = table.row(layer, a);
        const auto right = table.row(layer, b);
        for (std::size_t i = 0; i < table.hidden; ++i)
          cosine += static_cast<double>(left[i]) * static_cast<double>(right[i]);
        if (cosine <= closest) continue;
        closest = cosine;
        at_layer = layer;
        pair = {a, b};
      }
    }
  }
  if (table.experts < 2) return notes;
  notes.push_back(fmt::format(
      "the nearest rows of a gate are those of experts {} and {}{}: their "
      "cosine is {:.3f}{}",
      pair.first, pair.second, table.layers > 1 ? fmt::format(" in layer {}", at_layer) : "",
      closest,
      closest > kHardToTell ? "; they are hard to tell apart, so that both get much the "
                              "same tokens: give them prompts that differ more"
                            : ""));
  if (!table.shares.empty()) {
    std::vector<std::string> shares;
    for (const double share : table.shares)
      shares.push_back(fmt::format("{:.0f}%", 100 * share));
    notes.push_back(
        fmt::format("of the prompts' tokens, as they come to the first layer, the "
                    "experts get {}",
                    fmt::join(shares, ", ")));
  }
  return notes;
}

std::shared_ptr<const ByteSource> gate_source(const MoeRecipe& recipe,
                                              const std::optional<GateTable>& table,
                                              const ExpectedTensor& router, std::size_t first,
                                              std::uint64_t seed) {
  const std::uint64_t rows = router.shape.front();
  const std::uint64_t hidden = router.shape.back();
  if (table) {
    std::vector<float> values;
    for (std::size_t i = 0; i < rows; ++i) {
      const auto row = table->row(static_cast<std::size_t>(router.layer), first + i);
      values.insert(values.end(), row.begin(), row.end());
    }
    return given_source(std::move(values));
  }
  const double bound =
      recipe.gate == GateMode::kUniform ? 1 / std::sqrt(static_cast<double>(hidden)) : 0;
  return random_source(rows * hidden, random_key(seed, router.name, 0), bound);
}

}  // namespace shardwright
