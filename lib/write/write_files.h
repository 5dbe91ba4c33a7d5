// Writes many planned files at once, in tiles, in order: as many threads compute as there are
// cores, and a few more wait for the disk meanwhile.
//
// All files are made and their space is reserved before the first tile, so that a full disk is
// known at once. A file is cut to its size and synced when its last tile is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/meter.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/journal.h"
#include "write/planned_file.h"
#include "write/tile.h"

namespace shardwright {

// Work that has to be done before a range of a file can be read: what a producer needs to know of
// whole tensors.
class Preparation {
 public:
  enum class State : std::uint8_t {
    kReady,  // the range can be read
    kWork,   // `work` is to be done, and then to be asked again
    kWait,   // others are doing the last of it
  };
  using Work = std::function<Status()>;

  Preparation() = default;
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  virtual ~Preparation() = default;

  // Asked by one thread at a time, for tiles in order: quick. `work` may be for later tiles, too.
  virtual State next(std::size_t file, TileRange range, Work& work) = 0;
};

// Threads that may wait for the disk while all cores compute: more do not make it faster.
inline constexpr int kWaitingThreads = 2;

struct FileToWrite {
  std::string path{};
  const PlannedFile* content{};
};

struct WriteFilesOptions {
  int threads{};                 // that compute; 0: all available
  int waiting{kWaitingThreads};  // more, which wait for the disk meanwhile
  Meter* meter{};                // counts bytes written; may be null
  Journal* journal{};            // gets a line for each tile; may be null
  // Go on with what a killed run wrote of the same files: those that exist are opened, and of
  // `written` those tiles stay that have their digest still. `kept`, if set, is called with the
  // bytes of each, from many threads, before anything is prepared.
  bool resume{};
  std::span<const WrittenTile> written{};
  std::function<void(std::size_t file, TileRange range, Bytes bytes)> kept{};
};

// Bytes that were kept. kInterrupted where the meter's monitor stops it. On an error unfinished
// files may be there: they belong into a folder that goes away, or is kept for another run.
Result<std::uint64_t> write_files(const Disk& disk, std::span<const FileToWrite> files,
                                  Preparation& preparation, const WriteFilesOptions& options = {});

}  // namespace shardwright
