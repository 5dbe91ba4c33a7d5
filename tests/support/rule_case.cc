#include "support/rule_case.h"

#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "arch/catalogue.h"
#include "arch/expand.h"
#include "json/value.h"
#include "shardwright/dtype.h"
#include "tensor/shape.h"

namespace shardwright::test {
namespace {

using Json = nlohmann::ordered_json;

bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  const std::string_view end = pattern.substr(star + 1);
  return name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(end);
}

// Names that the case speaks of must exist, or the case shows nothing.
void require_known(const Json& tensors, const std::string& name) {
  if (!tensors.contains(name)) throw std::runtime_error("the rule stores no tensor called " + name);
}

std::string_view stored_dtype(ExpectedDType dtype) {
  return dtype == ExpectedDType::kFp8 ? "F8_E4M3" : "F32";
}

Json expected_tensors(const Schema& schema, const Json& config, const std::string& layout) {
  const auto parsed = json::parse(config.dump());
  if (!parsed) throw std::runtime_error(parsed.error().message);
  const auto expected = expand(schema, parsed->root, {.layout = layout.empty() ? "hub" : layout});
  if (!expected) throw std::runtime_error(expected.error().message);
  if (!expected->usable)
    throw std::runtime_error("the config cannot be used: " + expected->problems.front().message);
  Json tensors = Json::object();
  std::size_t seed = 1;
  for (const ExpectedTensor& tensor : expected->tensors) {
    if (tensor.optional) continue;
    tensors[std::string(tensor.name)] = {{"dtype", stored_dtype(tensor.dtype)},
                                         {"shape", Shape(tensor.shape.begin(), tensor.shape.end())},
                                         {"fill", "random:" + std::to_string(seed++)}};
  }
  return tensors;
}

void drop(Json& tensors, const std::string& pattern) {
  Json kept = Json::object();
  for (const auto& [name, tensor] : tensors.items()) {
    if (!matches(pattern, name)) kept[name] = tensor;
  }
  if (kept.size() == tensors.size())
    throw std::runtime_error("the rule stores nothing like " + pattern);
  tensors = std::move(kept);
}

Json renamed(const Json& tensors, const Json& names, const std::string& prefix) {
  Json result = Json::object();
  for (const auto& [name, tensor] : tensors.items()) {
    result[prefix + (names.contains(name) ? names.at(name).get<std::string>() : name)] = tensor;
  }
  return result;
}

std::uint64_t bytes_of(const Json& tensor) {
  const auto dtype = dtype_from_name(tensor.at("dtype").get<std::string>());
  return size_in_bytes(dtype.value(), tensor.at("shape").get<Shape>()).value();
}

// The tensors in order, in as many shards, with the index of all, also where the case takes a shard
// away.
Json shard_files(const Json& tensors, const Json& shards) {
  const auto count = shards.is_array() ? shards.size() : shards.get<std::size_t>();
  Json files = Json::object();
  Json map = Json::object();
  std::uint64_t total = 0;
  std::size_t taken = 0;
  for (const auto& [name, tensor] : tensors.items()) {
    const std::size_t shard = taken++ * count / tensors.size();
    const std::string file =
        shards.is_array() ? shards.at(shard).get<std::string>()
                          : fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, count);
    files[file]["tensors"][name] = tensor;
    map[name] = file;
    total += bytes_of(tensor);
  }
  files["model.safetensors.index.json"]["json"] = {{"metadata", {{"total_size", total}}},
                                                   {"weight_map", map}};
  return files;
}

}  // namespace

std::string rule_case(std::string_view description) {
  Json root = Json::parse(description);
  if (!root.contains("rule")) return std::string(description);
  const Catalogue catalogue = Catalogue::builtin();
  const auto name = root.at("rule").get<std::string>();
  const Schema* schema = catalogue.find(name);
  if (schema == nullptr) throw std::runtime_error("no rule is called " + name);

  Json config = Json::object();
  config["architectures"] = {schema->classes.front().name};
  config["model_type"] = schema->model_types.front();
  config.update(Json::parse(schema->text).at("example"));
  config.merge_patch(root.value("config", Json::object()));

  Json tensors = expected_tensors(*schema, config, root.value("layout", ""));
  const Json dropped = root.value("drop", Json::array());
  for (const Json& pattern : dropped)
    drop(tensors, pattern.get<std::string>());
  for (const char* key : {"shape", "dtype", "fill"}) {
    const Json changes = root.value(key, Json::object());
    for (const auto& [tensor, value] : changes.items()) {
      require_known(tensors, tensor);
      tensors[tensor][key] = value;
    }
  }
  const Json names = root.value("rename", Json::object());
  for (const auto& [tensor, other] : names.items())
    require_known(tensors, tensor);
  tensors = renamed(tensors, names, root.value("prefix", ""));
  tensors.update(root.value("add", Json::object()));
  config.merge_patch(root.value("says", Json::object()));

  Json files = Json::object();
  files["config.json"] = {{"json", config}};
  if (root.contains("shards")) {
    files.update(shard_files(tensors, root.at("shards")));
  } else {
    files["model.safetensors"] = {{"tensors", tensors}};
  }
  files.update(root.value("files", Json::object()));
  // A file that the case takes away.
  for (auto file = files.begin(); file != files.end();)
    file = file->is_null() ? files.erase(file) : std::next(file);
  root["files"] = std::move(files);
  return root.dump();
}

}  // namespace shardwright::test
