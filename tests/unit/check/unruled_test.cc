// What is known without a rule, on checkpoints in memory.
#include "check/unruled.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

Checkpoint unruled_checkpoint(std::string_view config, std::string_view tensors,
                              std::string_view more = "") {
  auto opened = open_checkpoint(
      test::memory_fixture(R"({"files": {"config.json": {"json": )" + std::string(config) +
                           R"(}, "model.safetensors": {"tensors": {)" + std::string(tensors) +
                           "}}" + std::string(more) + "}}"));
  REQUIRE(opened.has_value());
  return *std::move(opened);
}

std::string tensor_text(std::string_view name, std::string_view shape,
                        std::string_view dtype = "F32") {
  return "\"" + std::string(name) + R"(": {"dtype": ")" + std::string(dtype) + R"(", "shape": )" +
         std::string(shape) + R"(, "fill": "zero"})";
}

Join joined(const Checkpoint& checkpoint, std::string model_type = "olmo3") {
  return join_without_rule(checkpoint, {.model_type = std::move(model_type)});
}

}  // namespace

TEST_CASE("nothing is known of what names no model_type") {
  const Checkpoint checkpoint =
      unruled_checkpoint("{}", tensor_text("_orig_mod.model.norm.weight", "[4]"));
  CHECK_FALSE(joined(checkpoint, "").unruled);
  CHECK(joined(checkpoint).wrappers == std::vector<std::string>{"_orig_mod."});
}

TEST_CASE("whose code loads a model decides how sure anybody can be") {
  const std::string wrapped = tensor_text("_orig_mod.a.weight", "[4]");
  const Join own = joined(unruled_checkpoint(R"({"auto_map": {}})", wrapped));
  CHECK_FALSE(own.unruled->of_transformers);
  CHECK(severity_without_rule(own) == Severity::kWarning);
  const Join unknown = joined(unruled_checkpoint("{}", wrapped), "nobodys");
  CHECK_FALSE(unknown.unruled->of_transformers);
  const Join known = joined(unruled_checkpoint("{}", wrapped));
  CHECK(known.unruled->of_transformers);
  CHECK_FALSE(severity_without_rule(known));
}

TEST_CASE("an index counts as what is stored where layers are looked for") {
  const std::string layers =
      tensor_text("model.layers.0.w", "[4]") + "," + tensor_text("model.layers.2.w", "[4]");
  constexpr std::string_view kThree = R"({"num_hidden_layers": 3})";
  const Join gap = joined(unruled_checkpoint(kThree, layers));
  REQUIRE(gap.unruled->gaps.size() == 1);
  CHECK(gap.unruled->gaps.front().list == "model.layers");
  CHECK(gap.unruled->gaps.front().absent == std::vector<std::int32_t>{1});
  CHECK(joined(unruled_checkpoint(R"({"num_hidden_layers": 4})", layers)).unruled->gaps.empty());
  CHECK(joined(unruled_checkpoint(kThree, layers,
                                  R"(, "model.safetensors.index.json": {"index": "auto",
                                     "set": {"model.layers.1.w": "model.safetensors"}})"))
            .unruled->gaps.empty());
}

TEST_CASE("one vocabulary, and embeddings that agree") {
  const std::string rows = tensor_text("model.embed_tokens.weight", "[5, 2]");
  const auto other_rows = [&](std::string_view config, const std::string& tensors) {
    return joined(unruled_checkpoint(config, tensors)).unruled->rows;
  };
  const auto found = other_rows(R"({"vocab_size": 7})", rows);
  REQUIRE(found);
  CHECK(found->stated == 7);
  CHECK(found->pointer == "/vocab_size");
  CHECK(found->fits);
  CHECK_FALSE(other_rows(R"({"vocab_size": 5})", rows));
  CHECK_FALSE(other_rows(R"({"vocab_size": 7, "text_config": {}})", rows));
  CHECK_FALSE(other_rows(R"({"vocab_size": 7, "text_config": {"vocab_size": 5}})", rows));
  const auto inside = other_rows(R"({"text_config": {"vocab_size": 7}})", rows);
  REQUIRE(inside);
  CHECK(inside->pointer == "/text_config/vocab_size");
  const auto with_head =
      other_rows(R"({"vocab_size": 7})", rows + "," + tensor_text("lm_head.weight", "[7, 2]"));
  REQUIRE(with_head);
  CHECK_FALSE(with_head->fits);
  CHECK_FALSE(other_rows(R"({"vocab_size": 7})",
                         rows + "," + tensor_text("decoder.embed_tokens.weight", "[6, 2]")));
}

}  // namespace shardwright
