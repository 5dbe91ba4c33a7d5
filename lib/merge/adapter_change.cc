#include "merge/adapter_change.h"

#include "base/try.h"

namespace shardwright {
namespace {

std::uint64_t bytes_of(const Factor& factor) {
  return factor.rows * factor.columns * (dtype_bits(factor.tensor.dtype) / 8);
}

}  // namespace

bool AdapterChange::is_computed() const {
  return !computed.products.empty() || computed.shift || computed.patch || computed.magnitude;
}

bool AdapterChange::is_rows_alone() const {
  return computed.patch && computed.products.empty() && saved == nullptr;
}

std::uint64_t AdapterChange::read_bytes() const {
  const std::uint64_t once = saved != nullptr ? saved->bytes : base_bytes;
  std::uint64_t bytes = computed.magnitude ? 2 * once : once;
  for (const LowRank& product : computed.products)
    bytes += bytes_of(product.left) + bytes_of(product.right);
  if (computed.shift) bytes += computed.shift->bytes;
  if (computed.patch) bytes += computed.patch->values.bytes;
  return bytes;
}

Result<bool> same_change(const AdapterChange& a, const AdapterChange& b) {
  const AdaptedTensor& x = a.computed;
  const AdaptedTensor& y = b.computed;
  if (x.patch || y.patch || x.shift || y.shift || x.magnitude || y.magnitude ||
      x.products.size() != y.products.size()) {
    return false;
  }
  for (std::size_t i = 0; i < x.products.size(); ++i) {
    const LowRank& p = x.products[i];
    const LowRank& q = y.products[i];
    if (p.first_row != q.first_row || p.scale != q.scale) return false;
    SW_TRY(const bool left, same_factors(p.left, q.left));
    SW_TRY(const bool right, same_factors(p.right, q.right));
    if (!left || !right) return false;
  }
  if (a.saved == nullptr || b.saved == nullptr) return a.saved == b.saved;
  return same_bytes(*a.saved, *b.saved);
}

}  // namespace shardwright
