// The unit in which files are written: memory and offsets as O_DIRECT wants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "base/units.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/planned_file.h"

namespace shardwright {

inline constexpr std::uint64_t kTileBytes = 4 * kMiB;
inline constexpr std::uint64_t kDirectFrom = 2 * kTileBytes;  // smaller files: by the page cache

struct FreeAligned {
  void operator()(std::byte* memory) const {
    ::operator delete[](memory, std::align_val_t{kBlockBytes});
  }
};
using Tile = std::unique_ptr<std::byte[], FreeAligned>;

// Memory for kTileBytes.
Tile make_tile();

// A range of a file, within one tile: whole blocks, but for the file's end.
struct TileRange {
  std::uint64_t begin{}, end{};
  friend bool operator==(const TileRange&, const TileRange&) = default;
};

// Writes the range from memory that holds its bytes, and room for a tile.
Status write_range(const Disk& disk, const OutFile& file, TileRange range, std::byte* memory);

}  // namespace shardwright
