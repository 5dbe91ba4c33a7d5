#include "report/json_parts.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

json::Value json_side(const std::optional<DiffSide>& side) {
  if (!side) return {};
  return json_object({{"dtype", json_text(dtype_name(side->dtype))},
                      {"shape", json_array(side->shape, json_number)},
                      {"file", json_text(side->file)},
                      {"bytes", json_number(side->bytes)}});
}

json::Value json_values(const std::optional<ValueDifference>& values) {
  if (!values) return {};
  return json_object({{"elements", json_number(values->elements)},
                      {"different", json_number(values->different)},
                      {"not_finite", json_number(values->not_finite)},
                      {"largest", {.data = values->largest}},
                      {"mean", {.data = values->mean}},
                      {"at", json_array(values->at, json_number)}});
}

json::Value json_tensor_diff(const TensorDiff& tensor) {
  return json_object({{"name", json_text(tensor.name)},
                      {"state", json_text(diff_state_name(tensor.state))},
                      {"a", json_side(tensor.a)},
                      {"b", json_side(tensor.b)},
                      {"same_bytes", json_bool(tensor.same_bytes)},
                      {"values", json_values(tensor.values)},
                      {"why", json_text_or_null(tensor.why)}});
}

// A side that does not have the value has no key: null is a value of JSON.
json::Value json_key(const JsonDiff& key) {
  json::Value object =
      json_object({{"file", json_text(key.file)}, {"pointer", json_text(key.pointer)}});
  auto& members = std::get<json::Value::Object>(object.data);
  for (const auto& [name, text] : {std::pair("a", &key.a), std::pair("b", &key.b)}) {
    if (!*text) continue;
    if (auto value = json::parse(**text)) members.push_back({name, std::move(value->root)});
  }
  return object;
}

json::Value json_size(const std::optional<std::uint64_t>& bytes) {
  return bytes ? json_number(*bytes) : json::Value{};
}

json::Value json_file_diff(const FileDiff& file) {
  return json_object(
      {{"name", json_text(file.name)}, {"a", json_size(file.a)}, {"b", json_size(file.b)}});
}

}  // namespace

std::string diff_json(const DiffReport& report) {
  const DiffSummary summary = summarize(report);
  const json::Value document =
      json_object({{"version", {.data = kJsonVersion}},
                   {"a", json_text(report.a)},
                   {"b", json_text(report.b)},
                   {"tensors", json_array(report.tensors, json_tensor_diff)},
                   {"json", json_array(report.json, json_key)},
                   {"files", json_array(report.files, json_file_diff)},
                   {"summary", json_object({{"same", json_number(summary.same)},
                                            {"different", json_number(summary.different)},
                                            {"only_a", json_number(summary.only_a)},
                                            {"only_b", json_number(summary.only_b)},
                                            {"unread", json_number(summary.unread)}})},
                   {"notes", json_array(report.notes, json_text)},
                   {"problems", json_array(report.problems, json_text)},
                   {"same", json_bool(report.is_same())}});
  return json::dump(document, 2) + "\n";
}

}  // namespace shardwright
