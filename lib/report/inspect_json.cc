#include "report/json_parts.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

std::string_view use_name(FileUse use) {
  switch (use) {
    case FileUse::kLoaded:
      return "loaded";
    case FileUse::kStray:
      return "stray";
    case FileUse::kOther:
      break;
  }
  return "other";
}

json::Value json_file(const InspectedFile& file) {
  json::Value::Object metadata;
  for (const auto& [key, value] : file.metadata)
    metadata.push_back({.key = key, .value = json_text(value)});
  return json_object({{"name", json_text(file.name)},
                      {"use", json_text(use_name(file.use))},
                      {"bytes", json_number(file.bytes)},
                      {"header_bytes", json_number(file.header_bytes)},
                      {"tensors", json_number(file.tensors)},
                      {"metadata", {.data = std::move(metadata)}},
                      {"problem", json_text_or_null(file.problem)}});
}

}  // namespace

std::string inspect_json(const InspectReport& report) {
  const auto tensor = [&](const InspectedTensor& t) {
    return json_object({{"name", json_text(t.name)},
                        {"dtype", json_text(dtype_name(t.dtype))},
                        {"shape", json_array(t.shape, json_number)},
                        {"file", json_text(report.files.at(t.file).name)},
                        {"bytes", json_number(t.bytes)},
                        {"parameters", json_number(t.parameters)}});
  };
  const auto dtype = [](const DTypeTotal& total) {
    return json_object({{"dtype", json_text(dtype_name(total.dtype))},
                        {"tensors", json_number(total.tensors)},
                        {"parameters", json_number(total.parameters)},
                        {"bytes", json_number(total.bytes)}});
  };
  const json::Value document = json_object({{"version", {.data = kJsonVersion}},
                                            {"path", json_text(report.path)},
                                            {"parameters", json_number(report.parameters)},
                                            {"tensor_bytes", json_number(report.tensor_bytes)},
                                            {"dtypes", json_array(report.dtypes, dtype)},
                                            {"files", json_array(report.files, json_file)},
                                            {"tensors", json_array(report.tensors, tensor)}});
  return json::dump(document, 2) + "\n";
}

}  // namespace shardwright
