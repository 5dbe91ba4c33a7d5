// A file compiled into the program by tools/embed.cmake.
#pragma once

#include <string_view>

namespace shardwright {

struct EmbeddedFile {
  std::string_view name;  // without folder and extension
  std::string_view text;
};

}  // namespace shardwright
