#include "write/write_file.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/try.h"
#include "io/folder.h"
#include "write/tile.h"

namespace shardwright {
namespace {

constexpr int kMaxThreads = 8;  // more do not make a disk faster, and each holds a tile
constexpr std::uint64_t kShareFrom = 16 * kBlockBytes;

std::uint64_t round_up(std::uint64_t value) {
  return (value + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// Shares what can be shared, and returns the ranges that are left to write: whole blocks, but for
// the file's end.
Result<std::vector<TileRange>> share_blocks(const Disk& disk, const OutFile& file,
                                            const PlannedFile& content, bool wanted,
                                            WriteCount& count) {
  std::vector<TileRange> left;
  std::uint64_t done = 0;
  for (const PlannedFile::Piece& piece : content.pieces()) {
    if (!wanted) break;
    if (piece.source == nullptr || piece.source->descriptor() < 0) continue;
    const std::uint64_t skip = round_up(piece.target) - piece.target;
    const std::uint64_t from = piece.source_offset + skip;
    if (from % kBlockBytes != 0 || piece.bytes < kShareFrom + skip) continue;
    const std::uint64_t bytes = (piece.bytes - skip) / kBlockBytes * kBlockBytes;
    SW_TRY(const bool shared,
           disk.share(file, piece.target + skip, piece.source->descriptor(), from, bytes));
    if (!shared) break;  // the next piece would fare no better
    if (piece.target + skip > done) left.push_back({done, piece.target + skip});
    done = piece.target + skip + bytes;
    count.shared += bytes;
  }
  if (content.size() > done) left.push_back({done, content.size()});
  return left;
}

// Of the ranges that are left to write, copies within the system what comes from a file as it is,
// and leaves the rest. False where the system cannot: then everything is left.
Result<bool> copy_pieces(const Disk& disk, const OutFile& file, const PlannedFile& content,
                         Meter* meter, std::vector<TileRange>& left) {
  std::vector<TileRange> rest;
  for (const TileRange& range : left) {
    std::uint64_t done = range.begin;
    for (const PlannedFile::Piece& piece : content.pieces()) {
      const std::uint64_t begin = std::max(range.begin, piece.target);
      const std::uint64_t end = std::min(range.end, piece.target + piece.bytes);
      if (piece.source == nullptr || piece.source->descriptor() < 0 || begin >= end ||
          end - begin < kShareFrom) {
        continue;
      }
      if (begin > done) rest.push_back({done, begin});
      for (std::uint64_t at = begin; at < end;) {
        if (meter != nullptr && meter->stopped()) {
          return Error{ErrorCode::kInterrupted, "interrupted"};
        }
        const std::uint64_t bytes = std::min(end - at, kTileBytes);
        const std::uint64_t from = piece.source_offset + (at - piece.target);
        SW_TRY(const bool copied, disk.copy(file, at, piece.source->descriptor(), from, bytes));
        if (!copied) return false;
        if (meter != nullptr) meter->add(bytes);
        at += bytes;
      }
      done = end;
    }
    if (range.end > done) rest.push_back({done, range.end});
  }
  left = std::move(rest);
  return true;
}

std::vector<TileRange> cut_tiles(const std::vector<TileRange>& ranges) {
  std::vector<TileRange> tiles;
  for (const TileRange& range : ranges) {
    for (std::uint64_t begin = range.begin; begin < range.end;) {
      const std::uint64_t end = std::min(range.end, (begin / kTileBytes + 1) * kTileBytes);
      tiles.push_back({begin, end});
      begin = end;
    }
  }
  return tiles;
}

class TileWriter {
 public:
  TileWriter(const Disk& disk, const OutFile& file, const PlannedFile& content,
             const std::vector<TileRange>& tiles, bool digest, Meter* meter)
      : disk_(disk),
        file_(file),
        content_(content),
        tiles_(tiles),
        blocks_(digest ? tiles.size() : 0),
        meter_(meter) {}

  Status run(int threads) {
    threads = std::min(threads > 0 ? threads : available_cores(), kMaxThreads);
    const auto workers = std::min(tiles_.size(), static_cast<std::size_t>(threads));
    parallel_for(workers, threads, [this](std::size_t) { take_tiles(); });
    const std::scoped_lock lock(mutex_);
    return std::exchange(status_, ok());
  }

  // Where the tiles are the whole file.
  [[nodiscard]] Digest digest() const {
    std::vector<Digest> all;
    for (const auto& blocks : blocks_)
      all.insert(all.end(), blocks.begin(), blocks.end());
    return Digester::of(all);
  }

 private:
  void take_tiles() {
    const Tile tile = make_tile();
    while (!failed_.load(std::memory_order_relaxed)) {
      const std::size_t next = next_.fetch_add(1, std::memory_order_relaxed);
      if (next >= tiles_.size()) return;
      Status status = write_tile(next, tile.get());
      if (status) continue;
      const std::scoped_lock lock(mutex_);
      if (status_) status_ = std::move(status);
      failed_ = true;
    }
  }

  Status write_tile(std::size_t position, std::byte* memory) {
    const TileRange& range = tiles_[position];
    if (meter_ != nullptr && meter_->stopped()) {
      return Error{ErrorCode::kInterrupted, "interrupted"};
    }
    const std::uint64_t bytes = range.end - range.begin;
    SW_TRY_OK(content_.read(range.begin, MutableBytes(memory, bytes)));
    if (!blocks_.empty()) {
      Digester digester;
      digester.add(Bytes(memory, bytes));
      blocks_[position] = digester.take();
    }
    SW_TRY_OK(write_range(disk_, file_, range, memory));
    if (meter_ != nullptr) meter_->add(bytes);
    return ok();
  }

  const Disk& disk_;
  const OutFile& file_;
  const PlannedFile& content_;
  const std::vector<TileRange>& tiles_;
  std::vector<std::vector<Digest>> blocks_;  // of each tile, where they are asked for
  Meter* meter_;
  std::mutex mutex_;  // over status_
  Status status_ = ok();
  std::atomic<bool> failed_{};
  std::atomic<std::size_t> next_{};
};

bool comes_from_files(const PlannedFile& content) {
  return std::ranges::any_of(content.pieces(), [](const PlannedFile::Piece& piece) {
    return piece.source != nullptr && piece.source->descriptor() >= 0;
  });
}

// The header of a sparse file.
std::vector<TileRange> literal_ranges(const PlannedFile& content) {
  std::vector<TileRange> ranges;
  for (const PlannedFile::Piece& piece : content.pieces()) {
    if (piece.source == nullptr && !piece.producer) {
      ranges.push_back({piece.target, piece.target + piece.bytes});
    }
  }
  return ranges;
}

}  // namespace

Result<WriteCount> write_file(const Disk& disk, const std::string& path, const PlannedFile& content,
                              const WriteOptions& options) {
  WriteCount count;
  const bool large = content.size() >= kDirectFrom && !options.sparse;
  const bool may_copy = options.share && comes_from_files(content);
  SW_TRY(OutFile file, disk.create(path, large && !may_copy));
  std::vector<TileRange> ranges;
  if (options.sparse) {
    ranges = literal_ranges(content);
  } else {
    SW_TRY(ranges, share_blocks(disk, file, content, options.share, count));
    for (const TileRange& range : ranges)
      SW_TRY_OK(disk.allocate(file, range.begin, range.end - range.begin));
  }
  for (const TileRange& range : ranges)
    count.written += range.end - range.begin;
  if (options.meter != nullptr) options.meter->add(count.shared);
  bool copied = false;
  if (may_copy && !options.sparse) {
    SW_TRY(copied, copy_pieces(disk, file, content, options.meter, ranges));
    if (!copied && large) Disk::pass_by_cache(file);
  }
  const std::vector<TileRange> tiles = cut_tiles(ranges);
  TileWriter writer(disk, file, content, tiles, options.digest, options.meter);
  SW_TRY_OK(writer.run(options.threads));
  if (options.sparse || (file.direct && content.size() % kBlockBytes != 0)) {
    SW_TRY_OK(disk.resize(file, content.size()));
  }
  if (options.mode) SW_TRY_OK(disk.set_mode(file, *options.mode));
  SW_TRY_OK(disk.sync(file));
  if (options.digest && count.written == content.size() && !copied) {
    count.digest = writer.digest();
  } else if (options.digest) {
    SW_TRY(count.digest, digest_of_file(path));
  }
  if (copied) Disk::drop_cache(file);
  return count;
}

Result<Digest> digest_of_file(const std::string& path) {
  SW_TRY(const auto source, open_file(path));
  std::vector<std::byte> buffer(Digester::kBlockBytes);
  Digester digester;
  SW_TRY_OK(stream(*source, 0, source->size(), buffer, [&](Bytes bytes) {
    digester.add(bytes);
    return ok();
  }));
  return digester.finish();
}

Status write_text(const Disk& disk, const std::string& path, std::string_view text,
                  std::optional<mode_t> mode) {
  SW_TRY(const OutFile file, disk.create(path));
  SW_TRY_OK(disk.write(file, 0, std::as_bytes(std::span(text))));
  if (mode) SW_TRY_OK(disk.set_mode(file, {.bits = *mode}));
  return disk.sync(file);
}

}  // namespace shardwright
