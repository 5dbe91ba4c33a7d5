// The manual page, made from the table of commands.
#pragma once

#include <span>
#include <string>

#include "tools/command.h"

namespace shardwright {

// shardwright(1), for man.
std::string manual_page(std::span<const Command* const> commands);

}  // namespace shardwright
