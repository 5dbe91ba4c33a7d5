// What a run has written so far, in a file of the folder that it builds in: after a kill, the next
// run goes on from there (docs/merge.md).
//
// A line is "CHECK TEXT": 16 hexadecimal digits of the text's digest, and the text. The first lines
// are facts of the plan, then one a tile follows. Nothing is synced: who goes on reads each tile
// again and keeps it only if it has the digest of its line, so that a line without its bytes, after
// a crash of the system, does no harm, nor does a line that is torn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "shardwright/result.h"
#include "write/disk.h"
#include "write/tile.h"

namespace shardwright {

// No loader takes it for a part of a model.
inline constexpr std::string_view kJournalName = ".shardwright-journal";

// Something that the bytes depend on.
struct PlanFact {
  std::string what{};  // "the recipe", printable
  Digest digest{};

  friend bool operator==(const PlanFact&, const PlanFact&) = default;
};

// How the facts differ, for a message: "the recipe has changed since"; empty where they do not.
std::string difference(std::span<const PlanFact> then, std::span<const PlanFact> now);

struct WrittenTile {
  std::size_t file{};  // position among the files that are written
  TileRange range{};
  Digest digest{};  // of its bytes
};

struct JournalContents {
  std::vector<PlanFact> facts{};
  std::vector<WrittenTile>
      tiles{};            // in the order in which they were written, maybe more than once
  std::uint64_t bytes{};  // of the lines that are whole
};

// None where there is no journal in the folder, or its facts are not all there.
std::optional<JournalContents> read_journal(const std::string& folder);

// `disk` must outlive it.
class Journal {
 public:
  // A new one in the folder, with these facts.
  static Result<Journal> create(const Disk& disk, const std::string& folder,
                                std::span<const PlanFact> facts);
  // Goes on with the one that was read from the folder.
  static Result<Journal> reopen(const Disk& disk, const std::string& folder,
                                const JournalContents& contents);

  // Once the tile is written; from any thread. A line that cannot be written ends the journal, and
  // nothing else: the run needs none.
  void add(const WrittenTile& tile);

  // Of a journal whose files are complete.
  static Status remove(const Disk& disk, const std::string& folder);

 private:
  Journal(const Disk& disk, OutFile file, std::uint64_t end);

  const Disk* disk_;
  OutFile file_;
  std::uint64_t end_;
  bool ended_{};
  std::unique_ptr<std::mutex> mutex_;
};

}  // namespace shardwright
