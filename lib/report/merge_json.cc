#include <cmath>

#include "report/adapters.h"
#include "report/json_parts.h"
#include "shardwright/dtype.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

json::Value shape_json(const std::vector<std::uint64_t>& shape) {
  return json_array(shape, json_number);
}

json::Value problem_json(const RecipeProblem& problem) {
  return json_object({{"line", json_number(static_cast<std::uint64_t>(problem.line))},
                      {"column", json_number(static_cast<std::uint64_t>(problem.column))},
                      {"message", json_text(problem.message)}});
}

json::Value tensor_json(const MergedTensor& tensor) {
  return json_object({{"name", json_text(tensor.name)},
                      {"dtype", json_text(dtype_name(tensor.dtype))},
                      {"shape", shape_json(tensor.shape)},
                      {"bytes", json_number(tensor.bytes)},
                      {"file", json_text(tensor.file)},
                      {"action", json_text(tensor.action)},
                      {"sources", json_array(tensor.sources, json_text)},
                      {"why", json_text_or_null(tensor.why)}});
}

json::Value numbers_json(const std::vector<double>& numbers) {
  return json_array(numbers, [](double number) {
    return std::isfinite(number) ? json::Value{.data = number} : json::Value{};
  });
}

json::Value gate_json(const MixtureGate& gate) {
  return json_object({{"layer", gate.layer ? json_number(*gate.layer) : json::Value{}},
                      {"norms", numbers_json(gate.norms)},
                      {"cosines", json_array(gate.cosines, numbers_json)},
                      {"shares", numbers_json(gate.shares)}});
}

json::Value drop_json(const MergeDrop& drop) {
  return json_object({{"model", json_text(drop.model)},
                      {"tensor", json_text(drop.tensor)},
                      {"why", json_text(drop.why)}});
}

json::Value model_json(const ModelReport& model) {
  return json_object({{"path", json_text(model.path)},
                      {"findings", json_array(model.findings, json_finding)},
                      {"summary", json_summary(summarize({model}))}});
}

// Of one document, those that it reads included.
json::Value document_json(const MergeReport& report) {
  return json_object({
      {"document", json_text_or_null(report.document)},
      {"method", json_text_or_null(report.method)},
      {"problems", json_array(report.problems, problem_json)},
      {"remarks", json_array(report.remarks, problem_json)},
      {"inputs", json_array(report.inputs, model_json)},
      {"findings", json_array(report.findings, json_finding)},
      {"adapters", json_array(report.adapters, adapter_json)},
      {"tensors", json_array(report.tensors, tensor_json)},
      {"dropped", json_array(report.dropped, drop_json)},
      {"notes", json_array(report.notes, json_text)},
      {"gates", json_array(report.gates, gate_json)},
      {"shards", json_number(report.shards)},
      {"tensor_bytes", json_number(report.tensor_bytes)},
      {"read_bytes", json_number(report.read_bytes)},
      {"passes", json_number(report.passes)},
      {"write_bytes", json_number(report.write_bytes)},
      {"resumed_bytes", json_number(report.resumed_bytes)},
      {"digest", json_text_or_null(report.digest)},
      {"threads", json_number(static_cast<std::uint64_t>(report.threads))},
      {"peak_memory", json_number(report.peak_memory)},
      {"estimated_seconds",
       report.estimated_seconds ? json::Value{.data = *report.estimated_seconds} : json::Value{}},
      {"result", report.result ? model_json(*report.result) : json::Value{}},
      {"refused", json_text_or_null(report.refused)},
      {"published", json_bool(report.published)},
      {"seconds", report.published ? json::Value{.data = report.seconds} : json::Value{}},
      {"memory_taken", report.published ? json_number(report.memory_taken) : json::Value{}},
      {"documents", json_array(report.documents, document_json)},
  });
}

}  // namespace

std::string merge_json(const MergeReport& report) {
  json::Value::Object members =
      *json_object({{"version", {.data = kJsonVersion}}, {"recipe", json_text(report.recipe)}})
           .object();
  const json::Value document = document_json(report);
  members.insert(members.end(), document.object()->begin(), document.object()->end());
  return json::dump({std::move(members)}, 2) + "\n";
}

}  // namespace shardwright
