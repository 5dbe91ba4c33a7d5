// repair() of repair_job.h, through a disk that a test may have refuse any step.
#pragma once

#include <string>

#include "shardwright/repair_job.h"
#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

Result<RepairReport> repair_on(const Disk& disk, const std::string& path,
                               const RepairOptions& options);

}  // namespace shardwright
