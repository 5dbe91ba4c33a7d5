#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.h"
#include "report/json_parts.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

json::Value json_texts(const std::vector<std::string>& texts) {
  return json_array(texts, [](const std::string& text) { return json_text(text); });
}

}  // namespace

std::string schema_list_text(const std::vector<SchemaRow>& rows) {
  std::size_t width = 0;
  for (const SchemaRow& row : rows)
    width = std::max(width, row.name.size());
  std::string text;
  for (const SchemaRow& row : rows) {
    text += fmt::format("{:<{}}  {}", row.name, width, row.classes.front());
    std::vector<std::string> others;
    for (const std::string& type : row.model_types) {
      if (type != row.name) others.push_back(type);
    }
    others.insert(others.end(), row.aliases.begin(), row.aliases.end());
    if (!others.empty()) text += fmt::format("  also {}", fmt::join(others, ", "));
    if (!row.layouts.empty())
      text += fmt::format("  layouts: hub, {}", fmt::join(row.layouts, ", "));
    text += "\n";
  }
  return text;
}

std::string schema_list_json(const std::vector<SchemaRow>& rows) {
  const auto row = [](const SchemaRow& r) {
    return json_object({{"name", json_text(r.name)},
                        {"model_types", json_texts(r.model_types)},
                        {"aliases", json_texts(r.aliases)},
                        {"classes", json_texts(r.classes)},
                        {"layouts", json_texts(r.layouts)},
                        {"source", json_text(r.source)}});
  };
  return json::dump(json_array(rows, row), 2) + "\n";
}

std::string schema_expansion_text(const SchemaExpansion& expansion) {
  std::string text =
      fmt::format("{} ({}), layout {}: {} tensors, {} head\n", expansion.schema, expansion.why,
                  expansion.layout, expansion.tensors.size(), expansion.tied ? "tied" : "untied");
  for (const SchemaTensor& tensor : expansion.tensors) {
    text += fmt::format("{} [{}]", printable(tensor.name), fmt::join(tensor.shape, ", "));
    if (!tensor.role.empty()) text += " " + tensor.role;
    if (tensor.optional) text += " optional";
    text += "\n";
  }
  return text;
}

std::string schema_expansion_json(const SchemaExpansion& expansion) {
  const auto tensor = [](const SchemaTensor& t) {
    return json_object({{"name", json_text(t.name)},
                        {"shape", json_array(t.shape, json_number)},
                        {"role", json_text_or_null(t.role)},
                        {"optional", json_bool(t.optional)}});
  };
  return json::dump(json_array(expansion.tensors, tensor), 2) + "\n";
}

}  // namespace shardwright
