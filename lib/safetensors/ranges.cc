#include "safetensors/ranges.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>
#include <vector>

#include "base/checked.h"

namespace shardwright::safetensors {
namespace {

void fill(Defect* defect, std::uint64_t found, std::uint64_t expected) {
  if (defect == nullptr) return;
  defect->found = found;
  defect->expected = expected;
}

// Whether the range has the size that dtype and shape need.
bool check_size(Header& header, const TensorEntry& tensor) {
  const auto bits = bits_as_reference(tensor.dtype, tensor.shape);
  if (!bits) {
    add_defect(header, DefectKind::kShapeOverflow, tensor.name);
    return false;
  }
  if (*bits % 8 != 0) {
    fill(add_defect(header, DefectKind::kSubByte, tensor.name), *bits, *bits / 8 * 8 + 8);
    return false;
  }
  const std::uint64_t size = tensor.end - tensor.begin;
  if (size == *bits / 8) return true;
  fill(add_defect(header, DefectKind::kRangeSize, tensor.name), size, *bits / 8);
  return false;
}

void check_alignment(Header& header, const TensorEntry& tensor) {
  const std::uint32_t width = dtype_alignment(tensor.dtype);
  const auto offset = checked_add(header.data_start(), tensor.begin);
  if (tensor.begin == tensor.end || !offset || *offset % width == 0) return;
  fill(add_defect(header, DefectKind::kMisaligned, tensor.name), *offset, width);
}

// The ranges in the order of the file, taken one after the other.
class Sweep {
 public:
  Sweep(Header& header, bool complete) : header_(header), complete_(complete) {}

  void take(const TensorEntry& tensor) {
    if (tensor.begin < end_) {
      Defect* defect = add_defect(header_, DefectKind::kOverlap, tensor.name);
      if (defect != nullptr && owner_ != nullptr) defect->other = owner_->name;
      fill(defect, tensor.begin, end_);
    } else if (tensor.begin > end_ && complete_) {
      fill(add_defect(header_, DefectKind::kGap, tensor.name), tensor.begin, end_);
    }
    if (owner_ == nullptr || tensor.end > end_) {
      end_ = tensor.end;
      owner_ = &tensor;
    }
  }

  void finish() {
    if (!complete_ || end_ >= header_.data_bytes) return;
    fill(add_defect(header_, DefectKind::kTrailingBytes), header_.data_bytes, end_);
  }

 private:
  Header& header_;
  bool complete_;
  std::uint64_t end_{};
  const TensorEntry* owner_{};
};

bool is_before(const TensorEntry& a, const TensorEntry& b) {
  return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
}

}  // namespace

std::optional<std::uint64_t> bits_as_reference(DType dtype, ShapeView shape) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : shape) {
    const auto next = checked_mul(count, extent);
    if (!next) return std::nullopt;
    count = *next;
  }
  return checked_mul(count, dtype_bits(dtype));
}

Defect* add_defect(Header& header, DefectKind kind, std::string_view tensor) {
  std::uint64_t& count = header.counts[static_cast<std::size_t>(kind)];
  if (++count > Header::kMaxDefects) return nullptr;
  header.defects.push_back({.kind = kind, .tensor = tensor});
  return &header.defects.back();
}

void check_entries(Header& header, std::span<const EntryState> states) {
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    TensorEntry& tensor = header.tensors[i];
    if (states[i] == EntryState::kNoRange) continue;
    if (tensor.begin > tensor.end) {
      fill(add_defect(header, DefectKind::kRangeReversed, tensor.name), tensor.end, tensor.begin);
      continue;
    }
    const bool inside = tensor.end <= header.data_bytes;
    if (!inside) {
      fill(add_defect(header, DefectKind::kRangePastData, tensor.name), tensor.end,
           header.data_bytes);
    }
    if (states[i] == EntryState::kNoDType) continue;
    tensor.readable = check_size(header, tensor) && inside;
    check_alignment(header, tensor);
  }
}

void check_coverage(Header& header, std::span<const EntryState> states) {
  const auto& tensors = header.tensors;
  const auto has_range = [&](std::size_t i) {
    return states[i] != EntryState::kNoRange && tensors[i].begin <= tensors[i].end;
  };
  bool complete = true;
  bool ordered = true;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!has_range(i)) complete = false;
    if (i > 0 && is_before(tensors[i], tensors[i - 1])) ordered = false;
  }
  Sweep sweep(header, complete);
  if (complete && ordered) {  // as nearly every writer leaves them
    for (const TensorEntry& tensor : tensors)
      sweep.take(tensor);
  } else {
    std::vector<std::uint32_t> order;
    order.reserve(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (has_range(i)) order.push_back(static_cast<std::uint32_t>(i));
    }
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
      return std::tie(tensors[a].begin, tensors[a].end, a) <
             std::tie(tensors[b].begin, tensors[b].end, b);
    });
    for (const std::uint32_t i : order)
      sweep.take(tensors[i]);
  }
  sweep.finish();
}

}  // namespace shardwright::safetensors
