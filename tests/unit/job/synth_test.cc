#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "checkpoint/checkpoint.h"
#include "shardwright/check_job.h"
#include "shardwright/synth_job.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

Checkpoint open(const std::string& path) {
  auto opened = open_checkpoint(path);
  REQUIRE(opened.has_value());
  return std::move(opened).value();
}

std::string bytes_of(const Tensor& tensor) {
  std::string bytes(tensor.bytes, '\0');
  REQUIRE(tensor.read(0, std::as_writable_bytes(std::span(bytes))).has_value());
  return bytes;
}

std::vector<std::string> files_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::string refusal(SynthOptions options) {
  const test::TempDir dir;
  options.output = dir.file("out");
  const auto report = synth(options);
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == ErrorCode::kInvalidArgument);
  CHECK(files_in(dir.path()).empty());
  return report.error().message;
}

}  // namespace

TEST_CASE("job: every rule's example makes a checkpoint without a finding") {
  const Catalogue catalogue = Catalogue::builtin();
  REQUIRE_FALSE(catalogue.names().empty());
  for (const std::string_view name : catalogue.names()) {
    CAPTURE(name);
    const test::TempDir dir;
    const std::string out = dir.file("model");
    const auto report = synth({.schema = std::string(name), .output = out, .shards = 2});
    REQUIRE(report.has_value());
    CHECK(report->schema == name);
    CHECK(files_in(out) == std::vector<std::string>{
                               "config.json", "model-00001-of-00002.safetensors",
                               "model-00002-of-00002.safetensors", "model.safetensors.index.json"});
    const auto checked = check({out}, {.data = true});
    REQUIRE(checked.has_value());
    for (const Finding& finding : checked->front().findings)
      FAIL_CHECK(finding.code, " ", finding.message);
    CHECK(checked->front().architecture.value().schema == name);
    CHECK(checked->front().facts.tensors == report->tensors);
    CHECK(checked->front().facts.parameters == report->parameters);
    CHECK(checked->front().facts.tensor_bytes == report->tensor_bytes);
  }
}

TEST_CASE("job: made bytes do not depend on threads, weights not on shards, both on the seed") {
  const test::TempDir dir;
  const auto make = [&](const std::string& name, SynthOptions options) {
    options.schema = "mixtral";
    options.output = dir.file(name);
    REQUIRE(synth(options).has_value());
  };
  make("one", {.threads = 1});
  make("four", {.threads = 4});
  make("three", {.shards = 3});
  make("sized", {.max_shard_size = 40'000});
  make("seed", {.seed = 1});
  const std::string single = test::read_file(dir.file("one/model.safetensors"));
  CHECK(test::read_file(dir.file("four/model.safetensors")) == single);
  CHECK(test::read_file(dir.file("seed/model.safetensors")) != single);
  CHECK(test::read_file(dir.file("seed/model.safetensors")).size() == single.size());

  const Checkpoint one = open(dir.file("one"));
  for (const std::string name : {"three", "sized"}) {
    const Checkpoint other = open(dir.file(name));
    REQUIRE(other.tensors.size() == one.tensors.size());
    for (const Tensor& tensor : one.tensors) {
      REQUIRE(other.find(tensor.name) != nullptr);
      CHECK(bytes_of(*other.find(tensor.name)) == bytes_of(tensor));
    }
  }
  const Checkpoint sized = open(dir.file("sized"));
  for (const Shard& shard : sized.shards)
    CHECK((shard.header.value().data_bytes <= 40'000 || shard.header->tensors.size() == 1));
}

TEST_CASE("job: a made checkpoint looks as the hub's do") {
  const test::TempDir dir;
  const std::string out = dir.file("model");
  REQUIRE(synth({.schema = "gemma2", .output = out, .shards = 2}).has_value());
  const Checkpoint model = open(out);
  CHECK(model.find("lm_head.weight") == nullptr);
  REQUIRE(model.find("model.embed_tokens.weight") != nullptr);
  CHECK(model.find("model.embed_tokens.weight")->dtype == DType::kBF16);
  const mode_t mask = umask(0);  // there is no other way to read it
  umask(mask);
  for (const Shard& shard : model.shards) {
    CHECK(shard.header.value().defects.empty());
    CHECK(shard.header->metadata ==
          std::vector<std::pair<std::string, std::string>>{{"format", "pt"}});
    CHECK(shard.entry.mode == (0666U & ~mask));
  }
  const json::Value& config = *model.config_value();
  CHECK(*config.find("model_type")->string() == "gemma2");
  CHECK(*config.find("architectures")->array()->front().string() == "Gemma2ForCausalLM");
  CHECK(*config.find("dtype")->string() == "bfloat16");
  CHECK(model.index.value().index.total_size ==
        model.shards[0].header->data_bytes + model.shards[1].header->data_bytes);
}

TEST_CASE("job: a defect is made on request") {
  const test::TempDir dir;
  const auto make = [&](const std::string& defect) {
    const std::string out = dir.file(defect);
    REQUIRE(synth({.schema = "gemma2", .output = out, .shards = 2, .defect = defect}).has_value());
    Checkpoint model = open(out);
    REQUIRE(model.find("lm_head.weight") != nullptr);
    CHECK(model.find("lm_head.weight")->shard == 1);
    CHECK(same_shape(model.find("lm_head.weight")->shape,
                     model.find("model.embed_tokens.weight")->shape));
    const auto& entries = model.index.value().index.entries;
    CHECK(std::ranges::find(entries, "lm_head.weight", &IndexEntry::name) != entries.end());
    return bytes_of(*model.find("lm_head.weight")) ==
           bytes_of(*model.find("model.embed_tokens.weight"));
  };
  CHECK(make("spurious-head"));
  CHECK_FALSE(make("diverged-head"));
  CHECK(synth_defects().size() == 2);
}

TEST_CASE("job: a sparse checkpoint has its size and takes no space") {
  const test::TempDir dir;
  const std::string out = dir.file("model");
  const auto report = synth({.schema = "llama",
                             .output = out,
                             .set = {{"vocab_size", "128256"}, {"hidden_size", "4096"}},
                             .sparse = true});
  REQUIRE(report.has_value());
  struct stat status{};
  REQUIRE(stat((out + "/model.safetensors").c_str(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) > report->tensor_bytes);
  CHECK(report->tensor_bytes > 2'000'000'000U);
  CHECK(status.st_blocks * 512 < 100'000);
  const Checkpoint model = open(out);
  CHECK(model.shards.at(0).header.value().defects.empty());
}

TEST_CASE("job: block scales, dtypes and layouts are made as the config and the caller say") {
  const test::TempDir dir;
  REQUIRE(synth({.schema = "deepseek_v3",
                 .output = dir.file("fp8"),
                 .set = {{"quantization_config",
                          R"({"quant_method": "fp8", "weight_block_size": [32, 32]})"}}})
              .has_value());
  const Checkpoint fp8 = open(dir.file("fp8"));
  const Tensor* weight = fp8.find("model.layers.1.mlp.experts.0.gate_proj.weight");
  const Tensor* scale = fp8.find("model.layers.1.mlp.experts.0.gate_proj.weight_scale_inv");
  REQUIRE((weight != nullptr && scale != nullptr));
  CHECK(weight->dtype == DType::kF8E4M3);
  CHECK(scale->dtype == DType::kF32);
  CHECK(shape_text(weight->shape) == "[40, 64]");
  CHECK(shape_text(scale->shape) == "[2, 2]");

  REQUIRE(
      synth({.schema = "qwen3_moe", .output = dir.file("fused"), .dtype = "f32", .layout = "fused"})
          .has_value());
  const Checkpoint fused = open(dir.file("fused"));
  const Tensor* experts = fused.find("model.layers.0.mlp.experts.gate_up_proj");
  REQUIRE(experts != nullptr);
  CHECK(shape_text(experts->shape) == "[4, 96, 64]");
  CHECK(experts->dtype == DType::kF32);
  CHECK(*fused.config_value()->find("dtype")->string() == "float32");
}

TEST_CASE("job: a given config is kept but for what is set and what it lacks") {
  const test::TempDir dir;
  const std::string given = R"({"model_type": "llama", "vocab_size":  256, "hidden_size": 64,
  "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 1.6e2,
  "torch_dtype": "float16", "rope_parameters": {"rope_theta": 1e4}})";
  test::write_file(dir.file("config.json"), given);
  REQUIRE(synth({.schema = "llama",
                 .output = dir.file("out"),
                 .config_file = dir.file("config.json"),
                 .set = {{"rope_parameters.rope_type", "default"},
                         {"num_hidden_layers", "2"},
                         {"architectures", R"(["LlamaModel"])"}}})
              .has_value());
  CHECK(test::read_file(dir.file("out/config.json")) ==
        R"({"model_type": "llama", "vocab_size":  256, "hidden_size": 64,
  "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 1.6e2,
  "torch_dtype": "float16", "rope_parameters": {"rope_theta": 1e4, "rope_type": "default"}, "architectures": ["LlamaModel"]})");
  const Checkpoint model = open(dir.file("out"));
  CHECK(model.find("embed_tokens.weight")->dtype == DType::kF16);
  CHECK(model.find("lm_head.weight") == nullptr);
  CHECK(model.find("layers.1.self_attn.q_proj.weight") != nullptr);
}

TEST_CASE("job: what cannot be made is refused before anything is there") {
  CHECK(refusal({.schema = "lama"}) ==
        "no rule describes an architecture 'lama'; the nearest is 'llama'");
  CHECK(refusal({.schema = "llama", .dtype = "int4"}) ==
        "'int4' is no dtype that can be made: bf16, f16, f32");
  CHECK(refusal({.schema = "llama", .set = {{"dtype", "float64"}}}) ==
        "the config's dtype 'float64' cannot be made: choose --dtype bf16, f16 or f32");
  CHECK(refusal({.schema = "llama", .shards = 1000}) ==
        "1000 shards asked for, and there are 21 tensors");
  CHECK(refusal({.schema = "llama", .set = {{"model_type", "qwen2"}}}) ==
        "the config is of model_type 'qwen2', which the rule 'llama' does not describe");
  CHECK(refusal({.schema = "llama", .set = {{"num_key_value_heads", "3"}}}) ==
        "the config cannot be used: the attention heads must be a multiple of the key-value heads: "
        "'num_attention_heads' is 4, 'num_key_value_heads' is 3");
  CHECK(refusal({.schema = "llama", .defect = "spurious-head"}) ==
        "the defect 'spurious-head' needs a config that ties its head");
  CHECK(refusal({.schema = "gemma", .defect = "hole"}) ==
        "there is no defect 'hole': spurious-head, diverged-head");
  CHECK(refusal({.schema = "llama", .set = {{"a..b", "1"}}}) == "'a..b' is no key");
}

TEST_CASE("job: an output that holds something is left alone, and a stopped run leaves nothing") {
  const test::TempDir dir;
  test::write_file(dir.file("full/notes.txt"), "mine");
  CHECK_FALSE(synth({.schema = "llama", .output = dir.file("full")}).has_value());
  CHECK(files_in(dir.file("full")) == std::vector<std::string>{"notes.txt"});

  const std::atomic<bool> stop{true};
  const auto stopped =
      synth({.schema = "llama", .output = dir.file("out"), .monitor = {.stop = &stop}});
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().code == ErrorCode::kInterrupted);
  CHECK(files_in(dir.path()) == std::vector<std::string>{"full"});
}

}  // namespace shardwright
