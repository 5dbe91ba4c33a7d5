#include "shardwright/version.h"

namespace shardwright {

std::string_view version() {
  return SW_VERSION;
}

}  // namespace shardwright
