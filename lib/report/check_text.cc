#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/findings_text.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

std::string facts_text(const ModelReport& model) {
  std::string text;
  if (model.architecture && !model.architecture->schema.empty()) {
    text = printable(model.architecture->schema);
    const std::string& layout = model.architecture->layout;
    if (!layout.empty() && layout != "hub") text += fmt::format(" ({})", printable(layout));
    text += ", ";
  }
  text += fmt::format("{} in {}, {} parameters, {}", counted(model.facts.tensors, "tensor"),
                      counted(model.facts.shards, "shard"), short_count(model.facts.parameters),
                      human_bytes(model.facts.tensor_bytes));
  if (model.facts.tied) text += *model.facts.tied ? ", tied head" : ", untied head";
  return text;
}

bool fixable(const ModelReport& model, Safety safety) {
  return std::ranges::any_of(model.findings, [&](const Finding& finding) {
    return finding.fix && finding.fix->safety == safety;
  });
}

// The command lines that apply what can be applied.
std::string advice(const ModelReport& model, const TextStyle& style) {
  std::string command = fmt::format("shardwright repair {} --output {}", shell_word(model.path),
                                    shell_word(repaired_path(model.path)));
  if (model.architecture && model.architecture->requested)
    command += " --arch " + shell_word(model.architecture->schema);
  const auto line = [&](std::string_view what, std::string_view options) {
    return inked(style, Ink::kGood, what) + ": " + command + std::string(options) + "\n";
  };
  const bool safe = fixable(model, Safety::kSafe);
  const bool unsafe = fixable(model, Safety::kUnsafe);
  std::string out;
  if (safe) out += line(unsafe ? "apply the safe fixes" : "repair", "");
  if (unsafe)
    out +=
        line(safe ? "apply all, after reading them" : "repair, after reading the fix", " --unsafe");
  return out;
}

std::string model_text(const ModelReport& model, const TextStyle& style) {
  const std::string path = printable(model.path, model.path.size() + 1);
  if (!model.error.empty()) return {};  // told on the error stream
  if (model.findings.empty()) {
    if (style.quiet) return {};
    return fmt::format("{}: {}: {}\n", inked(style, Ink::kHeading, path),
                       inked(style, Ink::kGood, "nothing found"), facts_text(model));
  }
  std::string out = inked(style, Ink::kHeading, path);
  if (!style.quiet) out += ": " + facts_text(model);
  out += "\n\n" + findings_text(model.findings, style);
  if (style.quiet) return out;
  out += "\n" + summary_text(summarize({model})) + "\n";
  return out + advice(model, style);
}

std::string total_text(const std::vector<ModelReport>& models) {
  const auto failed = static_cast<std::uint64_t>(
      std::ranges::count_if(models, [](const ModelReport& m) { return !m.error.empty(); }));
  const auto found = static_cast<std::uint64_t>(
      std::ranges::count_if(models, [](const ModelReport& m) { return !m.findings.empty(); }));
  std::string text =
      fmt::format("{}: {}", counted(models.size(), "model"), summary_text(summarize(models)));
  if (found > 0) text += fmt::format(" in {}", grouped(found));
  if (failed > 0) text += fmt::format(", {} could not be checked", grouped(failed));
  return text + "\n";
}

}  // namespace

std::string check_text(const std::vector<ModelReport>& models, const TextStyle& style) {
  std::string out;
  bool after_block = false;
  for (const ModelReport& model : models) {
    const std::string text = model_text(model, style);
    if (text.empty()) continue;
    // Blocks stand apart; lines of clean models stand together.
    const bool block = !model.findings.empty();
    if (!out.empty() && (block || after_block)) out += "\n";
    out += text;
    after_block = block;
  }
  if (models.size() > 1 && !style.quiet) out += "\n" + total_text(models);
  return out;
}

}  // namespace shardwright
