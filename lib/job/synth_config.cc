#include "job/synth_config.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "json/edit.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{64} << 20U;

struct DTypeName {
  std::string_view option, config;
  DType dtype;
};
constexpr std::array<DTypeName, 3> kDTypes = {{{"bf16", "bfloat16", DType::kBF16},
                                               {"f16", "float16", DType::kF16},
                                               {"f32", "float32", DType::kF32}}};

const DTypeName* find_dtype(std::string_view name) {
  const auto row = std::ranges::find_if(kDTypes, [&](const DTypeName& dtype) {
    return dtype.option == name || dtype.config == name;
  });
  return row == kDTypes.end() ? nullptr : &*row;
}

std::string text_value(std::string_view text) {
  return json::dump(json::Value{std::string(text)});
}

// Keys in order, as transformers writes them.
json::Value sorted(const json::Value& value) {
  json::Value copy = value;
  if (auto* object = std::get_if<json::Value::Object>(&copy.data)) {
    std::ranges::sort(*object, {}, &json::Member::key);
    for (json::Member& member : *object)
      member.value = sorted(member.value);
  }
  return copy;
}

Result<std::string> start_text(const Schema& schema, const SynthOptions& options) {
  if (options.config_file.empty()) {
    if (schema.example.is_null()) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("the rule {} has no example config: give one with --config",
                               quoted(schema.name))};
    }
    return json::dump(sorted(schema.example), 2) + "\n";
  }
  SW_TRY(const auto file, open_file(options.config_file));
  SW_TRY(std::string text, read_all(*file, kMaxConfigBytes));
  return text;
}

Result<std::string> set_key(const std::string& text, std::string_view dotted,
                            std::string_view value) {
  std::string pointer;
  for (const std::string_view step : split(dotted, '.')) {
    if (step.empty()) {
      return Error{ErrorCode::kInvalidArgument, fmt::format("{} is no key", quoted(dotted))};
    }
    pointer += fmt::format("/{}", json::pointer_step(step));
  }
  const auto parsed = json::parse(value);
  auto edited = json::set_value(text, pointer, parsed ? std::string(value) : text_value(value));
  if (!edited) return std::move(edited).error().within(fmt::format("setting {}", quoted(dotted)));
  return edited;
}

// Keys that transformers needs and an example does not have.
Result<std::string> complete(std::string text, const json::Value& root, const Schema& schema) {
  if (root.find("model_type") == nullptr) {
    SW_TRY(text, set_key(text, "model_type", text_value(schema.model_types.front())));
  }
  if (root.find("architectures") == nullptr) {
    SW_TRY(text, set_key(text, "architectures",
                         fmt::format("[{}]", text_value(schema.classes.front().name))));
  }
  return text;
}

// The dtype that was asked for, else the config's.
Result<DType> choose_dtype(const json::Value& root, std::string_view asked) {
  if (!asked.empty()) {
    if (const DTypeName* row = find_dtype(asked)) return row->dtype;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is no dtype that can be made: bf16, f16, f32", quoted(asked))};
  }
  for (const std::string_view key : {"dtype", "torch_dtype"}) {
    const json::Value* value = root.find(key);
    const std::string* name = value == nullptr ? nullptr : value->string();
    if (name == nullptr) continue;
    if (const DTypeName* row = find_dtype(*name)) return row->dtype;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the config's {} {} cannot be made: choose --dtype bf16, f16 or f32",
                             key, quoted(*name))};
  }
  return DType::kBF16;
}

Result<std::string> state_dtype(std::string text, const json::Value& root, DType dtype) {
  const std::string value =
      text_value(std::ranges::find(kDTypes, dtype, &DTypeName::dtype)->config);
  bool stated = false;
  for (const std::string_view key : {"dtype", "torch_dtype"}) {
    const json::Value* old = root.find(key);
    if (old == nullptr) continue;
    stated = true;
    if (old->string() != nullptr && text_value(*old->string()) == value) continue;
    SW_TRY(text, set_key(text, key, value));
  }
  if (!stated) {
    SW_TRY(text, set_key(text, "dtype", value));
  }
  return text;
}

Result<json::Value> parse_config(std::string_view text) {
  SW_TRY(auto document, json::parse(text));
  if (document.root.object() == nullptr) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("expected an object, found {}", document.root.kind_name())};
  }
  return std::move(document.root);
}

Result<SynthConfig> assemble(const Schema& schema, const SynthOptions& options) {
  SW_TRY(std::string text, start_text(schema, options));
  SW_TRY_OK(parse_config(text));
  for (const auto& [key, value] : options.set) {
    SW_TRY(text, set_key(text, key, value));
  }
  SW_TRY(const json::Value given, parse_config(text));
  SW_TRY(text, complete(std::move(text), given, schema));
  SW_TRY(const DType dtype, choose_dtype(given, options.dtype));
  SW_TRY(text, state_dtype(std::move(text), given, dtype));
  SW_TRY(json::Value root, parse_config(text));
  return SynthConfig{.text = std::move(text), .root = std::move(root), .dtype = dtype};
}

}  // namespace

Result<SynthConfig> make_config(const Schema& schema, const SynthOptions& options) {
  auto config = assemble(schema, options);
  if (!config && !options.config_file.empty() && config.error().code == ErrorCode::kMalformed) {
    return std::move(config).error().within(quoted(options.config_file));
  }
  return config;
}

}  // namespace shardwright
