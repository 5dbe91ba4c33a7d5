#include "job/check_model.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "check/coverage.h"
#include "check/vocabulary_rows.h"
#include "support/fixture.h"
#include "support/memory_folder.h"
#include "support/rule_case.h"

namespace shardwright {
namespace {

constexpr std::string_view kSmall = R"({"rule": "gpt2", "config": {"n_layer": 1, "n_embd": 64,
    "n_head": 1, "vocab_size": 20000, "n_positions": 4}})";

Result<CheckedModel> check_shrunk(bool data) {
  auto folder = std::make_unique<test::MemoryFolder>();
  std::uint64_t size = 0;
  for (const test::FixtureFile& file : test::make_fixture(test::rule_case(kSmall))) {
    folder->add_file(file.name, file.bytes);
    if (file.name == "model.safetensors") size = file.bytes.size();
  }
  REQUIRE(size > 0);
  folder->shrink("model.safetensors", size - 1);
  const CheckOptions options{.data = data, .threads = 1};
  auto checkpoint = open_checkpoint(std::move(folder), open_options(options));
  REQUIRE(checkpoint);
  return check_checkpoint(*std::move(checkpoint), "model",
                          std::make_shared<const Catalogue>(Catalogue::builtin()), options);
}

TEST_CASE("job: a file that fails while its values are read is no sound model") {
  const auto headers = check_shrunk(false);
  REQUIRE(headers);
  CHECK(headers->report.findings.empty());
  const auto values = check_shrunk(true);
  REQUIRE_FALSE(values);
  CHECK(values.error().code == ErrorCode::kIo);
  CHECK(values.error().message.find("'model.safetensors'") != std::string::npos);
}

CheckedModel check_made(std::string_view description) {
  auto folder = std::make_unique<test::MemoryFolder>();
  for (const test::FixtureFile& file : test::make_fixture(test::rule_case(description)))
    folder->add_file(file.name, file.bytes);
  const CheckOptions options{.threads = 1};
  auto checkpoint = open_checkpoint(std::move(folder), open_options(options));
  REQUIRE(checkpoint);
  auto checked = check_checkpoint(*std::move(checkpoint), "model",
                                  std::make_shared<const Catalogue>(Catalogue::builtin()), options);
  REQUIRE(checked);
  return *std::move(checked);
}

TEST_CASE("job: absence alone makes no other model type") {
  const auto lost = check_made(R"({"rule": "qwen2", "drop": ["model.layers.*_proj.bias"]})");
  const Join& join = lost.model.join;
  CHECK_FALSE(join.implied_model_type);
  CHECK_FALSE(join.missing.empty());
  CHECK(std::ranges::any_of(join.types_without_missing, [](const OtherRule& rule) {
    return rule.schema->name == "llama" && rule.class_name == "LlamaForCausalLM";
  }));

  const auto whole = check_made(R"({"rule": "qwen2"})");
  CHECK(whole.model.join.types_without_missing.empty());

  const auto other = check_made(R"({"rule": "qwen2", "says": {"model_type": "llama",
      "architectures": ["LlamaForCausalLM"]}})");
  CHECK(other.model.join.implied_model_type);
  CHECK(other.model.join.types_without_missing.empty());
}

TEST_CASE("job: a setting is told by what is stored, or by absence alone") {
  const auto lost = check_made(R"({"rule": "llama", "says": {"attention_bias": true}})");
  REQUIRE(lost.model.join.implied_setting);
  CHECK(lost.model.join.implied_setting->is_absence_alone());
  CHECK(lacks_tensors(lost.model.join));

  const auto surplus = check_made(R"({"rule": "llama", "config": {"attention_bias": true},
      "says": {"attention_bias": false}})");
  REQUIRE(surplus.model.join.implied_setting);
  CHECK_FALSE(surplus.model.join.implied_setting->is_absence_alone());
}

TEST_CASE("job: rows are held against the key that counts them") {
  const auto checked = check_made(R"({"rule": "gemma4_text",
      "config": {"vocab_size": 64, "vocab_size_per_layer_input": 64, "tie_word_embeddings": false},
      "says": {"vocab_size": 60, "vocab_size_per_layer_input": 62}})");
  const auto found = other_vocabularies(checked.model);
  REQUIRE(found.size() == 2);
  CHECK(found[0].pointer == "/vocab_size");
  CHECK(found[0].tensors.size() == 2);
  CHECK(found[0].stated == 60);
  CHECK(found[0].of_tokens);
  CHECK(found[0].agree);
  CHECK(found[1].pointer == "/vocab_size_per_layer_input");
  CHECK(found[1].tensors.size() == 1);
  CHECK(found[1].stated == 62);
  CHECK_FALSE(found[1].of_tokens);
  CHECK(found[1].agree);

  const auto apart =
      check_made(R"({"rule": "llama", "config": {"vocab_size": 64, "hidden_size": 64},
      "shape": {"lm_head.weight": [65, 64]}})");
  const auto heads = other_vocabularies(apart.model);
  REQUIRE(heads.size() == 1);
  CHECK(heads[0].pointer == "/vocab_size");
  CHECK_FALSE(heads[0].agree);
}

}  // namespace
}  // namespace shardwright
