#include "tokenizer/split.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

// The pieces of "a--b-" at each '-', with '|' between.
std::string pieces_by(std::string_view behavior) {
  const std::string_view text = "a--b-";
  const std::vector<TextCut> cuts{
      {{0, 1}, false}, {{1, 2}, true}, {{2, 3}, true}, {{3, 4}, false}, {{4, 5}, true}};
  std::vector<TextSpan> spans;
  const auto known = split_behavior(behavior);
  REQUIRE(known);
  arrange_cuts(cuts, *known, spans);
  std::string out;
  for (const TextSpan& span : spans)
    out += std::string(span.of(text)) + '|';
  return out;
}

}  // namespace

TEST_CASE("split: what becomes of matches") {
  CHECK(pieces_by("Removed") == "a|b|");
  CHECK(pieces_by("Isolated") == "a|-|-|b|-|");
  CHECK(pieces_by("MergedWithPrevious") == "a-|-|b-|");
  CHECK(pieces_by("MergedWithNext") == "a|-|-b|-|");
  CHECK(pieces_by("Contiguous") == "a|--|b|-|");
  CHECK(!split_behavior("removed"));
}

TEST_CASE("split: empty pieces are left out, and what was there stays") {
  std::vector<TextSpan> spans{{7, 7}};
  arrange_cuts({{{0, 0}, true}, {{0, 2}, false}}, SplitBehavior::kIsolated, spans);
  CHECK(spans == std::vector<TextSpan>{{7, 7}, {0, 2}});
}

}  // namespace shardwright
