#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/adapters.h"
#include "report/findings_text.h"
#include "report/json_parts.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

constexpr std::size_t kShownFits = 20;  // problems of an adapter, and tensors of a kind

std::string verified_line(const VerifiedTensor& tensor) {
  if (!tensor.why.empty()) return fmt::format("{}: {}", quoted(tensor.name), tensor.why);
  return fmt::format("{}: {:.0f}% of the delta is there, {} apart, by {:.3g} at most",
                     quoted(tensor.name), 100 * tensor.share, counted(tensor.apart, "element"),
                     tensor.largest);
}

json::Value verified_json(const VerifiedTensor& tensor) {
  return json_object({{"name", json_text(tensor.name)},
                      {"state", json_text(state_name(tensor.state))},
                      {"share", {.data = tensor.share}},
                      {"largest", {.data = tensor.largest}},
                      {"apart", json_number(tensor.apart)},
                      {"why", json_text_or_null(tensor.why)}});
}

}  // namespace

std::string adapters_text(const std::vector<AppliedAdapter>& adapters, const TextStyle& style) {
  std::string out;
  for (const AppliedAdapter& adapter : adapters) {
    if (style.quiet && adapter.problems.empty()) continue;
    out += fmt::format("{} on {}: {} of {} applied", quoted(adapter.adapter), quoted(adapter.model),
                       grouped(adapter.applied), counted(adapter.modules, "module"));
    if (adapter.saved > 0)
      out += fmt::format(", {} held whole", counted(adapter.saved, "parameter"));
    out += '\n';
    const std::size_t shown = std::min(adapter.problems.size(), kShownFits);
    for (std::size_t i = 0; i < shown; ++i)
      out += wrapped(style, 2, adapter.problems[i], inked(style, Ink::kError, "error") + ": ", 7);
    if (adapter.problems.size() > shown)
      out += fmt::format("  and {} more\n", grouped(adapter.problems.size() - shown));
  }
  return out;
}

json::Value adapter_json(const AppliedAdapter& adapter) {
  return json_object({{"model", json_text(adapter.model)},
                      {"adapter", json_text(adapter.adapter)},
                      {"modules", json_number(adapter.modules)},
                      {"applied", json_number(adapter.applied)},
                      {"saved", json_number(adapter.saved)},
                      {"problems", json_array(adapter.problems, json_text)}});
}

std::string verify_text(const VerifyReport& report, const TextStyle& style) {
  std::string out = adapters_text({report.applied}, style);
  if (!report.applied.problems.empty()) return out + "nothing was compared\n";
  std::array<std::size_t, 3> counts{};
  for (const VerifiedTensor& tensor : report.tensors)
    ++counts[static_cast<std::size_t>(tensor.state)];
  for (const DeltaState state : {DeltaState::kMissing, DeltaState::kOther}) {
    std::size_t shown = 0;
    for (const VerifiedTensor& tensor : report.tensors) {
      if (tensor.state != state || ++shown > kShownFits) continue;
      const std::string label(state_name(state));
      out += wrapped(style, 2, verified_line(tensor), inked(style, Ink::kError, label) + ": ",
                     label.size() + 2);
    }
    if (shown > kShownFits) {
      out += fmt::format("  and {} more {}\n", grouped(shown - kShownFits), state_name(state));
    }
  }
  if (style.quiet) return out;
  for (const std::string& note : report.notes)
    out += wrapped(style, 2, "note: " + note);
  return out + fmt::format("{}: {} of {} hold their delta, {} lack it, {} hold something else\n",
                           printable(report.merged), grouped(counts[0]),
                           counted(report.tensors.size(), "tensor"), grouped(counts[1]),
                           grouped(counts[2]));
}

std::string verify_json(const VerifyReport& report) {
  const json::Value document = json_object({
      {"version", {.data = kJsonVersion}},
      {"base", json_text(report.base)},
      {"adapter", json_text(report.adapter)},
      {"merged", json_text(report.merged)},
      {"modules", json_number(report.applied.modules)},
      {"applied", json_number(report.applied.applied)},
      {"saved", json_number(report.applied.saved)},
      {"problems", json_array(report.applied.problems, json_text)},
      {"tensors", json_array(report.tensors, verified_json)},
      {"notes", json_array(report.notes, json_text)},
      {"clean", json_bool(report.is_clean())},
  });
  return json::dump(document, 2) + "\n";
}

}  // namespace shardwright
