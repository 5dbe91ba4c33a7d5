#include "io/unique_fd.h"

#include <fcntl.h>

#include <cerrno>

#include <doctest/doctest.h>

namespace shardwright {

TEST_CASE("io: closing a descriptor says nothing of the call before it") {
  {
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(file);
    ::close(file.get());  // so that the second one fails
    errno = EINVAL;
  }
  CHECK(errno == EINVAL);
}

}  // namespace shardwright
