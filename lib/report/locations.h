// Where a finding is, for programs that show it beside the file.
#pragma once

#include <string>
#include <string_view>

namespace shardwright {

// The path of a file of a model, from where the user is: the model itself where `file` is empty or
// the model is that file.
std::string located(std::string_view model, std::string_view file);

}  // namespace shardwright
