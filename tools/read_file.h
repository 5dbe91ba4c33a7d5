// Files that the user names, and standard input.
#pragma once

#include <string>
#include <vector>

#include "shardwright/result.h"

namespace shardwright {

// The whole of a file, "-" for standard input. kInterrupted where a signal ends the wait for it.
Result<std::string> read_file(const std::string& path);

// Adds the lines of the file that are not empty, or, where it holds a NUL, what NULs end. Nothing
// is trimmed but the line end, since names may hold blanks.
Status read_names(const std::string& path, std::vector<std::string>& into);

}  // namespace shardwright
