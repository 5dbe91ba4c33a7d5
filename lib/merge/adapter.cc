#include "merge/adapter.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "merge/kernels.h"

namespace shardwright {
namespace {

constexpr std::string_view kAdapterConfig = "adapter_config.json";
constexpr std::string_view kAdapterWeights = "adapter_model.safetensors";
constexpr std::string_view kPickledWeights = "adapter_model.bin";
constexpr std::string_view kPrefix = "base_model.model.";

enum class PartKind : std::uint8_t { kA, kB, kBias, kMagnitude, kEmbeddingA, kEmbeddingB, kRows };
struct PartName {
  std::string_view text;
  PartKind kind{};
};

// PEFT leaves the adapter's own name out of the tensors' names; tools that save a state as it is do
// not.
constexpr PartName kParts[] = {
    {".lora_A.weight", PartKind::kA},
    {".lora_A.default.weight", PartKind::kA},
    {".lora_B.weight", PartKind::kB},
    {".lora_B.default.weight", PartKind::kB},
    {".lora_B.bias", PartKind::kBias},
    {".lora_B.default.bias", PartKind::kBias},
    {".lora_embedding_A", PartKind::kEmbeddingA},
    {".lora_embedding_A.default", PartKind::kEmbeddingA},
    {".lora_embedding_B", PartKind::kEmbeddingB},
    {".lora_embedding_B.default", PartKind::kEmbeddingB},
    {".lora_magnitude_vector", PartKind::kMagnitude},
    {".lora_magnitude_vector.weight", PartKind::kMagnitude},
    {".lora_magnitude_vector.default.weight", PartKind::kMagnitude},
    {".token_adapter.trainable_tokens_delta", PartKind::kRows},
    {".token_adapter.trainable_tokens_delta.default", PartKind::kRows},
};

// What wrappers add inside a name.
constexpr std::array<std::string_view, 3> kWrappers = {".modules_to_save.default",
                                                       ".modules_to_save", ".base_layer"};

std::string unwrapped(std::string name) {
  for (const std::string_view wrapper : kWrappers) {
    for (auto at = name.find(wrapper); at != std::string::npos; at = name.find(wrapper, at)) {
      const auto end = at + wrapper.size();
      if (end < name.size() && name[end] != '.') {
        at = end;
      } else {
        name.erase(at, wrapper.size());
      }
    }
  }
  return name;
}

class AdapterReader {
 public:
  explicit AdapterReader(Adapter& adapter) : adapter_(adapter) {}

  void take(const Tensor& tensor) {
    std::string_view name = tensor.name;
    if (!name.starts_with(kPrefix)) {
      problem(
          fmt::format("{} does not begin with '{}', as PEFT's names do", quoted(name), kPrefix));
      return;
    }
    if (!tensor.readable || !kernel::is_float(tensor.dtype)) {
      problem(fmt::format("{} is {} {}: only whole tensors of floats can be used", quoted(name),
                          dtype_name(tensor.dtype), shape_text(tensor.shape)));
      return;
    }
    name.remove_prefix(kPrefix.size());
    const auto* part = std::ranges::find_if(
        kParts, [&](const PartName& known) { return name.ends_with(known.text); });
    if (part != std::end(kParts)) {
      name.remove_suffix(part->text.size());
      take_part(part->kind, std::string(name), tensor);
    } else if (name.find(".lora_") != std::string_view::npos ||
               name.find(".original_module") != std::string_view::npos) {
      problem(fmt::format("{} is nothing that this version knows", quoted(tensor.name)));
    } else {
      adapter_.parameters.push_back({unwrapped(std::string(name)), &tensor});
    }
  }

  void finish() {
    for (auto& [key, pair] : pairs_) {
      if (pair.a == nullptr || pair.b == nullptr) {
        problem(fmt::format("{} has no {} to its {}", quoted(pair.module),
                            pair.a == nullptr ? "lora_A" : "lora_B",
                            pair.a == nullptr ? "lora_B" : "lora_A"));
        continue;
      }
      adapter_.pairs.push_back(std::move(pair));
    }
  }

 private:
  void problem(std::string text) { adapter_.problems.push_back(std::move(text)); }

  void take_part(PartKind kind, std::string module, const Tensor& tensor) {
    std::size_t depth = 0;
    for (constexpr std::string_view kWrapper = ".base_layer"; module.ends_with(kWrapper); ++depth)
      module.resize(module.size() - kWrapper.size());
    module = unwrapped(std::move(module));
    if (kind == PartKind::kRows) {
      adapter_.rows.push_back({std::move(module), &tensor});
      return;
    }
    AdapterPair& pair = pairs_[{module, depth}];
    pair.module = std::move(module);
    pair.depth = depth;
    const Tensor** place = &pair.a;
    if (kind == PartKind::kB || kind == PartKind::kEmbeddingB) place = &pair.b;
    if (kind == PartKind::kBias) place = &pair.bias;
    if (kind == PartKind::kMagnitude) place = &pair.magnitude;
    if (kind == PartKind::kEmbeddingA || kind == PartKind::kEmbeddingB) pair.embedding = true;
    if (*place != nullptr)
      problem(fmt::format("{} and {} are one part", quoted((*place)->name), quoted(tensor.name)));
    *place = &tensor;
  }

  Adapter& adapter_;
  std::map<std::pair<std::string, std::size_t>, AdapterPair> pairs_;
};

}  // namespace

Result<Adapter> read_adapter(const Checkpoint& folder) {
  const SideFile* file = folder.side_file(kAdapterConfig);
  if (file == nullptr) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is no adapter: it has no {}", quoted(folder.path, kShownPath),
                             kAdapterConfig)};
  }
  const std::string where = quoted(folder.path + '/' + std::string(kAdapterConfig), kShownPath);
  if (!file->document)
    return Error{ErrorCode::kMalformed, fmt::format("{}: {}", where, file->error)};
  Adapter adapter;
  auto config = read_adapter_config(file->document->root);
  if (!config) return std::move(config).error().within(where);
  adapter.config = *std::move(config);
  AdapterReader reader(adapter);
  bool any = false;
  for (const Tensor& tensor : folder.tensors) {
    const std::string& shard = folder.shards[tensor.shard].file;
    if (shard != kAdapterWeights && shard != kPickledWeights) continue;
    any = true;
    reader.take(tensor);
  }
  const auto stray = std::ranges::find(folder.shards, kAdapterWeights, &Shard::file);
  if (!any && stray != folder.shards.end() && stray->use == ShardUse::kStray) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} holds a model beside its {}: the adapter needs a folder of its own",
                    quoted(folder.path, kShownPath), kAdapterWeights)};
  }
  if (!any) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} holds no {} with a tensor: save the adapter again with PEFT "
                             "(save_pretrained)",
                             quoted(folder.path, kShownPath), kAdapterWeights)};
  }
  reader.finish();
  for (const std::string& module : adapter.config.modules_to_save) {
    const bool there = std::ranges::any_of(adapter.parameters, [&](const SavedParameter& saved) {
      const auto dot = saved.name.rfind('.');
      return dot != std::string::npos && (ends_in(saved.name.substr(0, dot), module) ||
                                          saved.name.find(module + '.') != std::string::npos);
    });
    if (!there) {
      adapter.problems.push_back(
          fmt::format("'modules_to_save' has {}, of which no tensor is there", quoted(module)));
    }
  }
  for (const std::string& target : adapter.config.target_modules) {
    const bool there = std::ranges::any_of(
        adapter.pairs, [&](const AdapterPair& pair) { return ends_in(pair.module, target); });
    if (!there) {
      adapter.config.notes.push_back(fmt::format(
          "'target_modules' has {}, of which the adapter holds no pair", quoted(target)));
    }
  }
  return adapter;
}

}  // namespace shardwright
