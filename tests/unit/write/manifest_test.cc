// What `.shardwright-undo` may hold besides what this program wrote.
#include "write/manifest.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "faults.h"
#include "json/edit.h"
#include "support/temp_dir.h"
#include "write/in_place.h"
#include "write/undo.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::meddled_disk;
using test::read_file;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

const std::string kFirst = ".shardwright-undo/0001/manifest.json";

// One file replaced, one removed.
void repaired_in_place(const TempDir& dir) {
  write_file(dir.file("config.json"), "old");
  write_file(dir.file("stale"), "stale");
  const Disk disk;
  auto work = InPlace::begin(disk, dir.path());
  REQUIRE(work);
  REQUIRE(write_text(disk, join_path(work->staging(), "config.json"), "new"));
  REQUIRE(work->publish({{.name = "config.json",
                          .kind = ChangeKind::kReplaced,
                          .hidden = true,
                          .bytes = 3,
                          .digest = digest_of(std::as_bytes(std::span("new", 3)))},
                         {.name = "stale", .kind = ChangeKind::kRemoved, .hidden = true}}));
}

// All who read manifests say the same, and change nothing.
void check_refused(const TempDir& dir, ErrorCode code, const std::string& message) {
  const auto before = whole_snapshot(dir.path());
  const auto check = [&](const auto& done) {
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK_MESSAGE(done.error().message.find(message) != std::string::npos, done.error().message);
  };
  const Disk disk;
  check(undo_entries(dir.path()));
  check(is_half_switched(dir.path()));
  check(recover(disk, dir.path()));
  check(undo_last(disk, dir.path(), false));
  check(undo_last(disk, dir.path(), true));
  check(forget_all(disk, dir.path()));
  check(InPlace::begin(disk, dir.path()));
  CHECK(whole_snapshot(dir.path()) == before);
}

TEST_CASE("write: a manifest with any field missing or wrong is refused, and nothing is undone") {
  const TempDir dir;
  repaired_in_place(dir);
  const std::string good = read_file(dir.file(kFirst));
  const std::string refused =
      "'" + dir.file(kFirst) + "' is not a manifest that this version wrote";
  for (const char* pointer : {"/version", "/state", "/changes", "/changes/0/file",
                              "/changes/0/change", "/changes/0/bytes", "/changes/0/digest"}) {
    CAPTURE(pointer);
    write_file(dir.file(kFirst), json::remove_value(good, pointer).value());
    check_refused(dir, ErrorCode::kMalformed, refused);
    write_file(dir.file(kFirst), json::set_value(good, pointer, "{}").value());
    check_refused(dir, ErrorCode::kMalformed, refused);
  }
  for (const auto& [pointer, value] :
       {std::pair{"", "[]"}, std::pair{"", "null"}, std::pair{"/version", "2"},
        std::pair{"/state", R"("half")"}, std::pair{"/changes", R"([1])"},
        std::pair{"/changes/0/file", R"("../config.json")"}, std::pair{"/changes/0/file", R"("")"},
        std::pair{"/changes/0/change", R"("moved")"}, std::pair{"/changes/0/bytes", "-1"},
        std::pair{"/changes/0/digest", R"("12")"}}) {
    CAPTURE(pointer);
    CAPTURE(value);
    write_file(dir.file(kFirst), json::set_value(good, pointer, value).value());
    check_refused(dir, ErrorCode::kMalformed, refused);
  }
  for (const std::string& text : {std::string(), good.substr(0, good.size() / 2)}) {
    write_file(dir.file(kFirst), text);
    check_refused(dir, ErrorCode::kMalformed, refused);
  }
  // What it says of a file that is removed needs no more than its name.
  write_file(dir.file(kFirst), json::set_value(good, "/changes/1/bytes", "{}").value());
  CHECK(undo_entries(dir.path()).value().front().manifest->changes[1].kind == ChangeKind::kRemoved);
  for (const char* hidden : {"null", R"("yes")", "false"}) {
    write_file(dir.file(kFirst), json::set_value(good, "/changes/0/hidden", hidden).value());
    CHECK_FALSE(undo_entries(dir.path()).value().front().manifest->changes[0].hidden);
  }
  write_file(dir.file(kFirst), json::remove_value(good, "/changes/0/hidden").value());
  CHECK_FALSE(undo_entries(dir.path()).value().front().manifest->changes[0].hidden);
  write_file(dir.file(kFirst), good);
  REQUIRE(undo_last(Disk(), dir.path(), false));
  CHECK(whole_snapshot(dir.path()) ==
        test::Snapshot{{"config.json", "644:old"}, {"stale", "644:stale"}});
}

TEST_CASE("write: a manifest that is no file, or too large, is refused") {
  const TempDir dir;
  repaired_in_place(dir);
  fs::resize_file(dir.file(kFirst), (64U << 20U) + 1);
  check_refused(dir, ErrorCode::kUnsupported, "at most 67108864 are read");
  fs::remove(dir.file(kFirst));
  fs::create_directory(dir.file(kFirst));
  check_refused(dir, ErrorCode::kIo, "not a regular file");
  fs::remove_all(dir.file(".shardwright-undo"));
  REQUIRE(::symlink(".shardwright-undo", dir.file(".shardwright-undo").c_str()) == 0);
  check_refused(dir, ErrorCode::kIo, "is a symbolic link");
}

TEST_CASE("write: in the undo folder numbered folders alone are entries, in the order of numbers") {
  const TempDir dir;
  for (const char* name : {"9999", "10000", "0002", "123", "x001"})
    fs::create_directories(dir.file(".shardwright-undo") + "/" + name);
  write_file(dir.file(".shardwright-undo/0003"), "a file");
  const auto entries = undo_entries(dir.path());
  REQUIRE(entries);
  std::vector<std::string> names;
  for (const UndoEntry& entry : *entries) {
    names.push_back(entry.name);
    CHECK_FALSE(entry.manifest);
  }
  CHECK(names == std::vector<std::string>{"0002", "9999", "10000"});
}

TEST_CASE("write: an undo folder that is a file is left alone, and stops what needs one") {
  const TempDir dir;
  write_file(dir.file(".shardwright-undo"), "mine");
  const Disk disk;
  const auto work = InPlace::begin(disk, dir.path());
  REQUIRE_FALSE(work);
  CHECK(work.error().message ==
        "'" + real_path(dir.path()).value() + "/.shardwright-undo' is no folder: move it away");
  check_refused(dir, ErrorCode::kIo, "is no folder: move it away");
  CHECK(read_file(dir.file(".shardwright-undo")) == "mine");
}

TEST_CASE("write: a manifest is there only if the disk holds what was written") {
  const Manifest manifest{.changes = {{.name = "x", .kind = ChangeKind::kKept}}};
  const auto written = [&](const std::function<void(const std::string&)>& deed) -> std::string {
    const TempDir dir;
    const Status done =
        write_manifest(meddled_disk(DiskStep::kSync, "manifest.new", deed), dir.path(), manifest);
    REQUIRE_FALSE(done);
    CHECK_FALSE(exists(dir.file("manifest.json")));
    return done.error().message;
  };
  CHECK(written([](const std::string& path) {
          write_file(path, "{}");
        }).ends_with("manifest.new' does not hold what was written"));
  CHECK(written([](const std::string& path) {
          fs::remove(path);
        }).ends_with("manifest.new': No such file or directory"));
  CHECK(written([](const std::string& path) {
          fs::resize_file(path, 65U << 20U);
        }).ends_with("at most 67108864 are read"));
}

}  // namespace
}  // namespace shardwright
