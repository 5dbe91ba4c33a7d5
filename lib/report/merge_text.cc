#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/adapters.h"
#include "report/findings_text.h"
#include "report/table.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

// Kinds of tensors that are named before "and N more".
constexpr std::size_t kShownNames = 5;

std::string problems_text(const std::string& recipe, const std::vector<RecipeProblem>& problems,
                          std::string_view severity, Ink ink, const TextStyle& style) {
  std::string out;
  for (const RecipeProblem& problem : problems) {
    const std::string place = problem.line > 0 ? fmt::format("{}:{}:{}: ", printable(recipe),
                                                             problem.line, problem.column)
                                               : fmt::format("{}: ", printable(recipe));
    const std::string first = fmt::format("{}{}: ", place, severity);
    out += wrapped(style, 0, problem.message, place + inked(style, ink, severity) + ": ",
                   first.size());
  }
  return out;
}

// What is worth knowing of an input alone is told by check.
std::string inputs_text(const MergeReport& report, const TextStyle& style) {
  std::string out;
  for (const ModelReport& input : report.inputs) {
    std::vector<Finding> findings = input.findings;
    std::erase_if(findings, [](const Finding& one) { return one.severity == Severity::kInfo; });
    if (findings.empty()) continue;
    out += inked(style, Ink::kHeading, printable(input.path)) + "\n";
    out += findings_text(findings, style);
  }
  return out;
}

// Names that differ in numbers alone are told as one kind, in the order of the first of each.
std::string kinds_text(const std::vector<std::string_view>& names) {
  std::vector<std::pair<std::string_view, std::size_t>> kinds;  // the first, and how many
  std::map<std::string, std::size_t, std::less<>> known;
  for (const std::string_view name : names) {
    const auto [kind, is_new] = known.try_emplace(fold_digits(name), kinds.size());
    if (is_new) kinds.emplace_back(name, 0);
    ++kinds[kind->second].second;
  }
  std::vector<std::string> texts;
  std::size_t left = names.size();
  for (const auto& [name, count] : kinds) {
    if (texts.size() == kShownNames) break;
    left -= count;
    texts.push_back(count == 1 ? quoted(name)
                               : fmt::format("{} x {}", quoted(fold_digits(name)), grouped(count)));
  }
  return fmt::format("{}{}", fmt::join(texts, ", "),
                     left > 0 ? fmt::format(" and {} more", grouped(left)) : "");
}

// Rows of one action and one reason are told together.
std::string actions_text(const MergeReport& report, const TextStyle& style) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string_view>> groups;
  for (const MergedTensor& tensor : report.tensors) {
    if (!tensor.why.empty()) groups[{tensor.action, tensor.why}].push_back(tensor.name);
  }
  for (const MergeDrop& drop : report.dropped)
    groups[{fmt::format("drop of {}", quoted(drop.model)), drop.why}].push_back(drop.tensor);
  std::string out;
  for (const auto& [key, names] : groups)
    out += wrapped(style, 2, fmt::format("{}: {}: {}", key.first, kinds_text(names), key.second));
  for (const std::string& note : report.notes)
    out += wrapped(style, 2, "note: " + note);
  return out;
}

// "first: ", or nothing for the result.
std::string document_prefix(const MergeReport& report) {
  return report.document.empty() ? "" : printable(report.document) + ": ";
}

std::string merge_plan_text(const MergeReport& report, const TextStyle& style) {
  std::uint64_t merged = 0;
  for (const MergedTensor& tensor : report.tensors)
    merged += tensor.action == "merge" ? 1U : 0U;
  const std::string head =
      fmt::format("{}{} of {}: {}, {}{} in {}; reads {} in {}\n",
                  report.document.empty() ? "" : printable(report.document) + ": ", report.method,
                  counted(report.models, "model"), counted(report.tensors.size(), "tensor"),
                  merged > 0 ? grouped(merged) + " merged, " : "", human_bytes(report.tensor_bytes),
                  counted(report.shards, "shard"), human_bytes(report.read_bytes),
                  counted(report.passes, "pass", "passes"));
  return head + actions_text(report, style);
}

// "read 1.1 GB at 3.4 GB/s, wrote at 1.1 GB/s, took 21.0 MB of memory".
std::string rates_text(const MergeReport& report) {
  const auto rate = [&report](std::uint64_t bytes) {
    const double seconds = std::max(report.seconds, 1e-3);
    return human_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)) + "/s";
  };
  return fmt::format("read {} at {}, wrote at {}, took {} of memory",
                     human_bytes(report.read_bytes), rate(report.read_bytes),
                     rate(report.write_bytes), human_bytes(report.memory_taken));
}

// What is said of the merge of one document.
std::string document_text(const MergeReport& report, const TextStyle& style) {
  std::string out = inputs_text(report, style);
  out += findings_text(report.findings, style, "the inputs together");
  out += adapters_text(report.adapters, style);
  if (!style.quiet && !report.tensors.empty()) out += merge_plan_text(report, style);
  if (!report.result || report.result->findings.empty()) return out;
  const std::string name = report.document.empty() ? "the result" : printable(report.document);
  return out + inked(style, Ink::kHeading, name) + "\n" +
         findings_text(report.result->findings, style);
}

// Tensors whose names differ in numbers alone, with one dtype, shape and action.
struct PlannedKind {
  std::string name{};  // of the first
  const MergedTensor* tensor{};
  std::uint64_t count{}, bytes{};
};

std::vector<PlannedKind> planned_kinds(const std::vector<MergedTensor>& tensors) {
  std::vector<PlannedKind> kinds;
  std::map<std::tuple<std::string, DType, std::vector<std::uint64_t>, std::string>, std::size_t>
      places;
  for (const MergedTensor& tensor : tensors) {
    const auto [place, fresh] = places.try_emplace(
        {fold_digits(tensor.name), tensor.dtype, tensor.shape, tensor.action}, kinds.size());
    if (fresh) kinds.push_back({.name = tensor.name, .tensor = &tensor});
    PlannedKind& kind = kinds[place->second];
    ++kind.count;
    kind.bytes += tensor.bytes;
  }
  return kinds;
}

// The tensors and the files of a result that is not written yet.
std::string planned_text(const MergeReport& report, const TextStyle& style) {
  std::vector<std::vector<std::string>> rows;
  for (const PlannedKind& kind : planned_kinds(report.tensors)) {
    const bool alone = kind.count == 1;
    rows.push_back({printable(alone ? kind.name : fold_digits(kind.name)),
                    std::string(dtype_name(kind.tensor->dtype)),
                    fmt::format("[{}]", fmt::join(kind.tensor->shape, ", ")),
                    alone ? "" : "x " + grouped(kind.count), human_bytes(kind.bytes),
                    kind.tensor->action});
  }
  std::string out = inked(style, Ink::kHeading, "tensors of the result") + "\n" +
                    table(rows, {false, false, false, true, true, false});
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> files;
  for (const MergedTensor& tensor : report.tensors) {
    auto& [count, bytes] = files[tensor.file];
    ++count;
    bytes += tensor.bytes;
  }
  rows.clear();
  for (const auto& [name, totals] : files) {
    rows.push_back({printable(name), counted(totals.first, "tensor"), human_bytes(totals.second)});
  }
  return out + inked(style, Ink::kHeading, "shards") + "\n" + table(rows, {false, true, true});
}

// Estimates, each on the side of too much but for the time.
std::string cost_text(const MergeReport& report) {
  if (!report.estimated_seconds) return {};
  return fmt::format(
      "estimated: writes {}; up to {} of memory on {}; reading and computing {:.1f} s by a sample, "
      "and what the disk takes to write\n"
      "digest of the plan: {}\n",
      human_bytes(report.write_bytes), human_bytes(report.peak_memory),
      counted(static_cast<std::uint64_t>(report.threads), "thread"), *report.estimated_seconds,
      report.digest);
}

}  // namespace

std::string merge_text(const MergeReport& report, const MergeOptions& options,
                       const TextStyle& style) {
  if (!report.problems.empty()) {
    const bool has_places =
        std::ranges::any_of(report.problems, [](const RecipeProblem& p) { return p.line > 0; });
    return problems_text(report.recipe, report.problems, "error", Ink::kError, style) +
           fmt::format("{}{}: nothing was written\n",
                       counted(report.problems.size(), "error", "errors"),
                       has_places ? " in the recipe" : "");
  }
  std::string out;
  if (!style.quiet) {
    out += problems_text(report.recipe, report.remarks, "note", Ink::kInfo, style);
  }
  for (const MergeReport& document : report.documents)
    out += document_text(document, style);
  out += document_text(report, style);
  if (!report.refused.empty()) {
    return out + fmt::format("{}: {}{}\n", inked(style, Ink::kError, "nothing was written"),
                             document_prefix(report), report.refused);
  }
  if (style.quiet) return out;
  if (options.dry_run)
    return out + planned_text(report, style) + cost_text(report) + "dry run: nothing was written\n";
  return out + fmt::format("{} {}: {} in {:.1f} s; {}\n", inked(style, Ink::kGood, "wrote"),
                           shell_word(options.output), human_bytes(report.tensor_bytes),
                           report.seconds, rates_text(report));
}

}  // namespace shardwright
