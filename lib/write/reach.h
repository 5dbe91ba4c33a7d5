// The way to a name of the disk by folders alone: a symbolic link on it is not followed, whoever
// puts it there, and whenever.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "io/unique_fd.h"

namespace shardwright {

// The folder that a path's last component lies in, for calls that take a folder and a name.
struct Reached {
  UniqueFd folder{};
  std::string name{};
  explicit operator bool() const { return static_cast<bool>(folder); }
};

// Where a folder on the way cannot be opened, none, and errno says why: ELOOP for a link.
Reached reach(const std::string& path);

// The folder at `path` in the same way, one name after the other: for kernels before Linux 5.6.
UniqueFd open_by_steps(const std::string& path);

// The first folder on the way to `path` that is a symbolic link, for a message; empty where none
// is.
std::string link_above(const std::string& path);

// Calls that have no form of their own for such a place: as the system's they say false where they
// fail, and set errno.

// renameat2, or renameat where there are no flags.
bool move_to(const std::string& from, const Reached& to, unsigned int flags);
// Not of what a link leads to.
bool change_mode(const Reached& at, mode_t mode);
// What the folder holds; nothing where it cannot be read.
std::vector<std::string> names_in(const Reached& at);

}  // namespace shardwright
