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

// "1 error, 2 ignored".
std::string verdict_text(const std::vector<ModelReport>& models) {
  std::uint64_t ignored = 0;
  for (const ModelReport& model : models)
    ignored += model.ignored.size();
  std::string text = summary_text(summarize(models));
  if (ignored > 0) text += fmt::format(", {} ignored", grouped(ignored));
  return text;
}

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

// Findings that a config file ignores are never passed over in silence: a line each.
std::string ignored_text(const ModelReport& model, const TextStyle& style) {
  std::string out;
  for (const Finding& finding : model.ignored) {
    std::string what =
        fmt::format("{} {} {}", severity_name(finding.severity), finding.code, finding.name);
    if (!finding.tensor.empty()) {
      what += " " + quoted(finding.tensor);
    } else if (!finding.file.empty()) {
      what += " " + quoted(finding.file);
    }
    if (finding.count > 1) what += fmt::format(" ({})", counted(finding.count, "place"));
    const Ignored& by = finding.ignored.value_or(Ignored{});
    out += wrapped(
        style, 2,
        fmt::format("{}: {} ({})", what, printable(by.reason), printable(by.place, kShownPath)),
        inked(style, Ink::kDim, "ignored") + ": ", 9);
  }
  return out;
}

std::string model_text(const ModelReport& model, const TextStyle& style) {
  const std::string path = printable(model.path, model.path.size() + 1);
  if (!model.error.empty()) return {};  // told on the error stream
  if (model.findings.empty()) {
    const std::string ignored = ignored_text(model, style);
    if (style.quiet) return ignored.empty() ? "" : path + "\n" + ignored;
    return fmt::format("{}: {}: {}\n{}", inked(style, Ink::kHeading, path),
                       inked(style, Ink::kGood, verdict_text({model})), facts_text(model), ignored);
  }
  std::string out = inked(style, Ink::kHeading, path);
  if (!style.quiet) out += ": " + facts_text(model);
  out += "\n\n" + findings_text(model.findings, style);
  if (!model.ignored.empty()) out += "\n" + ignored_text(model, style);
  if (style.quiet) return out;
  out += "\n" + verdict_text({model}) + "\n";
  return out + advice(model, style);
}

std::string total_text(const std::vector<ModelReport>& models) {
  const auto failed = static_cast<std::uint64_t>(
      std::ranges::count_if(models, [](const ModelReport& m) { return !m.error.empty(); }));
  const auto found = static_cast<std::uint64_t>(
      std::ranges::count_if(models, [](const ModelReport& m) { return !m.findings.empty(); }));
  std::string text = fmt::format("{}: {}", counted(models.size(), "model"), verdict_text(models));
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
    const bool block = !model.findings.empty() || !model.ignored.empty();
    if (!out.empty() && (block || after_block)) out += "\n";
    out += text;
    after_block = block;
  }
  if (models.size() > 1 && !style.quiet) out += "\n" + total_text(models);
  return out;
}

}  // namespace shardwright
