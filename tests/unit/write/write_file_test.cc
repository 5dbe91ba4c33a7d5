#include "write/write_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "faults.h"
#include "io/folder.h"
#include "support/temp_dir.h"
#include "write/place.h"

namespace shardwright {
namespace {

using test::Fault;
using test::faulty_disk;
using test::read_file;
using test::TempDir;
using test::write_file;

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  std::uint32_t state = 1;
  for (char& c : text)
    c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  return text;
}

Disk::Gate refusing(DiskStep refused, int number) {
  return [=](DiskStep step, const std::string&) { return step == refused ? number : 0; };
}

TEST_CASE("write: a planned file arrives whole, whatever its size and the number of threads") {
  const test::InMemory fast;
  const TempDir dir;
  const std::string text = pattern(8388608 + 8192);
  write_file(dir.file("source"), text);
  const auto source = open_file(dir.file("source"));
  REQUIRE(source);
  const Disk any;
  const Disk without_copies(refusing(DiskStep::kCopy, EXDEV));
  // Around the size of a block, of a tile, and of the files that pass by the page cache.
  for (const std::size_t bytes :
       {0UL, 1UL, 4095UL, 4096UL, 4097UL, 4194304UL, 8388608UL - 21, 8388608UL, 8388608UL + 4097}) {
    for (const auto& [disk, threads] : {std::pair{&any, 1}, {&any, 3}, {&without_copies, 3}}) {
      PlannedFile content("a header of 21 bytes\n");
      content.append(**source, bytes / 3, bytes - bytes / 3);
      content.append(**source, 0, bytes / 3);
      const std::string path = dir.file("result");
      const auto count =
          shardwright::write_file(*disk, path, content, {.threads = threads, .digest = true});
      REQUIRE_MESSAGE(count, count.error().message);
      CHECK(count->written + count->shared == 21 + bytes);
      CHECK(count->digest == digest_of_file(path).value());
      const std::string expected = "a header of 21 bytes\n" +
                                   text.substr(bytes / 3, bytes - bytes / 3) +
                                   text.substr(0, bytes / 3);
      CHECK((read_file(path) == expected));
      REQUIRE(::unlink(path.c_str()) == 0);
    }
  }
}

TEST_CASE("write: the system copies what comes from a file, unless it must share nothing") {
  const TempDir dir;
  write_file(dir.file("source"), pattern(1 << 20U));
  const auto source = open_file(dir.file("source"));
  PlannedFile content("head");
  content.append(**source, 1000, (1U << 20U) - 1000);
  for (const bool share : {true, false}) {
    std::uint64_t copies = 0;
    const Disk disk([&](DiskStep step, const std::string&) {
      copies += step == DiskStep::kCopy ? 1 : 0;
      return step == DiskStep::kShare ? EOPNOTSUPP : 0;
    });
    REQUIRE(shardwright::write_file(disk, dir.file("f"), content, {.share = share}));
    CHECK(copies == (share ? 1 : 0));
    CHECK((read_file(dir.file("f")) == "head" + pattern(1 << 20U).substr(1000)));
    ::unlink(dir.file("f").c_str());
  }
  const auto full = shardwright::write_file(Disk(refusing(DiskStep::kCopy, ENOSPC)), dir.file("f"),
                                            content, {.share = true});
  REQUIRE_FALSE(full);
  CHECK(full.error().message == "writing '" + dir.file("f") + "': No space left on device");
}

TEST_CASE("write: a source that lost its end is told, whoever copies") {
  const TempDir dir;
  write_file(dir.file("source"), pattern(1 << 20U));
  const auto source = open_file(dir.file("source"));
  PlannedFile content("head");
  content.append(**source, 0, 1 << 20U);
  REQUIRE(::truncate(dir.file("source").c_str(), 1 << 19U) == 0);
  REQUIRE_FALSE(shardwright::write_file(Disk(), dir.file("f"), content));
}

TEST_CASE("write: new files follow the umask, unless a mode is asked for") {
  const TempDir dir;
  const mode_t before = ::umask(027);
  REQUIRE(write_text(Disk(), dir.file("plain"), "x"));
  REQUIRE(write_text(Disk(), dir.file("asked"), "x", 0604));
  REQUIRE(shardwright::write_file(Disk(), dir.file("planned"), PlannedFile("x"),
                                  {.mode = FileMode{0600}}));
  ::umask(before);
  CHECK(test::mode_of(dir.file("plain")) == 0640);
  CHECK(test::mode_of(dir.file("asked")) == 0604);
  CHECK(test::mode_of(dir.file("planned")) == 0600);
}

TEST_CASE("write: a file that exists, or a link of that name, is never written to") {
  const TempDir dir;
  write_file(dir.file("there"), "old");
  REQUIRE(::symlink("there", dir.file("link").c_str()) == 0);
  REQUIRE(::symlink("nowhere", dir.file("dangling").c_str()) == 0);
  for (const char* name : {"there", "link", "dangling"}) {
    const auto count = shardwright::write_file(Disk(), dir.file(name), PlannedFile("new"));
    REQUIRE_FALSE(count);
    CHECK(count.error().message == "creating '" + dir.file(name) + "': File exists");
  }
  CHECK(read_file(dir.file("there")) == "old");
  CHECK_FALSE(exists(dir.file("nowhere")));
}

TEST_CASE("write: a sparse file has its literal bytes and its size, and little else") {
  const TempDir dir;
  PlannedFile content("header");
  content.append([](std::uint64_t, MutableBytes) { return Status(Error{}); }, 1ULL << 33U);
  REQUIRE(shardwright::write_file(Disk(), dir.file("big"), content, {.sparse = true}));
  struct stat status{};
  REQUIRE(::stat(dir.file("big").c_str(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) == (1ULL << 33U) + 6);
  CHECK(status.st_blocks < 64);
  const auto file = open_file(dir.file("big"));
  std::string start(8, 'x');
  REQUIRE((*file)->read(0, std::as_writable_bytes(std::span(start))));
  CHECK(start == std::string("header\0\0", 8));
}

TEST_CASE("write: a full disk, a refused sync and a source that fails are told with the path") {
  const TempDir dir;
  PlannedFile content("12345");
  const auto message = [&](DiskStep refused, int number) {
    const Disk disk(refusing(refused, number));
    const auto count = shardwright::write_file(disk, dir.file("f"), content);
    REQUIRE_FALSE(count);
    ::unlink(dir.file("f").c_str());
    return count.error().message;
  };
  const std::string path = "'" + dir.file("f") + "'";
  CHECK(message(DiskStep::kAllocate, ENOSPC) ==
        "reserving space for " + path + ": No space left on device");
  CHECK(message(DiskStep::kWrite, EIO) == "writing " + path + ": Input/output error");
  CHECK(message(DiskStep::kSync, EIO) == "syncing " + path + ": Input/output error");
  CHECK(message(DiskStep::kCreate, EROFS) == "creating " + path + ": Read-only file system");

  PlannedFile failing("head");
  failing.append(
      [](std::uint64_t, MutableBytes) { return Status(Error{ErrorCode::kIo, "broken"}); }, 10);
  const auto count = shardwright::write_file(Disk(), dir.file("f"), failing);
  REQUIRE_FALSE(count);
  CHECK(count.error().message == "broken");
}

TEST_CASE("write: a run that is asked to stop, stops") {
  const TempDir dir;
  const std::atomic<bool> stop = true;
  const Monitor monitor{.stop = &stop};
  Meter meter(monitor, "writing", 5);
  const auto count =
      shardwright::write_file(Disk(), dir.file("f"), PlannedFile("12345"), {.meter = &meter});
  REQUIRE_FALSE(count);
  CHECK(count.error().code == ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace shardwright
