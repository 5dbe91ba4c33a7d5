// Names that a training wrapper changed, in a model in which something else is wrong, too.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/expand.h"
#include "check/join.h"
#include "checkpoint/checkpoint.h"

namespace shardwright {

// What was put into the names.
struct Wrapping {
  std::vector<std::string> segments{};  // of known wrappers: "_orig_mod.", at any depth
  std::string outer_prefix{};           // instead: an unknown text before names

  [[nodiscard]] std::string bare(std::string_view name) const;
};

// What `join` leaves unexplained, and most of the names that hold it are the rule's without. None
// where an adapter stands beside, or two names would be the same.
std::optional<Wrapping> wrapping_of(const Checkpoint& checkpoint, const Expansion& expected,
                                    const Join& join);

// While it lives the tensors, and the entries of the index, have their bare names: what else is
// wrong is found as if nobody had wrapped them.
class BareNames {
 public:
  BareNames(Checkpoint& checkpoint, const Wrapping& wrapping);
  ~BareNames();
  BareNames(const BareNames&) = delete;
  BareNames& operator=(const BareNames&) = delete;
  BareNames(BareNames&&) = delete;
  BareNames& operator=(BareNames&&) = delete;

 private:
  Checkpoint& checkpoint_;
  std::vector<std::string_view> stored_, indexed_;
  std::deque<std::string> bare_;
};

// Says in the join of the bare names what was taken out of them.
void note_wrapping(Wrapping wrapping, const Checkpoint& checkpoint, const Expansion& expected,
                   Join& join);

}  // namespace shardwright
