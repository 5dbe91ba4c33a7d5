// A small table of methods of every kind, so that tests of recipes do not depend on the real ones.
#pragma once

#include <array>
#include <limits>
#include <span>

#include "merge/method.h"

namespace shardwright::test {

inline std::span<const Method* const> some_methods() {
  using enum ParameterScope;
  using enum ParameterKind;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static constexpr std::array<ParameterRow, 2> kLinear = {{
      {"weight", kInput, kNumber, {}, 1, 0, "the share of a model"},
      {"normalize", kGlobal, kFlag, 1.0, 0, 1, "whether shares add up to one"},
  }};
  static constexpr std::array<ParameterRow, 1> kSlerp = {{
      {"t", kGlobal, kNumber, {}, 1, 0, "the place between the two"},
  }};
  static constexpr std::array<ParameterRow, 4> kTies = {{
      {"weight", kInput, kNumber, {}, 1, 0, "the share of a model"},
      {"density", kInput, kNumber, 1.0, 0, 1, "what is kept"},
      {"normalize", kGlobal, kFlag, 1.0, 0, 1, "whether shares add up to one"},
      {"lambda", kGlobal, kNumber, 1.0, 1, 0, "the factor of the sum"},
  }};
  static constexpr std::array<ParameterRow, 2> kKarcher = {{
      {"max_iter", kGlobal, kWhole, 10.0, 1, kInfinity, "rounds"},
      {"tol", kGlobal, kNumber, 1e-5, 0, kInfinity, "where to stop"},
  }};
  static constexpr std::array<ParameterRow, 1> kPassthrough = {{
      {"scale", kInput, kNumber, 1.0, 1, 0, "a factor"},
  }};
  static constexpr std::array<Method, 6> kMethods = {{
      {"karcher", "", kKarcher, BaseRule::kNone, 1, 0, 0, nullptr},
      {"linear", "", kLinear, BaseRule::kNone, 1, 0, 0, nullptr},
      {"nuslerp", "", {}, BaseRule::kOptional, 2, 2, 0, nullptr},
      {"passthrough", "", kPassthrough, BaseRule::kNone, 1, 1, 0, nullptr},
      {"slerp", "", kSlerp, BaseRule::kInput, 2, 2, 0, nullptr},
      {"ties", "", kTies, BaseRule::kRequired, 1, 0, 0, nullptr},
  }};
  static constexpr std::array<const Method*, 6> kTable = {&kMethods[0], &kMethods[1], &kMethods[2],
                                                          &kMethods[3], &kMethods[4], &kMethods[5]};
  return kTable;
}

}  // namespace shardwright::test
