#include "merge/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/side_files.h"
#include "json/edit.h"
#include "json/pull.h"

namespace shardwright {
namespace {

constexpr std::string_view kTokenizerName = "tokenizer.json";
constexpr std::string_view kSettingsName = "tokenizer_config.json";
constexpr std::string_view kTemplateName = "chat_template.jinja";
constexpr std::string_view kDecoderKey = "added_tokens_decoder";

// What a tokenizer is made of where it is not in tokenizer.json.
constexpr std::array<std::string_view, 8> kSlowFiles = {
    "tokenizer.model", "tekken.json",  "vocab.json",     "vocab.txt",
    "merges.txt",      "spiece.model", "tiktoken.model", "sentencepiece.bpe.model"};
constexpr std::array<std::string_view, 6> kOtherFiles = {
    kTokenizerName,      kSettingsName, "special_tokens_map.json",
    "added_tokens.json", kTemplateName, "chat_template.json"};

bool is_slow_file(std::string_view name) {
  return std::ranges::find(kSlowFiles, name) != kSlowFiles.end() || name.ends_with(".tiktoken");
}

PlannedText* file_of(std::vector<PlannedText>& files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &PlannedText::name);
  return found == files.end() ? nullptr : &*found;
}

std::string json_string(std::string_view text) {
  std::string out;
  json::append_string(out, text);
  return out;
}

// Tokens that transformers adds when it loads the tokenizer.
Status add_configured(const Checkpoint& checkpoint, Vocabulary& vocabulary) {
  const SideFile* file = checkpoint.side_file(kSettingsName);
  if (file == nullptr || !file->document) return ok();
  const json::Value* decoder = file->document->root.find(kDecoderKey);
  const auto* members = decoder == nullptr ? nullptr : decoder->object();
  if (members == nullptr) return ok();
  std::map<std::uint64_t, std::pair<std::string, json::Value>> absent;
  for (const json::Member& member : *members) {
    const auto id = parse_u64(member.key);
    const json::Value* content = member.value.find("content");
    if (!id || content == nullptr || content->string() == nullptr) {
      return Error{ErrorCode::kMalformed,
                   fmt::format("'{}': an entry of '{}' has no id or no content", kSettingsName,
                               kDecoderKey)};
    }
    const auto known = vocabulary.find(*content->string());
    if (known && *known != *id) {
      return Error{
          ErrorCode::kMalformed,
          fmt::format("the token {} has the id {} in '{}' and {} in '{}'",
                      quoted(*content->string(), 60), *known, kTokenizerName, *id, kSettingsName)};
    }
    if (!known) absent[*id] = {*content->string(), member.value};
  }
  for (auto& [id, token] : absent) {
    if (id != vocabulary.next()) {
      return Error{ErrorCode::kMalformed,
                   fmt::format("the token {} has the id {} in '{}', and loaders give it {}",
                               quoted(token.first, 60), id, kSettingsName, vocabulary.next())};
    }
    add_token(vocabulary, token.first, std::move(token.second));
  }
  return ok();
}

// {"id": 5, "content": "x", ...} as `added_tokens_decoder` has it under its id.
json::Value without_id(const json::Value& entry) {
  json::Value::Object object = *entry.object();
  std::erase_if(object, [](const json::Member& member) { return member.key == "id"; });
  return {std::move(object)};
}

// "<s>" or {"content": "<s>"}.
const std::string* token_of(const json::Value& value) {
  if (value.string() != nullptr) return value.string();
  const json::Value* content = value.find("content");
  return content == nullptr ? nullptr : content->string();
}

// The roles ("pad_token") of tokens that are gone: a loader would add them anew.
Status take_roles_away(PlannedText& file, const std::vector<std::string>& gone) {
  SW_TRY(const json::Document document, json::parse(file.text));
  const auto* members = document.root.object();
  if (members == nullptr) return ok();
  for (const json::Member& member : *members) {
    const std::string* token = member.key.ends_with("_token") ? token_of(member.value) : nullptr;
    if (token == nullptr || std::ranges::find(gone, *token) == gone.end()) continue;
    SW_TRY(file.text, json::remove_value(file.text, "/" + json::pointer_step(member.key)));
  }
  const json::Value* more = document.root.find("additional_special_tokens");
  if (more == nullptr || more->array() == nullptr) return ok();
  json::Value::Array kept;
  for (const json::Value& value : *more->array()) {
    const std::string* token = token_of(value);
    if (token == nullptr || std::ranges::find(gone, *token) == gone.end()) kept.push_back(value);
  }
  if (kept.size() == more->array()->size()) return ok();
  SW_TRY(file.text,
         json::set_value(file.text, "/additional_special_tokens", json::dump({std::move(kept)})));
  return ok();
}

Status set_decoder(PlannedText& file, const Vocabulary& vocabulary) {
  SW_TRY(const json::Document document, json::parse(file.text));
  const json::Value* decoder = document.root.find(kDecoderKey);
  if (decoder == nullptr || decoder->object() == nullptr) return ok();
  json::Value::Object object;
  for (const AddedEntry& added : vocabulary.added)
    object.push_back({std::to_string(added.id), without_id(added.entry)});
  SW_TRY(file.text, json::set_value(file.text, "/" + std::string(kDecoderKey),
                                    json::dump_inside({std::move(object)}, 2, 1)));
  return ok();
}

// added_tokens.json: {"<pad>": 32000}, of the tokens that the model's vocabulary does not have.
void set_added_tokens(PlannedText& file, const Vocabulary& vocabulary) {
  json::Value::Object object;
  for (const AddedEntry& added : vocabulary.added) {
    if (!added.in_model) object.push_back({added.text, {static_cast<std::int64_t>(added.id)}});
  }
  file.text = json::dump({std::move(object)}, 2) + "\n";
}

// "text", or the default of [{"name": "default", "template": "text"}].
const std::string* template_text(const json::Value& value) {
  if (value.array() == nullptr) return value.string();
  for (const json::Value& entry : *value.array()) {
    const json::Value* name = entry.find("name");
    const json::Value* text = entry.find("template");
    if (name != nullptr && name->string() != nullptr && *name->string() == "default" &&
        text != nullptr)
      return text->string();
  }
  return nullptr;
}

}  // namespace

bool is_tokenizer_file(std::string_view name) {
  return is_slow_file(name) || std::ranges::find(kOtherFiles, name) != kOtherFiles.end() ||
         (name.starts_with("tokenization_") && name.ends_with(".py"));
}

Result<std::string> read_tokenizer_file(const Checkpoint& checkpoint, const std::string& name) {
  auto text = [&]() -> Result<std::string> {
    SW_TRY(const auto source, checkpoint.folder->open(name));
    return read_all(*source, kMaxTokenizer);
  }();
  if (!text) return std::move(text).error().within(quoted(name));
  return text;
}

Result<std::optional<Vocabulary>> read_vocabulary(const Checkpoint& checkpoint) {
  if (checkpoint.folder->find(kTokenizerName) == nullptr) {
    for (const FolderEntry& entry : checkpoint.folder->entries()) {
      if (!is_slow_file(entry.name)) continue;
      return Error{ErrorCode::kUnsupported,
                   fmt::format("it has {} and no {}: AutoTokenizer.from_pretrained(...)"
                               ".save_pretrained(...) of transformers writes one",
                               quoted(entry.name), quoted(kTokenizerName))};
    }
    return std::optional<Vocabulary>();
  }
  SW_TRY(const std::string text, read_tokenizer_file(checkpoint, std::string(kTokenizerName)));
  auto vocabulary = parse_vocabulary(text);
  if (!vocabulary) return std::move(vocabulary).error().within(quoted(kTokenizerName));
  SW_TRY_OK(add_configured(checkpoint, *vocabulary));
  return std::optional(*std::move(vocabulary));
}

std::optional<Digest> vocabulary_digest(const Checkpoint& checkpoint) {
  if (checkpoint.folder->find(kTokenizerName) == nullptr) return std::nullopt;
  const auto source = checkpoint.folder->open(kTokenizerName);
  if (!source) return std::nullopt;
  Digester digester;
  std::vector<std::byte> part(Digester::kBlockBytes);
  for (std::uint64_t at = 0; at < (*source)->size(); at += part.size()) {
    const auto piece =
        MutableBytes(part).first(std::min<std::uint64_t>(part.size(), (*source)->size() - at));
    if (!(*source)->read(at, piece)) return std::nullopt;
    digester.add(piece);
  }
  const SideFile* settings = checkpoint.side_file(kSettingsName);
  if (settings != nullptr) digester.add(std::as_bytes(std::span(settings->text)));
  return digester.finish();
}

Result<std::vector<PlannedText>> tokenizer_files_of(const Checkpoint& checkpoint) {
  std::vector<PlannedText> files;
  for (const FolderEntry& entry : checkpoint.folder->entries()) {
    if (!is_tokenizer_file(entry.name)) continue;
    SW_TRY(std::string text, read_tokenizer_file(checkpoint, entry.name));
    files.push_back({entry.name, std::move(text)});
  }
  return files;
}

Status set_vocabulary(std::vector<PlannedText>& files, const Vocabulary& vocabulary,
                      const std::vector<std::string>& gone) {
  for (PlannedText& file : files) {
    const auto edit = [&]() -> Status {
      if (file.name == kTokenizerName) {
        SW_TRY(file.text,
               json::set_value(file.text, "/added_tokens", added_tokens_text(vocabulary)));
      } else if (file.name == kSettingsName) {
        SW_TRY_OK(set_decoder(file, vocabulary));
        if (!gone.empty()) SW_TRY_OK(take_roles_away(file, gone));
      } else if (file.name == "special_tokens_map.json") {
        if (!gone.empty()) SW_TRY_OK(take_roles_away(file, gone));
      } else if (file.name == "added_tokens.json") {
        set_added_tokens(file, vocabulary);
      }
      return ok();
    };
    if (auto status = edit(); !status) return std::move(status).error().within(quoted(file.name));
  }
  return ok();
}

std::string chat_template_of(const Checkpoint& checkpoint) {
  if (checkpoint.folder->find(kTemplateName) != nullptr) {
    const auto text = read_tokenizer_file(checkpoint, std::string(kTemplateName));
    return text ? *text : std::string();
  }
  const SideFile* file = checkpoint.side_file(kSettingsName);
  const json::Value* value =
      file == nullptr || !file->document ? nullptr : file->document->root.find("chat_template");
  const std::string* text = value == nullptr ? nullptr : template_text(*value);
  return text == nullptr ? std::string() : *text;
}

Status set_chat_template(std::vector<PlannedText>& files, const std::string& text) {
  PlannedText* own = file_of(files, kTemplateName);
  PlannedText* settings = file_of(files, kSettingsName);
  bool stated = false;
  if (settings != nullptr) {
    SW_TRY(const json::Document document, json::parse(settings->text));
    stated = document.root.find("chat_template") != nullptr;
    // Old loaders look there, and new ones where there is no file of its own.
    if (stated) {
      SW_TRY(settings->text, json::set_value(settings->text, "/chat_template", json_string(text)));
    }
  }
  if (own != nullptr) {
    own->text = text;
  } else if (!stated) {
    files.push_back({std::string(kTemplateName), text});
  }
  return ok();
}

}  // namespace shardwright
