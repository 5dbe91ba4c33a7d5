#include "forward/hidden_states.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "merge/read_floats.h"
#include "unit/forward/made_model.h"

namespace shardwright {
namespace {

using test::MadeModel;
using States = std::vector<std::vector<float>>;  // by layer

const std::vector<TokenSequence> kSequences = {{5, 1, 9, 9, 200}, {3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};

Result<States> states_of(const Decoder& decoder, const std::vector<TokenSequence>& sequences,
                         const ForwardOptions& options = {}) {
  auto plan = plan_forward(decoder, sequences, options);
  if (!plan) return std::move(plan).error();
  States states;
  Status status = hidden_states(decoder, sequences, *plan, options,
                                [&](std::size_t layer, std::span<const float> of) {
                                  CHECK(layer == states.size());
                                  states.emplace_back(of.begin(), of.end());
                                  return ok();
                                });
  if (!status) return std::move(status).error();
  return states;
}

bool alike(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return std::abs(x - y) <= 1e-5F * std::max(1.0F, std::abs(x));
  });
}

}  // namespace

TEST_CASE(
    "forward: the first layer gets embeddings, and each of the others what the one before makes") {
  const MadeModel model("llama", {{"num_hidden_layers", "3"}});
  const auto decoder = model.decoder();
  const auto states = states_of(*decoder, kSequences);
  REQUIRE(states);
  REQUIRE(states->size() == 3);
  std::vector<float> row(64);
  std::vector<std::byte> raw;
  REQUIRE(read_floats(model.tensor("model.embed_tokens.weight"), 200 * 64, row, raw));
  CHECK(std::ranges::equal(row, std::span(states->front()).subspan(4 * 64, 64)));
  CHECK(states->at(1) != states->at(0));
  CHECK(states->at(2) != states->at(1));
}

TEST_CASE("forward: the same bytes for any number of threads") {
  for (const std::string schema : {"llama", "lfm2", "deepseek_v3"}) {
    CAPTURE(schema);
    MadeModel::Settings settings = {{"num_hidden_layers", "3"}, {"hidden_size", "160"}};
    if (schema == "llama") settings.emplace_back("intermediate_size", "2600");
    if (schema == "deepseek_v3") settings.emplace_back("first_k_dense_replace", "3");
    const MadeModel model(schema, settings);
    const auto decoder = model.decoder();
    REQUIRE(decoder);
    std::vector<TokenSequence> sequences = kSequences;
    sequences.emplace_back(150, TokenId{7});
    const auto one = states_of(*decoder, sequences, {.threads = 1});
    REQUIRE(one);
    for (const int threads : {2, 3, 8}) {
      const auto more = states_of(*decoder, sequences, {.threads = threads});
      REQUIRE(more);
      CHECK(*one == *more);
    }
  }
}

TEST_CASE("forward: sequences know nothing of each other, whichever go together") {
  for (const std::string schema : {"llama", "lfm2", "cohere2"}) {
    CAPTURE(schema);
    const MadeModel model(schema, {{"num_hidden_layers", "3"}});
    const auto decoder = model.decoder();
    const auto together = states_of(*decoder, kSequences);
    REQUIRE(together);
    std::size_t begin = 0;
    for (const TokenSequence& sequence : kSequences) {
      const auto alone = states_of(*decoder, {sequence});
      REQUIRE(alone);
      const std::size_t count = sequence.size() * decoder->hidden;
      for (std::size_t layer = 0; layer < 3; ++layer)
        CHECK(alike(alone->at(layer), std::span(together->at(layer)).subspan(begin, count)));
      begin += count;
    }
  }
}

TEST_CASE("forward: little memory means several groups, and too little a refusal") {
  const MadeModel model("llama", {{"num_hidden_layers", "3"}});
  const auto decoder = model.decoder();
  const auto whole = plan_forward(*decoder, kSequences, {.threads = 1});
  REQUIRE(whole);
  CHECK(whole->groups == std::vector<std::size_t>{3});
  ForwardOptions tight{.threads = 1, .memory_limit = whole->bytes - 1};
  const auto parted = plan_forward(*decoder, kSequences, tight);
  REQUIRE(parted);
  CHECK(parted->groups == std::vector<std::size_t>{2, 1});
  CHECK(parted->bytes <= *tight.memory_limit);

  const auto all = states_of(*decoder, kSequences, {.threads = 1});
  std::uint64_t done = 0;
  const Monitor monitor{.report = [&](const Progress& progress) { done = progress.done; }};
  Meter meter(monitor, "reading", 2 * layer_bytes(*decoder));
  tight.meter = &meter;
  const auto in_parts = states_of(*decoder, kSequences, tight);
  REQUIRE(in_parts);
  for (std::size_t layer = 0; layer < 3; ++layer)
    CHECK(alike(all->at(layer), in_parts->at(layer)));
  CHECK(done == 2 * layer_bytes(*decoder));

  const auto refused = plan_forward(*decoder, kSequences, {.threads = 1, .memory_limit = 1000});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("15 tokens, of which 9 are in one prompt") !=
        std::string::npos);
}

TEST_CASE("forward: what cannot be read or computed is said") {
  MadeModel model("llama", {{"num_hidden_layers", "3"}});
  const auto decoder = model.decoder();
  const auto message = [](const auto& result) {
    REQUIRE_FALSE(result);
    return result.error().message;
  };
  CHECK(message(states_of(*decoder, {{1}, {256}})) ==
        "a prompt has the token 256, and 'model.embed_tokens.weight' has 256 rows");
  CHECK(message(states_of(*decoder, {{1}, {}})) == "a prompt has no token");

  const std::atomic<bool> stop = true;
  const Monitor monitor{.stop = &stop};
  Meter meter(monitor, "reading", 0);
  const auto stopped = states_of(*decoder, kSequences, {.meter = &meter});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::kInterrupted);

  const std::string file = model.folder() + "/model.safetensors";
  std::string bytes = test::read_file(file);
  const float bad = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + model.tensor("model.layers.1.mlp.up_proj.weight").offset, &bad, 4);
  test::write_file(file, bytes);
  model.open();
  CHECK(message(states_of(*model.decoder(), kSequences)) ==
        "what layer 1 makes of its prompts is not finite");
}

}  // namespace shardwright
