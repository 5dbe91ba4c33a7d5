#include "io/folder.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

#include <doctest/doctest.h>

#include "support/fixture.h"
#include "support/temp_dir.h"
#include "support/unprivileged.h"

namespace shardwright {
namespace {

std::vector<std::string> names(const Folder& folder) {
  std::vector<std::string> all;
  for (const FolderEntry& entry : folder.entries())
    all.push_back(entry.name);
  return all;
}

}  // namespace

TEST_CASE("io: names that stay inside a folder") {
  for (const char* name : {"a", "model.safetensors", "sub/a.safetensors", "..a", "a..", "größe"})
    CHECK_MESSAGE(is_inside(name), name);
  for (const char* name : {"", "/a", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "..", "a\\b"})
    CHECK_MESSAGE(!is_inside(name), name);
  CHECK(!is_inside(std::string_view("a\0b", 3)));
}

TEST_CASE("io: entries are what they are, through links") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {
      "b.txt": {"text": "hello"}, "a": {"symlink": "b.txt"}, "c": {"symlink": "nowhere"},
      "d": {"folder": true}, "e": {"symlink": "d"}, "loop": {"symlink": "loop"},
      "d/f.txt": {"text": "inner"}}, "mode": {"b.txt": "0640"}})",
                      dir.path());
  REQUIRE(::mkfifo(dir.file("g").c_str(), 0600) == 0);
  const auto opened = open_folder(dir.path());
  REQUIRE(opened);
  const Folder& folder = **opened;
  CHECK(names(folder) == std::vector<std::string>{"a", "b.txt", "c", "d", "e", "g", "loop"});

  const FolderEntry* link = folder.find("a");
  const FolderEntry* file = folder.find("b.txt");
  REQUIRE((link != nullptr && file != nullptr));
  CHECK(link->is_link);
  CHECK(!file->is_link);
  CHECK(link->kind == EntryKind::kFile);
  CHECK(link->bytes == 5);
  CHECK(link->mode == 0640);
  CHECK(link->inode == file->inode);
  CHECK(folder.find("c")->kind == EntryKind::kDangling);
  CHECK(folder.find("d")->kind == EntryKind::kFolder);
  CHECK(folder.find("e")->kind == EntryKind::kFolder);
  CHECK(folder.find("g")->kind == EntryKind::kOther);
  CHECK(folder.find("loop")->kind == EntryKind::kDangling);
  CHECK(folder.find("f.txt") == nullptr);
  CHECK(folder.describe("d/f.txt").kind == EntryKind::kFile);
  CHECK(folder.describe("d/f.txt").name == "f.txt");
  CHECK(folder.describe("d/h.txt").kind == EntryKind::kAbsent);
  CHECK(folder.describe("b.txt/h.txt").kind == EntryKind::kAbsent);
}

TEST_CASE("io: opening says why it could not") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {"a": {"text": "hello"}, "d": {"folder": true}}})", dir.path());
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  const auto opened = open_folder(dir.path());
  REQUIRE(opened);
  const Folder& folder = **opened;
  const auto error = [&](std::string_view name) { return folder.open(name).error(); };
  CHECK(error("x\n").message == "opening 'x\\u{a}': No such file or directory");
  CHECK(error("x").code == ErrorCode::kNotFound);
  CHECK(error("d").message == "opening 'd': not a regular file");
  CHECK(error("d").code == ErrorCode::kIo);
  CHECK(error("fifo").message == "opening 'fifo': not a regular file");  // and does not wait
  CHECK(open_file("/dev/null").error().message == "opening '/dev/null': not a regular file");

  const auto none = open_folder(dir.file("none"));
  CHECK(none.error().code == ErrorCode::kNotFound);
  CHECK(open_folder(dir.file("a")).error().code == ErrorCode::kNotFound);  // not a directory

  REQUIRE(::chmod(dir.file("a").c_str(), 0) == 0);
  REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
  const test::Unprivileged nobody;
  if (nobody.holds()) {
    CHECK(error("a").message == "opening 'a': Permission denied");
    CHECK(error("a").code == ErrorCode::kIo);
  }
}

TEST_CASE("io: reading stops where the bytes do") {
  const test::TempDir dir;
  test::write_file(dir.file("a"), "hello world");
  const auto source = open_file(dir.file("a"));
  REQUIRE(source);
  CHECK((*source)->size() == 11);
  CHECK((*source)->descriptor() >= 0);
  CHECK(read_all(**source, 11).value() == "hello world");
  CHECK(read_all(**source, 10).error().message == "11 bytes where at most 10 are read");
  std::array<std::byte, 5> part{};
  REQUIRE((*source)->read(6, part));
  CHECK(part[0] == std::byte{'w'});
  std::filesystem::resize_file(dir.file("a"), 8);  // it shrinks after it was opened
  CHECK((*source)->size() == 11);
  const std::string expected = "reading '" + dir.file("a") + "': the file ends at byte 8";
  CHECK((*source)->read(6, part).error().message == expected);

  std::array<std::byte, 3> buffer{};
  std::string gathered;
  const auto gather = [&](Bytes bytes) -> Status {
    for (const std::byte b : bytes)
      gathered.push_back(static_cast<char>(b));
    return gathered.size() < 6 ? ok() : Status(Error{ErrorCode::kInterrupted, "enough"});
  };
  CHECK(stream(**source, 1, 4, buffer, gather));
  CHECK(gathered == "ello");
  CHECK(stream(**source, 1, 4, buffer, gather).error().message == "enough");
}

TEST_CASE("io: one file alone") {
  const test::TempDir dir;
  test::write_fixture(R"({"files": {"a": {"text": "A"}, "b": {"text": "B"}}})", dir.path());
  const auto folder = open_folder_of(dir.file("b"));
  REQUIRE(folder);
  CHECK(names(**folder) == std::vector<std::string>{"b"});
  const auto source = (*folder)->open("b");
  REQUIRE(source);
  CHECK(read_all(**source, 10).value() == "B");
  CHECK(open_folder_of(dir.file("c")).error().code == ErrorCode::kNotFound);
  CHECK(describe_path(dir.file("b")).kind == EntryKind::kFile);
  CHECK(describe_path(dir.path()).kind == EntryKind::kFolder);
  CHECK(describe_path("").kind == EntryKind::kAbsent);
}

TEST_CASE("io: more files open than the soft limit allows") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 64;
  if (before.rlim_max < 200) return;
  const test::TempDir dir;
  test::write_file(dir.file("a"), "x");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  {
    std::vector<std::unique_ptr<ByteSource>> open;
    for (int i = 0; i < 150; ++i) {
      auto source = open_file(dir.file("a"));
      REQUIRE(source);
      open.push_back(*std::move(source));
    }
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("io: a folder tells that descriptors were lacking") {
  const test::TempDir dir;
  test::write_file(dir.file("a"), "x");
  const auto folder = open_folder(dir.path());
  REQUIRE(folder);
  CHECK(!(*folder)->open("b"));
  CHECK(!(*folder)->lacked_descriptors());
  std::vector<std::unique_ptr<ByteSource>> open;
  // In a process of its own, whose limit cannot be raised again.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit low{.rlim_cur = 64, .rlim_max = 64};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) ::_exit(2);
    for (int i = 0; i < 100; ++i) {
      if (auto source = (*folder)->open("a")) open.push_back(*std::move(source));
    }
    ::_exit((*folder)->lacked_descriptors() && open.size() < 64 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace shardwright
