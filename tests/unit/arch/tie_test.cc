#include <array>

#include <doctest/doctest.h>

#include "rules.h"

namespace shardwright {
namespace {

std::string with_tie(std::string_view tied) {
  return fmt::format(R"({{"name": "tiny", "model_types": ["tiny"], "classes": {{"A": {{}}}},
    "source": "", "tied": {}, "tensors": [{{"embed": "2"}}, {{"head": "2"}}]}})",
                     tied);
}

std::string flag_text(std::string_view tied, std::string_view config) {
  const Schema schema = tiny_rule(with_tie(tied));
  const Expansion expansion = expanded(schema, config);
  const TieFlag& flag = expansion.tie;
  return fmt::format("{}{} {}{}{}", flag.tied ? "tied" : "untied", flag.stated ? "" : " by default",
                     flag.pointer, flag.nested_disagrees ? " nested disagrees" : "",
                     expansion.find("head")->optional ? " ?" : "");
}

struct TieRow {
  const char* config;
  const char* flag;
};

}  // namespace

TEST_CASE("arch: the tie flag stands at the top level, or the class decides") {
  constexpr std::string_view kTied = R"({"default": true, "tensors": {"head": "embed"}})";
  constexpr std::array kRows = {
      TieRow{"{}", "tied by default /tie_word_embeddings ?"},
      TieRow{R"({"tie_word_embeddings": true})", "tied /tie_word_embeddings ?"},
      TieRow{R"({"tie_word_embeddings": false})", "untied /tie_word_embeddings"},
      TieRow{R"({"text_config": {"tie_word_embeddings": false}})",
             "tied by default /tie_word_embeddings nested disagrees ?"},
      TieRow{R"({"tie_word_embeddings": false, "text_config": {"tie_word_embeddings": true}})",
             "untied /tie_word_embeddings nested disagrees"},
      TieRow{R"({"tie_word_embeddings": false, "text_config": {"tie_word_embeddings": false}})",
             "untied /tie_word_embeddings"},
  };
  for (const TieRow& row : kRows) {
    INFO(std::string(row.config));
    CHECK(flag_text(kTied, row.config) == std::string(row.flag));
  }
}

// As Qwen2_5_VLConfig and LlavaConfig were seen to do.
TEST_CASE("arch: where two keys are asked, one that is true ties") {
  constexpr std::string_view kTied =
      R"({"default": false, "tensors": {"head": "embed"},
          "key": ["tie_word_embeddings", "text_config.tie_word_embeddings"]})";
  constexpr std::array kRows = {
      TieRow{"{}", "untied by default /tie_word_embeddings"},
      TieRow{R"({"text_config": {"tie_word_embeddings": true}})",
             "tied /text_config/tie_word_embeddings ?"},
      TieRow{R"({"tie_word_embeddings": false, "text_config": {"tie_word_embeddings": true}})",
             "tied /text_config/tie_word_embeddings ?"},
      TieRow{R"({"tie_word_embeddings": true, "text_config": {"tie_word_embeddings": false}})",
             "tied /tie_word_embeddings ?"},
      TieRow{R"({"tie_word_embeddings": false, "text_config": {"tie_word_embeddings": false}})",
             "untied /tie_word_embeddings"},
  };
  for (const TieRow& row : kRows) {
    INFO(std::string(row.config));
    CHECK(flag_text(kTied, row.config) == std::string(row.flag));
  }
}

// As Lfm2Config was seen to do.
TEST_CASE("arch: of two spellings the first that the config has counts") {
  constexpr std::string_view kTied =
      R"({"default": true, "tensors": {"head": "embed"}, "key": "tie_embedding | tie_word_embeddings"})";
  constexpr std::array kRows = {
      TieRow{"{}", "tied by default /tie_word_embeddings ?"},
      TieRow{R"({"tie_embedding": false})", "untied /tie_embedding"},
      TieRow{R"({"tie_word_embeddings": false})", "untied /tie_word_embeddings"},
      TieRow{R"({"tie_embedding": true, "tie_word_embeddings": false})", "tied /tie_embedding ?"},
      TieRow{R"({"tie_embedding": false, "tie_word_embeddings": true})", "untied /tie_embedding"},
  };
  for (const TieRow& row : kRows) {
    INFO(std::string(row.config));
    CHECK(flag_text(kTied, row.config) == std::string(row.flag));
  }
}

// As Llama4Config was seen to do.
TEST_CASE("arch: where a nested key decides alone, the top level only disagrees with nobody") {
  constexpr std::string_view kTied =
      R"({"default": false, "tensors": {"head": "embed"}, "key": "text_config.tie_word_embeddings"})";
  CHECK(flag_text(kTied, R"({"tie_word_embeddings": true})") ==
        "untied by default /text_config/tie_word_embeddings");
  CHECK(flag_text(kTied, R"({"text_config": {"tie_word_embeddings": true}})") ==
        "tied /text_config/tie_word_embeddings ?");
}

TEST_CASE("arch: a tie flag of the wrong kind is a finding, and does not tie") {
  const Schema schema = tiny_rule(with_tie(R"({"default": true, "tensors": {"head": "embed"}})"));
  const Expansion expansion = expanded(schema, R"({"tie_word_embeddings": null})");
  CHECK(!expansion.tie.tied);
  CHECK(expansion.tie.stated);
  CHECK(problems_text(expansion) ==
        "/tie_word_embeddings: 'tie_word_embeddings' is null, expected true or false\n");
}

TEST_CASE("arch: ties follow names into classes and layouts") {
  const Schema schema = tiny_rule();
  Expansion expansion = expanded(schema, R"({"vocab_size": 9})");
  REQUIRE(expansion.ties.size() == 1);
  CHECK(expansion.ties[0].target == "lm_head.weight");
  CHECK(expansion.ties[0].source == "model.embed_tokens.weight");
  expansion = expanded(schema, R"({"vocab_size": 9})", {.layout = "bare"});
  REQUIRE(expansion.ties.size() == 1);
  CHECK(expansion.ties[0].source == "embed_tokens.weight");
  expansion = expanded(schema, R"({"vocab_size": 9})", {.layout = "packed"});
  CHECK(expansion.ties.empty());  // the embedding is two tensors there
}

}  // namespace shardwright
