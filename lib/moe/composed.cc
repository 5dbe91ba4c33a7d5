#include "moe/composed.h"

#include <algorithm>
#include <utility>

#include "tensor/shape.h"

namespace shardwright {

void Composed::use(std::size_t input, const ViewTensor& tensor, Origin& origin) {
  if (tensor.stored_names.empty()) used.insert({input, tensor.tensor.name});
  for (const std::string_view name : tensor.stored_names)
    used.insert({input, name});
  if (!origin.model) origin.model = static_cast<std::uint32_t>(input);
}

void Composed::add(const ExpectedTensor& tensor, ViewTensor made, Origin origin) {
  made.tensor.name = tensor.name;
  made.tensor.shape = tensor.shape;
  made.stored_names.clear();
  add_to_view(view, std::move(made), &tensor);
  origins[tensor.name] = std::move(origin);
}

ViewTensor changed_tensor(const ViewTensor& from, const ElementChange& change,
                          OwnedSources& sources) {
  if (change.is_none()) return from;
  auto source = changed_source(from.tensor, change);
  ViewTensor made = from;
  made.adapted = true;
  made.tensor = {.name = from.tensor.name,
                 .shape = from.tensor.shape,
                 .dtype = DType::kF32,
                 .source = source.get(),
                 .bytes = source->size(),
                 .readable = true};
  sources.push_back(std::move(source));
  return made;
}

void plan_tensors(const Composed& composed,
                  const std::function<DType(const ViewTensor& tensor)>& dtype_of, MergePlan& plan) {
  for (const auto& [name, tensor] : composed.view.tensors) {
    PlannedTensor made{.name = std::string(name)};
    const ShapeView shape = tensor.tensor.shape;
    made.shape = Shape(shape.begin(), shape.end());
    made.elements = element_count(shape).value_or(0);
    made.dtype = dtype_of(tensor);
    const bool as_it_is = made.dtype == tensor.tensor.dtype && !tensor.adapted;
    made.action = as_it_is ? TensorAction::kCopy : TensorAction::kCast;
    TensorInput input{.tensor = tensor.tensor, .read_bytes = tensor.read_bytes};
    // What a layout puts together comes from where its first part does.
    const auto origin =
        composed.origins.find(tensor.stored_names.empty() ? name : tensor.stored_names.front());
    if (origin != composed.origins.end()) {
      input.model = origin->second.model.value_or(0);
      if (!origin->second.stored.empty() && tensor.stored_names.empty())
        input.tensor.name = origin->second.stored;
      made.why = origin->second.why;
      made.globals = origin->second.given;  // so that the plan's digest knows them
    }
    made.inputs.push_back(input);
    plan.tensors.push_back(std::move(made));
  }
}

void plan_drops(const Composed& composed, std::span<const MergeInput> inputs,
                const std::function<std::string(std::size_t input, std::string_view name)>& why,
                MergePlan& plan) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const MergeInput& input = inputs[i];
    for (const Tensor& tensor : input.checkpoint->tensors) {
      if (composed.used.contains({i, tensor.name})) continue;
      const bool redundant =
          std::ranges::find(input.redundant, tensor.name) != input.redundant.end();
      plan.dropped.push_back(
          {.model = static_cast<std::uint32_t>(i),
           .name = std::string(tensor.name),
           .why = redundant ? "it repeats the tied embedding" : why(i, tensor.name)});
    }
  }
}

}  // namespace shardwright
