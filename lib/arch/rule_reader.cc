#include "arch/rule_reader.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

using Key = std::string_view;

constexpr std::array<Key, 20> kRule = {"$schema", "name",    "model_types", "aliases", "classes",
                                       "source",  "sizes",   "flags",       "lists",   "require",
                                       "tied",    "keys",    "roles",       "ignored", "dtypes",
                                       "tensors", "layouts", "quantized",   "example", "defaults"};
constexpr std::array<Key, 2> kListKeys = {"each", "is"};
constexpr std::array<Key, 3> kTied = {"default", "tensors", "key"};
constexpr std::array<Key, 3> kKeys = {"vocabulary", "layers", "per_layer"};
constexpr std::array<Key, 10> kRoleNames = {
    "embedding", "head",          "router", "router_bias", "shared_gate",
    "expert",    "shared_expert", "norm",   "score",       "position"};
constexpr std::array<Key, 6> kBlock = {"each", "when", "under", "optional", "tensors", "else"};
constexpr std::array<Key, 5> kClass = {"without", "with", "strip", "rename", "ignored"};
constexpr std::array<Key, 10> kLayout = {"name",   "why",   "internal",  "without", "stack",
                                         "concat", "split", "transpose", "with",    "rename"};
constexpr std::array<Key, 5> kStack = {"under", "over", "of", "to", "transpose"};
constexpr std::array<Key, 3> kConcat = {"under", "of", "to"};
constexpr std::array<Key, 4> kSplit = {"under", "of", "to", "sizes"};
constexpr std::array<Key, 1> kQuantized = {"fp8"};
constexpr std::array<Key, 1> kFp8 = {"not"};

constexpr std::array<RuleObject, 13> kObjects = {{{"rule", kRule},
                                                  {"list", kListKeys},
                                                  {"tied", kTied},
                                                  {"keys", kKeys},
                                                  {"roles", kRoleNames},
                                                  {"block", kBlock},
                                                  {"class", kClass},
                                                  {"layout", kLayout},
                                                  {"stack", kStack},
                                                  {"concat", kConcat},
                                                  {"split", kSplit},
                                                  {"quantized", kQuantized},
                                                  {"fp8", kFp8}}};

}  // namespace

std::span<const RuleObject> rule_objects() {
  return kObjects;
}

std::string below(std::string_view pointer, std::string_view step) {
  return fmt::format("{}/{}", pointer, json::pointer_step(step));
}

std::string below(std::string_view pointer, std::size_t step) {
  return fmt::format("{}/{}", pointer, step);
}

Error RuleReader::error(std::string_view pointer, std::string_view message) const {
  const std::string_view separator = pointer.empty() ? "" : ": ";
  return Error{ErrorCode::kMalformed,
               fmt::format("{}{}{}: {}", printable(file_), separator, printable(pointer), message)};
}

Result<const json::Value::Object*> RuleReader::any_object(const json::Value& value,
                                                          const std::string& pointer) const {
  if (const auto* object = value.object()) return object;
  return error(pointer, fmt::format("expected an object, not {}", value.kind_name()));
}

Result<const json::Value::Object*> RuleReader::object(const json::Value& value,
                                                      const std::string& pointer,
                                                      std::string_view kind) const {
  SW_TRY(const auto* object, any_object(value, pointer));
  const auto row = std::ranges::find(kObjects, kind, &RuleObject::name);
  for (const json::Member& member : *object) {
    if (std::ranges::find(row->keys, std::string_view(member.key)) != row->keys.end()) continue;
    std::string message = fmt::format("unknown key {}", quoted(member.key));
    if (const auto near = nearest(member.key, row->keys)) {
      message += fmt::format(" (nearest: '{}')", *near);
    }
    return error(pointer, message);
  }
  return object;
}

Result<const json::Value::Array*> RuleReader::array(const json::Value& value,
                                                    const std::string& pointer) const {
  if (const auto* array = value.array()) return array;
  return error(pointer, fmt::format("expected a list, not {}", value.kind_name()));
}

Result<std::string> RuleReader::text(const json::Value& value, const std::string& pointer) const {
  if (const auto* text = value.string()) return *text;
  return error(pointer, fmt::format("expected a string, not {}", value.kind_name()));
}

Result<bool> RuleReader::boolean(const json::Value& value, const std::string& pointer) const {
  if (const auto* boolean = value.boolean()) return *boolean;
  return error(pointer, fmt::format("expected true or false, not {}", value.kind_name()));
}

Result<std::vector<std::string>> RuleReader::texts(const json::Value& value,
                                                   const std::string& pointer) const {
  SW_TRY(const auto* elements, array(value, pointer));
  std::vector<std::string> all;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    SW_TRY(std::string element, text((*elements)[i], below(pointer, i)));
    all.push_back(std::move(element));
  }
  return all;
}

Result<std::vector<std::string>> RuleReader::text_or_texts(const json::Value& value,
                                                           const std::string& pointer) const {
  if (const auto* single = value.string()) return std::vector<std::string>{*single};
  SW_TRY(auto all, texts(value, pointer));
  if (all.empty()) return error(pointer, "an empty list");
  return all;
}

Result<const json::Value*> RuleReader::member(const json::Value& object, const std::string& pointer,
                                              std::string_view key) const {
  if (const json::Value* value = object.find(key)) return value;
  return error(pointer, fmt::format("'{}' is missing", key));
}

}  // namespace shardwright
