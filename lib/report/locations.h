// Where a finding is, for programs that show it beside the file.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shardwright/finding.h"

namespace shardwright {

// A finding whose places span several files lists those after them.
std::span<const std::string> spanned_files(const Finding& finding);
// Its places without those.
std::span<const std::string> places_proper(const Finding& finding);

// The path of a file of a model, from where the user is: the model itself where `file` is empty or
// the model is that file.
std::string located(std::string_view model, std::string_view file);

}  // namespace shardwright
