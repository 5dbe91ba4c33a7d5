// Shards and their index after a round of a plan: names, entries, totals.
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "unit/repair/workshop.h"

namespace shardwright::test {
namespace {

// A shard for each tensor, under the names given, and an index.
std::string sharded(const std::vector<std::string>& names) {
  std::string files;
  std::size_t i = 0;
  for (const std::string& name : names) {
    files += "\"" + name + R"(": {"tensors": {"t)" + std::to_string(i++) +
             R"(": {"dtype": "U8", "shape": [1], "fill": "one"}}}, )";
  }
  return R"({"files": {)" + files + R"("model.safetensors.index.json": {"index": "auto"}}})";
}

// Where the shards go when the last one is left without a tensor.
std::vector<std::string> moved(const std::vector<std::string>& names) {
  const CheckedModel model = checked(sharded(names));
  Workshop work(model.model);
  REQUIRE(work.drop(names.back(), "t" + std::to_string(names.size() - 1), kAsked));
  const auto plan = work.finish();
  REQUIRE_MESSAGE(plan, why_not(plan));
  std::vector<std::string> changes;
  for (const FileChange& change : plan->changes)
    changes.push_back(change.from + " to " + change.to);
  return changes;
}

TEST_CASE(
    "workshop: shards are renumbered where their names are numbers of one row, and all there") {
  const std::string index = "model.safetensors.index.json to model.safetensors.index.json";
  CHECK(moved({"m-00001-of-00003.safetensors", "m-00002-of-00003.safetensors",
               "m-00003-of-00003.safetensors"}) ==
        std::vector<std::string>{"m-00001-of-00003.safetensors to m-00001-of-00002.safetensors",
                                 "m-00002-of-00003.safetensors to m-00002-of-00002.safetensors",
                                 "m-00003-of-00003.safetensors to ", index});
  CHECK(moved({"a.safetensors", "b.safetensors"}) ==
        std::vector<std::string>{"b.safetensors to ", index});
  CHECK(moved({"a-00001-of-00003.safetensors", "b-00002-of-00003.safetensors",
               "c-00003-of-00003.safetensors"}) ==
        std::vector<std::string>{"c-00003-of-00003.safetensors to ", index});
  CHECK(moved({"a-00001-of-00004.safetensors", "a-00002-of-00004.safetensors",
               "a-00003-of-00004.safetensors"}) ==
        std::vector<std::string>{"a-00003-of-00004.safetensors to ", index});
  CHECK(moved({"a-00001-of-00003.safetensors", "a-00002-of-00003.x.safetensors",
               "a-00003-of-00003.safetensors"}) ==
        std::vector<std::string>{"a-00003-of-00003.safetensors to ", index});
  // The only shard stays, without a tensor in it.
  CHECK(moved({"a.safetensors"}) ==
        std::vector<std::string>{"a.safetensors to a.safetensors", index});
}

TEST_CASE(
    "workshop: an empty shard that was empty before stays, and one that only moves keeps its "
    "bytes") {
  const CheckedModel model = checked(R"({"files": {
      "m-00001-of-00003.safetensors": {"tensors": {}},
      "m-00002-of-00003.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "m-00003-of-00003.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {"total_size": 2}, "weight_map":
          {"none": "m-00001-of-00003.safetensors", "a": "m-00002-of-00003.safetensors",
           "b": "m-00003-of-00003.safetensors"}}}}})");
  Workshop work(model.model);
  REQUIRE(work.relay("m-00001-of-00003.safetensors", false, kAsked));
  REQUIRE(work.shard("m-00002-of-00003.safetensors"));
  REQUIRE(work.drop("m-00003-of-00003.safetensors", "b", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  REQUIRE(plan->changes.size() == 4);
  CHECK(plan->changes[0].content != nullptr);
  CHECK(plan->changes[1].content == nullptr);
  CHECK(plan->changes[1].to == "m-00002-of-00002.safetensors");
  CHECK(plan->changes[2].to.empty());
  const std::string index = text_of(*plan->changes[3].content);
  CHECK(index.find(R"("none": "m-00001-of-00002.safetensors")") != std::string::npos);
  CHECK(index.find("\"b\"") == std::string::npos);
}

TEST_CASE("workshop: an index is written anew where that changes it") {
  const CheckedModel model =
      checked(R"({"rule": "llama", "config": {"num_hidden_layers": 1}, "shards": 2})");
  Workshop again(model.model);  // its entries are right, in whatever order
  again.rebuild_index(kAsked);
  const auto nothing = again.finish();
  REQUIRE(nothing);
  CHECK(nothing->changes.empty());
  CHECK(nothing->steps.empty());
  // With damaged files beside it, what their headers say counts.
  const CheckedModel more = checked(R"({"files": {
      "m-00001-of-00003.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "m-00002-of-00003.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "m-00003-of-00003.safetensors": {"text": "<html>"},
      "model.safetensors.index.json": {"json": {"weight_map": {"a": "m-00001-of-00003.safetensors"}}}}})");
  Workshop rest(more.model);
  rest.rebuild_index(kAsked);
  const auto rebuilt = rest.finish();
  REQUIRE(rebuilt);
  const std::string index = text_of(*rebuilt->changes.front().content);
  CHECK(index.find(R"("b": "m-00002-of-00003.safetensors")") != std::string::npos);
  CHECK(index.find("m-00003") == std::string::npos);
}

// What writing the index anew makes of this text beside two shards, and the steps.
std::string rebuilt(const std::string& text, std::vector<PlanStep>* steps = nullptr) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  const CheckedModel model = checked(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "b.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [2], "fill": "one"}}},
      "model.safetensors.index.json": {"text": ")" +
                                     escaped + "\"}}}");
  Workshop work(model.model);
  work.rebuild_index(kAsked);
  const auto plan = work.finish();
  REQUIRE_MESSAGE(plan, why_not(plan));
  CHECK(plan->notes.empty());  // no shard changes
  if (steps != nullptr) *steps = plan->steps;
  return plan->changes.empty() ? text : text_of(*plan->changes.front().content);
}

TEST_CASE("workshop: an index keeps every byte but what was wrong in it") {
  std::vector<PlanStep> steps;
  // The total alone, whatever stands around it, and in whatever order.
  CHECK(rebuilt("{\"v\":1e0,\"weight_map\":{\"b\":\"b.safetensors\", \"a\":\"a.safetensors\"},\n"
                "\"metadata\":{\"x\":[ ],\"total_size\":5},\"hashes\":{\"a\" : \"\\u0062\"}}",
                &steps) ==
        "{\"v\":1e0,\"weight_map\":{\"b\":\"b.safetensors\", \"a\":\"a.safetensors\"},\n"
        "\"metadata\":{\"x\":[ ],\"total_size\":3},\"hashes\":{\"a\" : \"\\u0062\"}}");
  REQUIRE(steps.size() == 1);
  CHECK(steps.front().op == "set");
  CHECK(steps.front().why == "/metadata/total_size to 3: the bytes of all tensors, by the headers");
  // The map is written anew where it is wrong, in its place.
  const std::string map = "{\n    \"a\": \"a.safetensors\",\n    \"b\": \"b.safetensors\"\n  }";
  CHECK(rebuilt("{\"weight_map\": {\"b\": \"a.safetensors\", \"a\": \"b.safetensors\"}, "
                "\"hashes\": {\"a\":1},"
                " \"metadata\": {\"z\": 0, \"total_size\": 1}}\n",
                &steps) == "{\"weight_map\": " + map +
                               ", \"hashes\": {\"a\":1},"
                               " \"metadata\": {\"z\": 0, \"total_size\": 3}}\n");
  REQUIRE(steps.size() == 1);
  CHECK(steps.front().op == "index");
  CHECK(rebuilt(R"({"hashes": 1, "weight_map": [], "metadata": {"total_size": 3}})") ==
        R"({"hashes": 1, "weight_map": )" + map + R"(, "metadata": {"total_size": 3}})");
  CHECK(rebuilt(R"({"hashes": 1, "metadata": {"total_size": 3}})") ==
        R"({"hashes": 1, "metadata": {"total_size": 3}, "weight_map": )" + map + "}");
  const std::string right = R"("weight_map": )" + map;
  CHECK(rebuilt("{" + right + R"(, "metadata": null, "h": 1})") ==
        "{" + right + ", \"metadata\": {\n      \"total_size\": 3\n  }, \"h\": 1}");
}

TEST_CASE("workshop: what stands twice in an index stands there once, and the rest stays") {
  const std::string map = R"("weight_map": {"a": "a.safetensors", "b": "b.safetensors"})";
  CHECK(rebuilt(R"({"metadata": {"total_size": 1, "x": 1, "total_size": 3, "x": 2}, "h": 0, )" +
                map + "}") == R"({"metadata": {"total_size": 3, "x": 2}, "h": 0, )" + map + "}");
  CHECK(rebuilt(R"({"weight_map": {}, "h": 0, "metadata": 1, "metadata": {"total_size": 3}, )" +
                map + "}") == R"({"h": 0, "metadata": {"total_size": 3}, )" + map + "}");
  CHECK(rebuilt("\xEF\xBB\xBF{\"metadata\": {\"total_size\": 3}, " + map + ", \"h\": 0}") ==
        "{\"metadata\": {\"total_size\": 3}, " + map + ", \"h\": 0}");
  // Nothing of a text that is no index can be kept.
  CHECK(rebuilt("{\"h\": 0, ").starts_with("{\n  \"metadata\": {\n    \"total_size\": 3\n"));
}

TEST_CASE("workshop: members that nobody knows are carried, and named where shards change") {
  const CheckedModel model = checked(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"},
                                    "c": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {"total_size": 2}, "weight_map":
          {"a": "a.safetensors", "c": "a.safetensors"}, "format_version": 2,
           "shard_hashes": {"a.safetensors": "00"}}}}})");
  Workshop work(model.model);
  REQUIRE(work.drop("a.safetensors", "c", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  REQUIRE(plan->notes.size() == 1);
  CHECK(plan->notes.front() ==
        "'format_version', 'shard_hashes' of 'model.safetensors.index.json': carried along "
        "unchanged; what is said there of shards that change may not hold any more");
  const std::string index = text_of(*plan->changes.back().content);
  CHECK(index.find("\"shard_hashes\"") != std::string::npos);
  CHECK(index.find("\"c\"") == std::string::npos);
  // Also where the index itself need not change.
  Workshop relaid(model.model);
  REQUIRE(relaid.relay("a.safetensors", false, kAsked));
  const auto same = relaid.finish();
  REQUIRE(same);
  CHECK(same->changes.size() == 1);
  CHECK(same->notes.size() == 1);
}

// The index after the last tensor of the second shard was dropped.
std::string followed(std::string_view index) {
  const CheckedModel model = checked(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"},
                                    "both": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "b.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [2], "fill": "one"},
                                    "both": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": )" +
                                     std::string(index) + "}}}");
  Workshop work(model.model);
  REQUIRE(work.drop("b.safetensors", "both", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  for (const FileChange& change : plan->changes) {
    if (change.to.ends_with(".json")) return text_of(*change.content);
  }
  return "";
}

TEST_CASE("workshop: the entries of an index follow their tensors, and its total what is stored") {
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  const std::string good = followed(R"({"metadata": {"total_size": 5}, "weight_map":
                   {"a": "a.safetensors", "b": "b.safetensors", "both": "b.safetensors"}})");
  CHECK(has(good, R"("both": "a.safetensors")"));
  CHECK(has(good, R"("total_size": 4)"));
  // An entry that names what was never there stays; a total that is missing or too small is
  // counted.
  const std::string lost =
      followed(R"({"weight_map": {"a": "a.safetensors", "lost": "b.safetensors"}})");
  CHECK(has(lost, R"("lost": "b.safetensors")"));
  CHECK(has(lost, R"("total_size": 4)"));
  CHECK(has(followed(R"({"metadata": {"total_size": 1}, "weight_map":
                         {"a": "a.safetensors", "b": "b.safetensors"}})"),
            R"("total_size": 4)"));
}

TEST_CASE("workshop: a tensor that goes takes its entry with it, and a new one gets one") {
  const CheckedModel model = checked(sharded({"a.safetensors", "b.safetensors"}));
  Workshop work(model.model);
  REQUIRE(work.add_copy(tensor_of(model, "t1"), "copy", kAsked));
  REQUIRE(work.add_copy(tensor_of(model, "t0"), "t1", kAsked));  // has an entry
  REQUIRE(work.drop("b.safetensors", "t1", kAsked));
  const auto plan = work.finish();
  REQUIRE_MESSAGE(plan, why_not(plan));
  const std::string index = text_of(*plan->changes.back().content);
  CHECK(index.find(R"("copy": "b.safetensors")") != std::string::npos);
  CHECK(index.find(R"("t1": "b.safetensors")") != std::string::npos);
  Workshop less(model.model);
  REQUIRE(less.rename("a.safetensors", "t0", "t1", kAsked));
  REQUIRE(less.drop("b.safetensors", "t1", kAsked));
  REQUIRE(less.add_copy(tensor_of(model, "t1"), "kept", kAsked));
  const auto moved_in = less.finish();
  REQUIRE(moved_in);
  const std::string renamed = text_of(*moved_in->changes.back().content);
  CHECK(renamed.find(R"("t1": "a.safetensors")") != std::string::npos);
  CHECK(renamed.find("\"t0\"") == std::string::npos);
}

TEST_CASE("workshop: shards that are not loaded count for nothing") {
  const CheckedModel model = checked(R"({"files": {
      "m-00001-of-00002.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "m-00002-of-00002.safetensors": {"tensors": {"b": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "zz.safetensors": {"tensors": {"z": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {"total_size": 2}, "weight_map":
          {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors",
           "lost": "m-00002-of-00002.safetensors"}}}}})");
  Workshop copied(model.model);
  REQUIRE(copied.add_copy(tensor_of(model, "a"), "copy", kAsked));
  CHECK(copied.finish()->changes.front().from == "m-00002-of-00002.safetensors");
  Workshop work(model.model);
  REQUIRE(work.drop("m-00002-of-00002.safetensors", "b", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  CHECK(plan->changes[0].to == "m-00001-of-00001.safetensors");
  // A tensor that nobody has goes with the shard that was said to hold it.
  CHECK(text_of(*plan->changes.back().content).find("lost") == std::string::npos);
}

}  // namespace
}  // namespace shardwright::test
