// A round of a plan at work: what it makes of edits, and what it says of those that cannot be.
#include "unit/repair/workshop.h"

#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "json/value.h"

namespace shardwright::test {
namespace {

std::string not_anew(const std::string& file) {
  return "'" + file + "' cannot be written anew: not all tensors of the file can be read";
}

TEST_CASE("workshop: edits of what is not there say so, and nothing comes of them") {
  const CheckedModel model = checked(kTwoTensors);
  Workshop work(model.model);
  const std::string absent = "'x' is not in 'model.safetensors'";
  const std::string no_shard = "no loaded shard is named 'x.safetensors'";
  CHECK(why_not(work.shard("x.safetensors")) == no_shard);
  CHECK(why_not(work.drop("x.safetensors", "a", kAsked)) == no_shard);
  CHECK(why_not(work.drop(kShardFile, "x", kAsked)) == absent);
  CHECK(why_not(work.rename(kShardFile, "x", "y", kAsked)) == absent);
  CHECK(why_not(work.reshape(kShardFile, "x", {1}, kAsked)) == absent);
  CHECK(why_not(work.relay("x.safetensors", false, kAsked)) == no_shard);
  CHECK(why_not(work.set_json("../x.json", "/a", "1", kAsked)) ==
        "'../x.json' is not in the checkpoint's folder");
  CHECK(why_not(work.set_json("x.json", "/a", "1", kAsked)) ==
        "opening 'x.json': No such file or directory");
  CHECK(why_not(work.reshape(kShardFile, "a", {7}, kAsked)) ==
        "'a' has shape [2, 3], which is another number of elements than [7]");
  Tensor other = tensor_of(model, "a");
  other.name = "x";
  CHECK(why_not(work.transpose(kShardFile, other, kAsked)) == absent);
  CHECK(why_not(work.consume(other)) == absent);
  CHECK(why_not(work.compose("stack", other, {}, kAsked)) == absent);
  other.readable = false;
  CHECK(why_not(work.add_copy(other, "y", kAsked)) == "'x' cannot be read");
  // A shard that was only looked at stays as it is.
  Workshop idle(model.model);
  REQUIRE(idle.shard(kShardFile));
  const auto plan = idle.finish();
  REQUIRE(plan);
  CHECK(plan->changes.empty());
  CHECK(plan->steps.empty());
}

TEST_CASE("workshop: what is wanted twice is done once") {
  const CheckedModel model = checked(kTwoTensors);
  Workshop work(model.model);
  CHECK(work.drop(kShardFile, "a", kAsked));
  CHECK(work.drop(kShardFile, "a", kAsked));
  CHECK(work.rename(kShardFile, "b", "b", kAsked));  // it has that name
  CHECK(work.relay(kShardFile, false, kAsked));
  CHECK(work.relay(kShardFile, false, kAsked));
  work.step("relay", kShardFile, "", {.code = "ST100", .why = "another reason"});
  work.step("relay", kShardFile, "", {.code = "ST200", .why = "another reason"});
  work.remove_file("stray", kAsked);
  work.remove_file("stray", kAsked);
  const auto plan = work.finish();
  REQUIRE(plan);
  std::vector<std::string> ops;
  for (const PlanStep& step : plan->steps)
    ops.push_back(step.op + " " + step.code);
  CHECK(ops == std::vector<std::string>{"drop ST100", "relay ST100", "relay ST100", "relay ST200",
                                        "remove ST100"});
  REQUIRE(plan->changes.size() == 2);
  CHECK(header_of(plan->changes[0]).tensors.size() == 1);
  CHECK(plan->changes[1].from == "stray");
  CHECK(plan->changes[1].to.empty());
}

TEST_CASE("workshop: a metadata format that loaders know stays, another goes where that is asked") {
  for (const auto& [format, relabel, expected] :
       {std::tuple{"pt", true, "pt"}, std::tuple{"tf", true, "tf"},
        std::tuple{"flax", true, "flax"}, std::tuple{"mlx", true, "mlx"},
        std::tuple{"torch", true, "pt"}, std::tuple{"torch", false, "torch"}}) {
    CAPTURE(format);
    const CheckedModel model = checked(
        R"({"files": {"model.safetensors": {"metadata": {"format": ")" + std::string(format) +
        R"("}, "tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}}}})");
    Workshop work(model.model);
    REQUIRE(work.relay(kShardFile, relabel, kAsked));
    const auto plan = work.finish();
    REQUIRE(plan);
    CHECK(header_of(plan->changes.front()).metadata.front().second == expected);
  }
}

TEST_CASE("workshop: values of one text are set one after the other") {
  const CheckedModel model = checked(R"({"rule": "llama", "config": {"num_hidden_layers": 1}})");
  Workshop work(model.model);
  REQUIRE(work.set_json("config.json", "/one", "1", kAsked));
  REQUIRE(work.set_json("config.json", "/two", "2", kAsked));
  CHECK_FALSE(work.set_json("config.json", "/two/three", "3", kAsked));
  REQUIRE(work.set_json("config.json", "/vision_config/depth", "5", kAsked));
  CHECK_FALSE(work.set_json("config.json", "four", "4", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  REQUIRE(plan->changes.size() == 1);
  CHECK(plan->changes[0].from == "config.json");
  const std::string text = text_of(*plan->changes[0].content);
  CHECK(text.find("\"one\": 1") != std::string::npos);
  CHECK(text.find("\"two\": 2") != std::string::npos);
  CHECK(text.find("three") == std::string::npos);
  CHECK(text.find("\"vision_config\": {\n    \"depth\": 5\n  }\n}") != std::string::npos);
}

TEST_CASE(
    "workshop: shards that cannot be read whole are not changed, nor those that are no shards") {
  // Data that ends early, no header, and a file that the index names and nobody has.
  const CheckedModel model = checked(R"({"files": {
      "one.safetensors": {"header": "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                          "data": "0102"},
      "two.safetensors": {"text": "<html>"},
      "stray.safetensors": {"tensors": {"s": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
          {"a": "one.safetensors", "b": "two.safetensors", "c": "three.safetensors"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.shard("one.safetensors")) == not_anew("one.safetensors"));
  CHECK(why_not(work.shard("two.safetensors")) == not_anew("two.safetensors"));
  for (const std::string name : {"three.safetensors", "stray.safetensors"})
    CHECK(why_not(work.shard(name)) == "no loaded shard is named '" + name + "'");
  CHECK(why_not(work.consume(tensor_of(model, "a"))) == not_anew("one.safetensors"));
  const CheckedModel none = checked(R"({"files": {"config.json": {"json": {}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {"c": "c.safetensors"}}}}})");
  Workshop idle(none.model);
  const CheckedModel other = checked(kTwoTensors);
  CHECK(why_not(idle.add_copy(tensor_of(other, "a"), "x", kAsked)) == "there is no loaded shard");
}

TEST_CASE("workshop: a shard with an entry that cannot be read is not changed beside it") {
  const std::string good = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  const auto dropped = [&](const std::string& header, bool unsafe) {
    const CheckedModel model = checked(
        fmt::format(R"({{"files": {{"one.safetensors": {{"header": {}, "data": "01020304"}}}}}})",
                    json::dump({header})));
    return why_not(Workshop(model.model, unsafe).drop("one.safetensors", "a", kAsked));
  };
  for (const std::string entry : {
           R"("b":{"dtype":"F3_X","shape":[2],"data_offsets":[2,4]})",
           R"("b":{"dtype":"U8","shape":2,"data_offsets":[2,4]})",
           R"("b":{"dtype":"U8","shape":[2]})",
           R"("b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]})",  // shares a byte with 'a'
           R"("b":{"dtype":"U8","shape":[2],"data_off)",
       }) {
    for (const bool unsafe : {false, true})
      CHECK(dropped("{" + good + "," + entry + "}", unsafe) == not_anew("one.safetensors"));
  }
  const std::string numbers = R"({"__metadata__":{"format":"pt","epoch":3},)" + good +
                              R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})";
  CHECK(dropped(numbers, false) ==
        "'one.safetensors' would be written anew without the metadata that is no text, which "
        "'--unsafe' allows");
  CHECK(dropped(numbers, true) == "");
}

TEST_CASE("workshop: a copy goes into a shard that can be read, or nowhere") {
  const CheckedModel model = checked(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [4], "fill": "iota"}}},
      "b.safetensors": {"text": "<html>"},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
          {"a": "a.safetensors", "b": "b.safetensors"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.add_copy(tensor_of(model, "a"), "x", kAsked)) == not_anew("b.safetensors"));
}

}  // namespace
}  // namespace shardwright::test
