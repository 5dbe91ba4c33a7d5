#include "shardwright/schema_job.h"

#include <sys/stat.h>

#include <utility>

#include <fmt/format.h>

#include "arch/detect.h"
#include "arch/expand.h"
#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/model_path.h"
#include "checkpoint/side_files.h"
#include "job/check_model.h"
#include "job/find_rule.h"
#include "safetensors/header.h"
#include "write/disk.h"

namespace shardwright {
namespace {

// An index of half a million tensors is below this.
constexpr std::uint64_t kMaxIndexBytes = 256U << 20U;

struct ConfigPath {
  std::string directory{};
  std::string file{};
};

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// A config needs no weights beside it, so what `check` would refuse as no model is fine here.
Result<ConfigPath> locate_config(const std::string& path) {
  if (is_folder(path)) return ConfigPath{path, "config.json"};
  if (path.ends_with(".json") && !path.ends_with(".index.json")) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ConfigPath{".", path};
    return ConfigPath{slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
  }
  SW_TRY(const ModelPath model, locate_model(path));
  return ConfigPath{model.directory, "config.json"};
}

// The names that an index beside the config maps; empty where there is none that can be read.
Result<Index> index_beside(const Folder& folder) {
  for (const char* name : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) {
    if (folder.find(name) == nullptr) continue;
    SW_TRY(const auto source, folder.open(name));
    SW_TRY(std::string text, read_all(*source, kMaxIndexBytes));
    return parse_index(std::move(text));
  }
  return Index{};
}

// The header of a single file beside the config; empty where there is none that can be read.
safetensors::Header header_beside(const Folder& folder) {
  const auto source = folder.open("model.safetensors");
  if (!source) return {};
  auto header = safetensors::read_header(**source);
  return header ? std::move(*header) : safetensors::Header();
}

Error unusable(const std::string& file, const Expansion& expected) {
  std::string message = fmt::format("{} cannot be used", quoted(file));
  const char* separator = ": ";
  for (const ConfigProblem& problem : expected.problems) {
    message += separator + problem.message;
    separator = "; ";
  }
  return {ErrorCode::kMalformed, std::move(message)};
}

}  // namespace

Result<std::vector<SchemaRow>> list_schemas(const std::string& rules_dir) {
  SW_TRY(const auto catalogue, load_catalogue(rules_dir));
  std::vector<SchemaRow> rows;
  for (const std::string_view name : catalogue->names()) {
    const Schema& schema = *catalogue->find(name);
    SchemaRow row{.name = schema.name, .model_types = schema.model_types, .source = schema.source};
    for (const SchemaAlias& alias : schema.aliases)
      row.aliases.push_back(alias.name);
    for (const SchemaClass& entry : schema.classes)
      row.classes.push_back(entry.name);
    for (const SchemaLayout& layout : schema.layouts) {
      if (!layout.internal) row.layouts.push_back(layout.name);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::string> show_schema(std::string_view name, const std::string& rules_dir) {
  SW_TRY(const auto catalogue, load_catalogue(rules_dir));
  SW_TRY(const Schema* schema, find_rule(*catalogue, name));
  return schema->text;
}

Result<SchemaExpansion> expand_schema(const std::string& path, const ExpandOptions& options) {
  SW_TRY(const auto catalogue, load_catalogue(options.rules_dir));
  if (!options.arch.empty()) SW_TRY_OK(find_rule(*catalogue, options.arch));
  SW_TRY(const ConfigPath where, locate_config(path));
  SW_TRY(const auto folder, open_folder(where.directory));
  const SideFile config = read_side_file(*folder, where.file);
  if (!config.document) {
    const std::string file = path.ends_with(where.file) ? path : join_path(path, where.file);
    return Error{ErrorCode::kMalformed, fmt::format("{}: {}", quoted(file), config.error)};
  }
  SW_TRY(const Index index, index_beside(*folder));
  std::vector<std::string_view> names;
  for (const IndexEntry& entry : index.entries)
    names.push_back(entry.name);
  const safetensors::Header header = names.empty() ? header_beside(*folder) : safetensors::Header();
  for (const safetensors::TensorEntry& entry : header.tensors)
    names.push_back(entry.name);

  const Detection detection = detect(*catalogue, &config.document->root, names, options.arch);
  if (detection.schema == nullptr) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format(
            "no rule describes {} of {}: 'shardwright schema list' names those that are known, "
            "--arch NAME expands it as one of them",
            detection.model_type.empty() ? std::string("the config")
                                         : "the model_type " + quoted(detection.model_type),
            quoted(path))};
  }
  SW_TRY(const Expansion expected, expand(*detection.schema, config.document->root,
                                          {.layout = options.layout, .names = names}));
  if (!expected.usable) return unusable(where.file, expected);

  SchemaExpansion result{.schema = detection.schema->name,
                         .layout = expected.layout,
                         .why = detection.why,
                         .tied = expected.tie.tied};
  result.tensors.reserve(expected.tensors.size());
  for (const ExpectedTensor& tensor : expected.tensors) {
    result.tensors.push_back({.name = std::string(tensor.name),
                              .shape = Shape(tensor.shape.begin(), tensor.shape.end()),
                              .role = std::string(role_name(tensor.role)),
                              .optional = tensor.optional});
  }
  return result;
}

}  // namespace shardwright
