// The directory of a zip archive as torch.save writes it: entries stored as they are, without
// compression, so that the bytes of each lie in the file.
//
// Source: PKWARE's APPNOTE.TXT 6.3.10. Stricter than it where an archive could be read in two ways:
// entries do not overlap, no name comes twice, and the directory ends where its end record begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/source.h"
#include "shardwright/result.h"

namespace shardwright::pickle {

struct ZipEntry {
  std::string name{};     // valid UTF-8
  std::uint64_t begin{};  // of its bytes in the file
  std::uint64_t bytes{};
  std::string_view obstacle{};  // "compressed", "encrypted": its bytes say nothing as they are
};

// The entries by name. kMalformed where the archive is broken or cut short, kUnsupported where it
// has several parts.
Result<std::vector<ZipEntry>> read_zip(const ByteSource& source);

}  // namespace shardwright::pickle
