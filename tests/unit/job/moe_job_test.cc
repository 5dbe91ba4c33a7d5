#include "shardwright/moe_job.h"

#include <atomic>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "shardwright/synth_job.h"
#include "support/temp_dir.h"

namespace shardwright {

TEST_CASE("job: moe stops while it computes hidden states, and leaves nothing") {
  const test::TempDir dir;
  for (const std::string name : {"a", "b"})
    REQUIRE(synth({.schema = "llama", .output = dir.file(name)}));
  test::write_file(dir.file("a/tokenizer.json"),
                   R"({"version": "1.0", "pre_tokenizer": {"type": "Whitespace"},
                       "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "x": 1}}})");
  test::write_file(dir.file("recipe.yml"), "base_model: " + dir.file("a") +
                                               "\ngate_mode: hidden\nexperts:\n"
                                               "  - {source_model: " +
                                               dir.file("a") +
                                               ", positive_prompts: [x]}\n"
                                               "  - {source_model: " +
                                               dir.file("b") + ", positive_prompts: [y x y]}\n");
  std::atomic<bool> stop = false;
  MoeOptions options;
  options.merge.output = dir.file("out");
  options.merge.monitor.stop = &stop;
  bool seen = false;
  options.merge.monitor.report = [&](const Progress& progress) {
    if (progress.what != "reading the prompts") return;
    CHECK(progress.total > 0);
    seen = true;
    stop = true;
  };
  const auto stopped = moe(dir.file("recipe.yml"), options);
  CHECK(seen);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::kInterrupted);
  CHECK_FALSE(std::filesystem::exists(dir.file("out")));

  options.merge.monitor = {};
  const auto made = moe(dir.file("recipe.yml"), options);
  REQUIRE(made);
  CHECK(made->published);
}

}  // namespace shardwright
