#include "write/write_files.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <ranges>
#include <semaphore>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/parallel.h"
#include "base/try.h"
#include "io/folder.h"
#include "write/place.h"

namespace shardwright {
namespace {

struct Output {
  const PlannedFile* content{};
  OutFile file{};
  std::atomic<std::uint64_t> left{};  // tiles
  std::vector<char> there{};          // by tile: an earlier run wrote it
};

std::uint64_t tiles_in(std::uint64_t bytes) {
  return (bytes + kTileBytes - 1) / kTileBytes;
}

class FilesWriter {
 public:
  FilesWriter(const Disk& disk, Preparation& preparation, const WriteFilesOptions& options)
      : disk_(disk),
        preparation_(preparation),
        options_(options),
        threads_(options.threads > 0 ? options.threads : available_cores()),
        cores_(threads_) {}

  Status open(std::span<const FileToWrite> files) {
    outputs_ = std::vector<Output>(files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
      Output& output = outputs_[i];
      output.content = files[i].content;
      const std::uint64_t bytes = output.content->size();
      const bool direct = bytes >= kDirectFrom;
      const bool is_old = options_.resume && exists(files[i].path);
      SW_TRY(output.file,
             is_old ? disk_.reopen(files[i].path, direct) : disk_.create(files[i].path, direct));
      SW_TRY_OK(disk_.allocate(output.file, 0, bytes));
      output.left = tiles_in(bytes);
      output.there.resize(output.left);
    }
    if (options_.resume) SW_TRY_OK(keep());
    find_next();
    return ok();
  }

  [[nodiscard]] std::uint64_t kept() const { return kept_.load(); }

  Status run() {
    std::vector<std::jthread> workers;
    const std::uint64_t tiles = tile_count();
    const auto most = static_cast<std::uint64_t>(threads_ + std::max(options_.waiting, 0));
    for (std::uint64_t i = 1; i < std::min(most, tiles); ++i)
      workers.emplace_back([this] { work(); });
    work();
    workers.clear();  // joins
    return std::exchange(status_, ok());
  }

 private:
  struct Piece {
    std::size_t file{};
    TileRange range{};
  };

  [[nodiscard]] TileRange tile(std::size_t file, std::uint64_t number) const {
    const std::uint64_t begin = number * kTileBytes;
    return {begin, std::min(begin + kTileBytes, outputs_[file].content->size())};
  }

  // Looks for the tiles of an earlier run, and finishes the files that have all of theirs.
  Status keep() {
    std::vector<WrittenTile> last;  // of each tile the line that counts, the last one
    std::set<std::pair<std::size_t, std::uint64_t>> seen;
    for (const WrittenTile& written : options_.written | std::views::reverse) {
      if (written.file >= outputs_.size()) continue;
      const std::uint64_t number = written.range.begin / kTileBytes;
      const bool is_tile = number < outputs_[written.file].there.size() &&
                           tile(written.file, number) == written.range;
      if (is_tile && seen.emplace(written.file, number).second) last.push_back(written);
    }
    std::ranges::reverse(last);
    parallel_for(last.size(), threads_, [&](std::size_t i) {
      if (options_.meter == nullptr || !options_.meter->stopped()) look_at(last[i]);
    });
    for (const Output& output : outputs_) {
      if (output.left.load() == 0) SW_TRY_OK(finish(output));
    }
    return ok();
  }

  // What cannot be read is written again.
  void look_at(const WrittenTile& written) {
    Output& output = outputs_[written.file];
    const Tile memory = make_tile();
    const MutableBytes bytes(memory.get(), written.range.end - written.range.begin);
    const auto source = open_file(output.file.path);
    if (!source || !(*source)->read(written.range.begin, bytes)) return;
    if (digest_of(bytes) != written.digest) return;
    if (options_.kept) options_.kept(written.file, written.range, bytes);
    output.there[written.range.begin / kTileBytes] = 1;
    --output.left;
    kept_ += bytes.size();
    if (options_.meter != nullptr) options_.meter->add(bytes.size());
  }

  [[nodiscard]] std::uint64_t tile_count() const {
    std::uint64_t tiles = 0;
    for (const Output& output : outputs_)
      tiles += output.left.load();
    return tiles;
  }

  void work() {
    const Tile tile = make_tile();
    std::unique_lock lock(mutex_);
    while (status_) {
      if (options_.meter != nullptr && options_.meter->stopped()) {
        fail(Error{ErrorCode::kInterrupted, "interrupted"});
        return;
      }
      if (next_.file == outputs_.size()) return;
      Preparation::Work work;
      switch (preparation_.next(next_.file, next_.range, work)) {
        case Preparation::State::kWait:
          changed_.wait(lock);
          continue;
        case Preparation::State::kWork:
          lock.unlock();
          settle(compute(work), lock);
          changed_.notify_all();
          continue;
        case Preparation::State::kReady:
          const Piece piece = next_;
          advance();
          lock.unlock();
          settle(write(piece, tile.get()), lock);
      }
    }
  }

  // Takes the lock again, and keeps the first error.
  void settle(Status status, std::unique_lock<std::mutex>& lock) {
    lock.lock();
    if (!status) fail(std::move(status).error());
  }

  void fail(Error error) {
    if (status_) status_ = std::move(error);
    changed_.notify_all();
  }

  void advance() {
    ++next_tile_;
    find_next();
  }

  // From the tile that would be next, the first that is not there.
  void find_next() {
    for (; next_.file < outputs_.size(); ++next_.file, next_tile_ = 0) {
      const std::vector<char>& there = outputs_[next_.file].there;
      while (next_tile_ < there.size() && there[next_tile_] != 0)
        ++next_tile_;
      if (next_tile_ == there.size()) continue;
      next_.range = tile(next_.file, next_tile_);
      return;
    }
  }

  Status compute(const Preparation::Work& work) {
    cores_.acquire();
    Status status = work();
    cores_.release();
    return status;
  }

  Status write(const Piece& piece, std::byte* memory) {
    Output& output = outputs_[piece.file];
    const MutableBytes bytes(memory, piece.range.end - piece.range.begin);
    WrittenTile written{.file = piece.file, .range = piece.range};
    const auto fill = [&]() -> Status {
      SW_TRY_OK(output.content->read(piece.range.begin, bytes));
      if (options_.journal != nullptr) written.digest = digest_of(bytes);
      return ok();
    };
    SW_TRY_OK(compute(fill));
    SW_TRY_OK(write_range(disk_, output.file, piece.range, memory));
    if (options_.journal != nullptr) options_.journal->add(written);
    if (options_.meter != nullptr) options_.meter->add(bytes.size());
    return output.left.fetch_sub(1) == 1 ? finish(output) : ok();
  }

  Status finish(const Output& output) {
    const std::uint64_t bytes = output.content->size();
    if (options_.resume || (output.file.direct && bytes % kBlockBytes != 0)) {
      SW_TRY_OK(disk_.resize(output.file, bytes));
    }
    return disk_.sync(output.file);
  }

  const Disk& disk_;
  Preparation& preparation_;
  const WriteFilesOptions& options_;
  int threads_;
  std::counting_semaphore<> cores_;
  std::vector<Output> outputs_;
  std::mutex mutex_;  // over next_ and status_
  std::condition_variable changed_;
  Piece next_{};
  std::uint64_t next_tile_{};          // of the file
  std::atomic<std::uint64_t> kept_{};  // bytes
  Status status_ = ok();
};

}  // namespace

Result<std::uint64_t> write_files(const Disk& disk, std::span<const FileToWrite> files,
                                  Preparation& preparation, const WriteFilesOptions& options) {
  FilesWriter writer(disk, preparation, options);
  SW_TRY_OK(writer.open(files));
  SW_TRY_OK(writer.run());
  return writer.kept();
}

}  // namespace shardwright
