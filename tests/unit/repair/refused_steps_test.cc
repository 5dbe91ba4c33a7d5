// Whole repairs, by every way in which they reach the disk, with each step refused in turn: what
// stands at the target is the old state or the new one, nothing is left over, and the next run
// finishes.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include "job/repair_on.h"
#include "support/fixture.h"
#include "support/rule_case.h"
#include "support/temp_dir.h"
#include "unit/write/faults.h"
#include "write/in_place.h"
#include "write/place.h"
#include "write/undo.h"

namespace shardwright {
namespace {

namespace fs = std::filesystem;
using test::faulty_disk;
using test::read_file;
using test::Snapshot;
using test::snapshot;
using test::TempDir;
using test::whole_snapshot;
using test::write_file;

// A tied head that is stored all the same: its shard changes, and the index.
std::string described(std::string_view more) {
  return R"({"rule": "llama", "config": {"num_hidden_layers": 1, "hidden_size": 4, "head_dim": 2,
      "intermediate_size": 4, "vocab_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1,
      "tie_word_embeddings": true},
      "add": {"lm_head.weight": {"dtype": "F32", "shape": [8, 4],
                                 "fill": "same:model.embed_tokens.weight"}})" +
         std::string(more) + "}";
}

struct World {
  std::string model{};  // a description
  std::function<void(const TempDir& dir)> prepare{};
  bool one_by_one{};  // the target gets its files one after the other, and its config last
};

using Run = std::function<Status(const Disk& disk, const TempDir& dir)>;

void make(const World& world, const TempDir& dir) {
  static std::map<std::string, test::Fixture> made;
  auto [found, added] = made.try_emplace(world.model);
  if (added) found->second = test::make_fixture(test::rule_case(world.model));
  test::write_fixture(found->second, dir.file("model"));
  write_file(dir.file("model/sub/notes.txt"), "notes");
  if (world.prepare) world.prepare(dir);
}

Status repaired(const Disk& disk, const std::string& model, RepairOptions options) {
  options.check.threads = 1;
  const auto report = repair_on(disk, model, options);
  if (!report) return report.error();
  CHECK_MESSAGE(report->refused.empty(), report->refused);
  return ok();
}

Run to_output(const RepairOptions& options = {}, const std::string& model = "model") {
  return [options, model](const Disk& disk, const TempDir& dir) {
    RepairOptions all = options;
    all.output = dir.file("out");
    return repaired(disk, dir.file(model), all);
  };
}

Status in_place(const Disk& disk, const TempDir& dir) {
  return repaired(disk, dir.file("model"), {});
}

Status undo(const Disk& disk, const TempDir& dir) {
  const auto done = undo_last(disk, dir.file("model"), false);
  return done ? ok() : Status(done.error());
}

bool is_unfinished(std::string_view name) {
  return name.find(".shardwright-exchange") != std::string::npos ||
         name.find("/after/") != std::string::npos ||
         (name.find(".shardwright-") != std::string::npos &&
          name.find(".shardwright-undo") == std::string::npos);
}

std::vector<std::string> remains_in(const TempDir& dir) {
  std::vector<std::string> names;
  for (const auto& [name, text] : whole_snapshot(dir.path())) {
    if (is_unfinished(name)) names.push_back(name);
  }
  return names;
}

Snapshot state_of(const TempDir& dir) {
  Snapshot state = snapshot(dir.path());
  std::erase_if(state, [](const auto& item) { return is_unfinished(item.first); });
  return state;
}

// What stands there after a run that could do everything.
struct Undisturbed {
  Snapshot old{}, fresh{};
  int steps{};
};

Undisturbed undisturbed(const World& world, const Run& run, bool no_exchange) {
  Undisturbed result;
  const TempDir dir;
  make(world, dir);
  result.old = state_of(dir);
  auto count = std::make_shared<std::atomic<int>>();
  const Status done = run(faulty_disk({.no_exchange = no_exchange}, count), dir);
  REQUIRE_MESSAGE(done, done.error().message);
  result.fresh = state_of(dir);
  result.steps = count->load();
  CHECK(result.steps > 3);
  CHECK(result.fresh != result.old);
  return result;
}

void check_error(const Error& error, const TempDir& dir, int number) {
  CHECK_MESSAGE(error.message.find("'" + dir.path()) != std::string::npos, error.message);
  const std::string why = std::generic_category().message(number);
  CHECK_MESSAGE(error.message.find(why) != std::string::npos, error.message);
  const bool helps = error.message.find("make room for") != std::string::npos;
  CHECK_MESSAGE(helps == (number == ENOSPC), error.message);
}

// Refuses each step alone, and each with all that follow: how often the run failed.
int refuse_each_step(const World& world, const Run& run, int number, bool no_exchange = false) {
  const test::InMemory fast;
  const Undisturbed expected = undisturbed(world, run, no_exchange);
  int failed = 0;
  for (int i = 0; i < 2 * expected.steps; ++i) {
    const test::Fault fault{
        .at = i / 2, .number = number, .lasting = i % 2 == 1, .no_exchange = no_exchange};
    CAPTURE(fault.at);
    CAPTURE(fault.lasting);
    const TempDir dir;
    make(world, dir);
    const Status done = run(faulty_disk(fault), dir);
    const Snapshot now = state_of(dir);
    if (done) {
      CHECK(now == expected.fresh);
    } else {
      ++failed;
      check_error(done.error(), dir, number);
      const bool half = is_half_switched(dir.file("model")).value();
      const bool begun = world.one_by_one && !now.contains("out/config.json");
      CHECK((now == expected.old || now == expected.fresh || (fault.lasting && (half || begun))));
      // What cannot be removed either stays until the next run.
      if (!fault.lasting) CHECK(remains_in(dir).empty());
      if (now != expected.old && begun) continue;  // its owner empties the target
    }
    if (now != expected.fresh) {
      const Status again = run(Disk(), dir);
      REQUIRE_MESSAGE(again, again.error().message);
      CHECK(state_of(dir) == expected.fresh);
    }
    REQUIRE(recover(Disk(), dir.file("model")));
    if (!fault.lasting || now != expected.fresh) CHECK(remains_in(dir).empty());
  }
  return failed;
}

const std::string kSeveral = described(R"(, "shards": 2)");

TEST_CASE("repair: each step to a new folder, or an empty one, may be refused") {
  const World several{.model = kSeveral};
  CHECK(refuse_each_step(several, to_output(), EIO) > 20);
  CHECK(refuse_each_step(several, to_output(), ENOSPC) > 20);
  CHECK(refuse_each_step(several, to_output({.copy = true}), EIO) > 20);
  const World empty{.model = kSeveral, .prepare = [](const TempDir& dir) {
                      REQUIRE(Disk().make_folder(dir.file("out"), 0750));
                    }};
  CHECK(refuse_each_step(empty, to_output(), EIO) > 20);
}

TEST_CASE("repair: each step with shards in a folder of their own may be refused") {
  const World world{.model = R"({"files": {
      "sub/a.safetensors": {"metadata": null, "tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "sub/b.safetensors": {"metadata": null, "tensors": {"b": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"index": "auto", "set": {"a": "sub/a.safetensors", "b": "sub/b.safetensors"}}}})"};
  CHECK(refuse_each_step(world, to_output({.partial = true}), EIO) > 10);
  const Run run = [](const Disk& disk, const TempDir& dir) {
    return repaired(disk, dir.file("model"), {.partial = true});
  };
  CHECK(refuse_each_step(world, run, EIO) > 10);
}

TEST_CASE("repair: each step into the current folder may be refused") {
  const World world{
      .model = kSeveral,
      .prepare = [](const TempDir& dir) { REQUIRE(Disk().make_folder(dir.file("out"), 0755)); },
      .one_by_one = true};
  const Run run = [](const Disk& disk, const TempDir& dir) {
    const std::string here = real_path(".").value();
    REQUIRE(::chdir(dir.file("out").c_str()) == 0);
    const Status done = repaired(disk, dir.file("model"), {.output = "."});
    REQUIRE(::chdir(here.c_str()) == 0);
    return done;
  };
  CHECK(refuse_each_step(world, run, EIO) > 20);
}

TEST_CASE("repair: each step of a repair in place, or of its undo, may be refused") {
  const auto repaired_before = [](const TempDir& dir) { REQUIRE(in_place(Disk(), dir)); };
  for (const std::string_view shards : {"", R"(, "shards": 2)"}) {
    for (const bool no_exchange : {false, true}) {
      CAPTURE(shards);
      CAPTURE(no_exchange);
      const World world{.model = described(shards)};
      CHECK(refuse_each_step(world, in_place, EIO, no_exchange) > 10);
      const World repaired{.model = world.model, .prepare = repaired_before};
      CHECK(refuse_each_step(repaired, undo, EIO, no_exchange) > 5);
    }
  }
}

// As in a cache of the hub: the files are links to others, outside.
void move_to_cache(const TempDir& dir) {
  fs::create_directory(dir.file("blobs"));
  for (const auto& [name, text] : snapshot(dir.file("model"))) {
    const std::string path = dir.file("model/" + name);
    if (!fs::is_regular_file(path) || name.find('/') != std::string::npos) continue;
    fs::rename(path, dir.file("blobs/" + name));
    fs::create_symlink("../blobs/" + name, path);
  }
}

TEST_CASE("repair: each step of mending a cache of links may be refused, and the cache stays") {
  // Shards change, move and go.
  const World world{.model = described(R"(, "shards": 12)"), .prepare = move_to_cache};
  CHECK(refuse_each_step(world, to_output(), EIO) > 20);
  CHECK(refuse_each_step(world, in_place, EIO) > 10);
}

TEST_CASE("repair: each step for a single file may be refused, with something to mend or without") {
  const World world{.model = described("")};
  CHECK(refuse_each_step(world, to_output({}, "model/model.safetensors"), EIO) > 5);
  const World whole{.model = R"({"rule": "llama", "config": {"num_hidden_layers": 1}})"};
  CHECK(refuse_each_step(whole, to_output({}, "model/model.safetensors"), EIO) > 3);
  CHECK(refuse_each_step(whole, to_output({.copy = true}, "model/model.safetensors"), EIO) > 3);
}

TEST_CASE("repair: each step of forgetting may be refused, and the model stays") {
  const test::InMemory fast;
  const auto begin = [](const TempDir& dir) {
    make({.model = kSeveral}, dir);
    REQUIRE(in_place(Disk(), dir));
    return state_of(dir);
  };
  const int steps = test::count_steps([&](const Disk& disk) {
    const TempDir dir;
    begin(dir);
    REQUIRE(forget_all(disk, dir.file("model")));
    CHECK_FALSE(exists(dir.file("model/.shardwright-undo")));
  });
  CHECK(steps > 5);
  for (int at = 0; at < steps; ++at) {
    CAPTURE(at);
    const TempDir dir;
    const Snapshot model = begin(dir);
    const Status done = forget_all(faulty_disk({.at = at, .number = EIO}), dir.file("model"));
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("'" + dir.path()) != std::string::npos);
    CHECK(state_of(dir) == model);
    // Half of it may be gone: the next run takes the rest.
    const Status again = forget_all(Disk(), dir.file("model"));
    CHECK((again || again.error().code == ErrorCode::kNotFound));
    REQUIRE(recover(Disk(), dir.file("model")));
    CHECK_FALSE(exists(dir.file("model/.shardwright-undo")));
    CHECK(state_of(dir) == model);
  }
}

TEST_CASE("repair: an unfinished switch is in the way of all but its end") {
  const test::InMemory fast;
  const World world{.model = kSeveral};
  const TempDir dir;
  make(world, dir);
  const Snapshot old = state_of(dir);
  const int steps = undisturbed(world, in_place, true).steps;
  int at = 0;
  // From the first step that leaves it half done where nothing more can be done.
  for (; at < steps && !is_half_switched(dir.file("model")).value(); ++at)
    static_cast<void>(in_place(
        faulty_disk({.at = at, .number = EIO, .lasting = true, .no_exchange = true}), dir));
  REQUIRE(at < steps);
  const std::string way = "'repair --in-place' finishes it, 'repair --undo' takes it back";
  const auto half = whole_snapshot(dir.path());
  for (const RepairOptions& options :
       {RepairOptions{.output = dir.file("out")}, RepairOptions{.dry_run = true}}) {
    const Status refused = repaired(Disk(), dir.file("model"), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(way) != std::string::npos);
  }
  CHECK(whole_snapshot(dir.path()) == half);
  // Finishing it may fail too, and says so.
  const Status failed =
      in_place(faulty_disk({.at = 0, .number = EIO, .lasting = true, .no_exchange = true}), dir);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("the switch stopped half-way") != std::string::npos);
  CHECK(whole_snapshot(dir.path()) == half);
  REQUIRE(undo(Disk(), dir));
  CHECK(state_of(dir) == old);
}

// What is said where another program changes a file once it is staged.
std::string meddled(const Run& run, const std::string& ending,
                    const std::function<void(const std::string& path)>& deed) {
  const test::InMemory fast;
  const TempDir dir;
  make({.model = kSeveral}, dir);
  const Snapshot old = state_of(dir);
  const Status done = run(test::meddled_disk(DiskStep::kSync, ending, deed), dir);
  REQUIRE_FALSE(done);
  CHECK(done.error().code != ErrorCode::kInvalidArgument);
  CHECK(state_of(dir) == old);
  CHECK(remains_in(dir).empty());
  return done.error().message;
}

TEST_CASE("repair: what was staged is read again, and published only as it was planned") {
  const auto flip = [](const std::string& path) {
    std::string bytes = read_file(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file(path, bytes);
  };
  const auto cut = [](const std::string& path) { fs::resize_file(path, fs::file_size(path) - 4); };
  const auto gone = [](const std::string& path) { fs::remove(path); };
  const Run copy = to_output({.copy = true});
  const std::string shard = "model-00002-of-00002.safetensors";
  for (const Run& run : {copy, Run(in_place)}) {
    CHECK(meddled(run, shard, flip).find("is not what was planned") != std::string::npos);
    CHECK(meddled(run, shard, cut).find(shard) != std::string::npos);
    CHECK(meddled(run, "model.safetensors.index.json", [](const std::string& path) {
            write_file(path, "{}");
          }).find("finds more than was planned") != std::string::npos);
  }
  CHECK(meddled(copy, "model-00001-of-00002.safetensors", flip).find("is not what was planned") !=
        std::string::npos);
  CHECK(meddled(copy, shard, gone).find("were planned") != std::string::npos);
  CHECK(meddled(in_place, shard, gone).find(shard + "'") != std::string::npos);
  CHECK(meddled(copy, "config.json", gone).find("than was planned") != std::string::npos);
}

}  // namespace
}  // namespace shardwright
