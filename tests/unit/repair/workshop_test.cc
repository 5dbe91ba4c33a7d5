// A round of a plan at work: what it makes of edits, and what it says of those that cannot be.
#include "repair/workshop.h"

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "safetensors/header.h"
#include "unit/repair/checked.h"

namespace shardwright {
namespace {

const Reason kAsked{.code = "ST100", .why = "as ST100 says"};
const std::string kShardFile = "model.safetensors";

// Of U8 and F32 tensors, in this order.
constexpr std::string_view kTwoTensors = R"({"files": {"model.safetensors": {
    "tensors": {"a": {"dtype": "U8", "shape": [2, 3], "fill": "iota"},
                "b": {"dtype": "F32", "shape": [2], "fill": "iota"}}}}})";

std::string text_of(const ByteSource& source) {
  return read_all(source, 1U << 30U).value();
}

safetensors::Header header_of(const FileChange& change) {
  return safetensors::read_header(*change.content).value();
}

template <typename Result>
std::string why_not(const Result& result) {
  return result ? "" : result.error().message;
}

const Tensor& tensor_of(const CheckedModel& model, std::string_view name) {
  const Tensor* found = model.model.checkpoint.find(name);
  REQUIRE(found != nullptr);
  return *found;
}

TEST_CASE("workshop: edits of what is not there say so, and nothing comes of them") {
  const CheckedModel model = test::checked(kTwoTensors);
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
  const CheckedModel model = test::checked(kTwoTensors);
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
    const CheckedModel model = test::checked(
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
  const CheckedModel model =
      test::checked(R"({"rule": "llama", "config": {"num_hidden_layers": 1}})");
  Workshop work(model.model);
  REQUIRE(work.set_json("config.json", "/one", "1", kAsked));
  REQUIRE(work.set_json("config.json", "/two", "2", kAsked));
  CHECK_FALSE(work.set_json("config.json", "/two/three", "3", kAsked));
  CHECK_FALSE(work.set_json("config.json", "four", "4", kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  REQUIRE(plan->changes.size() == 1);
  CHECK(plan->changes[0].from == "config.json");
  const std::string text = text_of(*plan->changes[0].content);
  CHECK(text.find("\"one\": 1") != std::string::npos);
  CHECK(text.find("\"two\": 2") != std::string::npos);
  CHECK(text.find("three") == std::string::npos);
}

TEST_CASE(
    "workshop: shards that cannot be read whole are not changed, nor those that are no shards") {
  // Data that ends early, no header, and a file that the index names and nobody has.
  const CheckedModel model = test::checked(R"({"files": {
      "one.safetensors": {"header": "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                          "data": "0102"},
      "two.safetensors": {"text": "<html>"},
      "stray.safetensors": {"tensors": {"s": {"dtype": "U8", "shape": [1], "fill": "one"}}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
          {"a": "one.safetensors", "b": "two.safetensors", "c": "three.safetensors"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.shard("one.safetensors")) == "'a' in 'one.safetensors' cannot be read");
  CHECK(why_not(work.shard("two.safetensors")) == "'two.safetensors' cannot be read");
  for (const std::string name : {"three.safetensors", "stray.safetensors"})
    CHECK(why_not(work.shard(name)) == "no loaded shard is named '" + name + "'");
  CHECK(why_not(work.consume(tensor_of(model, "a"))) == "'a' in 'one.safetensors' cannot be read");
  const CheckedModel none = test::checked(R"({"files": {"config.json": {"json": {}},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map": {"c": "c.safetensors"}}}}})");
  Workshop idle(none.model);
  const CheckedModel other = test::checked(kTwoTensors);
  CHECK(why_not(idle.add_copy(tensor_of(other, "a"), "x", kAsked)) == "there is no loaded shard");
}

TEST_CASE("workshop: a copy goes into a shard that can be read, or nowhere") {
  const CheckedModel model = test::checked(R"({"files": {
      "a.safetensors": {"tensors": {"a": {"dtype": "U8", "shape": [4], "fill": "iota"}}},
      "b.safetensors": {"text": "<html>"},
      "model.safetensors.index.json": {"json": {"metadata": {}, "weight_map":
          {"a": "a.safetensors", "b": "b.safetensors"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.add_copy(tensor_of(model, "a"), "x", kAsked)) ==
        "'b.safetensors' cannot be read");
}

TEST_CASE("workshop: a matrix is turned, and what is none, or below a byte, is not") {
  const CheckedModel model = test::checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [2, 3], "fill": "iota"},
      "f": {"dtype": "F4", "shape": [2, 2], "fill": "random:1"}}}}})");
  Workshop work(model.model);
  CHECK(why_not(work.transpose(kShardFile, tensor_of(model, "f"), kAsked)) ==
        "'f' cannot be transposed");
  REQUIRE(work.transpose(kShardFile, tensor_of(model, "a"), kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const std::string bytes = text_of(*plan->changes.front().content);
  const safetensors::Header header = header_of(plan->changes.front());
  REQUIRE(header.tensors.front().name == "a");
  CHECK(same_shape(header.tensors.front().shape, Shape{3, 2}));
  CHECK(bytes.substr(header.data_start(), 6) == std::string("\0\3\1\4\2\5", 6));
}

TEST_CASE("workshop: a shard that no header can describe is not made") {
  const CheckedModel model = test::checked(kTwoTensors);
  Workshop twice(model.model);
  REQUIRE(twice.rename(kShardFile, "a", "b", kAsked));
  CHECK(why_not(twice.finish()) == "two tensors are named 'b'");
  Workshop short_of(model.model);
  const Tensor& a = tensor_of(model, "a");
  DraftTensor made = draft_of(a, "made");
  made.shape = {7};
  REQUIRE(short_of.compose("stack", a, made, kAsked));
  CHECK(why_not(short_of.finish()) == "'made' has 6 bytes, and its shape [7] needs 7");
}

TEST_CASE("workshop: what would lie misaligned, or is made of parts, is ordered anew") {
  const CheckedModel model = test::checked(kTwoTensors);
  // F32 behind six bytes.
  Workshop work(model.model);
  REQUIRE(work.relay(kShardFile, false, kAsked));
  CHECK(header_of(work.finish()->changes.front()).tensors.front().name == "b");
  // Rows of one tensor between those of another.
  const Tensor& a = tensor_of(model, "a");
  Workshop woven(model.model);
  DraftTensor made{.name = "made", .dtype = DType::kU8, .shape = {12}};
  made.parts = {{.source = &a, .to = 0, .bytes = 3, .rows = 2, .stride = 6},
                {.source = &a, .to = 3, .bytes = 3, .rows = 2, .stride = 6}};
  REQUIRE(woven.compose("stack", a, made, kAsked));
  REQUIRE(woven.consume(a));
  const auto plan = woven.finish();
  REQUIRE(plan);
  const FileChange& change = plan->changes.front();
  const safetensors::Header header = header_of(change);
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[1].name == "made");
  CHECK(text_of(*change.content).substr(header.data_start() + header.tensors[1].begin) ==
        std::string("\0\1\2\0\1\2\3\4\5\3\4\5", 12));
  // Parts that follow each other need nothing that assembles them.
  Workshop split(model.model);
  DraftTensor halves{.name = "halves", .dtype = DType::kU8, .shape = {6}};
  halves.parts = {{.source = &a, .from = 3, .to = 0, .bytes = 3},
                  {.source = &a, .from = 0, .to = 3, .bytes = 3}};
  REQUIRE(split.compose("stack", a, halves, kAsked));
  const auto with_halves = split.finish();
  REQUIRE(with_halves);
  const safetensors::Header both = header_of(with_halves->changes.front());
  REQUIRE(both.tensors.back().name == "halves");
  CHECK(text_of(*with_halves->changes.front().content)
            .substr(both.data_start() + both.tensors.back().begin) ==
        std::string("\3\4\5\0\1\2", 6));
}

TEST_CASE("workshop: data of a megabyte and more keeps its place in its blocks") {
  const CheckedModel model = test::checked(R"({"files": {"model.safetensors": {"tensors": {
      "a": {"dtype": "U8", "shape": [1048576], "fill": "zero"},
      "b": {"dtype": "U8", "shape": [8], "fill": "zero"}}}}})");
  const Tensor& a = tensor_of(model, "a");
  for (const std::uint64_t offset : {std::uint64_t{4096}, a.offset}) {
    Workshop work(model.model);
    REQUIRE(work.drop(kShardFile, "b", kAsked));
    const safetensors::Header header = header_of(work.finish()->changes.front());
    CHECK((header.data_start() % 4096 == a.offset % 4096));
    CHECK(offset > 0);
  }
}

TEST_CASE("workshop: of equal names in one header the last is the tensor") {
  const CheckedModel model = test::checked(R"({"files": {"model.safetensors": {
      "header": "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
      "data": "010203"}}})");
  Workshop work(model.model);
  REQUIRE(work.relay(kShardFile, false, kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const safetensors::Header header = header_of(plan->changes.front());
  REQUIRE(header.tensors.size() == 1);
  CHECK(text_of(*plan->changes.front().content).back() == 3);
}

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
  const CheckedModel model = test::checked(sharded(names));
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
  const CheckedModel model = test::checked(R"({"files": {
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
      test::checked(R"({"rule": "llama", "config": {"num_hidden_layers": 1}, "shards": 2})");
  Workshop first(model.model);
  first.rebuild_index(kAsked);
  const auto plan = first.finish();
  REQUIRE(plan);
  REQUIRE(plan->changes.size() == 1);  // sorted otherwise
  std::string files = R"({"rule": "llama", "config": {"num_hidden_layers": 1}, "shards": 2,
      "files": {"model.safetensors.index.json": {"text": ")";
  for (const char c : text_of(*plan->changes[0].content)) {
    if (c == '"' || c == '\\') files += '\\';
    files += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  const CheckedModel written = test::checked(files + "\"}}}");
  Workshop again(written.model);
  again.rebuild_index(kAsked);
  const auto nothing = again.finish();
  REQUIRE(nothing);
  CHECK(nothing->changes.empty());
  CHECK(nothing->steps.empty());
  // With damaged files beside it, what their headers say counts.
  const CheckedModel more = test::checked(R"({"files": {
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

// The index after the last tensor of the second shard was dropped.
std::string followed(std::string_view index) {
  const CheckedModel model = test::checked(R"({"files": {
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
  const CheckedModel model = test::checked(sharded({"a.safetensors", "b.safetensors"}));
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
  const CheckedModel model = test::checked(R"({"files": {
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

TEST_CASE("workshop: parts that are given out of order lie where they belong") {
  const CheckedModel model = test::checked(kTwoTensors);
  const Tensor& a = tensor_of(model, "a");
  Workshop work(model.model);
  DraftTensor made{.name = "made", .dtype = DType::kU8, .shape = {6}};
  made.parts = {{.source = &a, .from = 0, .to = 3, .bytes = 3},
                {.source = &a, .from = 3, .to = 0, .bytes = 3}};
  REQUIRE(work.compose("stack", a, made, kAsked));
  const auto plan = work.finish();
  REQUIRE(plan);
  const safetensors::Header header = header_of(plan->changes.front());
  REQUIRE(header.tensors.back().name == "made");
  CHECK(text_of(*plan->changes.front().content)
            .substr(header.data_start() + header.tensors.back().begin) ==
        std::string("\3\4\5\0\1\2", 6));
}

}  // namespace
}  // namespace shardwright
