// Adapters: what their config says, which tensor each pair is for, and what a tensor is with them.
#include "merge/adapter.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "json/value.h"
#include "merge/adapt.h"
#include "merge/adapted_source.h"
#include "merge/adapter_config.h"
#include "merge/product_kernels.h"
#include "support/fixture.h"

namespace shardwright {
namespace {

using Row = std::vector<float>;

Result<AdapterConfig> config_from(std::string_view text) {
  const auto document = json::parse(text);
  REQUIRE(document);
  return read_adapter_config(document->root);
}

Checkpoint folder_of(const std::string& description) {
  auto checkpoint = open_checkpoint(test::memory_fixture(description));
  REQUIRE_MESSAGE(checkpoint, (checkpoint ? "" : checkpoint.error().message));
  return *std::move(checkpoint);
}

// A base with the tensors given, and an adapter with the config's keys and the tensors given.
struct BaseAndAdapter {
  Checkpoint base;
  Checkpoint adapter;
  BaseAndAdapter(const std::string& tensors, const std::string& keys, const std::string& pairs)
      : base(folder_of(R"({"files": {"model.safetensors": {"tensors": {)" + tensors + "}}}}")),
        adapter(folder_of(R"({"files": {"adapter_config.json": {"json": {"peft_type": "LORA", )" +
                          keys + R"(}}, "adapter_model.safetensors": {"tensors": {)" + pairs +
                          "}}}}")) {}
  [[nodiscard]] Adaptation adapt_all() const {
    auto made = adapt({.checkpoint = &base}, adapter, false);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    return *std::move(made);
  }
  [[nodiscard]] std::string only_problem() const {
    const Adaptation made = adapt_all();
    REQUIRE(made.problems.size() == 1);
    CHECK(made.applied < made.modules + 1);
    return made.problems.front();
  }
};

std::string tensor_of(std::string_view name, std::string_view shape, std::string_view fill,
                      std::string_view dtype = "F32") {
  return std::string("\"") + std::string(name) + R"(": {"dtype": ")" + std::string(dtype) +
         R"(", "shape": )" + std::string(shape) + R"(, "fill": ")" + std::string(fill) + "\"}";
}

Row values_of(const Tensor& tensor, std::uint64_t first, std::size_t count) {
  Row values(count);
  REQUIRE(tensor.dtype == DType::kF32);
  REQUIRE(tensor.read(first * sizeof(float), std::as_writable_bytes(std::span(values))));
  return values;
}

Row values_of(const Tensor& tensor) {
  return values_of(tensor, 0, element_count(tensor.shape).value_or(0));
}

Row noise(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Row values(count);
  for (float& value : values)
    value = normal(random);
  return values;
}

const std::string kPair = "base_model.model.m.q.";

}  // namespace

TEST_CASE("adapter: products are the same bits however they are cut") {
  constexpr std::size_t kRows = 11;
  constexpr std::size_t kRank = 9;
  constexpr std::size_t kColumns = 83;
  const Row left = noise(kRows * kRank, 1);
  const Row right = noise(kRank * kColumns, 2);
  Row whole(kRows * kColumns);
  kernel::add_product({left.data(), kRank}, {right.data(), kColumns}, kRows, kRank, kColumns,
                      whole.data(), kColumns);
  Row pieces(whole.size());
  std::mt19937 random(3);
  for (std::size_t row = 0; row < kRows;) {
    const std::size_t rows = std::min<std::size_t>(kRows - row, 1 + random() % 6);
    for (std::size_t column = 0; column < kColumns;) {
      const std::size_t columns = std::min<std::size_t>(kColumns - column, 1 + random() % 40);
      for (std::size_t k = 0; k < kRank;) {
        const std::size_t rank = std::min<std::size_t>(kRank - k, 1 + random() % 4);
        kernel::add_product({left.data() + row * kRank + k, kRank},
                            {right.data() + k * kColumns + column, kColumns}, rows, rank, columns,
                            pieces.data() + row * kColumns + column, kColumns);
        k += rank;
      }
      column += columns;
    }
    row += rows;
  }
  CHECK(whole == pieces);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    double sum = 0;
    double terms = 0;
    for (std::size_t k = 0; k < kRank; ++k) {
      const double product =
          double{left[i / kColumns * kRank + k]} * double{right[k * kColumns + i % kColumns]};
      sum += product;
      terms += std::fabs(product);
    }
    CHECK(std::fabs(double{whole[i]} - sum) <= 0x1p-22 * terms);
  }
}

TEST_CASE("adapter: a tensor reads the same from any byte, and holds base and delta") {
  // More rows than a block of a factor, more than one block of ranks, and rows that end in no
  // block.
  const BaseAndAdapter files(tensor_of("m.q.weight", "[701, 37]", "random:1", "BF16"),
                             R"("r": 130, "lora_alpha": 65)",
                             tensor_of(kPair + "lora_A.weight", "[130, 37]", "random:2") + "," +
                                 tensor_of(kPair + "lora_B.weight", "[701, 130]", "random:3"));
  const Adaptation made = files.adapt_all();
  REQUIRE(made.problems.empty());
  CHECK(made.modules == 1);
  CHECK(made.applied == 1);
  REQUIRE(made.tensors.size() == 1);
  const Tensor& tensor = made.tensors[0].tensor;
  CHECK(made.tensors[0].stored == DType::kBF16);
  CHECK(tensor.bytes == 701 * 37 * 4);
  const Row whole = values_of(tensor);
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t from = random() % tensor.bytes;
    std::vector<std::byte> part(std::min<std::uint64_t>(tensor.bytes - from, random() % 9000));
    REQUIRE(tensor.read(from, part));
    const auto* bytes = reinterpret_cast<const std::byte*>(whole.data()) + from;
    CHECK(std::equal(part.begin(), part.end(), bytes));
  }
  std::byte past{};
  CHECK(!tensor.read(tensor.bytes, MutableBytes(&past, 1)));
  const Row a = values_of(*files.adapter.find(kPair + "lora_A.weight"));
  const Row b = values_of(*files.adapter.find(kPair + "lora_B.weight"));
  std::vector<std::byte> base(701 * 37 * 2);
  REQUIRE(files.base.find("m.q.weight")->read(0, base));
  for (const std::size_t i : {std::size_t{0}, std::size_t{37 * 600 + 5}, whole.size() - 1}) {
    double sum = 0;
    for (std::size_t k = 0; k < 130; ++k)
      sum += double{b[i / 37 * 130 + k]} * double{a[k * 37 + i % 37]};
    const auto high = std::to_integer<std::uint32_t>(base[2 * i + 1]);
    const auto low = std::to_integer<std::uint32_t>(base[2 * i]);
    const auto old = std::bit_cast<float>((high << 8U | low) << 16U);
    CHECK(double{whole[i]} == doctest::Approx(double{old} + 0.5 * sum).epsilon(1e-5));
  }
}

TEST_CASE("adapter: DoRA gives each row the length that the magnitude says") {
  const BaseAndAdapter files(tensor_of("m.q.weight", "[6, 5]", "random:1"),
                             R"("r": 2, "lora_alpha": 4, "use_dora": true)",
                             tensor_of(kPair + "lora_A.weight", "[2, 5]", "random:2") + "," +
                                 tensor_of(kPair + "lora_B.weight", "[6, 2]", "random:3") + "," +
                                 tensor_of(kPair + "lora_magnitude_vector", "[6]", "iota"));
  const Row made = values_of(files.adapt_all().tensors.at(0).tensor);
  for (std::size_t row = 0; row < 6; ++row) {
    double squares = 0;
    for (std::size_t i = 0; i < 5; ++i)
      squares += std::pow(double{made[row * 5 + i]}, 2);
    CHECK(std::sqrt(squares) == doctest::Approx(static_cast<double>(row)).epsilon(1e-5));
  }
}

TEST_CASE("adapter: an embedding and a transposed weight take the product turned over") {
  const BaseAndAdapter files(
      tensor_of("m.q.weight", "[7, 3]", "zero"), R"("r": 2, "lora_alpha": 2)",
      tensor_of("base_model.model.m.q.lora_embedding_A", "[2, 7]", "iota") + "," +
          tensor_of("base_model.model.m.q.lora_embedding_B", "[3, 2]", "one"));
  // A is 0 to 6 and 7 to 13: a row of the result is the sum of a column of A.
  const Row made = values_of(files.adapt_all().tensors.at(0).tensor);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const std::size_t row = i / 3;
    CHECK(made[i] == static_cast<float>(2 * row + 7));
  }
}

TEST_CASE("adapter: pairs that fit nothing are problems with both shapes") {
  const std::string base = tensor_of("m.q.weight", "[6, 5]", "zero");
  const std::string a = tensor_of(kPair + "lora_A.weight", "[2, 5]", "one");
  const std::string b = tensor_of(kPair + "lora_B.weight", "[6, 2]", "one");
  const std::string keys = R"("r": 2, "lora_alpha": 2)";
  CHECK(BaseAndAdapter(base, keys, a + "," + b).adapt_all().problems.empty());
  const auto problem = [&](const std::string& pairs, const std::string& with) {
    return BaseAndAdapter(base, with, pairs).only_problem();
  };
  CHECK(problem(a, keys).find("'m.q' has no lora_B to its lora_A") == 0);
  CHECK(problem(a + "," + b, R"("r": 3)").find("of rank 3 do not fit 'm.q.weight' [6, 5]") !=
        std::string::npos);
  const std::string wide = tensor_of(kPair + "lora_A.weight", "[2, 4]", "one");
  CHECK(problem(wide + "," + b, keys).find("[2, 4] and ") != std::string::npos);
  const std::string vector = tensor_of(kPair + "lora_B.weight", "[6]", "one");
  CHECK(problem(a + "," + vector, keys).find("do not fit") != std::string::npos);
  const std::string ints = tensor_of(kPair + "lora_B.weight", "[6, 2]", "one", "I32");
  const Adaptation whole_numbers = BaseAndAdapter(base, keys, a + "," + ints).adapt_all();
  CHECK(whole_numbers.problems.size() == 2);
  CHECK(whole_numbers.applied == 0);
  const std::string other = tensor_of("base_model.model.m.k.lora_A.weight", "[2, 5]", "one") + "," +
                            tensor_of("base_model.model.m.k.lora_B.weight", "[6, 2]", "one");
  CHECK(problem(a + "," + b + "," + other, keys).find("the base has no 'm.k.weight'") !=
        std::string::npos);
}

TEST_CASE("adapter: no row is changed by two pairs") {
  const std::string twice = tensor_of(kPair + "lora_A.weight", "[2, 5]", "one") + "," +
                            tensor_of(kPair + "lora_B.weight", "[6, 2]", "one") + "," +
                            tensor_of(kPair + "base_layer.lora_A.weight", "[2, 5]", "one") + "," +
                            tensor_of(kPair + "base_layer.lora_B.weight", "[6, 2]", "one");
  const BaseAndAdapter files(tensor_of("m.q.weight", "[6, 5]", "zero"), R"("r": 2)", twice);
  CHECK(!files.only_problem().empty());
}

TEST_CASE("adapter: extents of zero divide nothing") {
  const BaseAndAdapter files(tensor_of("m.q.weight", "[6, 0]", "zero"), R"("r": 2)",
                             tensor_of(kPair + "lora_A.weight", "[2, 0]", "one") + "," +
                                 tensor_of(kPair + "lora_B.weight", "[6, 2]", "one"));
  CHECK(files.only_problem().find("do not fit") != std::string::npos);
}

TEST_CASE("adapter: a base of whole numbers is not changed") {
  const BaseAndAdapter files(tensor_of("m.q.weight", "[6, 5]", "zero", "I8"), R"("r": 2)",
                             tensor_of(kPair + "lora_A.weight", "[2, 5]", "one") + "," +
                                 tensor_of(kPair + "lora_B.weight", "[6, 2]", "one"));
  CHECK(files.only_problem() ==
        "'m.q.weight' of the base is I8: 'base_model.model.m.q.lora_A.weight' cannot change it, "
        "floats alone");
}

TEST_CASE("adapter: what is no folder of an adapter is told so") {
  const auto says = [](const std::string& files, std::string_view words) {
    const Checkpoint folder = folder_of(R"({"files": {)" + files + "}}");
    const auto adapter = read_adapter(folder);
    REQUIRE(!adapter);
    CHECK_MESSAGE(adapter.error().message.find(words) != std::string::npos,
                  adapter.error().message);
  };
  const std::string config = R"("adapter_config.json": {"json": {"peft_type": "LORA"}})";
  const std::string weights = R"("adapter_model.safetensors": {"tensors": {)" +
                              tensor_of("base_model.model.a", "[1]", "one") + "}}";
  const std::string model =
      R"("model.safetensors": {"tensors": {)" + tensor_of("a", "[1]", "one") + "}}";
  says(weights, "has no adapter_config.json");
  says(R"("adapter_config.json": {"text": "{,"}, )" + weights, "adapter_config.json': line 1");
  says(R"("adapter_config.json": {"text": "[]"}, )" + weights, "it is no object");
  says(config + "," + model, "holds no adapter_model.safetensors");
  says(config + "," + weights + "," + model, "a folder of its own");
}

TEST_CASE("adapter config: rank and scale by module") {
  const auto config = config_from(
      R"({"peft_type": "LORA", "r": 8, "lora_alpha": 16,
          "rank_pattern": {"q_proj": 4, "layers\\.[01]\\.mlp\\.up": 2},
          "alpha_pattern": {"(k|v)_proj": 3, "model.o": 5}})");
  REQUIRE(config);
  const auto at = [&](const std::string& module) {
    const auto scale = scale_of(*config, module);
    REQUIRE(scale);
    return *scale;
  };
  CHECK(at("a.o_proj").rank == 8);
  CHECK(at("a.o_proj").scale == 2);
  CHECK(at("a.q_proj").rank == 4);
  CHECK(at("a.q_proj").scale == 4);
  CHECK(at("q_proj").rank == 4);
  CHECK(at("a.xq_proj").rank == 8);  // a whole component
  CHECK(at("model.layers.1.mlp.up").rank == 2);
  CHECK(at("model.layers.2.mlp.up").rank == 8);
  CHECK(at("a.v_proj").scale == 3.0 / 8);
  CHECK(at("a.v_proj.x").scale == 2);
  CHECK(at("model.o").scale == 5.0 / 8);
  CHECK(at("x.model_o").scale == 5.0 / 8);  // a dot is any character
  const auto rslora = config_from(R"({"peft_type": "LORA", "r": 16, "lora_alpha": 8,
                                      "use_rslora": true})");
  REQUIRE(rslora);
  CHECK(scale_of(*rslora, "a")->scale == 2);
}

TEST_CASE("adapter config: what cannot be used is an error that names the key") {
  const auto says = [](std::string_view keys, std::string_view words) {
    const auto config = config_from(R"({"peft_type": "LORA", )" + std::string(keys) + "}");
    REQUIRE(!config);
    CHECK_MESSAGE(config.error().message.find(words) != std::string::npos, config.error().message);
  };
  says(R"("r": 0)", "'r'");
  says(R"("r": 1e300)", "'r'");
  says(R"("r": "8")", "'r'");
  says(R"("lora_alpha": NaN)", "'lora_alpha'");
  says(R"("rank_pattern": {"q": -1})", "'rank_pattern.q'");
  says(R"("rank_pattern": [])", "'rank_pattern'");
  says(R"("alpha_pattern": {"q": null})", "'alpha_pattern.q'");
  says(R"("use_dora": "yes")", "'use_dora'");
  says(R"("modules_to_save": "head")", "'modules_to_save'");
  says(R"("trainable_token_indices": [-1])", "'trainable_token_indices'");
  says(R"("use_bdlora": {"x": 1})", "'use_bdlora'");
  says(R"("use_tomorrow": true)", "'use_tomorrow'");
  says(R"("init_lora_weights": "olora")", "'init_lora_weights'");
  CHECK(!config_from(R"({"peft_type": "IA3"})"));
  CHECK(!config_from("{}"));
  CHECK(!config_from("[]"));
  const auto unknown = config_from(R"({"peft_type": "LORA", "tomorrow": 1, "later": null})");
  REQUIRE(unknown);
  CHECK(unknown->notes.size() == 1);
}

TEST_CASE("adapter config: a hostile pattern takes no time, and no stack") {
  AdapterConfig config{.rank = 1, .alpha = 1};
  config.alpha_pattern = {{"(a+)+b", 2}};
  CHECK(scale_of(config, std::string(200, 'a'))->scale == 1);
  config.alpha_pattern = {{"(", 2}};
  CHECK(!scale_of(config, "a"));
  config.alpha_pattern = {{std::string(100'000, '('), 2}};
  CHECK(!scale_of(config, "a"));
  config.alpha_pattern = {{R"((a)\1)", 2}};
  CHECK(!scale_of(config, "aa"));
  config.alpha_pattern = {{"a{1000000000}", 2}};
  CHECK(!scale_of(config, "aa"));
}

}  // namespace shardwright
