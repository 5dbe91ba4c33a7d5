// What shells offer for a word that is begun, made from the table of commands.
#pragma once

#include <span>
#include <string>

#include "tools/command.h"

namespace shardwright {

// A script that the shell reads once.
std::string bash_completion(std::span<const Command* const> commands);
std::string zsh_completion(std::span<const Command* const> commands);
std::string fish_completion(std::span<const Command* const> commands);

}  // namespace shardwright
