// A check: a row of constant data and a function. What it sees is prepared by the engine; it reads
// no disk, prints nothing, and knows nothing of other findings or of how its edits are applied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/detect.h"
#include "arch/expand.h"
#include "check/data_facts.h"
#include "check/index_join.h"
#include "check/join.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/finding.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {

// One checkpoint with all that is known of it.
struct Model {
  Checkpoint checkpoint{};
  Detection detection{};
  std::optional<Expansion> expected{};  // where a rule was found and could be expanded
  Join join{};                          // the stored tensors against the expected ones
  IndexJoin index_join{};               // and against the index
  DataFacts data{};                     // what the bytes say, as far as they were read
  // Of its tokenizer.json; null where nobody wanted it, or there is none. Models whose files are
  // the same share one.
  std::shared_ptr<const Vocabulary> vocabulary{};

  // The expected tensor of the name of one of checkpoint.tensors, or null.
  [[nodiscard]] const ExpectedTensor* expected_of(const Tensor& tensor) const {
    if (join.expected_of.empty()) return nullptr;
    return join.expected_of[static_cast<std::size_t>(&tensor - checkpoint.tensors.data())];
  }
};

using Inputs = std::span<const Model* const>;

// What a check reports. The engine adds code, name and model, applies severities, and collapses
// repeats.
struct Report {
  std::string file{}, tensor{}, pointer{}, message{};
  std::optional<Severity> severity{};  // where it differs from the row's
  std::optional<Fix> fix{};
  std::vector<TargetVerdict> targets{};
  // Reports of one check and one non-empty group are one finding: places are gathered, the message
  // is the first one's. Empty: the tensor's name with its digits folded, and the file where no
  // tensor is.
  std::string group{};
  std::vector<std::string> places{};  // where one report already speaks of several places
};
using Reporter = std::function<void(Report)>;

enum class Repair : std::uint8_t { kNone, kSafe, kUnsafe, kNever };

struct Check {
  std::string_view code, name, summary;
  Severity severity{};
  Repair repair{};
  std::string_view since;
  void (*run)(const Model& model, const Reporter& report){};  // each model alone
  // Another input of a merge against the first, whose config and tokenizer the result gets.
  void (*across)(const Model& first, const Model& other, const Reporter& report){};
};

std::span<const Check* const> check_table();  // by code

}  // namespace shardwright
