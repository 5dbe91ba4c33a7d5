// What is to be said of gates that were made from prompts.
#pragma once

#include <string>
#include <vector>

#include "moe/gates.h"
#include "shardwright/mixture_gate.h"

namespace shardwright {

// Rows whose cosine is above this are hard to tell apart for what comes to the router.
inline constexpr double kHardToTell = 0.95;

// Of a row whose negative prompts leave less than this of it, little is what the expert is for.
inline constexpr double kLittleLeft = 0.05;

// What each layer has, in numbers.
std::vector<MixtureGate> measure_gates(const GateTable& table);

// A line for each thing that a reader of the report would want to know.
std::vector<std::string> describe_gates(const GateTable& table);

}  // namespace shardwright
