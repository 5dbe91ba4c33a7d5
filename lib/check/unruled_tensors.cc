#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/name_numbers.h"
#include "check/quant_name.h"
#include "check/shard_names.h"
#include "check/unruled.h"

namespace shardwright {
namespace {

constexpr auto kEmbeddings = std::to_array<std::string_view>(
    {"embed_in.weight", "embed_tokens.weight", "shared.weight", "tok_embeddings.weight",
     "token_embedding.weight", "word_embeddings.weight", "wte.weight"});

// Classes whose embedding has other rows than those that the config counts.
constexpr auto kOwnRows =
    std::to_array<std::string_view>({"csm", "kyutai_speech_to_text", "mllama", "mllama_text_model",
                                     "moshi", "seamless_m4t", "seamless_m4t_v2"});

// Classes with an lm_head that they never tie to their embedding, whatever the config says.
constexpr auto kNeverTied =
    std::to_array<std::string_view>({"bailing_hybrid", "bigbird_pegasus", "inkling2_text",
                                     "inkling_text", "kimi_linear", "pop2piano"});

bool is_segment_end(std::string_view name, std::string_view end) {
  return name.ends_with(end) &&
         (name.size() == end.size() || name[name.size() - end.size() - 1] == '.');
}

bool is_token_embedding(const Tensor& tensor) {
  return tensor.shape.size() == 2 && std::ranges::any_of(kEmbeddings, [&](std::string_view end) {
           return is_segment_end(tensor.name, end);
         });
}

// Packed numbers have another shape.
bool is_head(const Tensor& tensor) {
  return tensor.shape.size() == 2 && dtype_class(tensor.dtype) == DTypeClass::kFloat &&
         is_segment_end(tensor.name, "lm_head.weight");
}

// A count at the top of the config, or in a part of it, with where it stands.
using StatedCount = std::pair<std::string, std::uint64_t>;

void add_count(const json::Value& config, std::string_view key, const std::string& at,
               std::vector<StatedCount>& counts) {
  const json::Value* value = config.find(key);
  const auto count = value != nullptr ? value->whole_number() : std::nullopt;
  if (count && *count >= 0)
    counts.emplace_back(at + "/" + std::string(key), static_cast<std::uint64_t>(*count));
}

// At the top of the config, and in each of its parts.
std::vector<StatedCount> counts_of(const json::Value& config,
                                   std::span<const std::string_view> keys) {
  std::vector<StatedCount> counts;
  for (const std::string_view key : keys)
    add_count(config, key, "", counts);
  for (const json::Member& member : *config.object()) {
    if (member.value.object() == nullptr) continue;
    for (const std::string_view key : keys)
      add_count(member.value, key, "/" + json::pointer_step(member.key), counts);
  }
  return counts;
}

// The one vocabulary of the config, wherever it says it; empty where there are several. Beside a
// text model's, one at the top is read by nobody.
std::vector<StatedCount> one_vocabulary(const json::Value& config) {
  constexpr auto kKeys = std::to_array<std::string_view>({"vocab_size"});
  auto counts = counts_of(config, kKeys);
  const auto is_other = [&](const StatedCount& count) {
    return count.second != counts.front().second;
  };
  const auto text = std::ranges::find(counts, "/text_config/vocab_size", &StatedCount::first);
  if (std::ranges::any_of(counts, is_other) ||
      (text == counts.end() && config.find("text_config") != nullptr)) {
    return {};
  }
  if (text != counts.end()) std::swap(*text, counts.front());
  return counts;
}

// Whether settings of quantisation stand anywhere in the config: MLX has a key of its own.
bool says_quantized(const json::Value& config) {
  return std::ranges::any_of(*config.object(), [](const json::Member& member) {
    if (member.key.find("quant") != std::string::npos) return !member.value.is_null();
    return member.value.object() != nullptr && says_quantized(member.value);
  });
}

// A matrix that a module multiplies with.
bool is_matrix(const Tensor& tensor) {
  return tensor.shape.size() == 2 && tensor.name.ends_with(".weight");
}

// "model.layers" of "model.layers.3.mlp.up_proj.weight": the outermost list of layers, and which.
std::optional<std::pair<std::string_view, std::int32_t>> layer_of(std::string_view name) {
  constexpr auto kLists =
      std::to_array<std::string_view>({"block", "blocks", "h", "layer", "layers"});
  const auto numbers = numbers_of(name);
  if (numbers.empty() || numbers.front().begin == 0) return std::nullopt;
  const std::string_view list = name.substr(0, numbers.front().begin - 1);
  if (std::ranges::none_of(kLists, [&](std::string_view end) { return is_segment_end(list, end); }))
    return std::nullopt;
  return std::pair(list, numbers.front().value);
}

// The first count of layers of the config that is so high: of any of its parts.
const StatedCount* count_of(const std::vector<StatedCount>& counts, std::uint64_t layers) {
  const auto found = std::ranges::find(counts, layers, &StatedCount::second);
  return found == counts.end() ? nullptr : &*found;
}

constexpr auto kLayerCounts = std::to_array<std::string_view>(
    {"num_hidden_layers", "num_layers", "n_layers", "n_layer", "depth", "encoder_layers",
     "decoder_layers", "num_encoder_layers", "num_decoder_layers"});

}  // namespace

void find_empty(const Checkpoint& checkpoint, Unruled& unruled) {
  // Other shapes may be those of a part that the config switches off.
  for (const Tensor& tensor : checkpoint.tensors) {
    const bool nothing = tensor.shape.size() == 1 && tensor.shape.front() == 0;
    if (nothing && tensor.name.ends_with(".weight")) unruled.empty.push_back(&tensor);
  }
}

void find_odd_dtypes(const Checkpoint& checkpoint, Join& join) {
  if (says_quantized(*checkpoint.config_value())) return;
  // Modules with a part in place of the weight, or with parts beside it.
  std::set<std::string_view> modules;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    if (part && (part->whole || checkpoint.find(std::string(part->module) + ".weight") != nullptr))
      modules.insert(part->module);
  }
  UnexplainedQuantization found;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto part = quant_part(tensor.name);
    if (!part || !modules.contains(part->module)) continue;
    if (found.form.empty()) found.form = quant_form_name(part->form);
    found.tensors.push_back(&tensor);
  }
  if (!found.tensors.empty()) {
    found.modules = modules.size();
    join.unexplained = std::move(found);
    return;
  }
  for (const Tensor& tensor : checkpoint.tensors) {
    const bool is_float = dtype_class(tensor.dtype) == DTypeClass::kFloat;
    if (is_matrix(tensor) && (!is_float || dtype_bits(tensor.dtype) <= 8))
      join.unruled->unscaled.push_back(&tensor);
  }
}

void find_other_rows(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled) {
  const auto stated = one_vocabulary(*checkpoint.config_value());
  if (stated.empty() || std::ranges::find(kOwnRows, model_type) != kOwnRows.end()) return;
  OtherRows found{.stated = stated.front().second, .pointer = stated.front().first};
  for (const Tensor& tensor : checkpoint.tensors) {
    if (is_token_embedding(tensor)) found.tensors.push_back(&tensor);
  }
  if (found.tensors.empty()) return;
  const std::uint64_t rows = found.tensors.front()->shape.front();
  const bool alike = std::ranges::all_of(
      found.tensors, [&](const Tensor* tensor) { return tensor->shape.front() == rows; });
  if (!alike || rows == 0) return;
  std::vector<const Tensor*> heads;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (is_head(tensor) && tensor.shape.front() != found.stated) heads.push_back(&tensor);
  }
  if (rows == found.stated) {
    // A decoder of a translator may count words of its own.
    if (!heads.empty() && checkpoint.config_value()->find("decoder_vocab_size") == nullptr) {
      found.tensors = std::move(heads);
      unruled.rows = std::move(found);
    }
    return;
  }
  const bool agree =
      std::ranges::all_of(heads, [&](const Tensor* head) { return head->shape.front() == rows; });
  found.fits = agree && stated.size() == 1 && is_all_there(checkpoint) &&
               std::ranges::none_of(checkpoint.tensors, [&](const Tensor& tensor) {
                 return std::ranges::find(tensor.shape, found.stated) != tensor.shape.end();
               });
  unruled.rows = std::move(found);
}

void find_embedding(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled) {
  const json::Value& config = *checkpoint.config_value();
  // A part that sees or listens has tokens of its own, and so has a second vocabulary.
  const bool has_parts = std::ranges::any_of(*config.object(), [](const json::Member& member) {
    return member.value.object() != nullptr && member.key.ends_with("_config") &&
           member.key != "quantization_config";
  });
  const auto stated = one_vocabulary(config);
  if (has_parts || stated.empty() || config.find("additional_vocab_size") != nullptr ||
      std::ranges::find(kOwnRows, model_type) != kOwnRows.end()) {
    return;
  }
  for (const Tensor& tensor : checkpoint.tensors) {
    if (!is_token_embedding(tensor)) continue;
    if (unruled.embedding != nullptr || tensor.shape.front() != stated.front().second) {
      unruled.embedding = nullptr;
      return;
    }
    unruled.embedding = &tensor;
  }
}

void find_tied_head(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled) {
  constexpr std::string_view kFlag = "tie_word_embeddings";
  const json::Value& config = *checkpoint.config_value();
  const json::Value* text = config.find("text_config");
  // Of two flags that disagree some classes read the one, some the other.
  if (!config.says(kFlag, true) || (text != nullptr && text->says(kFlag, false)) ||
      std::ranges::find(kNeverTied, model_type) != kNeverTied.end()) {
    return;
  }
  const Tensor* embedding = nullptr;
  const Tensor* head = nullptr;
  for (const Tensor& tensor : checkpoint.tensors) {
    if (!is_head(tensor) && !is_token_embedding(tensor)) continue;
    const Tensor*& one = is_head(tensor) ? head : embedding;
    if (one != nullptr) return;
    one = &tensor;
  }
  if (head == nullptr || embedding == nullptr || head->dtype != embedding->dtype ||
      !same_shape(head->shape, embedding->shape)) {
    return;
  }
  unruled.tied_head = head;
  unruled.tied_to = embedding;
}

void find_gaps(const Checkpoint& checkpoint, Unruled& unruled) {
  // Where shards are absent or left out, that is what is said.
  if (!is_all_there(checkpoint) || is_visibly_incomplete(checkpoint) ||
      !unindexed_shards(checkpoint).empty()) {
    return;
  }
  std::map<std::string_view, std::set<std::int32_t>> lists;
  const auto add = [&](std::string_view name) {
    if (const auto layer = layer_of(name)) lists[layer->first].insert(layer->second);
  };
  for (const Tensor& tensor : checkpoint.tensors)
    add(tensor.name);
  // The same of what the index names, and no shard holds.
  if (checkpoint.index) {
    for (const IndexEntry& entry : checkpoint.index->index.entries)
      add(entry.name);
  }
  const auto counts = counts_of(*checkpoint.config_value(), kLayerCounts);
  // Of a text model with one list of layers, and one count, the end may be absent, too. Models that
  // see may count other things: efficientnet's blocks are fewer than its num_hidden_layers.
  const bool one_list = unruled.embedding != nullptr && lists.size() == 1 && counts.size() == 1;
  for (const auto& [list, numbers] : lists) {
    const std::int32_t last = *numbers.rbegin();
    const auto layers = static_cast<std::uint64_t>(last) + 1;
    const StatedCount* count = count_of(counts, layers);
    if (count == nullptr && one_list && counts.front().second > layers) count = &counts.front();
    // More holes than layers are no gap.
    if (count == nullptr || numbers.size() == count->second || numbers.size() * 2 < count->second) {
      continue;
    }
    NumberGap gap{
        .list = std::string(list), .last = last, .pointer = count->first, .count = count->second};
    const auto end = static_cast<std::int32_t>(count->second);
    for (std::int32_t number = 0; number < end; ++number) {
      if (!numbers.contains(number)) gap.absent.push_back(number);
    }
    unruled.gaps.push_back(std::move(gap));
  }
}

}  // namespace shardwright
