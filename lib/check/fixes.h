// How checks propose fixes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shardwright/finding.h"

namespace shardwright {

inline Fix safe_fix(std::string summary, std::vector<Edit> edits) {
  return {Safety::kSafe, std::move(summary), std::move(edits)};
}

inline Fix unsafe_fix(std::string summary, std::vector<Edit> edits) {
  return {Safety::kUnsafe, std::move(summary), std::move(edits)};
}

// For what nobody can repair: the reason, and what helps instead.
inline Fix no_fix(std::string reason) {
  return {Safety::kNever, std::move(reason), {}};
}

}  // namespace shardwright
