#include "write/in_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "support/temp_dir.h"
#include "unit/write/changed_folder.h"
#include "write/undo.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

using test::change;
using test::change_one;
using test::check_tidy;
using test::faulty_disk;
using test::inode_of;
using test::kNewFolder;
using test::kOldFolder;
using test::old_model;
using test::read_file;
using test::replaced;
using test::Snapshot;
using test::snapshot;
using test::stops_at;
using test::TempDir;
using test::write_file;

TEST_CASE("write: a change in place keeps what it replaced, and undo puts the same files back") {
  for (const bool exchange : {true, false}) {
    CAPTURE(exchange);
    const TempDir dir;
    const std::string model = old_model(dir);
    const auto one = inode_of(model + "/one");
    const auto two = inode_of(model + "/two");
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    const Status done = change(disk, model);
    REQUIRE_MESSAGE(done, done.error().message);
    CHECK(snapshot(model) == kNewFolder);
    CHECK(inode_of(model + "/.shardwright-undo/0001/before/one") == one);
    check_tidy(dir, true);

    const auto lines = undo_last(disk, model, true);
    REQUIRE(lines);
    CHECK(*lines == std::vector<std::string>{"one", "sub/three", "four", "two",
                                             "model.safetensors.index.json"});
    CHECK(snapshot(model) == kNewFolder);
    const auto undone = undo_last(disk, model, false);
    REQUIRE_MESSAGE(undone, undone.error().message);
    CHECK(snapshot(model) == kOldFolder);
    CHECK(inode_of(model + "/one") == one);
    CHECK(inode_of(model + "/two") == two);
    check_tidy(dir, false);
  }
}

TEST_CASE("write: one changed file needs no exchange of folders") {
  const TempDir dir;
  const std::string model = old_model(dir);
  const auto folder = inode_of(model);
  const auto one = inode_of(model + "/one");
  REQUIRE(change_one(Disk(), model));
  CHECK(inode_of(model) == folder);
  CHECK(read_file(model + "/one") == "new one");
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOldFolder);
  CHECK(inode_of(model + "/one") == one);
  check_tidy(dir, false);
}

TEST_CASE("write: the current folder of this process is not exchanged") {
  const TempDir dir;
  const std::string model = old_model(dir);
  const auto folder = inode_of(model);
  const std::string here = real_path(".").value();
  REQUIRE(::chdir((model + "/sub").c_str()) == 0);
  const Status done = change(Disk(), "..");
  const int back = ::chdir(here.c_str());
  REQUIRE(back == 0);
  REQUIRE(done);
  CHECK(inode_of(model) == folder);
  CHECK(snapshot(model) == kNewFolder);
}

TEST_CASE("write: changes in place stack, and undo takes them back one by one") {
  for (const bool exchange : {true, false}) {
    CAPTURE(exchange);
    const TempDir dir;
    const std::string model = old_model(dir);
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    REQUIRE(change_one(disk, model));
    const auto middle = snapshot(model);
    REQUIRE(change(disk, model));
    CHECK(snapshot(model) == kNewFolder);
    REQUIRE(undo_last(disk, model, false));
    CHECK(snapshot(model) == middle);
    REQUIRE(undo_last(disk, model, false));
    CHECK(snapshot(model) == kOldFolder);
    check_tidy(dir, false);
    CHECK(undo_last(disk, model, false).error().message ==
          "there is no repair in place to undo in '" + model + "'");
  }
}

TEST_CASE("write: forgetting deletes what undo needs, and nothing else") {
  for (const bool exchange : {true, false}) {
    const TempDir dir;
    const std::string model = old_model(dir);
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    REQUIRE(change(disk, model));
    REQUIRE(forget_all(disk, model));
    CHECK(snapshot(model) == kNewFolder);
    check_tidy(dir, false);
    CHECK(forget_all(disk, model).error().code == ErrorCode::kNotFound);
  }
}

TEST_CASE("write: a run that is killed while it forgets leaves all of an entry or none") {
  bool stopped = true;
  for (int at = 0; stopped; ++at) {
    CAPTURE(at);
    const TempDir dir;
    const std::string model = old_model(dir);
    REQUIRE(change(Disk(), model));
    stopped = stops_at(at, false, [&](const Disk& disk) { REQUIRE(forget_all(disk, model)); });
    CHECK(snapshot(model) == kNewFolder);
    const bool gone = undo_entries(model)->empty();
    const bool left = std::filesystem::exists(model + "/.shardwright-undo");
    CHECK((gone || undo_last(Disk(), model, true)));
    CHECK(static_cast<bool>(forget_all(Disk(), model)) == left);
    check_tidy(dir, false);
  }
}

TEST_CASE("write: undo stops where a file was changed since, and names it") {
  const TempDir dir;
  const std::string model = old_model(dir);
  REQUIRE(change(Disk(), model));
  write_file(model + "/stays", "edited");  // not of the repair
  write_file(model + "/one", "new oNe");
  const auto before = snapshot(model);
  CHECK(undo_last(Disk(), model, false).error().message ==
        "'one' was changed since the repair: move it away, or put the repaired file back, before "
        "the undo");
  CHECK(snapshot(model) == before);
  write_file(model + "/one", "new one");
  write_file(model + "/two", "mine");
  CHECK(undo_last(Disk(), model, false).error().message ==
        "'two' is there again since the repair: move it away before the undo");
  REQUIRE(::unlink((model + "/two").c_str()) == 0);
  REQUIRE(undo_last(Disk(), model, false));
  Snapshot expected = kOldFolder;
  expected["stays"] = "644:edited";
  CHECK(snapshot(model) == expected);
}

TEST_CASE("write: a link is replaced by a file, and what it leads to is not touched") {
  const TempDir dir;
  write_file(dir.file("blobs/1"), "old one");
  REQUIRE(Disk().make_folder(dir.file("model")));
  REQUIRE(::symlink("../blobs/1", dir.file("model/one").c_str()) == 0);
  REQUIRE(change_one(Disk(), dir.file("model")));
  CHECK(snapshot(dir.file("model")) == Snapshot{{"one", "600:new one"}});
  CHECK(read_file(dir.file("blobs/1")) == "old one");
  REQUIRE(undo_last(Disk(), dir.file("model"), false));
  CHECK(snapshot(dir.file("model")) == Snapshot{{"one", "-> ../blobs/1"}});
}

TEST_CASE("write: two runs in one folder: the second is refused") {
  const TempDir dir;
  const std::string model = old_model(dir);
  const Disk disk;
  auto first = InPlace::begin(disk, model);
  REQUIRE(first);
  const auto second = InPlace::begin(disk, model);
  REQUIRE_FALSE(second);
  CHECK(second.error().message == "another run is at work in '" + real_path(model).value() + "'");
}

TEST_CASE("write: an error at any step of a change in place leaves the old or the new") {
  const test::InMemory fast;
  for (const bool exchange : {true, false}) {
    for (const bool one : {true, false}) {
      bool failed = true;
      int errors = 0;
      for (int at = 0; failed; ++at) {
        CAPTURE(exchange);
        CAPTURE(one);
        CAPTURE(at);
        const TempDir dir;
        const std::string model = old_model(dir);
        auto count = std::make_shared<std::atomic<int>>();
        const Disk disk = faulty_disk({.at = at, .number = EIO, .no_exchange = !exchange}, count);
        const Status done = one ? change_one(disk, model) : change(disk, model);
        failed = count->load() > at;
        if (!done) ++errors;
        const auto expected =
            one ? read_file(model + "/one") == "new one" : snapshot(model) == kNewFolder;
        CHECK(expected == done.has_value());
        if (!done) CHECK(snapshot(model) == kOldFolder);
        // Whatever was left to do, the next run does.
        REQUIRE(recover(Disk(), model));
        if (!done) check_tidy(dir, false);
        if (done) {
          const auto undone = undo_last(Disk(), model, false);
          REQUIRE_MESSAGE(undone, undone.error().message);
          CHECK(snapshot(model) == kOldFolder);
        }
      }
      CHECK(errors > 5);
    }
  }
}

TEST_CASE("write: a run killed at any step of a change in place leaves the old or the new") {
  const test::InMemory fast;
  for (const bool exchange : {true, false}) {
    int old_states = 0;
    int new_states = 0;
    int hidden_states = 0;
    bool stopped = true;
    for (int at = 0; stopped; ++at) {
      CAPTURE(exchange);
      CAPTURE(at);
      const TempDir dir;
      const std::string model = old_model(dir);
      stopped = stops_at(at, !exchange,
                         [&](const Disk& disk) { static_cast<void>(change(disk, model)); });
      const auto seen = snapshot(model);
      if (seen == kOldFolder) {
        ++old_states;
      } else if (seen == kNewFolder) {
        ++new_states;
      } else {
        ++hidden_states;
        CHECK_FALSE(exchange);
        CHECK_FALSE(seen.contains("config.json"));
        CHECK(is_half_switched(model).value());
      }
      // Forward, and back from there; or back at once.
      const bool back = at % 2 == 0;
      const bool half = is_half_switched(model).value();
      REQUIRE(recover(Disk(), model, back));
      const auto after = snapshot(model);
      CHECK(after == (half ? (back ? kOldFolder : kNewFolder) : seen));
      if (after == kNewFolder) {
        const auto undone = undo_last(Disk(), model, false);
        REQUIRE_MESSAGE(undone, undone.error().message);
      }
      CHECK(snapshot(model) == kOldFolder);
      check_tidy(dir, false);
    }
    CHECK(old_states > 5);
    CHECK(new_states > 1);
    CHECK((hidden_states > 0) == !exchange);
  }
}

TEST_CASE("write: an undo that is killed at any step can be finished") {
  const test::InMemory fast;
  for (const bool exchange : {true, false}) {
    bool stopped = true;
    for (int at = 0; stopped; ++at) {
      CAPTURE(exchange);
      CAPTURE(at);
      const TempDir dir;
      const std::string model = old_model(dir);
      REQUIRE(change(Disk(), model));
      stopped = stops_at(at, !exchange, [&](const Disk& disk) {
        static_cast<void>(undo_last(disk, model, false));
      });
      const auto seen = snapshot(model);
      CHECK((seen == kOldFolder || seen == kNewFolder ||
             (!exchange && !seen.contains("config.json"))));
      // By the next undo, or by another run that comes between.
      if (at % 2 == 0) REQUIRE(recover(Disk(), model));
      const auto undone = undo_last(Disk(), model, false);
      CHECK((undone || (seen == kOldFolder || at % 2 == 0)));
      CHECK(snapshot(model) == kOldFolder);
      check_tidy(dir, false);
    }
  }
}

// Files that move one by one: no loader begins without a config, and an index stands beside all
// that it names.
bool is_closed(Snapshot seen) {
  if (!seen.emplace("config.json", "644:config").second) return false;
  return !seen.contains("model.safetensors.index.json") || seen == kOldFolder || seen == kNewFolder;
}

TEST_CASE("write: a way back from half-way that is killed at any step leaves no mixture") {
  const test::InMemory fast;
  int ways_back = 0;
  bool begun = true;
  for (int begin = 0; begun; ++begin) {
    bool stopped = true;
    for (int at = 0; stopped; ++at) {
      CAPTURE(begin);
      CAPTURE(at);
      const TempDir dir;
      const std::string model = old_model(dir);
      begun =
          stops_at(begin, true, [&](const Disk& disk) { static_cast<void>(change(disk, model)); });
      if (snapshot(model) == kOldFolder || snapshot(model) == kNewFolder) break;
      CHECK(is_closed(snapshot(model)));
      stopped = stops_at(at, true, [&](const Disk& disk) { REQUIRE(recover(disk, model, true)); });
      const auto seen = snapshot(model);
      CHECK((seen == kOldFolder || is_closed(seen)));
      REQUIRE(recover(Disk(), model, true));
      CHECK(snapshot(model) == kOldFolder);
      check_tidy(dir, false);
      ++ways_back;
    }
  }
  CHECK(ways_back > 50);
}

}  // namespace
}  // namespace shardwright
