// What is to be known of a mixture's gates that prompts made.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace shardwright {

// The rows of a mixture's routers that prompts made, in one layer, or in all where they are the
// same.
struct MixtureGate {
  std::optional<std::uint64_t> layer{};        // none: all
  std::vector<double> norms{};                 // of each expert's row, before it got the length 1
  std::vector<std::vector<double>> cosines{};  // [experts, experts], of the rows
  std::vector<double> shares{};  // of the prompts' tokens, what would go to each expert
};

}  // namespace shardwright
