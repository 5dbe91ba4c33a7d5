#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/findings_text.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

// Steps of one kind in one file that are shown before "and N more".
constexpr std::size_t kStepsShown = 5;

bool same_kind(const PlanStep& a, const PlanStep& b) {
  return a.file == b.file && a.op == b.op && a.code == b.code;
}

std::string step_text(const PlanStep& step) {
  std::string text = step.op;
  if (!step.tensor.empty()) text += " " + quoted(step.tensor);
  if (!step.why.empty()) text += ": " + step.why;
  text += " (";
  if (!step.code.empty()) text += step.code + ", ";
  return text + std::string(safety_name(step.safety)) + ")";
}

std::string plan_text(const std::vector<PlanStep>& plan, const TextStyle& style) {
  std::string out;
  for (std::size_t i = 0; i < plan.size();) {
    if (i == 0 || plan[i].file != plan[i - 1].file) {
      const std::string& file = plan[i].file;
      out +=
          inked(style, Ink::kHeading, file.empty() ? "the checkpoint as a whole" : printable(file));
      out += "\n";
    }
    std::size_t end = i;
    while (end < plan.size() && same_kind(plan[i], plan[end]))
      ++end;
    const std::size_t shown = std::min(end, i + kStepsShown);
    for (std::size_t j = i; j < shown; ++j)
      out += wrapped(style, 2, step_text(plan[j]));
    if (shown < end) out += fmt::format("  and {} more of this kind\n", grouped(end - shown));
    i = end;
  }
  return out;
}

std::string sizes_text(const RepairReport& report) {
  std::string text = fmt::format("{} written", human_bytes(report.bytes_written));
  if (report.bytes_linked > 0) text += fmt::format(", {} linked", human_bytes(report.bytes_linked));
  return text;
}

std::string outcome_text(const RepairReport& report, const RepairOptions& options,
                         const TextStyle& style) {
  const bool in_place = options.output.empty();
  const std::string target = shell_word(in_place ? report.model : options.output);
  if (!report.refused.empty()) {
    return fmt::format("{}: {}\n", inked(style, Ink::kError, "nothing was written"),
                       report.refused);
  }
  if (options.dry_run) return "dry run: nothing was written\n";
  if (!report.published) return "nothing to repair, and nothing was written\n";
  const std::string_view verb = in_place               ? "repaired"
                                : report.nothing_to_do ? "nothing to repair; copied to"
                                                       : "wrote";
  std::string out =
      fmt::format("{} {}: {}\n", inked(style, Ink::kGood, verb), target, sizes_text(report));
  if (in_place) {
    out += fmt::format("to put back what it was: shardwright repair {} --undo\n", target);
    out += fmt::format("to keep it and free the space: shardwright repair {} --forget\n", target);
  }
  return out;
}

}  // namespace

std::string repair_text(const RepairReport& report, const RepairOptions& options,
                        const TextStyle& style) {
  std::string out;
  if (!report.plan.empty() && !style.quiet) out += plan_text(report.plan, style) + "\n";
  if (!report.left.empty()) {
    out += inked(style, Ink::kHeading, "left") + "\n";
    out += findings_text(report.left, style) + "\n";
  }
  if (style.quiet) return out;
  for (const std::string& note : report.notes)
    out += wrapped(style, 0, "note: " + note);
  out += outcome_text(report, options, style);
  out += fmt::format("before: {}; {}: {}\n", summary_text(report.before),
                     options.dry_run ? "after it would be" : "after", summary_text(report.after));
  return out;
}

}  // namespace shardwright
