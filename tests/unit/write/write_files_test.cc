#include "write/write_files.h"

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

using test::faulty_disk;
using test::read_file;
using test::TempDir;

// Tiles of a file can be read once the pieces of work that belong to them are done; each is handed
// out once.
class Countdown final : public Preparation {
 public:
  explicit Countdown(std::vector<int> pieces) : pieces_(std::move(pieces)), left_(pieces_.size()) {
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      left_[i] = pieces_[i];
  }

  State next(std::size_t file, TileRange /*range*/, Work& work) override {
    if (left_[file].load() == 0) return State::kReady;
    if (pieces_[file] == 0) return State::kWait;
    --pieces_[file];
    work = [this, file] {
      --left_[file];
      return ok();
    };
    return State::kWork;
  }

  [[nodiscard]] bool is_done(std::size_t file) const { return left_[file].load() == 0; }

 private:
  std::vector<int> pieces_;
  std::vector<std::atomic<int>> left_;
};

TEST_CASE("write: many files at once, each tile after the work that it waits for") {
  const test::InMemory fast;
  for (const int threads : {1, 3}) {
    const TempDir dir;
    Countdown work({0, 5, 3});
    std::atomic<bool> early{};
    std::vector<std::unique_ptr<PlannedFile>> contents;
    std::vector<FileToWrite> files;
    // Less than a tile; one and a bit, by the page cache; several, past it.
    const std::vector<std::uint64_t> sizes = {10, kTileBytes + 3, 3 * kTileBytes + 5};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      auto content = std::make_unique<PlannedFile>("head");
      content->append(
          [&work, &early, i](std::uint64_t from, MutableBytes into) {
            if (!work.is_done(i)) early = true;
            for (std::byte& byte : into)
              byte = static_cast<std::byte>(from++ % 251);
            return ok();
          },
          sizes[i]);
      files.push_back({dir.file("f" + std::to_string(i)), content.get()});
      contents.push_back(std::move(content));
    }
    const Status status = write_files(Disk(), files, work, {.threads = threads});
    REQUIRE_MESSAGE(status, status.error().message);
    CHECK(!early);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      std::string expected = "head";
      for (std::uint64_t at = 0; at < sizes[i]; ++at)
        expected += static_cast<char>(at % 251);
      CHECK((read_file(files[i].path) == expected));
    }
  }
}

TEST_CASE("write: the first failure of many files ends the writing") {
  const TempDir dir;
  Countdown none({0});
  PlannedFile content("head");
  content.append(
      [](std::uint64_t, MutableBytes) -> Status { return Error{ErrorCode::kIo, "no such values"}; },
      2 * kTileBytes);
  const std::vector<FileToWrite> files = {{dir.file("a"), &content}};
  const Status status = write_files(Disk(), files, none, {.threads = 2});
  REQUIRE(!status);
  CHECK(status.error().message == "no such values");
}

TEST_CASE("write: a full disk is told before the first tile of many files") {
  const TempDir dir;
  Countdown none({0, 0});
  const PlannedFile content("head");
  const std::vector<FileToWrite> files = {{dir.file("a"), &content}, {dir.file("b"), &content}};
  // Made, reserved; made, and no space.
  const Disk full = faulty_disk({.at = 3, .number = ENOSPC, .lasting = true});
  const Status status = write_files(full, files, none, {.threads = 1});
  REQUIRE(!status);
  CHECK(status.error().message.find("No space left on device") != std::string::npos);
}

}  // namespace
}  // namespace shardwright
