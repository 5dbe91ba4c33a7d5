// Writes a planned file: space reserved first, shared blocks where the file system has them, what
// comes from files copied by the system where it can, the rest in tiles by several threads, synced
// at the end.
//
// Tiles pass by the page cache (O_DIRECT): the disk is busy from the first one on, memory holds two
// a thread at most. What the system copied leaves the page cache once it is synced. So what is read
// back afterwards comes from the disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/meter.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/planned_file.h"

namespace shardwright {

struct WriteOptions {
  int threads{};                   // 0: all available
  std::optional<FileMode> mode{};  // none: by the umask
  bool share{true};                // share blocks with the sources, or let the system copy them
  bool sparse{};                   // write the literal bytes alone; all else reads as zeros
  bool digest{};                   // of the whole file, as it was written
  Meter* meter{};                  // may be null
};

struct WriteCount {
  std::uint64_t written{};  // bytes
  std::uint64_t shared{};   // bytes that are blocks of another file
  std::optional<Digest> digest{};
};

// Makes the file at `path`, which must not exist. kInterrupted where the meter's monitor stops it.
// On an error the file may be there, unfinished: it belongs into a folder that goes away.
Result<WriteCount> write_file(const Disk& disk, const std::string& path, const PlannedFile& content,
                              const WriteOptions& options = {});

// Of a file as it is on the disk.
Result<Digest> digest_of_file(const std::string& path);

// A small file.
Status write_text(const Disk& disk, const std::string& path, std::string_view text,
                  std::optional<mode_t> mode = {});

}  // namespace shardwright
