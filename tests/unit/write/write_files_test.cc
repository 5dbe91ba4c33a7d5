#include "write/write_files.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
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
    const auto status = write_files(Disk(), files, work, {.threads = threads});
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
  const auto status = write_files(Disk(), files, none, {.threads = 2});
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
  const auto status = write_files(full, files, none, {.threads = 1});
  REQUIRE(!status);
  CHECK(status.error().message.find("No space left on device") != std::string::npos);
}

// Three files of a few tiles, and a journal of them.
struct Work {
  explicit Work(std::string to) : folder(std::move(to)) {
    for (const std::uint64_t bytes : {std::uint64_t{10}, 2 * kTileBytes + 3, 3 * kTileBytes}) {
      auto& content = contents.emplace_back(std::make_unique<PlannedFile>("head"));
      content->append(
          [this](std::uint64_t from, MutableBytes into) {
            ++produced;
            for (std::byte& byte : into)
              byte = static_cast<std::byte>(from++ % 251);
            return ok();
          },
          bytes);
      files.push_back({join_path(folder, "f" + std::to_string(contents.size())), content.get()});
    }
  }

  // As a merge does it: begins, or goes on where a journal is.
  Result<std::uint64_t> run(const Disk& disk) {
    Countdown none({0, 0, 0});
    const auto earlier = read_journal(folder);
    if (!earlier) std::filesystem::remove(join_path(folder, kJournalName));
    auto journal =
        earlier ? Journal::reopen(disk, folder, *earlier) : Journal::create(disk, folder, {});
    if (!journal) return std::move(journal).error();
    WriteFilesOptions options{.threads = 1, .waiting = 0, .journal = &*journal};
    options.resume = earlier.has_value();
    if (earlier) options.written = earlier->tiles;
    options.kept = [this](std::size_t, TileRange range, Bytes bytes) {
      CHECK(range.end - range.begin == bytes.size());
      kept += bytes.size();
    };
    return write_files(disk, files, none, options);
  }

  [[nodiscard]] bool is_whole() const {
    for (const FileToWrite& file : files) {
      std::string expected(file.content->size(), '\0');
      if (!file.content->read(0, std::as_writable_bytes(std::span(expected)))) return false;
      if (read_file(file.path) != expected) return false;
    }
    return true;
  }

  std::string folder;
  std::atomic<int> produced{};
  std::atomic<std::uint64_t> kept{};
  std::vector<std::unique_ptr<PlannedFile>> contents{};
  std::vector<FileToWrite> files{};
};

TEST_CASE("write: files go on from any step at which their run was killed") {
  const test::InMemory fast;
  const TempDir whole;
  Work work(whole.path());
  const int steps = test::count_steps([&work](const Disk& disk) { REQUIRE(work.run(disk)); });
  CHECK(work.is_whole());
  const int tiles = work.produced - 3;  // once more by is_whole()
  CHECK(tiles == 8);
  std::uint64_t most = 0;
  for (int at = 0; at < steps; ++at) {
    CAPTURE(at);
    const TempDir dir;
    REQUIRE(test::stops_at(
        at, false, [&dir](const Disk& disk) { static_cast<void>(Work(dir.path()).run(disk)); }));
    Work next(dir.path());
    const auto kept = next.run(Disk());
    REQUIRE_MESSAGE(kept, kept.error().message);
    CHECK(*kept == next.kept);
    most = std::max(most, *kept);
    CHECK(next.is_whole());
    // And once more, with all of it there.
    Work last(dir.path());
    const auto all = last.run(Disk());
    REQUIRE(all);
    CHECK(last.produced == 0);
    CHECK(last.is_whole());
  }
  CHECK(most == 5 * kTileBytes + 25);
}

TEST_CASE("write: each step of many files may be refused, and the next run goes on") {
  const test::InMemory fast;
  for (const bool again : {false, true}) {
    CAPTURE(again);
    const auto begun = [again](const TempDir& dir) {
      if (!again) return;
      REQUIRE(Work(dir.path()).run(Disk()));
      std::filesystem::resize_file(dir.file("f3"), kTileBytes);
    };
    const TempDir whole;
    begun(whole);
    const int steps =
        test::count_steps([&whole](const Disk& disk) { REQUIRE(Work(whole.path()).run(disk)); });
    CHECK(steps > 10);
    for (int at = 0; at < steps; ++at) {
      CAPTURE(at);
      const TempDir dir;
      begun(dir);
      const auto done = Work(dir.path()).run(faulty_disk({.at = at, .number = EIO}));
      if (!done) {
        CHECK_MESSAGE(done.error().message.find("'" + dir.path()) != std::string::npos,
                      done.error().message);
        CHECK(done.error().message.ends_with(": Input/output error"));
      }
      if (at % 4 != 0) continue;  // it takes its time
      Work next(dir.path());
      const auto finished = next.run(Disk());
      REQUIRE_MESSAGE(finished, finished.error().message);
      CHECK(next.is_whole());
    }
  }
}

TEST_CASE("write: a file of whole blocks is written past the page cache to its last byte") {
  const test::InMemory fast;
  const TempDir dir;
  Countdown none({0});
  PlannedFile content("");
  content.append(
      [](std::uint64_t, MutableBytes into) {
        std::ranges::fill(into, std::byte{'x'});
        return ok();
      },
      kDirectFrom);
  const std::vector<FileToWrite> files = {{dir.file("a"), &content}};
  REQUIRE(write_files(Disk(), files, none));
  CHECK((read_file(dir.file("a")) == std::string(kDirectFrom, 'x')));
}

TEST_CASE("write: many files stop where they are asked to, and are counted") {
  const test::InMemory fast;
  const PlannedFile content("head");
  for (const bool stopped : {false, true}) {
    const TempDir dir;
    const std::vector<FileToWrite> files = {{dir.file("a"), &content}, {dir.file("b"), &content}};
    const std::atomic<bool> stop = stopped;
    std::uint64_t metered = 0;
    const Monitor monitor{
        .report = [&](const Progress& progress) { metered = std::max(metered, progress.done); },
        .stop = &stop};
    Meter meter(monitor, "writing", 8);
    Countdown none({0, 0});
    const auto status = write_files(Disk(), files, none, {.threads = 1, .meter = &meter});
    CHECK(status.has_value() != stopped);
    if (!status) CHECK(status.error().code == ErrorCode::kInterrupted);
    CHECK((metered > 0) == !stopped);
  }
}

TEST_CASE("write: what is kept of a killed run is counted, and nothing is once a run is stopped") {
  const test::InMemory fast;
  for (const bool stopped : {false, true}) {
    const TempDir dir;
    Work work(dir.path());
    REQUIRE(work.run(Disk()));
    const auto earlier = read_journal(dir.path());
    REQUIRE(earlier);
    const std::atomic<bool> stop = stopped;
    std::uint64_t metered = 0;
    const Monitor monitor{
        .report = [&](const Progress& progress) { metered = std::max(metered, progress.done); },
        .stop = &stop};
    Meter meter(monitor, "writing", 5 * kTileBytes + 25);
    Countdown none({0, 0, 0});
    const auto kept =
        write_files(Disk(), work.files, none,
                    {.threads = 1, .meter = &meter, .resume = true, .written = earlier->tiles});
    CHECK(kept.has_value() != stopped);
    if (kept) CHECK(*kept == 5 * kTileBytes + 25);
    CHECK((metered > 0) == !stopped);
  }
}

TEST_CASE("write: work that fails ends the writing of many files") {
  class Failing final : public Preparation {
    State next(std::size_t /*file*/, TileRange /*range*/, Work& work) override {
      work = [] { return Status(Error{ErrorCode::kIo, "no such work"}); };
      return State::kWork;
    }
  };
  const TempDir dir;
  Failing failing;
  const PlannedFile content("head");
  const std::vector<FileToWrite> files = {{dir.file("a"), &content}};
  const auto status = write_files(Disk(), files, failing, {.threads = 2});
  REQUIRE(!status);
  CHECK(status.error().message == "no such work");
  CHECK(read_file(dir.file("a")) == std::string(4, '\0'));
}

TEST_CASE("write: what a killed run wrote is kept only with the bytes that its journal tells of") {
  const test::InMemory fast;
  const TempDir dir;
  REQUIRE(Work(dir.path()).run(Disk()));
  std::string bytes = read_file(dir.file("f2"));
  bytes[kTileBytes + 1] ^= 1;
  test::write_file(dir.file("f2"), bytes);
  std::filesystem::remove(dir.file("f1"));
  std::filesystem::resize_file(dir.file("f3"), kTileBytes);
  // Lines that name no tile of these files.
  const Disk disk;
  auto journal = Journal::reopen(disk, dir.path(), *read_journal(dir.path()));
  REQUIRE(journal);
  const Digest none = digest_of({});
  journal->add({.file = 9, .range = {0, 10}, .digest = none});
  journal->add({.file = 1, .range = {kTileBytes, kTileBytes}, .digest = none});
  journal->add({.file = 1, .range = {100 * kTileBytes, 101 * kTileBytes}, .digest = none});
  Work work(dir.path());
  const auto kept = work.run(Disk());
  REQUIRE_MESSAGE(kept, kept.error().message);
  CHECK(*kept == 2 * kTileBytes + 7);  // of f2 the first tile and the last, of f3 the first
  CHECK(work.is_whole());
}

TEST_CASE(
    "write: a file of a killed run that has another name too, or is none, is not written to") {
  const TempDir dir;
  test::write_file(dir.file("other"), "theirs");
  REQUIRE(Work(dir.path()).run(Disk()));
  std::filesystem::remove(dir.file("f1"));
  std::filesystem::create_hard_link(dir.file("other"), dir.file("f1"));
  CHECK(!Work(dir.path()).run(Disk()));
  std::filesystem::remove(dir.file("f1"));
  std::filesystem::create_symlink(dir.file("other"), dir.file("f1"));
  CHECK(!Work(dir.path()).run(Disk()));
  std::filesystem::remove(dir.file("f1"));
  std::filesystem::create_directory(dir.file("f1"));
  CHECK(!Work(dir.path()).run(Disk()));
  CHECK(read_file(dir.file("other")) == "theirs");
}

}  // namespace
}  // namespace shardwright
