#include "moe/recipe.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "merge/recipe_reader.h"
#include "merge/yaml.h"

namespace shardwright {
namespace {

using recipe::Level;
using recipe::Members;
using recipe::Reader;
using recipe::tell;
using YamlKind = YamlNode::Kind;

struct GateRow {
  std::string_view name;
  GateMode mode{};
};
constexpr std::array<GateRow, 6> kGates = {{{"hidden", GateMode::kHidden},
                                            {"hidden_avg", GateMode::kHiddenMean},
                                            {"hidden_last", GateMode::kHidden},
                                            {"cheap_embed", GateMode::kEmbedding},
                                            {"random", GateMode::kRandom},
                                            {"uniform_random", GateMode::kUniform}}};

constexpr std::uint64_t kMaxPromptBytes = 16U << 20U;
// Experts beyond this are a mistake: the largest mixtures have some hundreds.
constexpr std::size_t kMostExperts = 4096;

bool needs_prompts(GateMode mode) {
  return mode != GateMode::kRandom && mode != GateMode::kUniform;
}

GateMode read_gate(Reader& reader, const Members& members) {
  const YamlNode* node = members.value("gate_mode");
  if (node == nullptr) return GateMode::kHidden;
  const auto text = recipe::read_text(reader, *node, "gate_mode");
  if (!text) return GateMode::kRandom;
  const auto row = std::ranges::find(kGates, *text, &GateRow::name);
  if (row != kGates.end()) return row->mode;
  std::vector<std::string_view> names;
  for (const GateRow& gate : kGates)
    names.push_back(gate.name);
  tell(reader, node->at,
       fmt::format("'gate_mode' is {}, not {}{}", recipe::or_list(names), quoted(*text, 60),
                   recipe::did_you_mean(*text, names)));
  return GateMode::kRandom;  // asks for nothing more
}

std::string read_prompt(Reader& reader, const YamlNode& node) {
  return recipe::read_text(reader, node, "a prompt").value_or("");
}

// A prompt a line; empty lines are none.
std::vector<std::string> prompts_of_file(Reader& reader, const YamlNode& node, std::string_view key,
                                         const MoeRecipeOptions& options) {
  std::vector<std::string> prompts;
  const auto path = recipe::read_text(reader, node, key);
  if (!path) return prompts;
  const auto text = options.read_prompts(*path);
  if (!text) {
    tell(reader, node.at, fmt::format("'{}': {}", key, text.error().message));
    return prompts;
  }
  if (find_invalid_utf8(*text) != std::string_view::npos) {
    tell(reader, node.at, fmt::format("'{}': {} is not UTF-8", key, quoted(*path)));
    return prompts;
  }
  for (std::string_view line : split(*text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) prompts.emplace_back(line);
  }
  if (prompts.empty())
    tell(reader, node.at, fmt::format("'{}': {} has no line that is a prompt", key, quoted(*path)));
  return prompts;
}

// `key`, a list of texts, and `key`_file, which names a file of more.
std::vector<std::string> read_prompts(Reader& reader, const Members& members,
                                      const std::string& key, const MoeRecipeOptions& options) {
  std::vector<std::string> prompts;
  if (const recipe::Member* member = members.find(key)) {
    if (member->value->kind == YamlKind::kText) {
      tell(reader, member->value->at,
           fmt::format("'{}' takes a list: write '- ' before the prompt", key));
    } else {
      prompts = recipe::read_list<std::string>(reader, member, read_prompt);
    }
  }
  if (const YamlNode* file = members.value(key + "_file")) {
    for (std::string& prompt : prompts_of_file(reader, *file, key + "_file", options))
      prompts.push_back(std::move(prompt));
  }
  return prompts;
}

MoeExpert read_expert(Reader& reader, const YamlNode& node, const MoeRecipeOptions& options) {
  MoeExpert out;
  out.at = node.at;
  const auto members = recipe::read_members(reader, node, Level::kExpert);
  if (!members) return out;
  const YamlNode* model = recipe::require(reader, *members, Level::kExpert, "source_model");
  if (model != nullptr) out.model = recipe::reference_or_blank(reader, *model);
  out.positive = read_prompts(reader, *members, "positive_prompts", options);
  out.negative = read_prompts(reader, *members, "negative_prompts", options);
  if (const YamlNode* noise = members->value("noise_scale")) {
    out.noise = recipe::read_number(reader, *noise, "noise_scale").value_or(0);
    if (out.noise < 0) tell(reader, noise->at, "'noise_scale' takes a number from 0 up");
  }
  if (const YamlNode* scale = members->value("residual_scale"))
    out.scale = recipe::read_number(reader, *scale, "residual_scale").value_or(1);
  return out;
}

bool all_alike(const std::vector<MoeExpert>& experts, auto part) {
  return experts.size() > 1 && std::ranges::all_of(experts, [&](const MoeExpert& expert) {
           return part(expert) == part(experts.front());
         });
}

// Experts that a gate made from prompts could not tell apart.
void judge_prompts(Reader& reader, const MoeRecipe& moe, const MoeRecipeOptions& options) {
  if (!needs_prompts(moe.gate)) return;
  bool complete = true;
  for (const MoeExpert& expert : moe.experts) {
    if (!expert.positive.empty()) continue;
    complete = false;
    tell(reader, expert.at,
         fmt::format("gate_mode '{}' needs 'positive_prompts' of each expert; 'random' needs none",
                     gate_mode_name(moe.gate)));
  }
  if (!complete) return;
  const auto prompts = [](const MoeExpert& expert) {
    return std::pair(expert.positive, expert.negative);
  };
  if (all_alike(moe.experts, prompts)) {
    tell(reader, moe.experts.front().at,
         "all experts have the same prompts, so that the gate would take them all alike: give each "
         "its own, or take gate_mode 'random'");
  }
  const auto model = [](const MoeExpert& expert) { return expert.model; };
  if (all_alike(moe.experts, model) && !options.allow_all_same) {
    tell(reader, moe.experts.front().at,
         "all experts are one model, which a gate made from prompts tells apart to no end: take "
         "gate_mode 'random', or --allow-all-same");
  }
}

void judge_counts(Reader& reader, const MoeRecipe& moe) {
  if (moe.per_token < 1) tell(reader, moe.per_token_at, "'experts_per_token' is at least 1");
  if (moe.experts.size() > kMostExperts) {
    tell(reader, moe.experts.back().at,
         fmt::format("{} experts are more than the {} that there may be", moe.experts.size(),
                     kMostExperts));
  } else if (!moe.experts.empty() && moe.per_token > moe.experts.size()) {
    tell(reader, moe.per_token_at,
         fmt::format("'experts_per_token' is {}, which is more than the {} that the recipe gives",
                     moe.per_token, moe.experts.size()));
  }
}

std::optional<MoeRecipe> read_mixture(Reader& reader, const YamlNode& root,
                                      const MoeRecipeOptions& options) {
  const auto members = recipe::read_members(reader, root, Level::kMixture);
  if (!members) return std::nullopt;
  MoeRecipe out;
  out.at = root.at;
  const auto place_of = [&](std::string_view key) {
    const recipe::Member* member = members->find(key);
    return member == nullptr ? root.at : member->value->at;
  };
  if (const YamlNode* base = recipe::require(reader, *members, Level::kMixture, "base_model"))
    out.base = recipe::reference_or_blank(reader, *base);
  out.gate = read_gate(reader, *members);
  out.gate_at = place_of("gate_mode");
  out.dtype = recipe::read_dtype(reader, *members, "dtype", true);
  const auto read = [&options](Reader& into, const YamlNode& node) {
    return read_expert(into, node, options);
  };
  if (recipe::require(reader, *members, Level::kMixture, "experts") != nullptr)
    out.experts = recipe::read_list<MoeExpert>(reader, members->find("experts"), read);
  out.shared = recipe::read_list<MoeExpert>(reader, members->find("shared_experts"), read);
  out.per_token_at = place_of("experts_per_token");
  if (const YamlNode* count = members->value("experts_per_token"))
    out.per_token = recipe::read_whole(reader, *count, "experts_per_token").value_or(1);
  out.architecture_at = place_of("architecture");
  if (const YamlNode* name = members->value("architecture"))
    out.architecture = recipe::read_text(reader, *name, "architecture").value_or("");
  judge_prompts(reader, out, options);
  judge_counts(reader, out);
  return out;
}

}  // namespace

Result<std::string> read_prompt_file(const std::string& path) {
  SW_TRY(const auto source, open_file(path));
  return read_all(*source, kMaxPromptBytes);
}

std::string_view gate_mode_name(GateMode mode) {
  return std::ranges::find(kGates, mode, &GateRow::mode)->name;
}

MoeRecipeFile parse_moe_recipe(std::string_view text, const MoeRecipeOptions& options) {
  Mark fault;
  auto yaml = parse_yaml(text, fault);
  if (!yaml) return {.mistakes = {{fault, std::move(yaml).error().message}}};
  Reader reader;
  MoeRecipeFile out;
  if (yaml->documents.empty() || yaml->documents.front()->kind == YamlKind::kNull) {
    tell(reader, {1, 1}, "the recipe is empty");
  } else {
    if (yaml->documents.size() > 1)
      tell(reader, yaml->documents[1]->at, "a recipe for a mixture is one document");
    out.recipe = read_mixture(reader, *yaml->documents.front(), options);
  }
  recipe::sort_by_place(reader.file.mistakes);
  out.mistakes = std::move(reader.file.mistakes);
  return out;
}

std::vector<ModelRef> models_of(const MoeRecipe& recipe) {
  std::vector<ModelRef> models = {recipe.base};
  for (const auto* list : {&recipe.experts, &recipe.shared}) {
    for (const MoeExpert& expert : *list) {
      if (std::ranges::find(models, expert.model) == models.end()) models.push_back(expert.model);
    }
  }
  return models;
}

}  // namespace shardwright
