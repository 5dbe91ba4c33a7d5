#include "job/check_model.h"

#include <doctest/doctest.h>

#include "support/fixture.h"
#include "support/memory_folder.h"
#include "support/rule_case.h"

namespace shardwright {
namespace {

constexpr std::string_view kSmall = R"({"rule": "gpt2", "config": {"n_layer": 1, "n_embd": 64,
    "n_head": 1, "vocab_size": 20000, "n_positions": 4}})";

Result<CheckedModel> check_shrunk(bool data) {
  auto folder = std::make_unique<test::MemoryFolder>();
  std::uint64_t size = 0;
  for (const test::FixtureFile& file : test::make_fixture(test::rule_case(kSmall))) {
    folder->add_file(file.name, file.bytes);
    if (file.name == "model.safetensors") size = file.bytes.size();
  }
  REQUIRE(size > 0);
  folder->shrink("model.safetensors", size - 1);
  const CheckOptions options{.data = data, .threads = 1};
  auto checkpoint = open_checkpoint(std::move(folder), open_options(options));
  REQUIRE(checkpoint);
  return check_checkpoint(*std::move(checkpoint), "model",
                          std::make_shared<const Catalogue>(Catalogue::builtin()), options);
}

TEST_CASE("job: a file that fails while its values are read is no sound model") {
  const auto headers = check_shrunk(false);
  REQUIRE(headers);
  CHECK(headers->report.findings.empty());
  const auto values = check_shrunk(true);
  REQUIRE_FALSE(values);
  CHECK(values.error().code == ErrorCode::kIo);
  CHECK(values.error().message.find("'model.safetensors'") != std::string::npos);
}

}  // namespace
}  // namespace shardwright
