#include "moe/sources.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"
#include "merge/computed.h"
#include "merge/read_floats.h"
#include "tensor/shape.h"

namespace shardwright {
namespace {

// (0, 1): the middle of a 32nd part.
double unit(std::uint32_t number) {
  return (static_cast<double>(number) + 0.5) * 0x1p-32;
}

// Box and Muller, 1958: two uniform numbers make one of N(0, 1); their second goes unused, so that
// an element's number depends on nothing else.
float normal_number(const RandomKey& key, std::uint64_t element) {
  const double radius = std::sqrt(-2 * std::log(unit(random_number(key, 2 * element))));
  const double angle = 2 * std::numbers::pi * unit(random_number(key, 2 * element + 1));
  return static_cast<float>(radius * std::cos(angle));
}

// Floats of which `compute(first, count, to)` gives any.
template <typename Compute>
class ComputedSource final : public ByteSource {
 public:
  ComputedSource(std::uint64_t elements, Compute compute)
      : elements_(elements), compute_(std::move(compute)) {}
  [[nodiscard]] std::uint64_t size() const override { return elements_ * sizeof(float); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return read_computed(elements_, offset, into, compute_);
  }

 private:
  std::uint64_t elements_;
  Compute compute_;
};

template <typename Compute>
std::shared_ptr<const ByteSource> computed(std::uint64_t elements, Compute compute) {
  return std::make_shared<ComputedSource<Compute>>(elements, std::move(compute));
}

}  // namespace

std::shared_ptr<const ByteSource> changed_source(const Tensor& tensor,
                                                 const ElementChange& change) {
  return computed(element_count(tensor.shape).value_or(0),
                  [tensor, change](std::uint64_t first, std::size_t count, float* to) -> Status {
                    std::vector<std::byte> raw;
                    SW_TRY_OK(read_floats(tensor, first, {to, count}, raw));
                    for (std::size_t i = 0; i < count; ++i) {
                      double value = to[i] * change.scale + change.plus;
                      if (change.noise > 0)
                        value += change.noise * normal_number(change.key, first + i);
                      to[i] = static_cast<float>(value);
                    }
                    return ok();
                  });
}

std::shared_ptr<const ByteSource> random_source(std::uint64_t elements, const RandomKey& key,
                                                double bound) {
  return computed(elements, [key, bound](std::uint64_t first, std::size_t count, float* to) {
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = bound > 0 ? static_cast<float>((2 * unit(random_number(key, first + i)) - 1) * bound)
                        : normal_number(key, first + i);
    }
    return ok();
  });
}

std::shared_ptr<const ByteSource> given_source(std::vector<float> values) {
  const std::uint64_t elements = values.size();
  return computed(elements,
                  [values = std::move(values)](std::uint64_t first, std::size_t count, float* to) {
                    std::copy_n(values.data() + first, count, to);
                    return ok();
                  });
}

std::shared_ptr<const ByteSource> zeros_source(std::uint64_t elements) {
  return computed(elements, [](std::uint64_t /*first*/, std::size_t count, float* to) {
    std::fill_n(to, count, 0.0F);
    return ok();
  });
}

}  // namespace shardwright
