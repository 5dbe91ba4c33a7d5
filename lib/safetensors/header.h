// The header of a safetensors file: bytes to facts and defects.
//
// A file is a little-endian u64 N, then N bytes of JSON, then the tensors' bytes:
//   {"__metadata__": {"format": "pt"}, "name": {"dtype": "BF16", "shape": [2, 3], "data_offsets":
//   [0, 12]}}
// Offsets count from the end of the JSON. The reader is lenient: it keeps going, and names each
// defect that it can, so that `check` can report all of them; whoever wants a usable file asks
// `defects`. What the reference reader (safetensors 0.8.0) makes of each defect is in
// docs/format.md.
#pragma once

#include <cstdint>
#include <deque>
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

enum class DefectKind : std::uint8_t {
  kTooShort,          // fewer than 8 bytes
  kLengthZero,        // header length 0
  kLengthTooLarge,    // above kMaxHeaderBytes
  kLengthBeyondFile,  // more than the file holds
  kNotUtf8,
  kNotJson,  // syntax; `detail` says what and where
  kNotObject,
  kTooDeep,
  kDuplicateTensor,  // a tensor's name twice (the reference reader keeps the last)
  kDuplicateKey,     // a key twice inside an entry (the reference reader refuses)
  kUnknownKey,       // an entry has another key than dtype, shape, data_offsets (accepted)
  kEntryMalformed,   // an entry is no object, or lacks a key, or a value has the wrong type
  kUnknownDType,
  kShapeOverflow,      // shape x bits does not fit 64 bits
  kSubByte,            // bits of a sub-byte dtype are no whole number of bytes
  kRangeReversed,      // end before begin
  kRangeSize,          // end - begin is not shape x bits
  kRangePastData,      // ends past the file
  kOverlap,            // with `other`
  kGap,                // unowned bytes before this tensor
  kTrailingBytes,      // unowned bytes at the end of the file
  kMisaligned,         // offset in the file is no multiple of the element's width
  kMetadataMalformed,  // __metadata__ is neither null nor an object of strings
  kPadding,            // accepted oddities around the JSON: leading space, newline padding
  kBadPadding,         // refused: NUL padding, byte-order mark, text after the object
};

struct Defect {
  DefectKind kind{};
  std::string tensor{};   // name, raw as in the file; empty where the file as a whole is meant
  std::string other{};    // the second tensor of kOverlap; the key of kDuplicateKey, kUnknownKey
  std::uint64_t found{};  // bytes or offset, as the kind says
  std::uint64_t expected{};
  std::string detail{};  // for syntax: what and at which byte of the header
};

struct TensorEntry {
  std::string_view name;  // lives as long as the Header
  ShapeView shape;        // lives as long as the Header
  DType dtype{};
  std::uint64_t begin{};  // offsets from the start of the data
  std::uint64_t end{};
  bool readable{};  // the range lies in the file and has the size that shape and dtype need
};

struct Header {
  Header() = default;
  Header(Header&&) = default;
  Header& operator=(Header&&) = default;
  Header(const Header&) = delete;
  Header& operator=(const Header&) = delete;
  ~Header() = default;

  std::uint64_t header_bytes{};                                 // N; the data starts at 8 + N
  std::uint64_t data_bytes{};                                   // file size - 8 - N
  std::vector<TensorEntry> tensors{};                           // in header order
  std::vector<std::pair<std::string, std::string>> metadata{};  // string members of __metadata__
  bool has_metadata{};                                          // an object was there
  std::vector<Defect> defects{};

  [[nodiscard]] std::uint64_t data_start() const { return kPrefixBytes + header_bytes; }

  // Owners of what the views above point into.
  std::string text{};
  std::deque<std::string> decoded{};  // names that had escapes
  std::deque<std::vector<std::uint64_t>> extents{};
};

// Parses the JSON of a header of a file of `file_bytes` bytes. `text` is moved into the result.
// Never fails: everything wrong is a defect. Allocates a small multiple of text's size at most.
Header parse_header(std::string text, std::uint64_t file_bytes);

// Reads prefix and JSON from the source and parses them. An Error only where reading fails.
Result<Header> read_header(const ByteSource& source);

// What stands in a file that is no safetensors file, judged by its first bytes (up to 64 KiB) and
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
  kZeros,  // nothing but zero bytes at the start
  kJson,
};
ForeignKind sniff(Bytes start, std::uint64_t file_bytes);
std::string_view foreign_name(ForeignKind kind);  // "a Git LFS pointer"

}  // namespace shardwright::safetensors
