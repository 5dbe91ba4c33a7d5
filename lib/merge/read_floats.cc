#include "merge/read_floats.h"

#include "base/try.h"
#include "merge/kernels.h"

namespace shardwright {

Status read_floats(const Tensor& from, std::uint64_t first, std::span<float> into,
                   std::vector<std::byte>& raw) {
  const std::uint64_t width = dtype_bits(from.dtype) / 8;
  raw.resize(into.size() * width);
  SW_TRY_OK(from.read(first * width, raw));
  kernel::decode(from.dtype, raw, into.data());
  return ok();
}

}  // namespace shardwright
