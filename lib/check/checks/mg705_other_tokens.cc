// MG705: rows of one number stand for different tokens in the inputs of a merge.
// docs/checks/MG705-other-tokens.md
#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "check/across.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/wording.h"

namespace shardwright {
namespace {

constexpr std::size_t kShown = 3;

// By id.
using Tokens = std::unordered_map<std::uint64_t, std::string_view>;

Tokens tokens_of(const Vocabulary& vocabulary) {
  Tokens out;
  for (const auto& [token, id] : vocabulary.ids)
    out.emplace(id, token);
  return out;
}

struct Difference {
  std::uint64_t id{};
  std::string_view wanted{}, found{};
};

// Tokens beside the model's own vocabulary: reserved ones that a tuning renamed are such.
bool all_added(const Vocabulary& vocabulary, const std::vector<Difference>& differences) {
  std::unordered_set<std::uint64_t> added;
  for (const AddedEntry& entry : vocabulary.added)
    added.insert(entry.id);
  return std::ranges::all_of(
      differences, [&](const Difference& difference) { return added.contains(difference.id); });
}

void tell(const Model& first, const Model& model, std::vector<Difference> differences,
          const Reporter& report) {
  std::ranges::sort(differences, {}, &Difference::id);
  const bool only_added =
      all_added(*first.vocabulary, differences) && all_added(*model.vocabulary, differences);
  std::vector<std::string> examples;
  for (std::size_t i = 0; i < std::min(kShown, differences.size()); ++i) {
    const Difference& one = differences[i];
    examples.push_back(
        fmt::format("{} is {} and {}", one.id, quoted(one.found, 60), quoted(one.wanted, 60)));
  }
  report(
      {.message =
           fmt::format("{} of one number {} of different tokens in {} and {} ({}): merged, "
                       "they are neither",
                       counted(differences.size(), "row"), differences.size() == 1 ? "is" : "are",
                       label_of(model), label_of(first), fmt::join(examples, ", ")),
       .severity = only_added ? std::optional(Severity::kWarning) : std::nullopt,
       .fix = no_fix("'tokenizer_source: union' (or 'base') in the recipe brings each token's rows "
                     "together")});
}

void other_tokens(const Model& first, const Model& other, const Reporter& report) {
  if (!first.vocabulary || !other.vocabulary || first.vocabulary == other.vocabulary) return;
  const Tokens wanted = tokens_of(*first.vocabulary);
  std::vector<Difference> differences;
  for (const auto& [token, id] : other.vocabulary->ids) {
    const auto there = wanted.find(id);
    if (there != wanted.end() && there->second != token)
      differences.push_back({id, there->second, token});
  }
  if (!differences.empty()) tell(first, other, std::move(differences), report);
}

}  // namespace

extern const Check kOtherTokens;
constinit const Check kOtherTokens{
    .code = "MG705",
    .name = "other-tokens",
    .summary = "rows of one number stand for different tokens in the inputs of a merge",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .across = other_tokens,
};

}  // namespace shardwright
