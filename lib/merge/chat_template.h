// What `chat_template` of a recipe stands for.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "shardwright/result.h"

namespace shardwright {

// The text of "auto" (the template that most of the models have, of several the first; white space
// at its ends does not count), of a name (docs/recipes.md lists them), of a file (a path that ends
// in .jinja), or of a Jinja text. kUnsupported for another name, kInvalidArgument where there is no
// template to take.
Result<std::string> chosen_chat_template(const std::string& asked,
                                         const std::vector<const Checkpoint*>& models);

}  // namespace shardwright
