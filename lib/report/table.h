// Tables in text reports.
#pragma once

#include <string>
#include <vector>

namespace shardwright {

// Rows of cells, padded to the widest of their column; where `right`, to the right of it, as
// numbers stand. All rows have as many cells as `right`.
std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<bool>& right);

}  // namespace shardwright
