// How a text is cut where a pattern matches: what becomes of the matches, and of what lies between.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/text_span.h"

namespace shardwright {

enum class SplitBehavior : std::uint8_t {
  kRemoved,             // "a-b" at "-": a b
  kIsolated,            // a - b
  kMergedWithPrevious,  // a- b
  kMergedWithNext,      // a -b
  kContiguous,          // as isolated, and neighbouring matches are one piece
};

// "Removed", "Isolated" ... as a tokenizer.json writes them.
std::optional<SplitBehavior> split_behavior(std::string_view name);

// A range of the text, in order: a match, or what lies before, between or behind matches.
struct TextCut {
  TextSpan span{};
  bool match{};
};

// The pieces that the behavior makes of the cuts of one text, empty ones left out.
void arrange_cuts(const std::vector<TextCut>& cuts, SplitBehavior behavior,
                  std::vector<TextSpan>& out);

}  // namespace shardwright
