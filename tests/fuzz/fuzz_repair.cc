// Repair, rehearsed in memory: a small checkpoint is damaged, checked and planned. Whatever the
// damage, no value is invented, none is lost, the result has no flaw that was not there, and a
// second repair finds nothing to do.
//
// Input: lines. The first picks the checkpoint and options: a digit, then any of "u" (unsafe
// fixes), "d", "m", "n" (the form of ties: drop, materialize, untie). Each other line damages a
// file, which its first digit picks, as the second letter says:
//   1:/pointer VALUE   sets a value of the JSON: of a shard, of its header
//   1-/pointer         removes it
//   1@OFFSET TEXT      overwrites bytes
//   1<OFFSET           ends the file there
//   1+TEXT             appends
//   1=NAME             renames the file
//   1*NAME             copies it
//   1x                 removes it
#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "fuzz/target.h"
#include "job/rehearse.h"
#include "json/edit.h"
#include "support/fixture.h"
#include "support/memory_folder.h"
#include "support/rule_case.h"

namespace shardwright {
namespace {

using Files = std::map<std::string, std::string>;

constexpr std::array<std::string_view, 4> kModels = {
    R"({"rule": "llama", "config": {"num_hidden_layers": 1, "hidden_size": 4, "head_dim": 2,
        "intermediate_size": 4, "vocab_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1,
        "tie_word_embeddings": true}, "shards": 2,
        "add": {"lm_head.weight": {"dtype": "F32", "shape": [8, 4], "fill": "same:model.embed_tokens.weight"}}})",
    R"({"rule": "gpt2", "config": {"n_layer": 1, "n_embd": 4, "n_head": 1, "vocab_size": 8, "n_positions": 4}})",
    R"({"rule": "qwen2_moe", "config": {"num_hidden_layers": 1, "hidden_size": 4, "vocab_size": 8,
        "num_attention_heads": 1, "num_key_value_heads": 1, "num_experts": 2, "num_experts_per_tok": 1,
        "intermediate_size": 4, "moe_intermediate_size": 2, "shared_expert_intermediate_size": 2},
        "shards": 2})",
    R"({"rule": "mixtral", "config": {"num_hidden_layers": 2, "hidden_size": 4, "vocab_size": 8,
        "num_attention_heads": 1, "num_key_value_heads": 1, "num_local_experts": 2,
        "num_experts_per_tok": 1, "intermediate_size": 4, "tie_word_embeddings": true}, "shards": 3})"};

Files files_of(std::string_view description) {
  Files files;
  for (const test::FixtureFile& file : test::make_fixture(test::rule_case(description)))
    files[file.name] = file.bytes;
  return files;
}

const Files& model(std::size_t pick) {
  static const auto models = [] {
    std::array<Files, kModels.size()> all;
    std::ranges::transform(kModels, all.begin(), files_of);
    return all;
  }();
  return models[pick % models.size()];
}

const std::shared_ptr<const Catalogue>& rules() {
  static const auto catalogue = std::make_shared<const Catalogue>(Catalogue::builtin());
  return catalogue;
}

// Of any character, so that no input is wasted.
std::size_t digit(char c) {
  return static_cast<unsigned char>(c - '0');
}

// --- damage --------------------------------------------------------------------------------------

std::string edited(std::string_view json, std::string_view pointer, std::string_view value,
                   bool remove) {
  auto result = remove ? json::remove_value(json, pointer) : json::set_value(json, pointer, value);
  return result ? *std::move(result) : std::string(json);
}

// The header of a shard, where it has one.
std::optional<std::string_view> header_of(std::string_view shard) {
  std::uint64_t length = 0;
  if (shard.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, shard.data(), sizeof length);
  if (length > shard.size() - sizeof length) return std::nullopt;
  return shard.substr(sizeof length, length);
}

void edit_json(const std::string& name, std::string& bytes, std::string_view arguments,
               bool remove) {
  const std::size_t space = std::min(arguments.find(' '), arguments.size());
  const std::string_view pointer = arguments.substr(0, space);
  const std::string_view value = arguments.substr(std::min(space + 1, arguments.size()));
  if (!name.ends_with(".safetensors")) {
    bytes = edited(bytes, pointer, value, remove);
    return;
  }
  const auto header = header_of(bytes);
  if (!header) return;
  const std::string text = edited(*header, pointer, value, remove);
  const std::uint64_t length = text.size();
  std::string shard(sizeof length, '\0');
  std::memcpy(shard.data(), &length, sizeof length);
  bytes = shard + text + bytes.substr(sizeof length + header->size());
}

void damage(Files& files, std::string_view line) {
  if (line.size() < 2 || files.empty()) return;
  auto file = files.begin();
  std::advance(file, digit(line[0]) % files.size());
  std::string& bytes = file->second;
  const std::string_view rest = line.substr(2);
  const std::size_t space = std::min(rest.find(' '), rest.size());
  const std::uint64_t offset = parse_u64(rest.substr(0, space)).value_or(0);
  switch (line[1]) {
    case ':':
    case '-':
      edit_json(file->first, bytes, rest, line[1] == '-');
      break;
    case '@': {
      const std::string_view text = rest.substr(std::min(space + 1, rest.size()));
      if (offset <= bytes.size()) bytes.replace(offset, text.size(), text);
      break;
    }
    case '<':
      bytes.resize(std::min<std::uint64_t>(offset, bytes.size()));
      break;
    case '+':
      bytes += rest;
      break;
    case '=':
    case '*': {
      const std::string copy = bytes;
      if (line[1] == '=') files.erase(file);
      // Folders list their entries as single names.
      if (!rest.empty() && rest.find('/') == std::string_view::npos)
        files[std::string(rest)] = copy;
      break;
    }
    case 'x':
      files.erase(file);
      break;
    default:
      break;
  }
}

// --- what must hold ------------------------------------------------------------------------------

std::unique_ptr<Folder> folder_of(const Files& files) {
  auto folder = std::make_unique<test::MemoryFolder>();
  for (const auto& [name, bytes] : files)
    folder->add_file(name, bytes);
  return folder;
}

Files files_of(const Folder& folder) {
  Files files;
  for (const FolderEntry& entry : folder.entries()) {
    const auto source = folder.open(entry.name);
    PROPERTY(source);
    auto bytes = read_all(**source, std::uint64_t{1} << 30U);
    PROPERTY(bytes);
    files[entry.name] = *std::move(bytes);
  }
  return files;
}

// Every value of the shards, loaded or not, and whatever its name is. A tensor without elements has
// none.
using Values = std::set<std::pair<DType, std::string>>;

Values values_of(const Checkpoint& checkpoint) {
  Values values;
  for (const Shard& shard : checkpoint.shards) {
    if (!shard.header) continue;
    for (const safetensors::TensorEntry& tensor : shard.header->tensors) {
      if (!tensor.readable || tensor.begin == tensor.end) continue;
      std::string bytes(tensor.end - tensor.begin, '\0');
      PROPERTY(shard.source->read(shard.header->data_start() + tensor.begin,
                                  std::as_writable_bytes(std::span(bytes))));
      values.emplace(tensor.dtype, std::move(bytes));
    }
  }
  return values;
}

std::set<std::string> flaws_of_files(const std::vector<Finding>& findings) {
  std::set<std::string> codes;
  for (const Finding& finding : findings) {
    const bool of_files = finding.code.starts_with("ST") || finding.code.starts_with("IX");
    if (of_files && finding.severity == Severity::kError) codes.insert(finding.code);
  }
  return codes;
}

std::vector<std::string> messages(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const Finding& finding : findings)
    all.push_back(finding.code + " " + finding.message);
  return all;
}

std::set<std::string> errors(const std::vector<Finding>& findings) {
  std::set<std::string> codes;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::kError) codes.insert(finding.code);
  }
  return codes;
}

// What is wrong with files and cannot be mended. Bytes that no tensor owns can, as soon as no
// tensor is missing whose they may be.
std::set<std::string> beyond_mending(const std::vector<Finding>& findings) {
  std::set<std::string> codes;
  for (const Finding& finding : findings) {
    if (!finding.code.starts_with("ST") || finding.code == "ST123" || finding.code == "ST124")
      continue;
    if (finding.fix && finding.fix->safety == Safety::kNever) codes.insert(finding.code);
  }
  return codes;
}

void check_repair(Checkpoint checkpoint, const RepairOptions& options) {
  const auto rehearsal = rehearse(std::move(checkpoint), rules(), options);
  if (!rehearsal) {
    // The form of a tie cannot be had, or a header is larger than readers take.
    PROPERTY(rehearsal.error().code == ErrorCode::kInvalidArgument ||
             rehearsal.error().code == ErrorCode::kUnsupported);
    PROPERTY(!rehearsal.error().message.empty());
    return;
  }
  PROPERTY(rehearsal->unsettled.empty());
  const Checkpoint& before = rehearsal->before().model.checkpoint;
  const Checkpoint& after = rehearsal->after().model.checkpoint;
  PROPERTY(values_of(before) == values_of(after));
  const auto flaws = flaws_of_files(rehearsal->before().report.findings);
  for (const std::string& code : flaws_of_files(rehearsal->after().report.findings))
    PROPERTY(flaws.contains(code));
  // Of what safe fixes alone have made, not even the model as a whole may be wrong in another way.
  if (!options.unsafe && options.tie == TieForm::kAsFound) {
    PROPERTY(std::ranges::includes(errors(rehearsal->before().report.findings),
                                   errors(rehearsal->after().report.findings)));
  }
  // Nothing that cannot be mended is hidden by what is mended beside it.
  if (!options.unsafe) {
    PROPERTY(std::ranges::includes(beyond_mending(rehearsal->after().report.findings),
                                   beyond_mending(rehearsal->before().report.findings)));
  }
  for (const Plan& plan : rehearsal->plans) {
    for (const PlanStep& step : plan.steps) {
      PROPERTY(!step.why.empty() && step.safety != Safety::kNever);
      PROPERTY(options.unsafe || step.safety == Safety::kSafe || options.tie != TieForm::kAsFound);
    }
  }

  // As if it had been written: the same findings, and nothing more to do.
  const auto written = preview(*before.folder, rehearsal->outcome);
  auto result = open_checkpoint(folder_of(files_of(*written)), open_options(options.check));
  PROPERTY(result);
  const auto second = rehearse(*std::move(result), rules(), options);
  PROPERTY(second && second->outcome.empty());
  PROPERTY(messages(second->before().report.findings) ==
           messages(rehearsal->after().report.findings));
}

RepairOptions options_of(std::string_view line) {
  RepairOptions options;
  options.check.threads = 1;
  options.unsafe = line.find('u') != std::string_view::npos;
  if (line.find('d') != std::string_view::npos) options.tie = TieForm::kDrop;
  if (line.find('m') != std::string_view::npos) options.tie = TieForm::kMaterialize;
  if (line.find('n') != std::string_view::npos) options.tie = TieForm::kUntie;
  return options;
}

}  // namespace
}  // namespace shardwright

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  const std::vector<std::string_view> lines = split(as_text(data, size), '\n');
  if (lines.empty() || lines.front().empty()) return 0;
  Files files = model(digit(lines.front().front()));
  for (std::size_t i = 1; i < lines.size() && i <= 8; ++i)
    damage(files, lines[i]);
  const RepairOptions options = options_of(lines.front());
  auto checkpoint = open_checkpoint(folder_of(files), open_options(options.check));
  if (!checkpoint) {  // nothing that is a model
    PROPERTY(checkpoint.error().code == ErrorCode::kUnsupported);
    return 0;
  }
  check_repair(*std::move(checkpoint), options);
  return 0;
}
