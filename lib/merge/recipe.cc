// Recipes, level by level: a table of keys for each level, a function for each.
#include "merge/recipe.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "merge/recipe_reader.h"

namespace shardwright {
namespace recipe {
namespace {

using Kind = YamlNode::Kind;

template <std::size_t N>
using Keys = std::array<std::string_view, N>;

constexpr Keys<12> kRecipeKeys = {"merge_method", "models",           "slices",        "modules",
                                  "base_model",   "parameters",       "dtype",         "out_dtype",
                                  "tokenizer",    "tokenizer_source", "chat_template", "name"};
constexpr Keys<3> kModuleKeys = {"models", "slices", "parameters"};
constexpr Keys<2> kModelKeys = {"model", "parameters"};
constexpr Keys<4> kSliceKeys = {"sources", "base_model", "residual_weight", "parameters"};
constexpr Keys<3> kSourceKeys = {"model", "layer_range", "parameters"};
constexpr Keys<2> kConditionKeys = {"filter", "value"};
constexpr Keys<3> kTokenizerKeys = {"source", "tokens", "pad_to_multiple_of"};
constexpr Keys<2> kTokenKeys = {"source", "force"};
constexpr Keys<4> kTokenSourceKeys = {"kind", "model", "token", "token_id"};
constexpr Keys<3> kReferenceKeys = {"model", "lora", "override_architecture"};
constexpr Keys<2> kPathKeys = {"path", "revision"};

constexpr Keys<7> kMixtureKeys = {"base_model",     "gate_mode",         "dtype",       "experts",
                                  "shared_experts", "experts_per_token", "architecture"};
constexpr Keys<7> kExpertKeys = {
    "source_model",          "positive_prompts", "negative_prompts", "positive_prompts_file",
    "negative_prompts_file", "noise_scale",      "residual_scale"};

constexpr std::array<LevelRow, 13> kLevels = {{
    {Level::kRecipe, "the recipe", kRecipeKeys},
    {Level::kModule, "an entry of 'modules'", kModuleKeys},
    {Level::kModel, "an entry of 'models'", kModelKeys},
    {Level::kSlice, "an entry of 'slices'", kSliceKeys},
    {Level::kSource, "an entry of 'sources'", kSourceKeys},
    {Level::kCondition, "a value with a filter", kConditionKeys},
    {Level::kTokenizer, "'tokenizer'", kTokenizerKeys},
    {Level::kToken, "an entry of 'tokens'", kTokenKeys},
    {Level::kTokenSource, "the source of a token", kTokenSourceKeys},
    {Level::kReference, "a model written as a map", kReferenceKeys},
    {Level::kPath, "a path written as a map", kPathKeys},
    {Level::kMixture, "the recipe", kMixtureKeys, true},
    {Level::kExpert, "an entry of 'experts' or 'shared_experts'", kExpertKeys, true},
}};

constexpr Keys<6> kChatTemplates = {"auto", "alpaca", "chatml", "exaone", "llama3", "mistral"};
constexpr Keys<2> kTokenKinds = {"model_token", "zero"};

std::optional<LayerRange> read_layers(Reader& reader, const YamlNode& node) {
  if (node.kind != Kind::kList || node.items.size() != 2) {
    tell(reader, node.at,
         node.kind == Kind::kList
             ? fmt::format("'layer_range' takes two numbers, first and last + 1, not {}",
                           node.items.size())
             : fmt::format("'layer_range' takes a list of two numbers, not {}", found(node)));
    return std::nullopt;
  }
  const auto begin = read_whole(reader, *node.items[0], "layer_range");
  const auto end = read_whole(reader, *node.items[1], "layer_range");
  if (!begin || !end) return std::nullopt;
  if (*begin >= *end) {
    tell(reader, node.at,
         fmt::format("'layer_range' [{}, {}] {}; the second number is the layer behind the last",
                     *begin, *end, *begin == *end ? "is empty" : "runs backwards"));
    return std::nullopt;
  }
  return LayerRange{*begin, *end};
}

RecipeSource read_input(Reader& reader, const YamlNode& node, Level level) {
  RecipeSource out;
  out.at = node.at;
  const auto members = read_members(reader, node, level);
  if (!members) return out;
  const YamlNode* model = require(reader, *members, level, "model");
  if (model != nullptr) out.model = reference_or_blank(reader, *model);
  if (level == Level::kSource) {
    const YamlNode* layers = require(reader, *members, level, "layer_range");
    if (layers != nullptr) out.layers = read_layers(reader, *layers);
  }
  out.parameters = read_parameters(reader, *members, true);
  return out;
}

RecipeSource read_model(Reader& reader, const YamlNode& node) {
  return read_input(reader, node, Level::kModel);
}

RecipeSource read_source(Reader& reader, const YamlNode& node) {
  return read_input(reader, node, Level::kSource);
}

RecipeSlice read_slice(Reader& reader, const YamlNode& node) {
  RecipeSlice out;
  out.at = node.at;
  const auto members = read_members(reader, node, Level::kSlice);
  if (!members) return out;
  if (require(reader, *members, Level::kSlice, "sources") != nullptr) {
    out.sources = read_list<RecipeSource>(reader, members->find("sources"), read_source);
  }
  if (const YamlNode* base = members->value("base_model")) {
    out.base = reference_or_blank(reader, *base);
  }
  if (const YamlNode* weight = members->value("residual_weight")) {
    if (read_number(reader, *weight, "residual_weight")) {
      note(reader, members->find("residual_weight")->key->at,
           "'residual_weight' is passed over: no method uses it");
    }
  }
  out.parameters = read_parameters(reader, *members, false);
  return out;
}

// `models` or `slices`, of a recipe or a module.
RecipeBody read_body(Reader& reader, const Members& members) {
  return {read_list<RecipeSource>(reader, members.find("models"), read_model),
          read_list<RecipeSlice>(reader, members.find("slices"), read_slice)};
}

// Exactly one of these keys must have a value.
void judge_choice(Reader& reader, const Members& members, Level level,
                  std::span<const std::string_view> keys) {
  const Member* first = nullptr;
  for (const std::string_view key : keys) {
    const Member* member = members.find(key);
    if (member == nullptr || member->value->kind == Kind::kNull) continue;
    if (first != nullptr) {
      tell(reader, member->key->at,
           fmt::format("{} has both '{}' and '{}'; expected one of {}", row_of(level).what,
                       first->name, key, or_list(keys)));
      return;
    }
    first = member;
  }
  if (first != nullptr) return;
  for (const std::string_view key : keys) {
    if (const Member* empty = members.find(key)) {
      tell(reader, empty->key->at, fmt::format("'{}' is empty", key));
      return;
    }
  }
  tell(reader, members.at, fmt::format("{} has none of {}", row_of(level).what, or_list(keys)));
}

std::vector<RecipeModule> read_modules(Reader& reader, const Members& members) {
  std::vector<RecipeModule> out;
  const YamlNode* node = members.value("modules");
  if (node == nullptr) return out;
  if (node->kind == Kind::kMap && node->pairs.empty()) {
    tell(reader, node->at, "'modules' is an empty map");
  }
  for (const YamlPair& pair : read_named(reader, *node, "'modules'")) {
    RecipeModule module;
    module.name = pair.key->text;
    module.at = pair.key->at;
    if (const auto inner = read_members(reader, *pair.value, Level::kModule)) {
      judge_choice(reader, *inner, Level::kModule, Keys<2>{"models", "slices"});
      module.body = read_body(reader, *inner);
      module.parameters = read_parameters(reader, *inner, false);
    }
    out.push_back(std::move(module));
  }
  return out;
}

// --- the tokenizer -----------------------------------------------------------------------------

void read_token_source(Reader& reader, const YamlNode& node, TokenRule& rule) {
  const bool of_kind =
      node.kind == Kind::kMap && std::ranges::any_of(node.pairs, [](const YamlPair& pair) {
        return pair.key->text == "kind";
      });
  if (!of_kind) {
    rule.kind = TokenRule::Kind::kModel;
    rule.model = reference_or_blank(reader, node);
    return;
  }
  const auto members = read_members(reader, node, Level::kTokenSource);
  const YamlNode* kind = require(reader, *members, Level::kTokenSource, "kind");
  if (kind == nullptr) return;
  if (kind->kind != Kind::kText ||
      std::ranges::find(kTokenKinds, kind->text) == kTokenKinds.end()) {
    tell(reader, kind->at, fmt::format("'kind' is {}, not {}", or_list(kTokenKinds), found(*kind)));
    return;
  }
  const YamlNode* token = members->value("token");
  const YamlNode* id = members->value("token_id");
  if (kind->text == "zero") {
    rule.kind = TokenRule::Kind::kZero;
    for (const Member& member : members->known) {
      if (member.name == "kind") continue;
      tell(reader, member.key->at,
           fmt::format("'{}' has no place beside 'kind: zero'", member.name));
    }
    return;
  }
  rule.kind = TokenRule::Kind::kModelToken;
  const YamlNode* model = require(reader, *members, Level::kTokenSource, "model");
  if (model != nullptr) rule.model = reference_or_blank(reader, *model);
  if ((token == nullptr) == (id == nullptr)) {
    tell(reader, node.at, "'kind: model_token' takes either 'token' or 'token_id'");
  }
  if (token != nullptr) rule.source_token = read_text(reader, *token, "token").value_or("");
  if (id != nullptr) rule.source_id = read_whole(reader, *id, "token_id");
}

std::vector<TokenRule> read_tokens(Reader& reader, const YamlNode& node) {
  std::vector<TokenRule> out;
  for (const YamlPair& pair : read_named(reader, node, "'tokens'")) {
    TokenRule rule;
    rule.token = pair.key->text;
    rule.at = pair.key->at;
    rule.kind = TokenRule::Kind::kDefault;
    if (const auto members = read_members(reader, *pair.value, Level::kToken)) {
      if (const YamlNode* source = members->value("source")) {
        read_token_source(reader, *source, rule);
      }
      if (const YamlNode* force = members->value("force")) {
        rule.force = read_flag(reader, *force, "force").value_or(false);
      }
    }
    out.push_back(std::move(rule));
  }
  return out;
}

// "union", "base", or a model; older recipes write "model:PATH".
void read_tokenizer_source(Reader& reader, const YamlNode& node, TokenizerRecipe& out) {
  if (node.kind == Kind::kText && (node.text == "union" || node.text == "base")) {
    out.kind = node.text == "union" ? TokenizerRecipe::Kind::kUnion : TokenizerRecipe::Kind::kBase;
    return;
  }
  out.kind = TokenizerRecipe::Kind::kModel;
  constexpr std::string_view kPrefix = "model:";
  YamlNode model = node;
  if (node.kind == Kind::kText && node.text.starts_with(kPrefix)) {
    model.text.erase(0, kPrefix.size());
  }
  out.model = reference_or_blank(reader, model);
}

std::optional<TokenizerRecipe> read_tokenizer(Reader& reader, const Members& recipe) {
  const YamlNode* node = recipe.value("tokenizer");
  const YamlNode* legacy = recipe.value("tokenizer_source");
  if (node != nullptr && legacy != nullptr) {
    tell(reader, recipe.find("tokenizer_source")->key->at,
         "the recipe has both 'tokenizer' and 'tokenizer_source'; expected one of them");
  }
  TokenizerRecipe out;
  out.kind = TokenizerRecipe::Kind::kUnion;
  if (legacy != nullptr) {
    out.at = legacy->at;
    out.legacy = true;
    read_tokenizer_source(reader, *legacy, out);
  }
  if (node == nullptr) return legacy == nullptr ? std::nullopt : std::optional(std::move(out));

  const auto members = read_members(reader, *node, Level::kTokenizer);
  if (!members) return std::nullopt;
  out.at = node->at;
  if (members->find("source") != nullptr) {
    const YamlNode* source = require(reader, *members, Level::kTokenizer, "source");
    if (source != nullptr) read_tokenizer_source(reader, *source, out);
  }
  if (const YamlNode* tokens = members->value("tokens")) out.tokens = read_tokens(reader, *tokens);
  if (const YamlNode* pad = members->value("pad_to_multiple_of")) {
    const auto multiple = read_whole(reader, *pad, "pad_to_multiple_of");
    if (multiple == 0U)
      tell(reader, pad->at, "'pad_to_multiple_of' takes a number from 1 up, not 0");
    out.pad_to_multiple_of = multiple.value_or(0);
  }
  return out;
}

// --- scalars of the recipe ---------------------------------------------------------------------

std::string read_chat_template(Reader& reader, const Members& members) {
  const YamlNode* node = members.value("chat_template");
  if (node == nullptr) return {};
  const auto text = read_text(reader, *node, "chat_template");
  if (!text || text->empty()) return {};
  const bool jinja = text->find('{') != std::string::npos || text->ends_with(".jinja");
  if (!jinja && std::ranges::find(kChatTemplates, *text) == kChatTemplates.end()) {
    tell(reader, node->at,
         fmt::format("'chat_template' is {}, a file that ends in '.jinja', or a Jinja text with "
                     "'{{', not {}{}",
                     or_list(kChatTemplates), quoted(*text, 60),
                     did_you_mean(*text, kChatTemplates)));
  }
  return *text;
}

const Method* find_method(const Reader& reader, std::string_view name) {
  const auto row = std::ranges::find(reader.methods, name, &Method::name);
  return row == reader.methods.end() ? nullptr : *row;
}

void read_method(Reader& reader, const Members& members, Recipe& out) {
  const YamlNode* node = require(reader, members, Level::kRecipe, "merge_method");
  if (node == nullptr) return;
  const auto text = read_text(reader, *node, "merge_method");
  if (!text) return;
  out.method = *text;
  out.method_at = node->at;
  reader.method = find_method(reader, *text);
  if (reader.method != nullptr) return;
  std::vector<std::string_view> names;
  for (const Method* method : reader.methods)
    names.push_back(method->name);
  const std::string hint = did_you_mean(*text, names);
  tell(reader, node->at,
       hint.empty()
           ? fmt::format("unknown method {}; expected {}", quoted(*text, 60), or_list(names))
           : fmt::format("unknown method {}{}", quoted(*text, 60), hint));
}

void read_recipe(Reader& reader, const YamlNode& root) {
  Recipe out;
  out.at = root.at;
  if (root.kind == Kind::kNull) {
    tell(reader, root.at, "this document is empty");
    return;
  }
  reader.method = nullptr;
  // The method first: what the other keys may hold depends on it.
  if (root.kind == Kind::kMap) {
    for (const YamlPair& pair : root.pairs) {
      if (pair.key->text != "merge_method") continue;
      reader.method = find_method(reader, pair.value->text);
    }
  }
  const auto members = read_members(reader, root, Level::kRecipe);
  if (!members) return;
  read_method(reader, *members, out);
  judge_choice(reader, *members, Level::kRecipe, Keys<3>{"models", "slices", "modules"});
  if (const YamlNode* base = members->value("base_model")) {
    out.base = reference_or_blank(reader, *base);
  }
  out.parameters = read_parameters(reader, *members, false);
  out.body = read_body(reader, *members);
  out.modules = read_modules(reader, *members);
  out.dtype = read_dtype(reader, *members, "dtype");
  out.out_dtype = read_dtype(reader, *members, "out_dtype");
  out.tokenizer = read_tokenizer(reader, *members);
  out.chat_template = read_chat_template(reader, *members);
  if (const YamlNode* node = members->value("chat_template")) out.chat_template_at = node->at;
  if (const Member* name = members->find("name")) {
    out.name_at = name->key->at;
    if (name->value->kind != Kind::kNull) {
      out.name = read_text(reader, *name->value, "name").value_or("");
    }
  }
  judge_inputs(reader, out);
  reader.file.recipes.push_back(std::move(out));
}

}  // namespace

std::span<const LevelRow> levels() {
  return kLevels;
}

const LevelRow& row_of(Level level) {
  return *std::ranges::find(kLevels, level, &LevelRow::level);
}

void tell(Reader& reader, Mark at, std::string message) {
  reader.file.mistakes.push_back({at, std::move(message)});
}

void note(Reader& reader, Mark at, std::string message) {
  reader.file.notes.push_back({at, std::move(message)});
}

void sort_by_place(std::vector<Mistake>& mistakes) {
  std::ranges::stable_sort(mistakes, {}, &Mistake::at);
  const auto same = [](const Mistake& a, const Mistake& b) {
    return a.at == b.at && a.message == b.message;
  };
  const auto rest = std::ranges::unique(mistakes, same);
  mistakes.erase(rest.begin(), rest.end());
}

}  // namespace recipe

RecipeFile parse_recipe(std::string_view text, std::span<const Method* const> methods) {
  Mark fault;
  auto yaml = parse_yaml(text, fault);
  if (!yaml) return {.mistakes = {{fault, std::move(yaml).error().message}}};
  recipe::Reader reader{methods, nullptr, yaml->documents.size(), {}};
  if (yaml->documents.empty()) recipe::tell(reader, {1, 1}, "the recipe is empty");
  for (const YamlNode* root : yaml->documents)
    recipe::read_recipe(reader, *root);
  recipe::judge_documents(reader);
  recipe::sort_by_place(reader.file.mistakes);
  recipe::sort_by_place(reader.file.notes);
  return std::move(reader.file);
}

}  // namespace shardwright
