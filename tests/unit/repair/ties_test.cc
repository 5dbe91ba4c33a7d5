// The form of a tied head that the owner asks for: what comes of it, and why it may not be had.
#include "repair/ties.h"

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "repair/plan.h"
#include "unit/repair/checked.h"

namespace shardwright {
namespace {

const std::string kTiedHead = "lm_head.weight";
const std::string kTiedEmbedding = "model.embed_tokens.weight";

// A small llama, tied or not, with the head that is described, or none.
std::string llama(bool tied, std::string_view head, std::string_view more = "") {
  std::string text = R"({"rule": "llama", "config": {"num_hidden_layers": 1, "hidden_size": 4,
      "head_dim": 2, "intermediate_size": 4, "vocab_size": 8, "num_attention_heads": 2,
      "num_key_value_heads": 1, "tie_word_embeddings": )";
  text += tied ? "true}" : "false}";
  if (!head.empty()) {
    text += std::string(tied ? R"(, "add": {"lm_head.weight": )"
                             : R"(, "drop": ["lm_head.weight"], "add": {"lm_head.weight": )") +
            std::string(head) + "}";
  } else if (!tied) {
    text += R"(, "drop": ["lm_head.weight"])";
  }
  return text + std::string(more) + "}";
}

constexpr std::string_view kSame =
    R"({"dtype": "F32", "shape": [8, 4], "fill": "same:model.embed_tokens.weight"})";
constexpr std::string_view kOther = R"({"dtype": "F32", "shape": [8, 4], "fill": "random:99"})";

// The steps of a plan for the form, as "op file tensor", or why there is none.
std::vector<std::string> steps(std::string_view description, TieForm form) {
  const CheckedModel model = test::checked(description);
  const auto plan = plan_form(model.model, form);
  if (!plan) {
    CHECK(plan.error().code == ErrorCode::kInvalidArgument);
    return {plan.error().message};
  }
  std::vector<std::string> lines;
  for (const PlanStep& step : plan->steps)
    lines.push_back(step.op + " " + step.file + (step.tensor.empty() ? "" : " " + step.tensor));
  return lines;
}

using TieSteps = std::vector<std::string>;

TEST_CASE(
    "ties: a head that equals its embedding is dropped, and the config told where it must be") {
  CHECK(steps(llama(true, kSame), TieForm::kDrop) ==
        TieSteps{"drop model.safetensors lm_head.weight"});
  CHECK(steps(llama(false, kSame), TieForm::kDrop) ==
        TieSteps{"set config.json", "drop model.safetensors lm_head.weight"});
  CHECK(steps(llama(true, ""), TieForm::kDrop).empty());
  CHECK(steps(llama(true, kSame), TieForm::kAsFound).empty());
}

TEST_CASE("ties: a head is dropped for its bytes alone") {
  const TieSteps differs = {
      "'lm_head.weight' cannot be dropped: its bytes are not those of 'model.embed_tokens.weight'; "
      "'--untie' keeps both"};
  CHECK(steps(llama(true, kOther), TieForm::kDrop) == differs);
  // Where nothing is tied there is nothing to untie.
  CHECK(steps(llama(false, kOther), TieForm::kDrop) ==
        TieSteps{"'lm_head.weight' cannot be dropped: its bytes are not those of "
                 "'model.embed_tokens.weight'"});
  // Zeros are zeros, whatever they count as.
  CHECK(steps(llama(true, R"({"dtype": "I32", "shape": [8, 4], "fill": "zero"})",
                    R"(, "fill": {"model.embed_tokens.weight": "zero"})"),
              TieForm::kDrop) == differs);
  CHECK(
      steps(llama(true, kOther, R"(, "rename": {"model.embed_tokens.weight": "elsewhere"})"),
            TieForm::kDrop) ==
      TieSteps{"'lm_head.weight' cannot be dropped: 'model.embed_tokens.weight', which it would be "
               "tied to, is not stored"});
}

TEST_CASE("ties: a head is stored for those who look for it, and untied where that is asked") {
  const TieSteps added = {"add model.safetensors lm_head.weight"};
  CHECK(steps(llama(true, ""), TieForm::kMaterialize) == added);
  CHECK(steps(llama(true, kSame), TieForm::kMaterialize).empty());
  CHECK(steps(llama(false, ""), TieForm::kMaterialize).empty());
  CHECK(steps(llama(true, "", R"(, "rename": {"model.embed_tokens.weight": "elsewhere"})"),
              TieForm::kMaterialize)
            .empty());
  CHECK(steps(llama(true, ""), TieForm::kUntie) ==
        TieSteps{"set config.json", "add model.safetensors lm_head.weight"});
  CHECK(steps(llama(false, kOther), TieForm::kUntie).empty());
}

TEST_CASE("ties: without a rule, or with a config that fits none, nothing is tied") {
  const TieSteps unknown = {"no rule describes this model, so nobody knows what it ties"};
  for (const TieForm form : {TieForm::kDrop, TieForm::kMaterialize, TieForm::kUntie}) {
    CHECK(steps(R"({"files": {"model.safetensors": {"tensors": {
                    "a": {"dtype": "U8", "shape": [1], "fill": "one"}}}}})",
                form) == unknown);
    CHECK(steps(llama(true, "", R"(, "says": {"hidden_size": "four"})"), form) == unknown);
  }
}

// The embedding in a shard of its own, and the head, or the last layer, in one that is damaged.
std::string damaged(std::string_view second) {
  return R"({"files": {
      "config.json": {"json": {"model_type": "llama", "architectures": ["LlamaForCausalLM"],
          "vocab_size": 2, "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
          "num_attention_heads": 1, "tie_word_embeddings": true}},
      "a.safetensors": {"tensors": {"model.embed_tokens.weight":
          {"dtype": "F32", "shape": [2, 2], "fill": "zero"}}},
      "b.safetensors": {"header": "{)" +
         std::string(second) +
         R"(\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[16,52]}}",
          "data": {"zeros": 32}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
          {"model.embed_tokens.weight": "a.safetensors", "model.norm.weight": "b.safetensors"}}}}})";
}

TEST_CASE("ties: a form that would need a damaged shard written anew is refused") {
  CHECK(
      steps(damaged(""), TieForm::kMaterialize) ==
      TieSteps{"'lm_head.weight' cannot be stored: 'b.safetensors' cannot be written anew: not all "
               "tensors of the file can be read"});
  CHECK(
      steps(damaged(""), TieForm::kUntie) ==
      TieSteps{"'lm_head.weight' cannot be stored: 'b.safetensors' cannot be written anew: not all "
               "tensors of the file can be read"});
  // Nobody read its bytes.
  CHECK(
      steps(
          damaged(
              R"(\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},)"),
          TieForm::kDrop) ==
      TieSteps{"'lm_head.weight' cannot be dropped: its bytes are not those of "
               "'model.embed_tokens.weight'; '--untie' keeps both"});
}

Finding wanting(std::vector<Edit> edits) {
  Finding finding{.code = "AR400"};
  finding.fix = Fix{.safety = Safety::kSafe, .summary = "do it", .edits = std::move(edits)};
  return finding;
}

TEST_CASE("ties: a form that is asked for decides, and not the findings about it") {
  const CheckedModel model = test::checked(llama(true, kSame));
  CHECK(is_about_ties(model.model, wanting({edit::DropTensor{"model.safetensors", kTiedHead}})));
  CHECK(is_about_ties(model.model,
                      wanting({edit::SetJson{"config.json", "/tie_word_embeddings", "false"}})));
  CHECK(is_about_ties(
      model.model,
      wanting({edit::SetJson{"config.json", "/text_config/tie_word_embeddings", "true"}})));
  CHECK_FALSE(
      is_about_ties(model.model, wanting({edit::DropTensor{"model.safetensors", kTiedEmbedding}})));
  CHECK_FALSE(
      is_about_ties(model.model, wanting({edit::SetJson{"config.json", "/vocab_size", "8"}})));
  CHECK_FALSE(is_about_ties(model.model, wanting({edit::RelayShard{"model.safetensors"}})));
  CHECK_FALSE(is_about_ties(model.model, Finding{.code = "AR400"}));
  const CheckedModel bare = test::checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [1], "fill": "one"}}}}})");
  CHECK_FALSE(
      is_about_ties(bare.model, wanting({edit::DropTensor{"model.safetensors", kTiedHead}})));
  // So a finding that would set the flag is not applied beside a form.
  const auto plan = plan_fixes(
      model.model, {wanting({edit::SetJson{"config.json", "/tie_word_embeddings", "false"}})},
      {.tie = TieForm::kMaterialize});
  REQUIRE(plan);
  CHECK(plan->changes.empty());
}

}  // namespace
}  // namespace shardwright
