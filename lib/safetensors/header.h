// The header of a safetensors file: bytes to facts and defects.
//
// A file is a little-endian u64 N, then N bytes of JSON, then the tensors' bytes:
//   {"__metadata__": {"format": "pt"}, "name": {"dtype": "BF16", "shape": [2, 3], "data_offsets":
//   [0, 12]}}
// Offsets count from the end of the JSON. The reader is lenient: it keeps going, and names each
// defect that it can, so that `check` can report all of them; whoever wants a usable file asks
// `usable()`. What the reference reader (safetensors 0.8.0) makes of each defect is in
// docs/format.md; tests/unit/safetensors holds a header for each.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "io/source.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"

namespace shardwright::safetensors {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit
inline constexpr std::uint64_t kPrefixBytes = 8;
inline constexpr std::size_t kMaxHeaderDepth = 127;  // as the reference reader's JSON parser
inline constexpr std::string_view kMetadataKey = "__metadata__";

// Said of each: what `found` and `expected` mean, where they mean something.
enum class DefectKind : std::uint8_t {
  kTooShort,           // found: bytes of the file; expected: 8
  kLengthZero,         // the prefix says that the JSON has no bytes
  kLengthTooLarge,     // found: the prefix; expected: kMaxHeaderBytes
  kLengthBeyondFile,   // found: the prefix; expected: the bytes behind it
  kNotUtf8,            // found: offset in the JSON
  kNotJson,            // found: offset in the JSON; `detail` says what and where
  kNotObject,          // `detail` says what it is
  kTooDeep,            // found: offset in the JSON
  kDuplicateTensor,    // a tensor's name twice: the last entry counts, and is what `tensors` has
  kDuplicateKey,       // dtype, shape or data_offsets twice in an entry, or __metadata__ twice
  kDuplicateMetadata,  // a key twice in __metadata__: the last counts
  kUnknownKey,         // an entry has another key than dtype, shape, data_offsets
  kUnusualForm,        // an entry as [dtype, shape, range], or a dtype as {"F32": null}
  kUnusualName,        // an empty name, or one with control characters
  kEntryMalformed,     // `detail` says how; `other` is the key concerned
  kUnknownDType,       // `detail` is what stands there
  kShapeOverflow,      // shape x bits does not fit 64 bits
  kSubByte,            // found: the bits of the tensor, no whole number of bytes
  kRangeReversed,      // found: end; expected: begin or more
  kRangeSize,          // found: end - begin; expected: the bytes of dtype and shape
  kRangePastData,      // found: end; expected: the bytes of data at most
  kOverlap,            // found: begin; expected: the end of `other`
  kGap,                // found: begin; expected: where the ranges before it end
  kTrailingBytes,      // found: the bytes of data; expected: where the ranges end
  kMisaligned,         // found: begin, counted from the start of the file; expected: the multiple
  kMetadataMalformed,  // `detail` says how; `other` is the key concerned
  kPadding,            // white space before the JSON, or other than spaces after it
  kBadPadding,         // found: offset in the JSON; `detail` says what stands there
};
inline constexpr std::size_t kDefectKindCount = 28;

// Whether the reference reader refuses a file for it.
bool refused(DefectKind kind);

// What the reference reader prints then, as far as it is always the same ("Error while
// deserializing header: header too small"); empty for what it accepts.
std::string_view loader_text(DefectKind kind);

struct Defect {
  DefectKind kind{};
  std::string_view tensor{};  // name, raw as in the file; empty where the file as a whole is meant
  std::string_view other{};  // the second tensor of kOverlap; the key of duplicate and unknown ones
  std::uint64_t found{};
  std::uint64_t expected{};
  std::string detail{};
};

struct TensorEntry {
  std::string_view name{};
  ShapeView shape{};
  std::uint64_t begin{};  // offsets from the start of the data
  std::uint64_t end{};
  DType dtype{};
  bool readable{};  // the range lies in the file and has the size that shape and dtype need
};

// Views in entries and defects live as long as the Header, wherever it is moved.
struct Header {
  Header() = default;
  Header(Header&&) = default;
  Header& operator=(Header&&) = default;
  Header(const Header&) = delete;
  Header& operator=(const Header&) = delete;
  ~Header() = default;

  std::uint64_t header_bytes{};  // N; the data starts at 8 + N
  std::uint64_t data_bytes{};    // file size - 8 - N
  // In header order. An entry whose dtype, shape or range could not be read is a defect only.
  std::vector<TensorEntry> tensors{};
  std::vector<std::pair<std::string, std::string>> metadata{};  // string members of __metadata__
  bool has_metadata{};                                          // an object was there
  // The first kMaxDefects of each kind; `counts` has how many there are.
  std::vector<Defect> defects{};
  std::array<std::uint64_t, kDefectKindCount> counts{};

  static constexpr std::size_t kMaxDefects = 10'000;

  [[nodiscard]] std::uint64_t data_start() const { return kPrefixBytes + header_bytes; }
  [[nodiscard]] std::uint64_t count(DefectKind kind) const {
    return counts[static_cast<std::size_t>(kind)];
  }
  // The reference reader takes the file.
  [[nodiscard]] bool usable() const;

  // Owners of what the views point into.
  std::unique_ptr<const std::string> text{};
  std::deque<std::string> decoded{};  // names that had escapes
  std::deque<std::vector<std::uint64_t>> extents{};
};

// Parses the JSON of a header of a file of `file_bytes` bytes. `text` is moved into the result.
// Never fails: everything wrong is a defect. Allocates a small multiple of text's size at most.
Header parse_header(std::string text, std::uint64_t file_bytes);

// Reads prefix and JSON from the source and parses them. An Error only where reading fails.
Result<Header> read_header(const ByteSource& source);

// What stands in a file that is no safetensors file, judged by its first bytes (4 KiB do) and its
// size.
enum class ForeignKind : std::uint8_t {
  kNone,  // may be safetensors
  kEmpty,
  kLfsPointer,
  kHtml,
  kXml,
  kZip,  // also what torch.save writes
  kPickle,
  kGzip,
  kGguf,
  kHdf5,
  kTar,
  kZeros,  // nothing but zero bytes at the start
  kJson,
  kText,  // "Entry not found", "Invalid username or password."
};
ForeignKind sniff(Bytes start, std::uint64_t file_bytes);
std::string_view foreign_name(ForeignKind kind);  // "a Git LFS pointer"

}  // namespace shardwright::safetensors
