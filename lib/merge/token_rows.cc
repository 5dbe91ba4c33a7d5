#include "merge/token_rows.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "base/utf8.h"

namespace shardwright {
namespace {

class RowFinder {
 public:
  RowFinder(const Vocabulary& result, const std::vector<TokenInput>& inputs, std::size_t base,
            std::vector<Mistake>& mistakes)
      : result_(result), inputs_(inputs), base_(base), mistakes_(mistakes) {}

  TokenRows find(std::uint64_t rows, const TokenizerRecipe& recipe) {
    out_.inputs.resize(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].merged) continue;
      out_.inputs[i].assign(rows, {.kind = TokenRow::Kind::kPadding});
      ++merged_;
    }
    for (const TokenRule& rule : recipe.tokens)
      rules_[rule.token] = &rule;
    for (const auto& [token, id] : result_.ids)
      ordered_.emplace_back(id, &token);
    std::ranges::sort(ordered_, {}, [](const auto& entry) {
      return std::pair(entry.first, std::string_view(*entry.second));
    });
    for (const auto& [id, token] : ordered_)
      place(*token, id);
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::optional<RowPlace> row_in(std::size_t input, const std::string& token) const {
    const auto id = inputs_[input].vocabulary->find(token);
    if (!id || *id >= inputs_[input].rows) return std::nullopt;
    return RowPlace{static_cast<std::uint32_t>(input), *id};
  }

  [[nodiscard]] std::size_t input_of(const ModelRef& model) const {
    return static_cast<std::size_t>(
        std::ranges::find_if(inputs_,
                             [&](const TokenInput& input) { return *input.model == model; }) -
        inputs_.begin());
  }

  void place(const std::string& token, std::uint64_t id) {
    std::vector<RowPlace> known;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].merged) continue;
      if (const auto row = row_in(i, token)) known.push_back(*row);
    }
    const auto found = rules_.find(token);
    const TokenRule* rule = found == rules_.end() ? nullptr : found->second;
    const bool all_know_it = known.size() == merged_;
    if (all_know_it && (rule == nullptr || !rule->force)) {
      for (const RowPlace& row : known)
        out_.inputs[row.model][id] = {.place = row};
      return;
    }
    const auto preset = preset_of(token, rule, known);
    if (!preset) return;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].merged) out_.inputs[i][id] = *preset;
    }
    if (rule != nullptr && rule->force) return;
    for (const RowPlace& row : known)
      out_.inputs[row.model][id] = {.place = row};
  }

  // For inputs that do not know the token.
  std::optional<TokenRow> preset_of(const std::string& token, const TokenRule* rule,
                                    const std::vector<RowPlace>& known) {
    if (rule != nullptr && rule->kind != TokenRule::Kind::kDefault) return ruled(token, *rule);
    if (known.empty()) {
      if (rule != nullptr) {
        mistakes_.push_back({rule->at, fmt::format("no model has a row for the token {}: give it a "
                                                   "'source', such as {{kind: zero}}",
                                                   quoted(token, 60))});
        return std::nullopt;
      }
      out_.unknown.push_back(token);
      return TokenRow{.kind = TokenRow::Kind::kZero};
    }
    if (known.size() == 1) return TokenRow{.place = known.front()};
    const auto of_base =
        std::ranges::find(known, static_cast<std::uint32_t>(base_), &RowPlace::model);
    if (of_base != known.end()) return TokenRow{.place = *of_base};
    out_.means.push_back(known);
    return TokenRow{.kind = TokenRow::Kind::kMean, .place = {.row = out_.means.size() - 1}};
  }

  std::optional<TokenRow> ruled(const std::string& token, const TokenRule& rule) {
    if (rule.kind == TokenRule::Kind::kZero) return TokenRow{.kind = TokenRow::Kind::kZero};
    const std::size_t input = input_of(rule.model);
    const std::string name = quoted(rule.model.text);
    if (rule.kind == TokenRule::Kind::kModelToken && rule.source_id) {
      if (*rule.source_id < inputs_[input].rows)
        return TokenRow{.place = {static_cast<std::uint32_t>(input), *rule.source_id}};
      mistakes_.push_back({rule.at, fmt::format("{} has no row {}: it has {}", name,
                                                *rule.source_id, inputs_[input].rows)});
      return std::nullopt;
    }
    const std::string& wanted =
        rule.kind == TokenRule::Kind::kModelToken ? rule.source_token : token;
    if (const auto row = row_in(input, wanted)) return TokenRow{.place = *row};
    mistakes_.push_back(
        {rule.at, fmt::format("{} has no row for the token {}", name, quoted(wanted, 60))});
    return std::nullopt;
  }

  const Vocabulary& result_;
  const std::vector<TokenInput>& inputs_;
  std::size_t base_;
  std::vector<Mistake>& mistakes_;
  std::unordered_map<std::string_view, const TokenRule*> rules_;
  std::vector<std::pair<std::uint64_t, const std::string*>> ordered_;
  std::size_t merged_{};
  TokenRows out_;
};

// Rows that are no token's, neither in the result nor in the input.
void keep_own_padding(const TokenInput& input, std::uint32_t position,
                      std::vector<TokenRow>& rows) {
  const std::uint64_t both = std::min<std::uint64_t>(input.rows, rows.size());
  std::vector<bool> is_token(both);
  for (const auto& [token, id] : input.vocabulary->ids) {
    if (id < both) is_token[id] = true;
  }
  for (std::uint64_t i = 0; i < both; ++i) {
    if (rows[i].kind == TokenRow::Kind::kPadding && !is_token[i])
      rows[i] = {.place = {position, i}};
  }
}

}  // namespace

TokenRows rows_of_tokens(const Vocabulary& result, std::uint64_t rows,
                         const std::vector<TokenInput>& inputs, std::size_t base, bool keep_padding,
                         const TokenizerRecipe& recipe, std::vector<Mistake>& mistakes) {
  TokenRows out = RowFinder(result, inputs, base, mistakes).find(rows, recipe);
  for (std::size_t i = 0; i < inputs.size() && keep_padding; ++i) {
    if (inputs[i].merged) keep_own_padding(inputs[i], static_cast<std::uint32_t>(i), out.inputs[i]);
  }
  return out;
}

bool is_as_stored(const std::vector<TokenRow>& rows, std::size_t input, std::uint64_t stored) {
  if (rows.size() != stored) return false;
  for (std::uint64_t i = 0; i < stored; ++i) {
    if (rows[i].kind != TokenRow::Kind::kRow ||
        rows[i].place != RowPlace{static_cast<std::uint32_t>(input), i}) {
      return false;
    }
  }
  return true;
}

}  // namespace shardwright
