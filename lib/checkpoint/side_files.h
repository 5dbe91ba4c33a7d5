// The JSON files beside the shards: config.json, generation_config.json, tokenizer_config.json...
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/folder.h"

namespace shardwright {

inline constexpr std::uint64_t kMaxSideFile = 64ULL << 20U;
inline constexpr std::uint64_t kMaxTokenizer = 512ULL << 20U;
inline constexpr std::uint64_t kMaxOtherSideFile = 4ULL << 20U;
inline constexpr std::size_t kMaxOtherSideFiles = 256;

// Reads and parses one. Whatever stands in the way is in its `error`.
SideFile read_side_file(const Folder& folder, const std::string& name);

// Those that loaders read, and other *.json files as far as they are small and few: a trainer's log
// of a hundred megabytes is nobody's business. Not config.json, no index, and neither
// tokenizer.json nor vocab.json, which are large and have readers of their own. By name.
std::vector<std::string> side_file_names(const Folder& folder);

// What the large file of a tokenizer says: tokenizer.json, else vocab.json, else vocab.txt where
// the class of the tokenizer reads it, else a model of sentencepiece; and which of its other files
// are empty or a pointer to a file. None where there is nothing to tell. `config` is the root of
// config.json, or null.
std::optional<TokenizerFacts> read_tokenizer(const Folder& folder, const json::Value* config);

// Adds what the side files say of tokens.
void add_side_tokens(std::span<const SideFile> files, std::optional<TokenizerFacts>& facts);

}  // namespace shardwright
