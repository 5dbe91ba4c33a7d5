#include "merge/plan_config.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/edit.h"
#include "json/value.h"
#include "merge/kernels.h"
#include "merge/modules.h"

namespace shardwright {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 4> kNames = {{
    {"bfloat16", DType::kBF16},
    {"float16", DType::kF16},
    {"float32", DType::kF32},
    {"float64", DType::kF64},
}};

// The dtype of most elements among the floats of the result.
std::optional<DType> main_dtype(const MergePlan& plan) {
  std::map<DType, std::uint64_t> elements;
  for (const PlannedTensor& tensor : plan.tensors) {
    if (kernel::is_float(tensor.dtype)) elements[tensor.dtype] += tensor.elements;
  }
  if (elements.empty()) return std::nullopt;
  return std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; })
      ->first;
}

// "text_config.num_hidden_layers" as a JSON pointer.
std::string pointer_of(std::string_view dotted) {
  std::string pointer;
  for (const std::string_view step : split(dotted, '.'))
    pointer += '/' + json::pointer_step(step);
  return pointer;
}

// Where the config says a dtype: at the top, and in nested configs.
std::vector<std::string> dtype_pointers(const json::Value& config) {
  std::vector<std::string> pointers;
  const auto look = [&](const json::Value& object, const std::string& at) {
    for (const std::string_view key : {"dtype", "torch_dtype"}) {
      const json::Value* value = object.find(key);
      if (value != nullptr && value->string() != nullptr)
        pointers.push_back(at + '/' + std::string(key));
    }
  };
  look(config, "");
  const bool stated = !pointers.empty();
  if (const auto* members = config.object()) {
    for (const json::Member& member : *members) {
      if (member.value.object() != nullptr)
        look(member.value, '/' + json::pointer_step(member.key));
    }
  }
  if (!stated) pointers.insert(pointers.begin(), "/dtype");
  return pointers;
}

class ConfigEditor {
 public:
  explicit ConfigEditor(std::string text) : text_(std::move(text)) {}

  Status set(std::string_view pointer, std::string_view value) {
    SW_TRY(text_, json::set_value(text_, pointer, value));
    return ok();
  }
  Status remove(std::string_view pointer) {
    SW_TRY(text_, json::remove_value(text_, pointer));
    return ok();
  }
  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

Status set_dtype(ConfigEditor& editor, const MergePlan& plan, const json::Value& config) {
  const auto dtype = main_dtype(plan);
  if (!dtype || config_name_of(*dtype).empty()) return ok();
  const std::string value = fmt::format("\"{}\"", config_name_of(*dtype));
  for (const std::string& pointer : dtype_pointers(config))
    SW_TRY_OK(editor.set(pointer, value));
  return ok();
}

// A list that has an element a layer gets the elements of the layers that the result is made of.
Status splice(ConfigEditor& editor, std::string_view key, std::span<const MergeInput> inputs,
              std::span<const LayerOrigin> layers) {
  json::Value::Array list;
  for (const LayerOrigin& origin : layers) {
    const json::Value* config = inputs[origin.input].checkpoint->config_value();
    const json::Value* value = config == nullptr ? nullptr : config->find_path(key);
    const auto* elements = value == nullptr ? nullptr : value->array();
    if (elements == nullptr || origin.layer >= elements->size()) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} has no element for layer {} of {}", quoted(key), origin.layer,
                               quoted(inputs[origin.input].model.text))};
    }
    list.push_back((*elements)[origin.layer]);
  }
  return editor.set(pointer_of(key), json::dump(json::Value{std::move(list)}));
}

// Where configs count the layers of a kind of stack.
struct CountRow {
  ModuleKind kind{};
  std::array<std::string_view, 6> keys;
};
constexpr std::array<CountRow, 5> kCounts = {{
    {ModuleKind::kRest,
     {"text_config.num_hidden_layers", "num_hidden_layers", "num_layers", "n_layers", "n_layer"}},
    {ModuleKind::kVision,
     {"vision_config.depth", "vision_config.num_hidden_layers", "vision_config.num_layers",
      "vision_config.n_layers", "vision_config.layers"}},
    {ModuleKind::kAudio,
     {"audio_config.num_hidden_layers", "audio_config.encoder_layers", "audio_config.depth",
      "audio_config.num_layers"}},
    {ModuleKind::kEncoder,
     {"encoder_layers", "num_encoder_layers", "n_layers", "num_layers", "num_hidden_layers"}},
    {ModuleKind::kDecoder, {"decoder_layers", "num_decoder_layers", "n_layers"}},
}};

// Lists of numbers of layers, which slices would have to rewrite.
constexpr std::array<std::string_view, 4> kIndexKeys = {
    "vision_config.fullatt_block_indexes", "vision_config.deepstack_visual_indexes",
    "vision_config.global_attn_indexes", "deepstack_visual_indexes"};

// T5: a decoder of which nothing is said has as many layers as the encoder.
constexpr std::string_view kDecoderKey = "/num_decoder_layers";

bool follows_the_encoder(const json::Value& config) {
  const json::Value* own = config.find("num_decoder_layers");
  return config.find("num_layers") != nullptr && (own == nullptr || own->is_null());
}

// The key that counts the layers of the stack: the first that says their number.
Result<std::string> count_pointer(const StackLayers& stack, const json::Value& config) {
  const ModuleKind kind = module_kind_of(stack.stack);
  for (const CountRow& row : kCounts) {
    if (row.kind != kind) continue;
    for (const std::string_view key : row.keys) {
      const json::Value* value = key.empty() ? nullptr : config.find_path(key);
      const auto number = value == nullptr ? std::nullopt : value->whole_number();
      if (number && *number >= 0 && static_cast<std::uint64_t>(*number) == stack.depth)
        return pointer_of(key);
    }
  }
  if (kind == ModuleKind::kDecoder && follows_the_encoder(config)) return std::string(kDecoderKey);
  return Error{ErrorCode::kUnsupported,
               fmt::format("no key of config.json is known to count the {} layers of {}",
                           stack.depth, quoted(stack.stack.substr(0, stack.stack.size() - 1)))};
}

Status set_count(ConfigEditor& editor, const StackLayers& stack, const json::Value& config) {
  for (const std::string_view key : kIndexKeys) {
    if (module_kind_of(stack.stack) == ModuleKind::kRest || config.find_path(key) == nullptr)
      continue;
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} of config.json names layers by their numbers, so that layers of {} "
                    "cannot be sliced",
                    quoted(key), quoted(stack.stack.substr(0, stack.stack.size() - 1)))};
  }
  SW_TRY(const std::string pointer, count_pointer(stack, config));
  if (module_kind_of(stack.stack) == ModuleKind::kEncoder && follows_the_encoder(config))
    SW_TRY_OK(editor.set(kDecoderKey, std::to_string(stack.depth)));
  return editor.set(pointer, std::to_string(stack.layers.size()));
}

// "text_config." where the number of layers stands in it.
std::string beside_the_count(const Expansion& expected) {
  std::string out;
  const std::vector<std::string_view> steps = split(expected.layers_pointer, '/');
  for (std::size_t i = 1; i + 1 < steps.size(); ++i)
    out += std::string(steps[i]) + '.';
  return out;
}

Status set_layers(ConfigEditor& editor, const MergeInput& donor, const json::Value& config,
                  std::span<const MergeInput> inputs, const StackLayers& stack) {
  const Expansion* expected = donor.expected;
  if (expected == nullptr || !stack.is_main) return set_count(editor, stack, config);
  for (const std::string& key : expected->schema->per_layer_keys) {
    for (const std::string& place : {key, beside_the_count(*expected) + key}) {
      const json::Value* value = config.find_path(place);
      if (value == nullptr || value->array() == nullptr) continue;
      SW_TRY_OK(splice(editor, place, inputs, stack.layers));
      break;
    }
  }
  if (expected->layers_pointer.empty()) return set_count(editor, stack, config);
  return editor.set(expected->layers_pointer, std::to_string(stack.layers.size()));
}

// A result with a head of its own is not tied.
Status set_tie(ConfigEditor& editor, const MergePlan& plan, const Expansion& expected) {
  if (!expected.tie.tied || expected.tie.pointer.empty()) return ok();
  const bool stored = std::ranges::any_of(plan.tensors, [&](const PlannedTensor& tensor) {
    return std::ranges::find(expected.ties, std::string_view(tensor.name), &ExpectedTie::target) !=
           expected.ties.end();
  });
  return stored ? editor.set(expected.tie.pointer, "false") : ok();
}

}  // namespace

Result<std::string> config_of(const MergePlan& plan, std::span<const MergeInput> inputs,
                              std::span<const StackLayers> stacks) {
  const MergeInput& donor = inputs[plan.donor];
  const json::Value& config = donor.checkpoint->config->document->root;
  ConfigEditor editor(donor.checkpoint->config->text);
  SW_TRY_OK(set_dtype(editor, plan, config));
  // An encoder comes before its decoder, whose number may have to be said because of it.
  std::vector<StackLayers> in_order(stacks.begin(), stacks.end());
  std::ranges::stable_sort(in_order, {},
                           [](const StackLayers& stack) { return module_kind_of(stack.stack); });
  for (const StackLayers& stack : in_order)
    SW_TRY_OK(set_layers(editor, donor, config, inputs, stack));
  if (donor.expected != nullptr) SW_TRY_OK(set_tie(editor, plan, *donor.expected));
  // The weights are plain now.
  if (donor.dequantized != nullptr && config.find("quantization_config") != nullptr)
    SW_TRY_OK(editor.remove("/quantization_config"));
  for (const ConfigValue& value : plan.config_values)
    SW_TRY_OK(value.text.empty() ? editor.remove(value.pointer)
                                 : editor.set(value.pointer, value.text));
  return std::move(editor).take();
}

std::optional<DType> dtype_of_recipe(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  const auto found = std::ranges::find(kNames, name, &std::pair<std::string_view, DType>::first);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

std::string_view config_name_of(DType dtype) {
  const auto found = std::ranges::find(kNames, dtype, &std::pair<std::string_view, DType>::second);
  return found == kNames.end() ? std::string_view() : found->first;
}

DType promoted(std::span<const DType> dtypes) {
  DType all = dtypes.front();
  for (const DType dtype : dtypes) {
    if (dtype != all) all = all == DType::kF64 || dtype == DType::kF64 ? DType::kF64 : DType::kF32;
  }
  return all;
}

}  // namespace shardwright
