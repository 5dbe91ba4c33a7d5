// What the bytes of a merge depend on, as facts for its journal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "job/merge_model.h"
#include "write/journal.h"

namespace shardwright {

PlanFact text_fact(std::string what, std::string_view text);

// The files of a model and of its adapter: names, sizes and times of change, and the tensors that
// their headers tell of. Nothing of a model that another document makes.
void add_input_facts(const MergeModel& model, std::vector<PlanFact>& facts);

}  // namespace shardwright
