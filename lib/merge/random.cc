#include "merge/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "merge/random_kernels.h"

namespace shardwright {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD251'1F53U} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E'8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32U) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32U) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(first)};
    key[0] += 0x9E37'79B9U;
    key[1] += 0xBB67'AE85U;
  }
  return counter;
}

RandomKey random_key(std::uint64_t seed, std::string_view tensor, std::size_t input) {
  std::string text(sizeof seed, '\0');
  std::memcpy(text.data(), &seed, sizeof seed);
  text.append(tensor);
  const Digest digest = digest_of(std::as_bytes(std::span(text)));
  return {.key = {static_cast<std::uint32_t>(digest.low),
                  static_cast<std::uint32_t>(digest.low >> 32U)},
          .stream = {static_cast<std::uint32_t>(digest.high), static_cast<std::uint32_t>(input)}};
}

std::uint32_t random_number(const RandomKey& key, std::uint64_t element) {
  const std::uint64_t place = element % kernel::kRandomGroup;
  const std::uint64_t block = element / kernel::kRandomGroup * 16 + place % 32 / 2;
  const auto half = [&](std::uint32_t which) {
    const auto words =
        philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32U) | which,
                key.stream[0], key.stream[1]},
               key.key);
    return words[place / 32] >> 16U * (place % 2) & 0xFFFFU;
  };
  return half(0) << 16U | half(kernel::kLowerHalves);
}

std::uint32_t chance_of(double probability) {
  return static_cast<std::uint32_t>(std::clamp(std::round(probability * 0x1p32), 0.0, 0x1p32 - 1));
}

void keep_chance(const RandomKey& key, std::uint64_t first, std::span<float> values,
                 std::uint32_t chance) {
  kernel::keep_below_chance(key, first, values.data(), values.size(), chance);
}

// --- torch ---------------------------------------------------------------------------------------

namespace {

constexpr std::size_t kWords = 624;
// Words between two states that are kept: 2,500 bytes for four million.
constexpr std::uint64_t kStride = std::uint64_t{kWords} * 6720;
constexpr std::size_t kMostCursors = 64;

struct Twister {
  std::array<std::uint32_t, kWords> words{};
  std::uint64_t begin{};  // place of words[0] among all numbers

  void advance() {
    const auto twist = [&](std::size_t i, std::size_t next, std::size_t far) {
      const std::uint32_t mixed = (words[i] & 0x8000'0000U) | (words[next] & 0x7FFF'FFFFU);
      words[i] = words[far] ^ mixed >> 1U ^ ((mixed & 1U) != 0 ? 0x9908'B0DFU : 0U);
    };
    for (std::size_t i = 0; i < 227; ++i)
      twist(i, i + 1, i + 397);
    for (std::size_t i = 227; i + 1 < kWords; ++i)
      twist(i, i + 1, i - 227);
    twist(kWords - 1, 0, 396);
    begin += kWords;
  }

  [[nodiscard]] std::uint32_t number(std::size_t i) const {
    std::uint32_t word = words[i];
    word ^= word >> 11U;
    word ^= word << 7U & 0x9D2C'5680U;
    word ^= word << 15U & 0xEFC6'0000U;
    return word ^ word >> 18U;
  }
};

Twister seeded(std::uint64_t seed) {
  Twister twister;
  twister.words[0] = static_cast<std::uint32_t>(seed);
  for (std::uint32_t i = 1; i < kWords; ++i) {
    const std::uint32_t before = twister.words[i - 1];
    twister.words[i] = 1812433253U * (before ^ before >> 30U) + i;
  }
  twister.advance();  // the seeded words themselves are never given out
  twister.begin = 0;
  return twister;
}

class Numbers final : public TorchNumbers {
 public:
  explicit Numbers(std::uint64_t seed) : states_{seeded(seed)} {}

  void read(std::uint64_t place, std::span<std::uint32_t> numbers) override {
    Twister twister = take(place);
    for (std::size_t done = 0; done < numbers.size();) {
      while (place >= twister.begin + kWords)
        twister.advance();
      const std::size_t from = place - twister.begin;
      const std::size_t count = std::min(kWords - from, numbers.size() - done);
      for (std::size_t i = 0; i < count; ++i)
        numbers[done + i] = twister.number(from + i);
      done += count;
      place += count;
    }
    const std::scoped_lock lock(mutex_);
    if (cursors_.size() == kMostCursors) cursors_.erase(cursors_.begin());
    cursors_.push_back(twister);
  }

 private:
  // The nearest state at or before that place.
  Twister take(std::uint64_t place) {
    const std::scoped_lock lock(mutex_);
    while (states_.size() <= place / kStride) {
      Twister next = states_.back();
      for (std::uint64_t i = 0; i < kStride; i += kWords)
        next.advance();
      states_.push_back(next);
    }
    const Twister& kept = states_[place / kStride];
    auto best = cursors_.end();
    for (auto at = cursors_.begin(); at != cursors_.end(); ++at) {
      const std::uint64_t least = best == cursors_.end() ? kept.begin : best->begin;
      if (at->begin <= place && at->begin > least) best = at;
    }
    if (best == cursors_.end()) return kept;
    const Twister found = *best;
    cursors_.erase(best);
    return found;
  }

  std::mutex mutex_;
  std::vector<Twister> states_;   // at multiples of kStride
  std::vector<Twister> cursors_;  // where readers stopped, the oldest first
};

}  // namespace

std::shared_ptr<TorchNumbers> TorchNumbers::of(std::uint64_t seed) {
  static std::mutex mutex;
  static std::uint64_t last_seed;
  static std::weak_ptr<TorchNumbers> last;
  const std::scoped_lock lock(mutex);
  auto numbers = last.lock();
  if (numbers == nullptr || last_seed != seed) {
    numbers = std::make_shared<Numbers>(seed);
    last = numbers;
    last_seed = seed;
  }
  return numbers;
}

void keep_torch(std::span<const std::uint32_t> numbers, std::span<float> values, float chance) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (static_cast<float>(numbers[i] & 0xFF'FFFFU) * 0x1p-24F >= chance) values[i] = 0;
  }
}

}  // namespace shardwright
