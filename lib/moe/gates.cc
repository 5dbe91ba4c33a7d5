#include "moe/gates.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "merge/random.h"
#include "merge/read_floats.h"
#include "moe/hidden_gates.h"
#include "moe/prompts.h"
#include "moe/sources.h"
#include "moe/token_shares.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

// A row of zeros stays one.
constexpr double kLeastGateNorm = 1e-8;

using Row = std::vector<double>;

double norm_of(std::span<const double> row) {
  double squares = 0;
  for (const double value : row)
    squares += value * value;
  return std::sqrt(squares);
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
  const double norm = std::max(norm_of(sum), kLeastGateNorm);
  for (double& value : sum)
    value /= norm;
  return sum;
}

// By the embeddings of the prompts' tokens.
Status count_tokens(const Tensor& embedding, const std::vector<ExpertPrompts>& experts,
                    std::size_t per_token, GateTable& table) {
  TokenShares shares(table, 0, per_token);
  std::vector<float> row(table.hidden);
  std::vector<std::byte> raw;
  for (const ExpertPrompts& prompts : experts) {
    for (const Prompt& prompt : prompts.positive) {
      for (const TokenId token : prompt) {
        SW_TRY_OK(read_floats(embedding, token * std::uint64_t{table.hidden}, row, raw));
        shares.count(row);
      }
    }
  }
  table.shares.push_back({.of_experts = shares.parts()});
  return ok();
}

Result<GateTable> embedding_gates(const GateTask& task, const std::vector<ExpertPrompts>& experts) {
  const ViewTensor* embedding = embedding_of(task.view);
  if (embedding == nullptr || embedding->tensor.shape.size() != 2)
    return Error{ErrorCode::kUnsupported, "its embedding is not known"};
  GateTable table{.layers = 1,
                  .experts = experts.size(),
                  .hidden = embedding->tensor.shape.back(),
                  .routed = task.recipe.experts.size(),
                  .mode = task.recipe.gate};
  for (const ExpertPrompts& prompts : experts) {
    SW_TRY(const Row positive, embedded(embedding->tensor, prompts.positive));
    Row negative;
    if (!prompts.negative.empty()) {
      SW_TRY(negative, embedded(embedding->tensor, prompts.negative));
    }
    add_row(positive, negative, table);
  }
  SW_TRY_OK(count_tokens(embedding->tensor, experts, task.recipe.per_token, table));
  return table;
}

Result<GateTable> prompt_gates(const GateTask& task) {
  SW_TRY(const auto experts, encode_prompts(*task.base.checkpoint, task.recipe));
  return task.recipe.gate == GateMode::kEmbedding ? embedding_gates(task, experts)
                                                  : hidden_gates(task, experts);
}

std::string_view what_helps(GateMode mode, ErrorCode trouble) {
  if (trouble == ErrorCode::kNotFound)
    return ": a gate that is made from prompts needs one; gate_mode 'random' does not";
  if (trouble == ErrorCode::kUnsupported && mode != GateMode::kEmbedding)
    return "; gate_mode 'cheap_embed' needs no forward pass";
  return {};
}

}  // namespace

void add_row(std::span<const double> positive, std::span<const double> negative, GateTable& table) {
  Row row(positive.begin(), positive.end());
  for (std::size_t i = 0; i < negative.size(); ++i)
    row[i] -= negative[i];
  const double norm = norm_of(row);
  const double most = std::max(norm_of(positive), norm_of(negative));
  table.norms.push_back(norm);
  table.left.push_back(most > 0 ? norm / most : 0);
  for (const double value : row)
    table.rows.push_back(static_cast<float>(value / std::max(norm, kLeastGateNorm)));
}

Result<std::optional<GateTable>> make_gates(const GateTask& task, std::vector<Mistake>& mistakes) {
  using Made = std::optional<GateTable>;
  if (task.recipe.gate == GateMode::kRandom || task.recipe.gate == GateMode::kUniform)
    return Made{};
  auto table = prompt_gates(task);
  if (table) return Made{*std::move(table)};
  if (table.error().code == ErrorCode::kInterrupted) return std::move(table).error();
  mistakes.push_back({task.recipe.gate_at,
                      fmt::format("{}: {}{}", quoted(task.base.model.text), table.error().message,
                                  what_helps(task.recipe.gate, table.error().code))});
  return Made{};
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
