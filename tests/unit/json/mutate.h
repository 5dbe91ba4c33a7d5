// Random damage to texts, for tests that compare two readers. The same seed gives the same texts on
// every machine: mt19937 is fixed by the standard, its distributions are not, and none is used.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace shardwright {

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}

  unsigned below(std::size_t bound) { return static_cast<unsigned>(random_() % bound); }
  bool one_in(unsigned n) { return below(n) == 0; }

  template <typename T, std::size_t N>
  const T& pick(const T (&values)[N]) {  // NOLINT(modernize-avoid-c-arrays): from a braced list
    return values[below(N)];
  }
  int pick(std::initializer_list<int> values) { return values.begin()[below(values.size())]; }
  std::string_view pick(std::span<const std::string_view> values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937 random_;
};

// `text` with bytes removed, doubled, or replaced by fragments, `edits` times.
inline std::string mutate(Dice& dice, std::string text, std::span<const std::string_view> fragments,
                          unsigned edits) {
  for (; edits > 0 && !text.empty(); --edits) {
    const std::size_t at = dice.below(text.size());
    switch (dice.below(4)) {
      case 0:
        text.erase(at, 1);
        break;
      case 1:
        text.insert(at, dice.pick(fragments));
        break;
      case 2:
        text.replace(at, 1, dice.pick(fragments));
        break;
      default:
        text.insert(at, text.substr(at, 1 + dice.below(12)));
    }
  }
  return text;
}

}  // namespace shardwright
