// The index of a sharded checkpoint, `model.safetensors.index.json`: text to facts and defects.
//
//   {"metadata": {"total_size": 28}, "weight_map": {"a.weight":
//   "model-00001-of-00002.safetensors"}}
//
// Read as Python's json reads it, by which all loaders do, but that this reader is bounded in depth
// and sees equal keys. Nothing here looks at the files that are named, or trusts their names.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shardwright {

// As the reference library writes it beside several shards.
inline constexpr std::string_view kIndexName = "model.safetensors.index.json";

enum class IndexDefectKind : std::uint8_t {
  kNotUtf8,        // `detail` says where
  kByteOrderMark,  // Python refuses it; the rest is read
  kNotJson,        // `detail` says what and where; nothing of the text is kept
  kTooDeep,        // likewise
  kNotObject,      // `detail` says what it is
  kNoWeightMap,
  kWeightMapNotObject,  // `detail` says what it is
  kEntryNotString,      // `name` is mapped to `detail`
  kDuplicateName,       // a tensor's name twice in weight_map: the last counts
  kDuplicateKey,        // another key twice: the last counts; `name` is its JSON pointer
  kNoMetadata,          // transformers needs the key
  kMetadataNotObject,   // `detail` says what it is
};
inline constexpr std::size_t kIndexDefectKindCount = 12;

struct IndexDefect {
  IndexDefectKind kind{};
  std::string name{};
  std::string detail{};
};

// How metadata.total_size is written.
enum class TotalSizeForm : std::uint8_t {
  kAbsent,
  kWhole,      // digits
  kOther,      // another number: 28.0 as older writers have it, -1, 2.5, NaN
  kNotNumber,  // "28"
};

struct IndexEntry {
  std::string_view name{};
  std::uint32_t file{};  // position in Index::files
};

// Views live as long as the Index, wherever it is moved.
struct Index {
  Index() = default;
  Index(Index&&) noexcept = default;
  Index& operator=(Index&&) noexcept = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;
  ~Index() = default;

  std::vector<IndexEntry> entries{};  // in the text's order, without equal names
  std::vector<std::string>
      files{};          // distinct, without "./" before them, in the order of their first entry
  bool has_metadata{};  // an object was there
  // Keys of the other members of the root, as they stand there.
  std::vector<std::string_view> others{};
  // Its members but total_size: key, and value as JSON text.
  std::vector<std::pair<std::string_view, std::string_view>> metadata{};
  TotalSizeForm total_size_form{};
  std::string_view total_size_text{};         // as written
  std::optional<std::uint64_t> total_size{};  // where the number is whole and fits

  // The first kMaxDefects of each kind; `counts` has how many there are.
  std::vector<IndexDefect> defects{};
  std::array<std::uint64_t, kIndexDefectKindCount> counts{};

  static constexpr std::size_t kMaxDefects = 1'000;

  [[nodiscard]] std::uint64_t count(IndexDefectKind kind) const {
    return counts[static_cast<std::size_t>(kind)];
  }

  // Owners of what the views point into.
  std::unique_ptr<const std::string> text{};
  std::deque<std::string> decoded{};
};

// Never fails: everything wrong is a defect. Allocates a small multiple of text's size at most.
Index parse_index(std::string text);

// The text of an index as transformers writes it: indented by 2, keys sorted, ASCII. `entries` are
// (tensor, file), with no name twice; `metadata` are further members, (key, JSON text).
// write_weight_map() gives the value of its "weight_map" alone.
std::string write_weight_map(
    std::span<const std::pair<std::string_view, std::string_view>> entries);
std::string write_index(std::span<const std::pair<std::string_view, std::string_view>> entries,
                        std::uint64_t total_size,
                        std::span<const std::pair<std::string_view, std::string_view>> metadata);

}  // namespace shardwright
