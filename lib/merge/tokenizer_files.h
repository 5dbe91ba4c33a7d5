// The files of a tokenizer: what an input has, and what the result's will be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "merge/plan.h"
#include "shardwright/result.h"
#include "tokenizer/vocabulary.h"

namespace shardwright {

// Whether a file of that name belongs to the tokenizer.
bool is_tokenizer_file(std::string_view name);

// The text of such a file; errors name it.
Result<std::string> read_tokenizer_file(const Checkpoint& checkpoint, const std::string& name);

// The vocabulary of a model's tokenizer, with the tokens that tokenizer_config.json adds to it;
// none where the folder has no tokenizer. kUnsupported where it has one without a tokenizer.json,
// kMalformed where that cannot be used.
Result<std::optional<Vocabulary>> read_vocabulary(const Checkpoint& checkpoint);

// Equal where read_vocabulary() gives the same because the files are; none where there is no
// tokenizer.json, or it cannot be read.
std::optional<Digest> vocabulary_digest(const Checkpoint& checkpoint);

// All of a model's files of the tokenizer, as they are.
Result<std::vector<PlannedText>> tokenizer_files_of(const Checkpoint& checkpoint);

// Gives them the tokens of `vocabulary`, which is that of the files with tokens added, or, of those
// in `gone`, taken away; every other byte is kept.
Status set_vocabulary(std::vector<PlannedText>& files, const Vocabulary& vocabulary,
                      const std::vector<std::string>& gone);

// The chat template of a model: chat_template.jinja, else that of tokenizer_config.json (of several
// the default); empty where it has none.
std::string chat_template_of(const Checkpoint& checkpoint);
// In the file where loaders of the model look for it.
Status set_chat_template(std::vector<PlannedText>& files, const std::string& text);

}  // namespace shardwright
