#include "arch/block_quant.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

bool is_plain(std::string_view pattern) {
  return std::ranges::all_of(pattern, [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

// A match may end where a dot was passed, before a dot, or at the end.
bool at_boundary(std::string_view name, std::size_t at) {
  return at == name.size() || name[at] == '.' || (at > 0 && name[at - 1] == '.');
}

// The part of regular expressions that lists of modules use: letters, `.`, \d \w \., [...], each
// perhaps with * + or ?. Anything else fits nothing. Steps are bounded: the pattern is hostile.
class ModuleExpression {
 public:
  ModuleExpression(std::string_view pattern, std::string_view name)
      : pattern_(pattern), name_(name) {}

  bool matches() {
    if (pattern_.starts_with('^')) pattern_.remove_prefix(1);
    if (pattern_.find_first_of("(){}|") != std::string_view::npos) return false;
    return match(0, 0);
  }

 private:
  static constexpr int kMaxSteps = 100'000;

  // Length of the atom at `p`; 0 where it is none.
  [[nodiscard]] std::size_t atom(std::size_t p) const {
    if (pattern_[p] == '\\') return p + 1 < pattern_.size() ? 2 : 0;
    if (pattern_[p] != '[') return 1;
    const std::size_t close = pattern_.find(']', p + 2);
    return close == std::string_view::npos ? 0 : close + 1 - p;
  }

  [[nodiscard]] static bool fits_atom(std::string_view atom, char c) {
    if (atom == ".") return true;
    if (atom == "\\d") return c >= '0' && c <= '9';
    if (atom == "\\w") return is_word(c);
    if (atom[0] == '\\') return atom[1] == c;
    if (atom[0] != '[') return atom[0] == c;
    atom = atom.substr(1, atom.size() - 2);
    const bool negated = atom.starts_with('^');
    if (negated) atom.remove_prefix(1);
    for (std::size_t i = 0; i < atom.size(); ++i) {
      const bool range = i + 2 < atom.size() && atom[i + 1] == '-';
      if (range ? c >= atom[i] && c <= atom[i + 2] : c == atom[i]) return !negated;
      if (range) i += 2;
    }
    return negated;
  }

  // Goes down by one level for each atom of the pattern, never for letters of the name.
  bool match(std::size_t p, std::size_t n) {
    if (++steps_ > kMaxSteps) return false;
    if (p == pattern_.size()) return at_boundary(name_, n);
    if (pattern_[p] == '$' && p + 1 == pattern_.size()) return n == name_.size();
    const std::size_t length = atom(p);
    if (length == 0) return false;
    const std::string_view one = pattern_.substr(p, length);
    p += length;
    const char times = p < pattern_.size() ? pattern_[p] : ' ';
    std::size_t least = 1;
    std::size_t most = 1;
    if (times == '*' || times == '+' || times == '?') {
      least = times == '+' ? 1 : 0;
      most = times == '?' ? 1 : name_.size();
      ++p;
      if (p < pattern_.size() && pattern_[p] == '?') ++p;  // lazy: the same answer
    }
    std::size_t count = 0;
    while (count < most && n + count < name_.size() && fits_atom(one, name_[n + count]))
      ++count;
    for (; count + 1 > least; --count) {
      if (match(p, n + count)) return true;
      if (count == 0 || steps_ > kMaxSteps) break;
    }
    return false;
  }

  std::string_view pattern_;
  std::string_view name_;
  int steps_{};
};

constexpr std::size_t kMaxExpression = 500;

}  // namespace

void SkippedModules::add(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kMaxExpression) return;
  if (!is_plain(pattern)) {
    expressions_.push_back(pattern);
    return;
  }
  plain_.insert(pattern);
  if (std::ranges::find(lengths_, pattern.size()) == lengths_.end()) {
    lengths_.push_back(pattern.size());
  }
}

bool SkippedModules::contains(std::string_view module) const {
  for (const std::size_t length : lengths_) {
    if (length > module.size()) continue;
    if (at_boundary(module, length) && plain_.contains(module.substr(0, length))) return true;
    if (plain_.contains(module.substr(module.size() - length))) return true;
  }
  return std::ranges::any_of(expressions_, [&](std::string_view expression) {
    return module.ends_with(expression) || ModuleExpression(expression, module).matches();
  });
}

BlockQuant read_block_quant(ConfigValues& values, std::string& method) {
  BlockQuant quant;
  const json::Value* config = values.config().find("quantization_config");
  if (config == nullptr) return quant;
  const json::Value* name = config->find("quant_method");
  if (name == nullptr || name->string() == nullptr) return quant;
  method = *name->string();
  if (method != "fp8") return quant;
  quant.on = true;
  quant.block = {128, 128};
  if (const auto* block = config->find("weight_block_size")) {
    quant.block.reset();
    const auto* sizes = block->array();
    if (sizes != nullptr && sizes->size() == 2) {
      const auto rows = (*sizes)[0].whole_number();
      const auto columns = (*sizes)[1].whole_number();
      if (rows && columns && *rows > 0 && *columns > 0) {
        quant.block = {static_cast<std::uint64_t>(*rows), static_cast<std::uint64_t>(*columns)};
      }
    }
    if (!quant.block && !block->is_null()) {
      values.add_problem(ConfigProblem::Kind::kWrongType, "/quantization_config/weight_block_size",
                         "'weight_block_size' is not a list of two positive whole numbers");
      quant.block = {128, 128};
    }
  }
  const json::Value* skipped = config->find("modules_to_not_convert");
  // MiniMax calls the list so.
  if (skipped == nullptr || skipped->is_null()) skipped = config->find("ignored_layers");
  if (skipped != nullptr && skipped->array() != nullptr) {
    for (const json::Value& pattern : *skipped->array()) {
      if (pattern.string() != nullptr) quant.skipped.add(*pattern.string());
    }
  }
  const json::Value* scheme = config->find("activation_scheme");
  quant.static_activations =
      scheme != nullptr && scheme->string() != nullptr && *scheme->string() == "static";
  return quant;
}

}  // namespace shardwright
