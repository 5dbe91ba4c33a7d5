// `shardwright diff` as a library call: what two checkpoints hold that is not the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shardwright/dtype.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

struct DiffOptions {
  bool tensors_only{};      // not the JSON files and the other files
  std::string rules_dir{};  // more rules, for what is said of layouts
  int threads{};            // 0: all available
  Monitor monitor{};
};

// How far the numbers of two tensors are from each other, element by element.
struct ValueDifference {
  std::uint64_t elements{};
  std::uint64_t different{};   // those with another value; NaN is the value of a NaN
  std::uint64_t not_finite{};  // of these, where one of both is NaN or infinite: of no distance
  double largest{};            // |a - b|
  double mean{};               // of |a - b| over all elements but those
  std::vector<std::uint64_t>
      at{};  // the element of the largest, the first of several, in A's shape
};

enum class DiffState : std::uint8_t {
  kOnlyA,
  kOnlyB,
  kShape,   // other shapes, whatever else
  kDtype,   // one shape, other dtypes
  kValues,  // one shape and dtype, other bytes
  kUnread,  // the bytes of one are not where its header says: nothing is known
};
std::string_view diff_state_name(DiffState state);  // "only_a", "shape"...

struct DiffSide {
  DType dtype{};
  std::vector<std::uint64_t> shape{};
  std::string file{};  // relative to the model's folder
  std::uint64_t bytes{};
};

// A tensor that is not the same in both.
struct TensorDiff {
  std::string name{};
  DiffState state{};
  std::optional<DiffSide> a{}, b{};  // none where that model does not have it
  bool same_bytes{};                 // under another shape
  // Where both have as many elements, of dtypes that have values, and their bytes differ.
  std::optional<ValueDifference> values{};
  std::string why{};  // where the numbers could not be compared, or what to know of them
};

// A value of a JSON file that is not the same in both.
struct JsonDiff {
  std::string file{};
  std::string pointer{};                // RFC 6901; empty: the whole
  std::optional<std::string> a{}, b{};  // JSON text; none where that model does not have it
};

// A file that is neither weights nor JSON that could be compared by its values.
struct FileDiff {
  std::string name{};
  std::optional<std::uint64_t> a{}, b{};  // bytes; none where that model does not have it
};

struct DiffReport {
  std::string a{}, b{};                 // as given
  std::uint64_t same{};                 // tensors
  std::uint64_t same_tensor_bytes{};    // of them, in A
  std::vector<TensorDiff> tensors{};    // in A's order, then what is in B alone
  std::vector<JsonDiff> json{};         // config.json first
  std::vector<FileDiff> files{};        // by name
  std::vector<std::string> notes{};     // what a reader would want to know, and is no difference
  std::vector<std::string> problems{};  // why a part could not be compared

  // Nothing differs, and all could be compared.
  [[nodiscard]] bool is_same() const {
    return tensors.empty() && json.empty() && files.empty() && problems.empty();
  }
};

// How many tensors there are of each kind.
struct DiffSummary {
  std::uint64_t same{}, different{}, only_a{}, only_b{}, unread{};
};
DiffSummary summarize(const DiffReport& report);

// kNotFound, kUnsupported and kIo as every command that takes a MODEL; kIo where bytes that are
// there cannot be read.
Result<DiffReport> diff(const std::string& a, const std::string& b, const DiffOptions& options);

}  // namespace shardwright
