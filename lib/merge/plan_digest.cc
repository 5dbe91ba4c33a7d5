#include "merge/plan_digest.h"

#include <span>

#include "base/field_digest.h"

namespace shardwright {
namespace {

void add_numbers(FieldDigest& fields, std::span<const std::uint64_t> numbers) {
  fields.number(numbers.size());
  for (const std::uint64_t number : numbers)
    fields.number(number);
}

void add_reals(FieldDigest& fields, std::span<const double> reals) {
  fields.number(reals.size());
  for (const double real : reals)
    fields.real(real);
}

void add_planned(FieldDigest& fields, const PlannedTensor& tensor) {
  fields.text(tensor.name);
  fields.text(dtype_name(tensor.dtype));
  add_numbers(fields, tensor.shape);
  fields.number(static_cast<std::uint64_t>(tensor.action));
  fields.number(tensor.inputs.size());
  for (const TensorInput& input : tensor.inputs) {
    fields.number(input.model);
    fields.text(input.tensor.name);
    fields.text(dtype_name(input.tensor.dtype));
    add_numbers(fields, input.tensor.shape);
  }
  fields.number(tensor.base ? *tensor.base + 1 : 0);
  fields.text(tensor.round_to ? dtype_name(*tensor.round_to) : "");
  add_reals(fields, tensor.globals);
  fields.number(tensor.values.size());
  for (const std::vector<double>& values : tensor.values)
    add_reals(fields, values);
}

}  // namespace

Digest digest_of_plan(const MergePlan& plan) {
  FieldDigest fields;
  fields.text(plan.method == nullptr ? std::string_view() : plan.method->name);
  fields.number(plan.seed);
  fields.number(plan.compat ? 1 : 0);
  fields.number(plan.tensors.size());
  for (const PlannedTensor& tensor : plan.tensors)
    add_planned(fields, tensor);
  fields.number(plan.shards.size());
  for (const std::vector<std::size_t>& shard : plan.shards) {
    fields.number(shard.size());
    for (const std::size_t tensor : shard)
      fields.number(tensor);
  }
  fields.text(plan.config);
  fields.number(plan.files.size());
  for (const PlannedText& file : plan.files) {
    fields.text(file.name);
    fields.text(file.text);
  }
  return fields.finish();
}

}  // namespace shardwright
