// Which files of a folder are the model: what transformers 5.23 loads (modeling_utils.py,
// _get_resolved_checkpoint_files), and for folders that it would not load, what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/folder.h"

namespace shardwright {

bool is_shard_name(std::string_view name);  // "*.safetensors"
// "model.safetensors.index.json", and with a variant "model.safetensors.index.fp16.json"
bool is_index_name(std::string_view name);

// A file of the folder that transformers takes for the weights: the single file before the index.
struct Weights {
  std::string single{};  // the one file that is loaded whatever lies beside it, or empty
  std::string index{};   // the index that goes with it or decides alone, or empty
};

// `configured` is "transformers_weights" of the config, or empty.
Weights choose_weights(const Folder& folder, std::string_view configured);

// The same among files that torch.save wrote: pytorch_model.bin, its index, or an adapter's
// adapter_model.bin. Nothing where the folder has none of them.
Weights choose_pickled(const Folder& folder);

struct Selection {
  std::vector<std::string> loaded{};   // sorted: the order in which transformers reads them
  std::vector<std::string> strays{};   // sorted
  std::vector<std::string> outside{};  // names in the index that leave the folder, sorted
  bool index_decides{};
};

// `shards`: the .safetensors entries of the folder, sorted. `indexed`: the files that a readable
// index names, in any order, with repeats.
Selection select_shards(const Weights& weights, std::span<const std::string> shards,
                        std::span<const std::string_view> indexed);

}  // namespace shardwright
