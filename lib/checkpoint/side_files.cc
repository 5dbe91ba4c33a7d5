#include "checkpoint/side_files.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/try.h"
#include "base/utf8.h"
#include "safetensors/header.h"
#include "tokenizer/piece_list.h"
#include "tokenizer/word_list.h"

namespace shardwright {
namespace {

constexpr std::array<std::string_view, 12> kReadByLoaders = {
    "adapter_config.json",     "added_tokens.json",      "audio_config.json",
    "chat_template.json",      "generation_config.json", "preprocessor_config.json",
    "processor_config.json",   "quant_config.json",      "quantize_config.json",
    "special_tokens_map.json", "tokenizer_config.json",  "video_preprocessor_config.json"};

constexpr std::array<std::string_view, 3> kReadElsewhere = {"config.json", "tokenizer.json",
                                                            "vocab.json"};

constexpr std::string_view kTokenizerConfig = "tokenizer_config.json";
constexpr std::string_view kTokenizerModel = "tokenizer.model";
constexpr std::string_view kSpieceModel = "spiece.model";  // as t5 and albert call it

bool is_lfs_pointer(std::string_view text) {
  return safetensors::sniff(std::as_bytes(std::span(text)), text.size()) ==
         safetensors::ForeignKind::kLfsPointer;
}

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Result<std::string> read_text(const Folder& folder, const std::string& name, std::uint64_t limit) {
  SW_TRY(const auto source, folder.open(name));
  auto text = read_all(*source, limit);
  // A limit is told without a name; all else that can go wrong names the file.
  if (!text && text.error().code == ErrorCode::kUnsupported) {
    return std::move(text).error().within("reading " + quoted(name));
  }
  return text;
}

// Files of tokenizers that are not read here, and are no such files.
void add_pointers(const Folder& folder, TokenizerFacts& facts) {
  constexpr auto kEnds = std::to_array<std::string_view>(
      {".model", ".tiktoken", "merges.txt", "vocab.txt", "vocab.bpe"});
  constexpr std::uint64_t kMostOfPointer = 1024;
  for (const FolderEntry& entry : folder.entries()) {
    const auto ends = [&](std::string_view end) { return entry.name.ends_with(end); };
    if (entry.kind != EntryKind::kFile || entry.bytes > kMostOfPointer ||
        std::ranges::none_of(kEnds, ends))
      continue;
    auto text = read_text(folder, entry.name, kMostOfPointer);
    if (!text) {
      facts.broken.push_back({.file = entry.name, .error = text.error().message});
    } else if (text->empty() && !entry.name.ends_with(".txt")) {
      facts.broken.push_back({.file = entry.name, .error = "it is empty"});
    } else if (is_lfs_pointer(*text)) {
      facts.broken.push_back({.file = entry.name, .start = *std::move(text)});
    }
  }
}

void add_tokenizer_model(std::string_view bytes, TokenizerFacts& facts) {
  add_piece_list(kTokenizerModel, bytes, facts);
}

void add_spiece_model(std::string_view bytes, TokenizerFacts& facts) {
  add_piece_list(kSpieceModel, bytes, facts);
}

TokenizerFacts named_tokens(std::span<const SideFile> files) {
  TokenizerFacts facts;
  const auto config = std::ranges::find(files, kTokenizerConfig, &SideFile::name);
  if (config != files.end() && config->document) add_named_tokens(config->document->root, facts);
  return facts;
}

}  // namespace

SideFile read_side_file(const Folder& folder, const std::string& name) {
  SideFile file{.name = name};
  auto text = read_text(folder, name, kMaxSideFile);
  if (!text) {
    file.error = text.error().message;
    return file;
  }
  file.text = *std::move(text);
  auto document = json::parse(file.text);
  if (document) {
    file.document = *std::move(document);
  } else {
    file.error = document.error().message;
  }
  return file;
}

std::vector<std::string> side_file_names(const Folder& folder) {
  std::vector<std::string> names;
  std::size_t others = 0;
  for (const FolderEntry& entry : folder.entries()) {
    if (!entry.name.ends_with(".json")) continue;
    if (entry.name.find(".safetensors.index.") != std::string::npos) continue;
    if (entry.name.starts_with('.') || has(kReadElsewhere, entry.name)) continue;
    if (!has(kReadByLoaders, entry.name)) {
      if (entry.kind != EntryKind::kFile || entry.bytes > kMaxOtherSideFile) continue;
      if (++others > kMaxOtherSideFiles) continue;
    }
    names.push_back(entry.name);
  }
  return names;
}

std::optional<TokenizerFacts> read_tokenizer(const Folder& folder, const json::Value* config) {
  std::vector<SideFile> settings;
  if (folder.find(kTokenizerConfig) != nullptr)
    settings.push_back(read_side_file(folder, std::string(kTokenizerConfig)));
  TokenizerFacts facts = named_tokens(settings);
  add_pointers(folder, facts);
  const bool described = !settings.empty() && settings.front().document;
  const bool words = has_word_list(described ? &settings.front().document->root : nullptr, config);
  struct Reader {
    std::string_view file;
    void (*add)(std::string_view text, TokenizerFacts& facts);
  };
  constexpr auto kReaders = std::to_array<Reader>({{"tokenizer.json", add_tokenizer_json},
                                                   {"vocab.json", add_vocabulary_json},
                                                   {"vocab.txt", add_word_list},
                                                   {kTokenizerModel, add_tokenizer_model},
                                                   {kSpieceModel, add_spiece_model}});
  const auto reader = std::ranges::find_if(kReaders, [&](const Reader& one) {
    return folder.find(one.file) != nullptr && (one.add != add_word_list || words);
  });
  if (reader == kReaders.end())
    return facts.broken.empty() ? std::nullopt : std::optional(std::move(facts));
  const std::string name(reader->file);
  if (const auto text = read_text(folder, name, kMaxTokenizer)) {
    reader->add(*text, facts);
  } else {
    facts.broken.push_back({.file = name, .error = text.error().message});
  }
  return facts;
}

void add_side_tokens(std::span<const SideFile> files, std::optional<TokenizerFacts>& facts) {
  for (const SideFile& file : files) {
    const bool config = file.name == kTokenizerConfig;
    if (!file.document || (!config && file.name != "added_tokens.json")) continue;
    if (!facts) facts = named_tokens(files);
    if (config) {
      add_tokenizer_config(file.document->root, *facts);
    } else {
      add_added_tokens(file.document->root, *facts);
    }
  }
}

}  // namespace shardwright
