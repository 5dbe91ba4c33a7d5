// Fixes that contradict each other, or cannot be: none of them is applied, each is named, and their
// order decides nothing.
#include "repair/plan.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unit/repair/checked.h"

namespace shardwright {
namespace {

constexpr std::string_view kPlanned = R"({"rule": "llama", "config": {"num_hidden_layers": 1}})";
const std::string kShard = "model.safetensors";
const std::string kNorm = "model.norm.weight";
const std::string kEmbedding = "model.embed_tokens.weight";

Finding wanting(std::string code, std::vector<Edit> edits, Safety safety = Safety::kSafe) {
  Finding finding{.code = code, .severity = Severity::kError, .message = "as " + code + " says"};
  finding.fix =
      Fix{.safety = safety, .summary = "do what " + code + " wants", .edits = std::move(edits)};
  return finding;
}

// What is left of these fixes, each with its reason. Nothing may come of any of them.
std::vector<std::string> left_of(std::vector<Finding> findings) {
  const CheckedModel model = test::checked(kPlanned);
  std::vector<std::string> notes;
  for (int turn = 0; turn < 2; ++turn) {
    const auto plan = plan_fixes(model.model, findings, {.unsafe = true});
    REQUIRE(plan);
    CHECK(plan->changes.empty());
    CHECK(plan->steps.empty());
    auto sorted = plan->left;
    std::ranges::sort(sorted);
    if (turn == 1) CHECK(sorted == notes);
    notes = sorted;
    std::ranges::reverse(findings);
  }
  return notes;
}

std::vector<std::string> one_left(Edit edit) {
  return left_of({wanting("ST100", {std::move(edit)})});
}

TEST_CASE("plan: of two fixes that contradict each other neither is applied") {
  CHECK(left_of({wanting("ST100", {edit::RenameTensor{kShard, kNorm, "a"}}),
                 wanting("ST200", {edit::RenameTensor{kShard, kNorm, "b"}})}) ==
        std::vector<std::string>{
            "'do what ST100 wants' (ST100) is left: 'do what ST200 wants' (ST200) wants something "
            "else of 'model.norm.weight'",
            "'do what ST200 wants' (ST200) is left: 'do what ST100 wants' (ST100) wants something "
            "else of 'model.norm.weight'"});
  CHECK(left_of({wanting("ST100", {edit::RenameTensor{kShard, kNorm, "a"}}),
                 wanting("ST200", {edit::RenameTensor{kShard, kEmbedding, "a"}})})
            .size() == 2);
  CHECK(left_of({wanting("CF100", {edit::SetJson{"config.json", "/vocab_size", "1"}}),
                 wanting("CF200", {edit::SetJson{"config.json", "/vocab_size", "2"}})})
            .size() == 2);
  CHECK(left_of({wanting("AR100", {edit::ReshapeTensor{kShard, kNorm, {1, 8}}}),
                 wanting("AR200", {edit::TransposeTensor{kShard, kNorm}})})
            .size() == 2);
}

TEST_CASE("plan: a fix is applied whole or not at all") {
  const auto notes = left_of({wanting("ST100", {edit::SetJson{"config.json", "/vocab_size", "1"},
                                                edit::RenameTensor{kShard, kNorm, "a"}}),
                              wanting("ST200", {edit::RenameTensor{kShard, kNorm, "b"}})});
  CHECK(notes.size() == 2);
}

TEST_CASE("plan: what cannot be is left, and why") {
  const std::string left = "'do what ST100 wants' (ST100) is left: ";
  const auto why = [&](Edit edit) {
    const auto notes = one_left(std::move(edit));
    REQUIRE(notes.size() == 1);
    REQUIRE(notes[0].starts_with(left));
    return notes[0].substr(left.size());
  };
  CHECK(why(edit::DropTensor{kShard, "absent"}) == "'absent' is not in 'model.safetensors'");
  CHECK(why(edit::DropTensor{kShard, kEmbedding}) ==
        "no tensor that stays is proven to have the bytes of 'model.embed_tokens.weight'");
  CHECK(why(edit::RenameTensor{kShard, "absent", "a"}) == "'absent' is not in 'model.safetensors'");
  CHECK(why(edit::RenameTensor{kShard, kNorm, kEmbedding}) ==
        "'model.embed_tokens.weight' is the name of another tensor, in 'model.safetensors'");
  CHECK(why(edit::ReshapeTensor{kShard, "absent", {8}}) ==
        "'absent' is not in 'model.safetensors'");
  CHECK(why(edit::ReshapeTensor{kShard, kEmbedding, {7}}).find("may stand in another order") !=
        std::string::npos);
  CHECK(why(edit::TransposeTensor{kShard, "absent"}) == "'absent' is not in 'model.safetensors'");
  CHECK(why(edit::TransposeTensor{kShard, kNorm}) == "'model.norm.weight' is no matrix");
  CHECK(why(edit::RelayShard{"absent.safetensors"}) ==
        "no loaded shard is named 'absent.safetensors'");
  CHECK(why(edit::SetJson{"absent.json", "/a", "1"}) ==
        "opening 'absent.json': No such file or directory");
}

TEST_CASE("plan: a fix that falls takes those with it that stood on it") {
  // The embedding may have the norm's name only once the norm has another.
  const auto notes = left_of({wanting("ST100", {edit::RenameTensor{kShard, kNorm, "a"}}),
                              wanting("ST200", {edit::RenameTensor{kShard, kNorm, "b"}}),
                              wanting("ST300", {edit::RenameTensor{kShard, kEmbedding, kNorm}})});
  REQUIRE(notes.size() == 3);
  CHECK(notes[2] ==
        "'do what ST300 wants' (ST300) is left: 'model.norm.weight' is the name of another tensor, "
        "in 'model.safetensors'");
}

TEST_CASE("plan: what is unsafe, or gone, is not applied unasked") {
  const CheckedModel model = test::checked(kPlanned);
  const std::vector<Edit> edits = {edit::SetJson{"config.json", "/vocab_size", "1"}};
  for (const auto& [safety, unsafe, changes] :
       {std::tuple{Safety::kSafe, false, 1}, std::tuple{Safety::kUnsafe, false, 0},
        std::tuple{Safety::kUnsafe, true, 1}, std::tuple{Safety::kNever, true, 0}}) {
    const auto plan =
        plan_fixes(model.model, {wanting("CF100", edits, safety)}, {.unsafe = unsafe});
    REQUIRE(plan);
    CHECK(plan->changes.size() == static_cast<std::size_t>(changes));
  }
  const auto unwanted = plan_fixes(model.model, {wanting("CF100", edits)},
                                   {.wanted = [](const Finding&) { return false; }});
  REQUIRE(unwanted);
  CHECK(unwanted->changes.empty());
}

TEST_CASE("plan: what is dropped is not renamed, shaped or turned besides") {
  const CheckedModel model = test::checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [1, 4], "fill": "iota"},
      "b": {"dtype": "U8", "shape": [1, 4], "fill": "same:a"}}}}})");
  for (const Edit& other :
       {Edit(edit::RenameTensor{kShard, "b", "c"}), Edit(edit::ReshapeTensor{kShard, "b", {4}}),
        Edit(edit::TransposeTensor{kShard, "b"})}) {
    const auto plan = plan_fixes(
        model.model, {wanting("ST100", {edit::DropTensor{kShard, "b"}}), wanting("ST200", {other})},
        {.unsafe = true});
    REQUIRE(plan);
    CHECK(plan->left.empty());
    REQUIRE(plan->steps.size() == 1);
    CHECK(plan->steps[0].op == "drop");
    CHECK(plan->steps[0].why == "every byte of it is in 'a' of 'model.safetensors', which stays");
  }
  // Of what no rule describes the config is what expects.
  const auto plan =
      plan_fixes(model.model, {wanting("ST100", {edit::RenameTensor{kShard, "b", "c"}})}, {});
  REQUIRE(plan);
  CHECK(plan->steps.at(0).why == "to 'c': the name that the config expects");
}

TEST_CASE(
    "plan: two fixes that want the same are applied together, and a loaded shard is no stray") {
  const CheckedModel model = test::checked(kPlanned);
  const Edit set = edit::SetJson{"config.json", "/vocab_size", "1"};
  const auto plan =
      plan_fixes(model.model, {wanting("CF100", {set}), wanting("CF200", {set})}, {.unsafe = true});
  REQUIRE(plan);
  CHECK(plan->left.empty());
  CHECK(plan->changes.size() == 1);
  for (const char* file : {"model.safetensors", "absent.safetensors"}) {
    CHECK(one_left(edit::DropFile{file}) ==
          std::vector<std::string>{"'do what ST100 wants' (ST100) is left: '" + std::string(file) +
                                   "' is no file beside the model"});
  }
}

}  // namespace
}  // namespace shardwright
