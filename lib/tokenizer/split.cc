#include "tokenizer/split.h"

#include <algorithm>
#include <array>
#include <utility>

namespace shardwright {
namespace {

void join_contiguous(const std::vector<TextCut>& cuts, std::vector<TextSpan>& out) {
  bool previous = false;
  bool any = false;
  for (const TextCut& cut : cuts) {
    if (any && cut.match == previous) {
      out.back().end = cut.span.end;
    } else {
      out.push_back(cut.span);
    }
    previous = cut.match;
    any = true;
  }
}

// A match joins what stands before it, unless that is a match, too.
void join_previous(const std::vector<TextCut>& cuts, std::vector<TextSpan>& out) {
  const std::size_t begin = out.size();
  bool previous = false;
  for (const TextCut& cut : cuts) {
    if (cut.match && !previous && out.size() > begin) {
      out.back().end = cut.span.end;
    } else {
      out.push_back(cut.span);
    }
    previous = cut.match;
  }
}

void join_next(const std::vector<TextCut>& cuts, std::vector<TextSpan>& out) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  bool previous = false;
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    if (cut->match && !previous && std::ssize(out) > begin) {
      out.back().begin = cut->span.begin;
    } else {
      out.push_back(cut->span);
    }
    previous = cut->match;
  }
  std::reverse(out.begin() + begin, out.end());
}

}  // namespace

std::optional<SplitBehavior> split_behavior(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames{{
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  }};
  const auto* found = std::ranges::find(kNames, name, &decltype(kNames)::value_type::first);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

void arrange_cuts(const std::vector<TextCut>& cuts, SplitBehavior behavior,
                  std::vector<TextSpan>& out) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const TextCut& cut : cuts) {
        if (!cut.match) out.push_back(cut.span);
      }
      break;
    case SplitBehavior::kIsolated:
      for (const TextCut& cut : cuts)
        out.push_back(cut.span);
      break;
    case SplitBehavior::kMergedWithPrevious:
      join_previous(cuts, out);
      break;
    case SplitBehavior::kMergedWithNext:
      join_next(cuts, out);
      break;
    case SplitBehavior::kContiguous:
      join_contiguous(cuts, out);
      break;
  }
  out.erase(std::remove_if(out.begin() + begin, out.end(),
                           [](const TextSpan& span) { return span.begin == span.end; }),
            out.end());
}

}  // namespace shardwright
