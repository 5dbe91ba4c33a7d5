// What merges and `lora verify` say of adapters.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "shardwright/merge_job.h"
#include "shardwright/report.h"

namespace shardwright {

// A line an adapter, and its problems.
std::string adapters_text(const std::vector<AppliedAdapter>& adapters, const TextStyle& style);
json::Value adapter_json(const AppliedAdapter& adapter);

}  // namespace shardwright
