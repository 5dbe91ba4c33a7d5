#include "write/in_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"
#include "write/undo.h"
#include "write/write_file.h"

namespace shardwright {
namespace {

using test::Fault;
using test::faulty_disk;
using test::inode_of;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::stops_at;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

const Snapshot kOld = {
    {"config.json", "644:config"}, {"model.safetensors.index.json", "644:old index"},
    {"one", "600:old one"},        {"two", "644:two"},
    {"stays", "644:stays"},        {"link", "-> ../elsewhere"},
    {"sub", "folder 755"},         {"sub/three", "644:old three"}};
const Snapshot kNew = {
    {"config.json", "644:config"}, {"model.safetensors.index.json", "644:new index"},
    {"one", "600:new one"},        {"four", "644:four"},
    {"stays", "644:stays"},        {"link", "-> ../elsewhere"},
    {"sub", "folder 755"},         {"sub/three", "644:new three"}};

void make_old(const std::string& folder) {
  write_file(folder + "/config.json", "config");
  write_file(folder + "/model.safetensors.index.json", "old index");
  write_file(folder + "/one", "old one");
  write_file(folder + "/two", "two");
  write_file(folder + "/stays", "stays");
  write_file(folder + "/sub/three", "old three");
  REQUIRE(::symlink("../elsewhere", (folder + "/link").c_str()) == 0);
  REQUIRE(::chmod((folder + "/one").c_str(), 0600) == 0);
}

Change replaced(const std::string& name, std::string_view text, bool hidden = false) {
  return {.name = name,
          .kind = ChangeKind::kReplaced,
          .hidden = hidden,
          .bytes = text.size(),
          .digest = digest_of(std::as_bytes(std::span(text)))};
}

// One of each kind.
Status change(const Disk& disk, const std::string& folder) {
  auto work = InPlace::begin(disk, folder);
  if (!work) return std::move(work).error();
  const std::string& at = work->staging();
  if (auto made = make_folders_above(disk, at, "sub/three"); !made) return made;
  for (const auto& [name, text, mode] :
       {std::tuple{"one", "new one", 0600U}, std::tuple{"four", "four", 0644U},
        std::tuple{"model.safetensors.index.json", "new index", 0644U},
        std::tuple{"sub/three", "new three", 0644U}}) {
    if (auto wrote = write_text(disk, join_path(at, name), text, mode); !wrote) return wrote;
  }
  Change added = replaced("four", "four");
  added.kind = ChangeKind::kAdded;
  return work->publish({replaced("model.safetensors.index.json", "new index", true),
                        {.name = "config.json", .kind = ChangeKind::kKept, .hidden = true},
                        replaced("one", "new one"),
                        replaced("sub/three", "new three"),
                        added,
                        {.name = "two", .kind = ChangeKind::kRemoved}});
}

Status change_one(const Disk& disk, const std::string& folder) {
  auto work = InPlace::begin(disk, folder);
  if (!work) return std::move(work).error();
  if (auto wrote = write_text(disk, join_path(work->staging(), "one"), "new one", 0600); !wrote)
    return wrote;
  return work->publish({replaced("one", "new one")});
}

// No remains beside the folder, and in it only what undo needs.
void check_tidy(const TempDir& dir, bool undoable) {
  for (const auto& [name, text] : whole_snapshot(dir.path())) {
    CHECK_MESSAGE(name.substr(0, 5) == "model", name);
    CHECK_MESSAGE((undoable || name.find(".shardwright") == std::string::npos), name);
    CHECK_MESSAGE(name.find("/after/") == std::string::npos, name);
  }
}

TEST_CASE("write: a change in place keeps what it replaced, and undo puts the same files back") {
  for (const bool exchange : {true, false}) {
    CAPTURE(exchange);
    const TempDir dir;
    const std::string model = dir.file("model");
    make_old(model);
    const auto one = inode_of(model + "/one");
    const auto two = inode_of(model + "/two");
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    const Status done = change(disk, model);
    REQUIRE_MESSAGE(done, done.error().message);
    CHECK(snapshot(model) == kNew);
    CHECK(inode_of(model + "/.shardwright-undo/0001/before/one") == one);
    check_tidy(dir, true);

    const auto lines = undo_last(disk, model, true);
    REQUIRE(lines);
    CHECK(*lines == std::vector<std::string>{"one", "sub/three", "four", "two",
                                             "model.safetensors.index.json"});
    CHECK(snapshot(model) == kNew);
    const auto undone = undo_last(disk, model, false);
    REQUIRE_MESSAGE(undone, undone.error().message);
    CHECK(snapshot(model) == kOld);
    CHECK(inode_of(model + "/one") == one);
    CHECK(inode_of(model + "/two") == two);
    check_tidy(dir, false);
  }
}

TEST_CASE("write: one changed file needs no exchange of folders") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  const auto folder = inode_of(model);
  const auto one = inode_of(model + "/one");
  REQUIRE(change_one(Disk(), model));
  CHECK(inode_of(model) == folder);
  CHECK(read_file(model + "/one") == "new one");
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOld);
  CHECK(inode_of(model + "/one") == one);
  check_tidy(dir, false);
}

TEST_CASE("write: the current folder of this process is not exchanged") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  const auto folder = inode_of(model);
  const std::string here = real_path(".").value();
  REQUIRE(::chdir((model + "/sub").c_str()) == 0);
  const Status done = change(Disk(), "..");
  const int back = ::chdir(here.c_str());
  REQUIRE(back == 0);
  REQUIRE(done);
  CHECK(inode_of(model) == folder);
  CHECK(snapshot(model) == kNew);
}

TEST_CASE("write: changes in place stack, and undo takes them back one by one") {
  for (const bool exchange : {true, false}) {
    CAPTURE(exchange);
    const TempDir dir;
    const std::string model = dir.file("model");
    make_old(model);
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    REQUIRE(change_one(disk, model));
    const auto middle = snapshot(model);
    REQUIRE(change(disk, model));
    CHECK(snapshot(model) == kNew);
    REQUIRE(undo_last(disk, model, false));
    CHECK(snapshot(model) == middle);
    REQUIRE(undo_last(disk, model, false));
    CHECK(snapshot(model) == kOld);
    check_tidy(dir, false);
    CHECK(undo_last(disk, model, false).error().message ==
          "there is no repair in place to undo in '" + model + "'");
  }
}

TEST_CASE("write: forgetting deletes what undo needs, and nothing else") {
  for (const bool exchange : {true, false}) {
    const TempDir dir;
    const std::string model = dir.file("model");
    make_old(model);
    const Disk disk = faulty_disk({.no_exchange = !exchange});
    REQUIRE(change(disk, model));
    REQUIRE(forget_all(disk, model));
    CHECK(snapshot(model) == kNew);
    check_tidy(dir, false);
    CHECK(forget_all(disk, model).error().code == ErrorCode::kNotFound);
  }
}

TEST_CASE("write: undo stops where a file was changed since, and names it") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
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
  Snapshot expected = kOld;
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
  const std::string model = dir.file("model");
  make_old(model);
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
        const std::string model = dir.file("model");
        make_old(model);
        auto count = std::make_shared<std::atomic<int>>();
        const Disk disk = faulty_disk({.at = at, .number = EIO, .no_exchange = !exchange}, count);
        const Status done = one ? change_one(disk, model) : change(disk, model);
        failed = count->load() > at;
        if (!done) ++errors;
        const auto expected =
            one ? read_file(model + "/one") == "new one" : snapshot(model) == kNew;
        CHECK(expected == done.has_value());
        if (!done) CHECK(snapshot(model) == kOld);
        // Whatever was left to do, the next run does.
        REQUIRE(recover(Disk(), model));
        if (!done) check_tidy(dir, false);
        if (done) {
          const auto undone = undo_last(Disk(), model, false);
          REQUIRE_MESSAGE(undone, undone.error().message);
          CHECK(snapshot(model) == kOld);
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
      const std::string model = dir.file("model");
      make_old(model);
      stopped = stops_at(at, !exchange,
                         [&](const Disk& disk) { static_cast<void>(change(disk, model)); });
      const auto seen = snapshot(model);
      if (seen == kOld) {
        ++old_states;
      } else if (seen == kNew) {
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
      CHECK(after == (half ? (back ? kOld : kNew) : seen));
      if (after == kNew) {
        const auto undone = undo_last(Disk(), model, false);
        REQUIRE_MESSAGE(undone, undone.error().message);
      }
      CHECK(snapshot(model) == kOld);
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
      const std::string model = dir.file("model");
      make_old(model);
      REQUIRE(change(Disk(), model));
      stopped = stops_at(at, !exchange, [&](const Disk& disk) {
        static_cast<void>(undo_last(disk, model, false));
      });
      const auto seen = snapshot(model);
      CHECK((seen == kOld || seen == kNew || (!exchange && !seen.contains("config.json"))));
      // By the next undo, or by another run that comes between.
      if (at % 2 == 0) REQUIRE(recover(Disk(), model));
      if (snapshot(model) != kOld) REQUIRE(undo_last(Disk(), model, false));
      CHECK(snapshot(model) == kOld);
      REQUIRE(recover(Disk(), model));
      check_tidy(dir, false);
    }
  }
}

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
      CHECK(snapshot(dir.file("model")) == (back ? kOld : kNew));
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
        CHECK(snapshot(model) == (back ? kOld : kNew));
      }
      REQUIRE(recover(Disk(), model));
      const auto now = snapshot(model);
      CHECK((now == kOld || now == kNew));
      if (now == kNew) REQUIRE(undo_last(Disk(), model, false));
      CHECK(snapshot(model) == kOld);
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
    if (undone) CHECK(snapshot(model) == kOld);
    REQUIRE(recover(Disk(), model, true));
    CHECK(snapshot(model) == kOld);
    check_tidy(dir, false);
    REQUIRE(at < 100);
  }
}

TEST_CASE("write: what is not seen is not taken for absent") {
  int tried = 0;
  const test::InMemory fast;
  for (int at = 0; at < 80; at += 3) {
    const TempDir dir;
    const std::string model = dir.file("model");
    make_old(model);
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
    CHECK(snapshot(model) == kOld);
  }
  CHECK(tried > 10);
}

TEST_CASE("write: without hard links a change in place moves files, and undo copies them back") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  const Disk disk = faulty_disk({.lacks = {DiskStep::kLink, DiskStep::kShare}});
  REQUIRE(change(disk, model));
  CHECK(snapshot(model) == kNew);
  check_tidy(dir, true);
  REQUIRE(undo_last(disk, model, false));
  CHECK(snapshot(model) == kOld);
  check_tidy(dir, false);
}

TEST_CASE("write: a mount point is changed file by file") {
  const TempDir dir;
  REQUIRE(Disk().make_folder(dir.file("model")));
  const test::Mount mount(dir.file("model"));
  if (!mount) return;
  make_old(dir.file("model"));
  REQUIRE(change(Disk(), dir.file("model")));
  CHECK(snapshot(dir.file("model")) == kNew);
  REQUIRE(undo_last(Disk(), dir.file("model"), false));
  CHECK(snapshot(dir.file("model")) == kOld);
}

TEST_CASE(
    "write: another's folder beside the model is left alone, and the change goes on without") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  write_file(dir.file(".model.shardwright-exchange/mine"), "x");
  write_file(model + "/.shardwright-undo/0001/before/one", "mine");  // an entry without a manifest
  REQUIRE(change(Disk(), model));
  CHECK(snapshot(model) == kNew);
  REQUIRE(recover(Disk(), model));
  CHECK(read_file(dir.file(".model.shardwright-exchange/mine")) == "x");
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOld);
  CHECK(read_file(dir.file(".model.shardwright-exchange/mine")) == "x");
}

TEST_CASE("write: a name that is not UTF-8 cannot be undone, so it is not changed") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  const Disk disk;
  {
    auto work = InPlace::begin(disk, model);
    REQUIRE(work);
    const Status done = work->publish({replaced("o\xFFne", "new")});
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "the file name 'o\\xffne' is not UTF-8");
  }
  CHECK(snapshot(model) == kOld);
  check_tidy(dir, false);
}

TEST_CASE("write: an entry with old files and no manifest is nobody's to remove") {
  const TempDir dir;
  const std::string model = dir.file("model");
  make_old(model);
  write_file(model + "/.shardwright-undo/0001/before/one", "mine");
  write_file(model + "/.shardwright-undo/0002/after/one", "staged");
  REQUIRE(recover(Disk(), model));
  CHECK(read_file(model + "/.shardwright-undo/0001/before/one") == "mine");
  CHECK_FALSE(exists(model + "/.shardwright-undo/0002"));
  CHECK(undo_last(Disk(), model, false).error().code == ErrorCode::kNotFound);
  // Nor does it hide what may be undone.
  REQUIRE(change(Disk(), model));
  REQUIRE(undo_last(Disk(), model, false));
  CHECK(snapshot(model) == kOld);
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
      const std::string model = dir.file("model");
      make_old(model);
      REQUIRE(change(Disk(), model));
      const auto count = std::make_shared<std::atomic<int>>();
      const auto undone = undo_last(
          faulty_disk({.at = at, .number = EIO, .no_exchange = !exchange}, count), model, false);
      refused = count->load() > at;
      CHECK(snapshot(model) == (undone ? kOld : kNew));
      REQUIRE(recover(Disk(), model));
      if (!undone) REQUIRE(undo_last(Disk(), model, false));
      CHECK(snapshot(model) == kOld);
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
    CHECK((now == kNew || now == kOld));
  }
}

TEST_CASE("write: an undo that was stopped half-way can be taken back, too") {
  const test::InMemory fast;
  int halves = 0;
  for (int at = 0; at < 80; ++at) {
    CAPTURE(at);
    const TempDir dir;
    const std::string model = dir.file("model");
    make_old(model);
    REQUIRE(change(Disk(), model));
    static_cast<void>(
        undo_last(faulty_disk({.at = at, .number = EIO, .lasting = true, .no_exchange = true}),
                  model, false));
    if (!is_half_switched(model).value()) continue;
    ++halves;
    REQUIRE(recover(Disk(), model, true));
    CHECK(snapshot(model) == kNew);
    REQUIRE(undo_last(Disk(), model, false));
    CHECK(snapshot(model) == kOld);
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
