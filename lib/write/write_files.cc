#include "write/write_files.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "base/try.h"

namespace shardwright {
namespace {

struct Output {
  const PlannedFile* content{};
  OutFile file{};
  std::atomic<std::uint64_t> left{};  // tiles
};

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
      SW_TRY(output.file, disk_.create(files[i].path, bytes >= kDirectFrom));
      SW_TRY_OK(disk_.allocate(output.file, 0, bytes));
      output.left = (bytes + kTileBytes - 1) / kTileBytes;
    }
    set_end();
    return ok();
  }

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
    const std::uint64_t size = outputs_[next_.file].content->size();
    next_.range.begin = next_.range.end;
    if (next_.range.begin == size) next_ = {.file = next_.file + 1};
    set_end();
  }

  void set_end() {
    if (next_.file == outputs_.size()) return;
    next_.range.end =
        std::min(next_.range.begin + kTileBytes, outputs_[next_.file].content->size());
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
    const auto fill = [&]() -> Status {
      SW_TRY_OK(output.content->read(piece.range.begin, bytes));
      return options_.seen ? options_.seen(piece.file, piece.range, bytes) : ok();
    };
    SW_TRY_OK(compute(fill));
    SW_TRY_OK(write_range(disk_, output.file, piece.range, memory));
    if (options_.meter != nullptr) options_.meter->add(bytes.size());
    return output.left.fetch_sub(1) == 1 ? finish(output) : ok();
  }

  Status finish(const Output& output) {
    const std::uint64_t bytes = output.content->size();
    if (output.file.direct && bytes % kBlockBytes != 0) {
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
  Status status_ = ok();
};

}  // namespace

Status write_files(const Disk& disk, std::span<const FileToWrite> files, Preparation& preparation,
                   const WriteFilesOptions& options) {
  FilesWriter writer(disk, preparation, options);
  SW_TRY_OK(writer.open(files));
  return writer.run();
}

}  // namespace shardwright
