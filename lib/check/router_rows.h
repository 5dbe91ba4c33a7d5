// What the bytes of routers say of experts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/row_scan.h"

namespace shardwright {

struct ExpectedTensor;
struct Model;
struct Tensor;

struct RouterRows {
  const ExpectedTensor* expected{};
  const Tensor* router{};
  const RowFacts* facts{};
};

// Of the routers that were read and choose: not of those where a token goes to every expert.
std::vector<RouterRows> router_rows(const Model& model);

// "expert 3", "experts 3 and 4, 7"
std::string experts_text(const std::vector<std::uint32_t>& experts);

}  // namespace shardwright
