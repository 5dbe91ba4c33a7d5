// While it lives, root is nobody, so that permissions mean something.
#pragma once

#include <unistd.h>

namespace shardwright::test {

class Unprivileged {
 public:
  Unprivileged() {
    if (was_root_) dropped_ = ::seteuid(kNobody) == 0;
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  ~Unprivileged() {
    if (dropped_) static_cast<void>(::seteuid(0));
  }

  // False where a container does not let go of its privileges: there is nothing to test then.
  [[nodiscard]] bool holds() const { return !was_root_ || dropped_; }

 private:
  static constexpr uid_t kNobody = 65534;
  bool was_root_{::geteuid() == 0};
  bool dropped_{};
};

}  // namespace shardwright::test
