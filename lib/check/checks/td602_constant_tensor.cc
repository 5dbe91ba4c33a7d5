// TD602: all elements of a matrix are the same.
// docs/checks/TD602-constant-tensor.md
#include <fmt/format.h>

#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"

namespace shardwright {
namespace {

// The rows of routers have checks of their own; a shared gate of zeros opens by half.
bool is_gate_to_itself(const Model& model, std::size_t tensor, const ExpectedTensor* expected,
                       const ScanResult& scan) {
  if (expected == nullptr) return false;
  if (expected->role == Role::kSharedGate) return scan.zero;
  return expected->role == Role::kRouter && tensor < model.data.rows.size() &&
         model.data.rows[tensor];
}

// Scales are often the same; zero ones leave nothing of what they scale.
bool is_scale_of_zeros(const Model& model, const Tensor& tensor, const ScanResult& scan) {
  const ExpectedTensor* expected = model.join.compared ? model.expected_of(tensor) : nullptr;
  return expected != nullptr && expected->role == Role::kBlockScale && scan.zero &&
         scan.elements > 0 && !scan.unscanned;
}

void report_zero_scale(const Model& model, const Tensor& tensor, const ScanResult& scan,
                       const Reporter& report) {
  report({.file = model.checkpoint.shards[tensor.shard].file,
          .tensor = std::string(tensor.name),
          .message = fmt::format(
              "all {} elements of {} {} are zero, and it is a scale: of what it scales nothing is "
              "left",
              scan.elements, quoted(tensor.name), shape_text(tensor.shape)),
          .fix = no_fix("compare it with the model that this one was made from"),
          .group = "zero scale"});
}

void constant_tensor(const Model& model, const Reporter& report) {
  for (std::size_t i = 0; i < model.data.scans.size(); ++i) {
    const ScanResult& scan = model.data.scans[i];
    const Tensor& tensor = model.checkpoint.tensors[i];
    if (is_scale_of_zeros(model, tensor, scan)) {
      report_zero_scale(model, tensor, scan, report);
      continue;
    }
    // Norms and biases are often all ones or zeros; a single element is always constant.
    if (tensor.shape.size() < 2 || tensor.name.ends_with("bias") || scan.elements < 2 ||
        scan.unscanned || scan.nan > 0)
      continue;
    if (!scan.constant && !scan.zero) continue;
    if (dtype_class(tensor.dtype) != DTypeClass::kFloat) continue;
    const ExpectedTensor* expected = model.join.compared ? model.expected_of(tensor) : nullptr;
    if (expected != nullptr &&
        (expected->role == Role::kBlockScale || expected->role == Role::kNorm)) {
      continue;  // norms of each head are matrices
    }
    if (is_gate_to_itself(model, i, expected, scan)) continue;
    Report finding{.file = model.checkpoint.shards[tensor.shard].file,
                   .tensor = std::string(tensor.name)};
    finding.message = fmt::format(
        "all {} elements of {} {} are {}: the tensor was probably never trained or never written",
        scan.elements, quoted(tensor.name), shape_text(tensor.shape),
        scan.zero ? "zero" : "the same");
    // A fresh adapter's second matrix is zero by design; without a rule nobody knows what a tensor
    // is. A matrix of one row is a vector: the only token type of RoBERTa is zero in most of them.
    if (expected == nullptr || tensor.shape.front() == 1) finding.severity = Severity::kInfo;
    // What was not written is so for all tensors of a layer.
    if (scan.zero) finding.group = "zero";
    finding.fix = no_fix("compare it with the model that this one was made from");
    report(std::move(finding));
  }
}

}  // namespace

extern const Check kConstantTensor;
constinit const Check kConstantTensor{
    .code = "TD602",
    .name = "constant-tensor",
    .summary = "all elements of a matrix are the same",
    .severity = Severity::kWarning,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = constant_tensor,
};

}  // namespace shardwright
