#include "write/tile.h"

#include <cstring>

namespace shardwright {

Tile make_tile() {
  return Tile(static_cast<std::byte*>(::operator new[](kTileBytes, std::align_val_t{kBlockBytes})));
}

Status write_range(const Disk& disk, const OutFile& file, TileRange range, std::byte* memory) {
  const std::uint64_t bytes = range.end - range.begin;
  std::uint64_t padded = bytes;
  if (file.direct) {  // the file is cut to its size at the end
    padded = (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    std::memset(memory + bytes, 0, padded - bytes);
  }
  return disk.write(file, range.begin, Bytes(memory, padded));
}

}  // namespace shardwright
