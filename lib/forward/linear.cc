#include "forward/linear.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/parallel.h"
#include "base/try.h"
#include "forward/product.h"
#include "merge/read_floats.h"

namespace shardwright {
namespace {

constexpr std::size_t kSlab = 128U << 10U;  // floats of a part of the weights: what a cache holds

std::size_t rows_at_once(std::size_t in) {
  return std::max<std::size_t>(kSlab / in / 16 * 16, 16);
}

// Outputs [first, first + count).
Status apply_part(const LinearMap& map, std::size_t first, std::size_t count,
                  std::span<const float> x, std::span<float> y) {
  std::vector<float> weight(count * map.in);
  std::vector<std::byte> raw;
  SW_TRY_OK(read_floats(*map.weight, std::uint64_t{first} * map.in, weight, raw));
  const std::size_t rows = x.size() / map.in;
  multiply({.rows = rows,
            .columns = count,
            .inner = map.in,
            .a = x.data(),
            .a_stride = map.in,
            .b = weight.data(),
            .b_stride = map.in,
            .b_transposed = true,
            .c = y.data() + first,
            .c_stride = map.out});
  if (map.bias == nullptr) return ok();
  std::vector<float> bias(count);
  SW_TRY_OK(read_floats(*map.bias, first, bias, raw));
  for (std::size_t row = 0; row < rows; ++row) {
    float* to = y.data() + row * map.out + first;
    for (std::size_t i = 0; i < count; ++i)
      to[i] += bias[i];
  }
  return ok();
}

}  // namespace

Status apply(const LinearMap& map, std::span<const float> x, std::span<float> y, int threads,
             Meter* meter) {
  const std::size_t at_once = rows_at_once(map.in);
  const std::size_t parts = (map.out + at_once - 1) / at_once;
  std::vector<std::optional<Error>> errors(parts);
  parallel_for(parts, threads, [&](std::size_t part) {
    if (meter != nullptr && meter->stopped()) return;
    const std::size_t first = part * at_once;
    const std::size_t count = std::min(at_once, map.out - first);
    if (Status status = apply_part(map, first, count, x, y); !status)
      errors[part] = std::move(status).error();
    if (meter != nullptr) meter->add(std::uint64_t{count} * (map.weight->bytes / map.out));
  });
  for (std::optional<Error>& error : errors) {
    if (error) return *std::move(error);
  }
  if (meter != nullptr && meter->stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
  return ok();
}

Result<std::vector<float>> all_floats(const Tensor& tensor) {
  std::size_t count = 1;
  for (const std::uint64_t extent : tensor.shape)
    count *= static_cast<std::size_t>(extent);
  std::vector<float> values(count);
  std::vector<std::byte> raw;
  SW_TRY_OK(read_floats(tensor, 0, values, raw));
  return values;
}

std::size_t slab_floats(std::size_t in) {
  return 2 * rows_at_once(in) * in;  // and their bytes
}

}  // namespace shardwright
