#include "write/stopped.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "faults.h"
#include "io/folder.h"
#include "support/temp_dir.h"
#include "write/place.h"

namespace shardwright {
namespace {

using namespace std::string_literals;
using test::count_steps;
using test::error_of;
using test::faulty_disk;
using test::snapshot;
using test::Snapshot;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

// A run was killed after it had moved "a" into the folder "m", and not yet "b".
void leave_half(const TempDir& dir, std::string_view moves) {
  write_file(dir.file("m/a"), "a");
  write_file(dir.file("m/.m.shardwright-abcdef/b"), "b");
  write_file(dir.file("m/.m.shardwright-abcdef/.shardwright-moves"), moves);
}

TEST_CASE("write: what was moved in part is known by the announcement, and goes with the rest") {
  const TempDir dir;
  leave_half(dir, "b\0a\0"s);
  CHECK(moved_in_part(dir.file("m")) == std::set<std::string>{"a"});
  REQUIRE(settle(Disk(), dir.file("m")));
  CHECK(whole_snapshot(dir.file("m")).empty());
}

TEST_CASE("write: an announcement that is cut, or names another place, is not followed") {
  for (const std::string& moves :
       {"b\0a"s, "a\0../b\0b\0"s, "a\0..\0b\0"s, "a\0.\0b\0"s, "a\0\0b\0"s, ""s}) {
    const TempDir dir;
    leave_half(dir, moves);
    const Snapshot before = whole_snapshot(dir.path());
    CHECK_MESSAGE(moved_in_part(dir.file("m")).empty(), moves);
    CHECK_MESSAGE(settle(Disk(), dir.file("m")), moves);
    CHECK_MESSAGE(whole_snapshot(dir.path()) == before, moves);
  }
}

TEST_CASE("write: where all was moved, only the empty folder goes") {
  const TempDir dir;
  write_file(dir.file("m/a"), "a");
  write_file(dir.file("m/.m.shardwright-abcdef/.shardwright-moves"), "a\0"s);
  CHECK(moved_in_part(dir.file("m")).empty());
  REQUIRE(settle(Disk(), dir.file("m")));
  CHECK(whole_snapshot(dir.file("m")) == Snapshot{{"a", "644:a"}});
  REQUIRE(Disk().make_folder(dir.file("m/.m.shardwright-ghijkl")));
  REQUIRE(settle(Disk(), dir.file("m")));
  CHECK(whole_snapshot(dir.file("m")) == Snapshot{{"a", "644:a"}});
}

TEST_CASE("write: each step of taking out may be refused, and the next run goes on") {
  const int steps = count_steps([](const Disk& disk) {
    const TempDir dir;
    leave_half(dir, "b\0a\0"s);
    REQUIRE(settle(disk, dir.file("m")));
  });
  for (int at = 0; at < steps; ++at) {
    const TempDir dir;
    leave_half(dir, "b\0a\0"s);
    static_cast<void>(settle(faulty_disk({.at = at, .number = EIO}), dir.file("m")));
    REQUIRE_MESSAGE(settle(Disk(), dir.file("m")), at);
    CHECK_MESSAGE(snapshot(dir.file("m")).empty(),
                  at);  // but for a folder that the next run removes
  }
}

TEST_CASE("write: a model that stepped aside comes back where its successor did not come") {
  const TempDir dir;
  const std::string target = dir.file("m");
  write_file(aside_of(target) + "/old", "old");
  const Status refused = settle(faulty_disk({.at = 0, .number = EIO}), target);
  CHECK_FALSE(refused);
  REQUIRE(settle(Disk(), target));
  CHECK(whole_snapshot(dir.path()) == Snapshot{{"m", "folder 755"}, {"m/old", "644:old"}});

  // Its successor is there: it stays aside.
  write_file(aside_of(target) + "/older", "older");
  REQUIRE(settle(Disk(), target));
  CHECK(test::read_file(target + "/old") == "old");
  CHECK(test::read_file(aside_of(target) + "/older") == "older");
}

TEST_CASE("write: what another run holds is not settled") {
  const TempDir dir;
  const std::string target = dir.file("m");
  write_file(aside_of(target) + "/old", "old");
  const auto held = lock_folder(aside_of(target));
  REQUIRE(held);
  CHECK(error_of(settle(Disk(), target)) != "");
  CHECK_FALSE(exists(target));
}

}  // namespace
}  // namespace shardwright
