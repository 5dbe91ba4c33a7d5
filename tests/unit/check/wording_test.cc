#include "check/wording.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "check/name_numbers.h"

namespace shardwright {

TEST_CASE("wording: runs of numbers are told by their ends") {
  const auto text = [](const std::vector<std::int32_t>& numbers) { return number_runs(numbers); };
  CHECK(text({}).empty());
  CHECK(text({3}) == "3");
  CHECK(text({3, 4}) == "3 and 4");
  CHECK(text({3, 4, 5}) == "3 to 5");
  CHECK(text({0, 1, 3}) == "0, 1 and 3");
  CHECK(text({0, 1, 2, 5}) == "0 to 2 and 5");
  CHECK(text({1, 3, 4, 5, 9, 10}) == "1, 3 to 5, 9 and 10");
  CHECK(text({0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 19}) == "0, 2, 4, 6, 8, 10, 12, 14 and 3 more");
}

TEST_CASE("wording: what is said of layers is said once") {
  std::vector<std::pair<std::int32_t, std::string>> said = {{0, "a"}, {1, "a"}, {2, "b"}, {3, "a"}};
  CHECK(by_layers(said) == "a in layers 0, 1 and 3; b in layer 2");
  said.insert(said.end(), {{4, "c"}, {5, "d"}, {6, "e"}, {7, "d"}});
  CHECK(by_layers(said) ==
        "a in layers 0, 1 and 3; b in layer 2; c in layer 4; and others in 3 layers");
}

TEST_CASE("names: numbers stand alone between dots") {
  const std::string name = "model.layers.12.mlp.experts.3.w1.weight";
  const std::vector<NameNumber> numbers = numbers_of(name);
  REQUIRE(numbers.size() == 2);
  CHECK(numbers[0].value == 12);
  CHECK(numbers[1].value == 3);
  CHECK(with_number(name, numbers[0], 7) == "model.layers.7.mlp.experts.3.w1.weight");
  CHECK(with_number(name, numbers[1], 100) == "model.layers.12.mlp.experts.100.w1.weight");
  CHECK(numbers_of("a.01.b.3x.-1.99999999999.").empty());
  CHECK(numbers_of("0").size() == 1);
}

}  // namespace shardwright
