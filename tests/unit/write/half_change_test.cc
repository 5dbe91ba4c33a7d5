// Changes in place that stopped half-way, or meet what they do not expect.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "support/temp_dir.h"
#include "unit/write/changed_folder.h"
#include "write/in_place.h"
#include "write/undo.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

using test::change;
using test::check_tidy;
using test::Fault;
using test::faulty_disk;
using test::kNewFolder;
using test::kOldFolder;
using test::make_old;
using test::old_model;
using test::read_file;
using test::replaced;
using test::Snapshot;
using test::snapshot;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

// The state that a run leaves half done where from some step on nothing works any more; `later` is
// how many such steps come before it.
void half_change(const std::string& model, int later = 0) {
  for (int at = 0, halves = 0; halves <= later; ++at) {
    REQUIRE(at < 100);
    std::filesystem::remove_all(model);
    make_old(model);
    static_cast<void>(change(
        faulty_disk({.at = at, .number = EIO, .lasting = true, .no_exchange = true}), model));
    if (is_half_switched(model).value()) ++halves;
  }
}

TEST_CASE("write: each step of going on, or back, from half of a change may be refused") {
  const test::InMemory fast;
  for (const auto& [goes_back, first] :
       {std::pair{false, 0}, std::pair{true, 0}, std::pair{true, 14}}) {
    const bool back = goes_back;
    const int later = first;
    const int steps = test::count_steps([&](const Disk& disk) {
      const TempDir dir;
      half_change(dir.file("model"), later);
      REQUIRE(recover(disk, dir.file("model"), back));
      CHECK(snapshot(dir.file("model")) == (back ? kOldFolder : kNewFolder));
    });
    CHECK(steps > 5);
    for (int i = 0; i < 2 * steps; ++i) {
      const Fault fault{.at = i / 2, .number = EIO, .lasting = i % 2 == 1};
      CAPTURE(back);
      CAPTURE(fault.at);
      CAPTURE(fault.lasting);
      const TempDir dir;
      const std::string model = dir.file("model");
      half_change(model, later);
      const Status done = recover(faulty_disk(fault), model, back);
      if (!done) {
        CHECK_MESSAGE(done.error().message.find("'" + dir.path()) != std::string::npos,
                      done.error().message);
      }
      // Whichever way it went, it is one of the two in the end, and the way is known.
      if (is_half_switched(model).value()) {
        REQUIRE(recover(Disk(), model, back));
        CHECK(snapshot(model) == (back ? kOldFolder : kNewFolder));
      }
      REQUIRE(recover(Disk(), model));
      const auto now = snapshot(model);
      CHECK((now == kOldFolder || now == kNewFolder));
      if (now == kNewFolder) REQUIRE(undo_last(Disk(), model, false));
      CHECK(snapshot(model) == kOldFolder);
      check_tidy(dir, false);
    }
  }
}

TEST_CASE(
    "write: half of a change is taken back by an undo, and each step of that may be refused") {
  const test::InMemory fast;
  bool failed = true;
  for (int at = 0; failed; ++at) {
    CAPTURE(at);
    const TempDir dir;
    const std::string model = dir.file("model");
    half_change(model);
    const auto undone = undo_last(faulty_disk({.at = at, .number = EIO}), model, false);
    failed = !undone;
    if (undone) CHECK(snapshot(model) == kOldFolder);
    REQUIRE(recover(Disk(), model, true));
    CHECK(snapshot(model) == kOldFolder);
    check_tidy(dir, false);
    REQUIRE(at < 100);
  }
}

TEST_CASE("write: what is not seen is not taken for absent") {
  int tried = 0;
  const test::InMemory fast;
  for (int at = 0; at < 80; at += 3) {
    const TempDir dir;
    const std::string model = old_model(dir);
    static_cast<void>(change(
        faulty_disk({.at = at, .number = EIO, .lasting = true, .no_exchange = true}), model));
    if (!is_half_switched(model).value()) continue;
    for (const char* name : {"before", "after"}) {
      CAPTURE(at);
      CAPTURE(name);
      const std::string place = model + "/.shardwright-undo/0001/" + name;
      if (!exists(place)) continue;
      ++tried;
      std::filesystem::rename(place, dir.file("aside"));
      REQUIRE(::symlink(name, place.c_str()) == 0);  // a link to itself: all below is an error
      const auto before = snapshot(model);
      for (const bool back : {false, true}) {
        const Status done = recover(Disk(), model, back);
        REQUIRE_FALSE(done);
        CHECK_MESSAGE(done.error().message.find("'" + place) != std::string::npos,
                      done.error().message);
        CHECK(snapshot(model) == before);
      }
      REQUIRE(::unlink(place.c_str()) == 0);
      std::filesystem::rename(dir.file("aside"), place);
    }
    REQUIRE(recover(Disk(), model, true));
    CHECK(snapshot(model) == kOldFolder);
  }
  CHECK(tried > 10);
}

TEST_CASE("write: without hard links a change in place moves files, and undo copies them back") {
  const TempDir dir;
  const std::string model = old_model(dir);
  const Disk disk = faulty_disk({.lacks = {DiskStep::kLink, DiskStep::kShare}});
  REQUIRE(change(disk, model));
  CHECK(snapshot(model) == kNewFolder);
  check_tidy(dir, true);
  REQUIRE(undo_last(disk, model, false));
  CHECK(snapshot(model) == kOldFolder);
  check_tidy(dir, false);
}

TEST_CASE("write: a mount point is changed file by file") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("model")));
  const test::Mount mount(dir.file("model"));
  if (!mount) return;
  make_old(dir.file("model"));
  REQUIRE(change(Disk(), dir.file("model")));
  CHECK(snapshot(dir.file("model")) == kNewFolder);
  REQUIRE(undo_last(Disk(), dir.file("model"), false));
  CHECK(snapshot(dir.file("model")) == kOldFolder);
}

TEST_CASE(
    "write: another's folder beside the model is left alone, and the change goes on without") {
  const TempDir dir;
  const std::string model = old_model(dir);
  write_file(dir.file(".model.shardwright-exchange/mine"), "x");
  write_file(model + "/.shardwright-undo/0001/before/one", "mine");  // an entry without a manifest
  REQUIRE(change(Disk(), model));
  CHECK(snapshot(model) == kNewFolder);
  REQUIRE(recover(Disk(), model));
  CHECK(read_file(dir.file(".model.shardwright-exchange/mine")) == "x");
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOldFolder);
  CHECK(read_file(dir.file(".model.shardwright-exchange/mine")) == "x");
}

TEST_CASE("write: a name that is not UTF-8 cannot be undone, so it is not changed") {
  const TempDir dir;
  const std::string model = old_model(dir);
  const Disk disk;
  {
    auto work = InPlace::begin(disk, model);
    REQUIRE(work);
    const Status done = work->publish({replaced("o\xFFne", "new")});
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "the file name 'o\\xffne' is not UTF-8");
  }
  CHECK(snapshot(model) == kOldFolder);
  check_tidy(dir, false);
}

TEST_CASE("write: an entry with old files and no manifest is nobody's to remove") {
  const TempDir dir;
  const std::string model = old_model(dir);
  write_file(model + "/.shardwright-undo/0001/before/one", "mine");
  write_file(model + "/.shardwright-undo/0002/after/one", "staged");
  REQUIRE(recover(Disk(), model));
  CHECK(read_file(model + "/.shardwright-undo/0001/before/one") == "mine");
  CHECK_FALSE(exists(model + "/.shardwright-undo/0002"));
  CHECK(undo_last(Disk(), model, false).error().code == ErrorCode::kNotFound);
  // Nor does it hide what may be undone.
  REQUIRE(change(Disk(), model));
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOldFolder);
  REQUIRE(forget_all(Disk(), model));
  CHECK_FALSE(exists(model + "/.shardwright-undo"));
}

TEST_CASE("write: while another run is at work nothing is undone, finished or forgotten") {
  const test::InMemory fast;
  const TempDir dir;
  const std::string model = dir.file("model");
  half_change(model);
  const auto before = whole_snapshot(model);
  const auto lock = FolderLock::take(model);
  REQUIRE(lock);
  const std::string busy = "another run is at work in '" + real_path(model).value() + "'";
  CHECK(undo_last(Disk(), model, false).error().message == busy);
  CHECK(forget_all(Disk(), model).error().message == busy);
  CHECK(InPlace::begin(Disk(), model).error().message == busy);
  CHECK(whole_snapshot(model) == before);
}

TEST_CASE("write: places that are not there have nothing to begin, undo or forget") {
  const TempDir dir;
  const std::string absent = dir.file("no/such");
  CHECK(InPlace::begin(Disk(), absent).error().code == ErrorCode::kNotFound);
  CHECK(undo_last(Disk(), absent, false).error().code == ErrorCode::kNotFound);
  CHECK(forget_all(Disk(), absent).error().code == ErrorCode::kNotFound);
}

TEST_CASE("write: undo knows a repaired file that is gone, longer, or a pipe now") {
  const TempDir dir;
  const std::string model = dir.file("model");
  write_file(model + "/one", "old");
  write_file(model + "/two", "old two");
  const Disk disk;
  {
    auto work = InPlace::begin(disk, model);
    REQUIRE(work);
    REQUIRE(write_text(disk, join_path(work->staging(), "one"), ""));
    REQUIRE(write_text(disk, join_path(work->staging(), "two"), "2"));
    REQUIRE(work->publish({replaced("one", ""), replaced("two", "2")}));
  }
  const auto undone = [&] {
    const auto before = snapshot(model);
    const auto done = undo_last(disk, model, false);
    CHECK(snapshot(model) == before);
    return done ? "" : done.error().message.substr(0, 34);
  };
  REQUIRE(::unlink((model + "/one").c_str()) == 0);
  CHECK(undone() == "'one' was changed since the repair");
  REQUIRE(::mkfifo((model + "/one").c_str(), 0600) == 0);
  CHECK(undone() == "'one' was changed since the repair");
  REQUIRE(::unlink((model + "/one").c_str()) == 0);
  write_file(model + "/one", "");
  write_file(model + "/two", "22");
  CHECK(undone() == "'two' was changed since the repair");
  write_file(model + "/two", "2");
  REQUIRE(undo_last(disk, model, false));
  CHECK(snapshot(model) == Snapshot{{"one", "644:old"}, {"two", "644:old two"}});
}

TEST_CASE("write: each step of an undo, and of forgetting half of a change, may be refused") {
  const test::InMemory fast;
  for (const bool exchange : {true, false}) {
    bool refused = true;
    for (int at = 0; refused; ++at) {
      CAPTURE(exchange);
      CAPTURE(at);
      REQUIRE(at < 200);
      const TempDir dir;
      const std::string model = old_model(dir);
      REQUIRE(change(Disk(), model));
      const auto count = std::make_shared<std::atomic<int>>();
      const auto undone = undo_last(
          faulty_disk({.at = at, .number = EIO, .no_exchange = !exchange}, count), model, false);
      refused = count->load() > at;
      CHECK(snapshot(model) == (undone ? kOldFolder : kNewFolder));
      REQUIRE(recover(Disk(), model));
      if (!undone) REQUIRE(undo_last(Disk(), model, false));
      CHECK(snapshot(model) == kOldFolder);
      check_tidy(dir, false);
    }
  }
  bool refused = true;
  for (int at = 0; refused; ++at) {
    CAPTURE(at);
    REQUIRE(at < 200);
    const TempDir dir;
    const std::string model = dir.file("model");
    half_change(model);
    const auto count = std::make_shared<std::atomic<int>>();
    const Status forgotten = forget_all(faulty_disk({.at = at, .number = EIO}, count), model);
    refused = count->load() > at;
    CHECK((forgotten || refused));
    REQUIRE(recover(Disk(), model));
    const auto now = snapshot(model);
    CHECK((now == kNewFolder || now == kOldFolder));
  }
}

TEST_CASE("write: an undo that was stopped half-way can be taken back, too") {
  const test::InMemory fast;
  int halves = 0;
  for (int at = 0; at < 80; ++at) {
    CAPTURE(at);
    const TempDir dir;
    const std::string model = old_model(dir);
    REQUIRE(change(Disk(), model));
    static_cast<void>(
        undo_last(faulty_disk({.at = at, .number = EIO, .lasting = true, .no_exchange = true}),
                  model, false));
    if (!is_half_switched(model).value()) continue;
    ++halves;
    REQUIRE(recover(Disk(), model, true));
    CHECK(snapshot(model) == kNewFolder);
    REQUIRE(undo_last(Disk(), model, false));
    CHECK(snapshot(model) == kOldFolder);
  }
  CHECK(halves > 3);
}

TEST_CASE("write: files that went away since the repair was planned are no reason to stop") {
  for (const bool exchange : {true, false}) {
    CAPTURE(exchange);
    const TempDir dir;
    const std::string model = dir.file("model");
    write_file(model + "/stays", "stays");
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    {
      auto work = InPlace::begin(disk, model);
      REQUIRE(work);
      REQUIRE(write_text(disk, join_path(work->staging(), "one"), "new one"));
      REQUIRE(work->publish({replaced("one", "new one"),
                             {.name = "two", .kind = ChangeKind::kRemoved},
                             {.name = "three", .kind = ChangeKind::kRemoved, .hidden = true},
                             {.name = "config.json", .kind = ChangeKind::kKept, .hidden = true}}));
    }
    CHECK(snapshot(model) == Snapshot{{"stays", "644:stays"}, {"one", "644:new one"}});
  }
}

TEST_CASE("write: each step of adding to a new folder may be refused, or not be had") {
  const test::InMemory fast;
  const auto add = [](const Disk& disk, const std::string& model) -> Status {
    auto work = InPlace::begin(disk, model);
    if (!work) return std::move(work).error();
    std::vector<Change> changes;
    for (const std::string name : {"new/one", "new/two"}) {
      if (auto made = make_folders_above(disk, work->staging(), name); !made) return made;
      if (auto wrote = write_text(disk, join_path(work->staging(), name), "x"); !wrote)
        return wrote;
      changes.push_back(replaced(name, "x"));
      changes.back().kind = ChangeKind::kAdded;
    }
    return work->publish(std::move(changes));
  };
  for (const int number : {EIO, EMLINK}) {
    bool refused = true;
    for (int at = 0; refused; ++at) {
      CAPTURE(number);
      CAPTURE(at);
      const TempDir dir;
      const std::string model = dir.file("model");
      write_file(model + "/stays", "stays");
      const auto count = std::make_shared<std::atomic<int>>();
      const Status done = add(faulty_disk({.at = at, .number = number}, count), model);
      refused = count->load() > at;
      CHECK(exists(model + "/new/one") == done.has_value());
      CHECK(exists(model + "/new/two") == done.has_value());
      CHECK(read_file(model + "/stays") == "stays");
      REQUIRE(at < 100);
    }
  }
}

}  // namespace
}  // namespace shardwright
