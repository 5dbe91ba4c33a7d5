// A rule and a config give the tensors that a checkpoint must hold.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/schema.h"
#include "json/value.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright {

enum class Role : std::uint8_t {
  kNone,
  kEmbedding,
  kHead,
  kRouter,      // [experts, hidden]
  kRouterBias,  // one number an expert: [experts] or [1, experts]
  kSharedGate,  // [1, hidden]
  kExpert,
  kSharedExpert,
  kNorm,
  kScore,
  kPosition,
  kBlockScale,  // an fp8 block scale
};
std::string_view role_name(Role role);  // "embedding"; "" for kNone

enum class ExpectedDType : std::uint8_t {
  kModel,  // the dtype of the model
  kWider,  // or float32
  kFp8,    // F8_E4M3 beside a block scale
  kScale,  // F32 or BF16
  kAny,
};

struct ExpectedTensor {
  std::string_view name{};  // lives as long as the Expansion
  ShapeView shape{};
  Role role{};
  ExpectedDType dtype{};
  bool optional{};  // legal when present and legal when absent; every tied target is
  std::int32_t layer{-1};
  std::int32_t expert{-1};
};

struct ExpectedTie {
  std::string_view target;  // not stored in the usual form
  std::string_view source;  // what it equals when the config ties
};

// What is wrong with a config, as far as the rule sees it.
struct ConfigProblem {
  enum class Kind : std::uint8_t {
    kMissingKey,
    kWrongType,
    kNotExact,       // a division leaves a remainder
    kOutOfRange,     // negative or overflowing sizes, an index beyond a list
    kListLength,     // a list per layer is no list of `layers`
    kContradiction,  // a `require` does not hold
    kTooMany,        // more than kMaxExpected tensors
  };
  Kind kind{};
  std::string pointer{};  // RFC 6901, to the key concerned, or empty
  std::string message{};
};

inline constexpr std::uint64_t kMaxExpected = 1'000'000;

// Whether the head and the embedding are one weight, and who says so (schemas.md section 2).
struct TieFlag {
  bool tied{};
  bool stated{};            // a key of the config says it; otherwise the class's default holds
  std::string pointer{};    // to the key that decides, or where it would stand
  bool nested_disagrees{};  // a nested config says the contrary, and is not what transformers asks

  // The name of the key: tie_word_embeddings, or what the class calls it.
  [[nodiscard]] std::string_view key() const {
    return std::string_view(pointer).substr(pointer.rfind('/') + 1);
  }
};

struct Expansion {
  Expansion() = default;
  Expansion(Expansion&&) = default;
  Expansion& operator=(Expansion&&) = default;
  Expansion(const Expansion&) = delete;
  Expansion& operator=(const Expansion&) = delete;
  ~Expansion() = default;

  const Schema* schema{};
  std::string layout{};                   // "hub" or the name of a layout
  std::vector<ExpectedTensor> tensors{};  // in the rule's order
  std::vector<ExpectedTie> ties{};        // possible ties, also where the config does not tie
  TieFlag tie{};
  std::vector<ConfigProblem> problems{};  // where one stopped the expansion, `tensors` is empty
  std::optional<std::uint64_t> vocabulary{}, layers{}, hidden{},
      experts{};  // where the rule has them
  // Experts that a token goes to; where layers differ, the fewest.
  std::optional<std::uint64_t> per_token{};
  std::string vocabulary_pointer{};  // to the config's key that says `vocabulary`; RFC 6901
  std::string layers_pointer{}, experts_pointer{};
  std::string per_token_pointer{};  // empty where layers differ
  std::string class_name{};
  std::string base_prefix{};   // what the bare model's class leaves out of all names: "model."
  std::string quantization{};  // quant_method of the config; `tensors` know of "fp8" alone
  // Rows and columns of a block that has a scale of its own, where fp8 weights have such.
  std::optional<std::array<std::uint64_t, 2>> block{};
  bool usable{};  // no problem stopped the expansion

  // The expected tensor of that name, or null.
  [[nodiscard]] const ExpectedTensor* find(std::string_view name) const;
  // The same for each of many names, several times as fast as one after the other.
  [[nodiscard]] std::vector<const ExpectedTensor*> find_all(
      std::span<const std::string_view> names) const;
  // A stored tensor that loaders pass over: `ignored` of the rule, and old rotary buffers.
  [[nodiscard]] bool is_ignored(std::string_view name) const;
  // The patterns of `ignored`, with `*`.
  [[nodiscard]] std::span<const std::string> ignored() const;

  struct Storage;  // owns names and extents, and the look-up table
  std::shared_ptr<const Storage> storage{};
};

struct ExpandRequest {
  std::string_view
      class_name{};           // empty: architectures[0] of the config, else the rule's first class
  std::string_view layout{};  // empty: the one that most of `names` fit
  std::span<const std::string_view> names{};
};

// Expands the rule. Everything wrong with the config is in `problems`. kInvalidArgument for an
// unknown class or layout in the request.
Result<Expansion> expand(const Schema& schema, const json::Value& config,
                         const ExpandRequest& request = {});

}  // namespace shardwright
