// Lists of MODELs in a file or on standard input.
#pragma once

#include <string>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// Adds the lines of the file, "-" for standard input, that are not empty. Nothing is trimmed but
// the line end, since names may hold blanks.
Status read_names(const std::string& path, std::vector<std::string>& into);

}  // namespace shardwright
