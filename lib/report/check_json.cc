#include "report/json_parts.h"
#include "shardwright/report.h"
#include "shardwright/version.h"

namespace shardwright {
namespace {

json::Value json_architecture(const ArchitectureFacts& facts) {
  return json_object({{"schema", json_text_or_null(facts.schema)},
                      {"model_type", json_text_or_null(facts.model_type)},
                      {"layout", json_text_or_null(facts.layout)},
                      {"why", json_text(facts.why)}});
}

json::Value json_facts(const ModelFacts& facts) {
  return json_object({{"tensors", json_number(facts.tensors)},
                      {"shards", json_number(facts.shards)},
                      {"parameters", json_number(facts.parameters)},
                      {"tensor_bytes", json_number(facts.tensor_bytes)},
                      {"tied", facts.tied ? json_bool(*facts.tied) : json::Value{}}});
}

json::Value json_model(const ModelReport& model, std::size_t position) {
  if (!model.error.empty()) {
    return json_object({{"path", json_text(model.path)},
                        {"error", json_text(model.error)},
                        {"architecture", {}},
                        {"facts", {}},
                        {"findings", {.data = json::Value::Array{}}},
                        {"ignored", {.data = json::Value::Array{}}},
                        {"notes", {.data = json::Value::Array{}}}});
  }
  const auto placed = [position](Finding finding) {
    finding.model = position;
    return json_finding(finding);
  };
  // A checkpoint of which nothing is recognised has no architecture.
  const bool known = model.architecture && !model.architecture->schema.empty();
  return json_object(
      {{"path", json_text(model.path)},
       {"architecture", known ? json_architecture(*model.architecture) : json::Value{}},
       {"facts", json_facts(model.facts)},
       {"findings", json_array(model.findings, placed)},
       {"ignored", json_array(model.ignored, placed)},
       {"notes", json_array(model.notes, json_text)}});
}

json::Value json_check_summary(const std::vector<ModelReport>& models) {
  json::Value summary = json_summary(summarize(models));
  std::uint64_t ignored = 0;
  for (const ModelReport& model : models)
    ignored += model.ignored.size();
  std::get<json::Value::Object>(summary.data).push_back({"ignored", json_number(ignored)});
  return summary;
}

}  // namespace

std::string check_json(const std::vector<ModelReport>& models) {
  json::Value::Array entries;
  for (std::size_t i = 0; i < models.size(); ++i)
    entries.push_back(json_model(models[i], i));
  const json::Value document = json_object(
      {{"version", {.data = kJsonVersion}},
       {"tool",
        json_object({{"name", json_text("shardwright")}, {"version", json_text(version())}})},
       {"models", {.data = std::move(entries)}},
       {"summary", json_check_summary(models)}});
  return json::dump(document, 2) + "\n";
}

std::string check_jsonl(const ModelReport& model, std::size_t position) {
  return json::dump(json_model(model, position)) + "\n";
}

}  // namespace shardwright
