// `shardwright repair`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shardwright/repair_job.h"
#include "tools/command.h"

namespace shardwright {

enum class RepairAction : std::uint8_t { kRepair, kUndo, kForget };

struct RepairArguments {
  CommonArguments common{};
  RepairOptions options{};
  std::vector<std::string> models{};  // exactly one
  bool in_place{}, undo{}, forget{};
  bool drop_tied{}, materialize_tied{}, untie{};
  bool json{};
  RepairAction action{};
};

// From words alone: nothing is opened.
Result<RepairArguments> repair_arguments(std::span<const std::string> words);

extern const Command kRepairCommand;

}  // namespace shardwright
