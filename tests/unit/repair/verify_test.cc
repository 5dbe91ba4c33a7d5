// What was staged is compared with what was planned, tensor by tensor.
#include "repair/verify.h"

#include <string>

#include <doctest/doctest.h>

#include "unit/repair/checked.h"

namespace shardwright {
namespace {

std::string judged(std::string_view staged) {
  const CheckedModel planned =
      test::checked(R"({"rule": "llama", "config": {"num_hidden_layers": 1}})");
  const CheckedModel written = test::checked(staged);
  const Status status = verify_staged(planned.model, written.model);
  if (status) return "";
  CHECK(status.error().code == ErrorCode::kIo);
  return status.error().message;
}

TEST_CASE("verify: what was staged is what was planned") {
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1}})").empty());
}

TEST_CASE("verify: other bytes, another name, dtype or number of tensors are found") {
  const std::string failing =
      "'model.norm.weight' in the 'model.safetensors' that was staged is not what was planned: the "
      "disk or the memory is failing, or another program writes to these files";
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1},
                   "fill": {"model.norm.weight": "random:77"}})") == failing);
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1},
                   "rename": {"model.norm.weight": "model.norm.wight"}})") == failing);
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1},
                   "dtype": {"model.norm.weight": "F64"}})") == failing);
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1},
                   "shape": {"model.norm.weight": [2, 4]}, "fill": {"model.norm.weight": "one"}})")
            .ends_with("another program writes to these files"));
  CHECK(judged(R"({"rule": "llama", "config": {"num_hidden_layers": 1},
                   "drop": ["model.norm.weight"]})")
            .ends_with(" were planned"));
}

TEST_CASE("verify: the same bytes in another shape are not what was planned") {
  const auto model = [](std::string_view shape) {
    return test::checked(R"({"files": {"model.safetensors": {"tensors": {
        "a": {"dtype": "U8", "fill": "iota", "shape": )" +
                         std::string(shape) + "}}}}}");
  };
  const CheckedModel planned = model("[2, 3]");
  CHECK(verify_staged(planned.model, model("[2, 3]").model));
  CHECK_FALSE(verify_staged(planned.model, model("[3, 2]").model));
}

}  // namespace
}  // namespace shardwright
