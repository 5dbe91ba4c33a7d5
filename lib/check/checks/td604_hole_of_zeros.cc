// TD604: a part of a matrix is zeros, as if it had not been written.
// docs/checks/TD604-hole-of-zeros.md
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include <fmt/format.h>

#include "base/units.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kLeastHole = 64 * kKiB;
constexpr std::uint64_t kLeastAtEdge = 16 * kKiB;
constexpr std::uint64_t kFilePage = 4096;
constexpr std::uint64_t kLeastRows = 16;

struct Hole {
  ZeroRun run{};
  std::uint64_t row_bytes{};
  std::uint64_t first{}, rows{};  // whole rows inside, by number
  std::uint64_t of{};             // rows of the matrix
  std::uint64_t others{};         // bytes of other long runs
  bool at_start{}, at_end{};      // of the tensor

  [[nodiscard]] std::uint64_t bytes() const { return run.to - run.from; }
};

Hole longest_hole(const Tensor& tensor, std::span<const ZeroRun> runs) {
  const auto length = [](const ZeroRun& run) { return run.to - run.from; };
  Hole hole{.run = *std::ranges::max_element(runs, {}, length)};
  for (const ZeroRun& run : runs)
    hole.others += length(run);
  hole.others -= hole.bytes();
  hole.row_bytes = tensor.shape.back() * dtype_bits(tensor.dtype) / 8;
  hole.at_start = hole.run.from == 0;
  hole.at_end = hole.run.to == tensor.bytes;
  if (hole.row_bytes == 0) return hole;
  hole.of = tensor.bytes / hole.row_bytes;
  hole.first = (hole.run.from + hole.row_bytes - 1) / hole.row_bytes;
  hole.rows = std::max(hole.run.to / hole.row_bytes, hole.first) - hole.first;
  return hole;
}

constexpr std::uint64_t kElement = 8;  // of which the first bytes may be zero, too

bool is_near(std::uint64_t position, std::uint64_t step) {
  return std::min(position % step, step - position % step) < kElement;
}

// Whole pages of the file, and not whole rows: the work of a file system or a download, and not of
// training. An end of the tensor says nothing.
bool is_hole_of_pages(const Tensor& tensor, const Hole& hole) {
  // What goes on in the next tensor is longer than what is seen here.
  const bool at_edge = hole.at_start || hole.at_end;
  if (hole.bytes() < (at_edge ? kLeastAtEdge : kLeastHole) || hole.row_bytes == 0) return false;
  const auto is_page = [&](std::uint64_t end) { return is_near(tensor.offset + end, kFilePage); };
  const auto is_torn = [&](std::uint64_t end) { return !is_near(end, hole.row_bytes); };
  const bool pages =
      (hole.at_start || is_page(hole.run.from)) && (hole.at_end || is_page(hole.run.to));
  return pages &&
         ((!hole.at_start && is_torn(hole.run.from)) || (!hole.at_end && is_torn(hole.run.to)));
}

// Of such a matrix no sound model has many rows of zeros beside each other, while the rest has
// none.
bool is_dense_kind(const ExpectedTensor* expected) {
  return expected != nullptr && !expected->optional &&
         (expected->role == Role::kNone || expected->role == Role::kExpert ||
          expected->role == Role::kSharedExpert) &&
         expected->dtype == ExpectedDType::kModel;
}

bool is_hole_of_rows(const Hole& hole, const ExpectedTensor* expected) {
  if (!is_dense_kind(expected) || hole.bytes() < kLeastHole || hole.rows < kLeastRows) return false;
  // Padding to a size that kernels like is the end of a matrix, and little of it.
  if (hole.at_end && hole.rows * 4 < hole.of) return false;
  return hole.others * 4 <= hole.bytes();
}

std::string hole_text(const Tensor& tensor, const Hole& hole) {
  if (hole.rows > 1) {
    return fmt::format("rows {} to {} of the {} of {} {} are zero", hole.first,
                       hole.first + hole.rows - 1, hole.of, quoted(tensor.name),
                       shape_text(tensor.shape));
  }
  return fmt::format("{} of the {} bytes of {} {} are zero in one run", hole.bytes(), tensor.bytes,
                     quoted(tensor.name), shape_text(tensor.shape));
}

void hole_of_zeros(const Model& model, const Reporter& report) {
  for (std::size_t i = 0; i < model.data.zero_runs.size(); ++i) {
    const auto& runs = model.data.zero_runs[i];
    const Tensor& tensor = model.checkpoint.tensors[i];
    // What is zero as a whole is TD602's; a bias or a norm may well be.
    if (runs.empty() || tensor.shape.size() < 2 || tensor.name.ends_with("bias") ||
        model.data.scans[i].zero)
      continue;
    const ExpectedTensor* expected = model.join.compared ? model.expected_of(tensor) : nullptr;
    const Hole hole = longest_hole(tensor, runs);
    const bool floating = dtype_class(tensor.dtype) == DTypeClass::kFloat;
    Report finding{.file = model.checkpoint.shards[tensor.shard].file,
                   .tensor = std::string(tensor.name)};
    finding.fix = no_fix(
        "get the file again, or compare it with the model that this one was made "
        "from");
    if (is_hole_of_pages(tensor, hole)) {
      finding.message = fmt::format(
          "{}, in bytes {} to {} of the file, whole pages of it that begin or end inside of a row: "
          "that part was probably never written",
          hole_text(tensor, hole), tensor.offset + hole.run.from, tensor.offset + hole.run.to);
    } else if (floating && is_hole_of_rows(hole, expected)) {
      finding.message =
          fmt::format("{}, and nearly no others: that part was probably never written or trained",
                      hole_text(tensor, hole));
    } else if (floating && hole.bytes() >= tensor.bytes / 4 && hole.rows > 1) {
      finding.message = fmt::format(
          "{}: rows that pad or were never trained, of a model that was pruned, or a part that was "
          "never written",
          hole_text(tensor, hole));
      finding.severity = Severity::kInfo;
    } else {
      continue;
    }
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kHoleOfZeros;
constinit const Check kHoleOfZeros{
    .code = "TD604",
    .name = "hole-of-zeros",
    .summary = "a part of a matrix is zeros, as if it had not been written",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = hole_of_zeros,
};

}  // namespace shardwright
