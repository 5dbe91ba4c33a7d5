#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/findings_text.h"
#include "report/table.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

constexpr std::size_t kShownKeys = 20;    // of one JSON file
constexpr std::size_t kShownValue = 100;  // characters of a JSON value

// Tensors whose names differ in numbers alone, and that differ in the same way.
struct DiffKind {
  const TensorDiff* first{};
  std::uint64_t count{};
  ValueDifference values{};  // of all of them; `mean` is a sum until all are there
};

std::string side_text(const DiffSide& side) {
  return fmt::format("{} [{}]", dtype_name(side.dtype), fmt::join(side.shape, ", "));
}

std::string sides_text(const TensorDiff& tensor) {
  if (!tensor.a || !tensor.b) return side_text(tensor.a ? *tensor.a : *tensor.b);
  const bool one_dtype = tensor.a->dtype == tensor.b->dtype;
  const bool one_shape = tensor.a->shape == tensor.b->shape;
  if (one_dtype && one_shape) return side_text(*tensor.a);
  if (one_shape) {
    return fmt::format("{} and {} [{}]", dtype_name(tensor.a->dtype), dtype_name(tensor.b->dtype),
                       fmt::join(tensor.a->shape, ", "));
  }
  return side_text(*tensor.a) + " and " + side_text(*tensor.b);
}

void add_values(DiffKind& kind, const ValueDifference& values) {
  kind.values.elements += values.elements;
  kind.values.different += values.different;
  kind.values.not_finite += values.not_finite;
  kind.values.largest = std::max(kind.values.largest, values.largest);
  kind.values.mean += values.mean * static_cast<double>(values.elements - values.not_finite);
}

// In the order of the first of each kind.
std::vector<DiffKind> diff_kinds(const std::vector<TensorDiff>& tensors) {
  std::vector<DiffKind> kinds;
  std::map<std::tuple<std::string, DiffState, std::string, bool, std::string>, std::size_t> places;
  for (const TensorDiff& tensor : tensors) {
    const auto [place, fresh] =
        places.try_emplace({fold_digits(tensor.name), tensor.state, sides_text(tensor),
                            tensor.same_bytes, fold_digits(tensor.why)},
                           kinds.size());
    if (fresh) kinds.push_back({.first = &tensor});
    DiffKind& kind = kinds[place->second];
    ++kind.count;
    if (tensor.values) add_values(kind, *tensor.values);
  }
  for (DiffKind& kind : kinds) {
    if (const std::uint64_t measured = kind.values.elements - kind.values.not_finite; measured > 0)
      kind.values.mean /= static_cast<double>(measured);
  }
  return kinds;
}

std::string_view state_text(DiffState state) {
  switch (state) {
    case DiffState::kOnlyA:
      return "in A alone";
    case DiffState::kOnlyB:
      return "in B alone";
    case DiffState::kShape:
      return "shape";
    case DiffState::kDtype:
      return "dtype";
    case DiffState::kValues:
      return "bytes";
    case DiffState::kUnread:
      break;
  }
  return "not read";
}

std::string values_text(const ValueDifference& values) {
  if (values.different == 0) return "the same numbers";
  std::string text = fmt::format("{} of {} differ", grouped(values.different),
                                 counted(values.elements, "element"));
  if (values.largest > 0)
    text += fmt::format(", by {:.3g} at most, {:.3g} on average", values.largest, values.mean);
  if (!values.at.empty()) text += fmt::format(", the most at [{}]", fmt::join(values.at, ", "));
  if (values.not_finite > 0)
    text += fmt::format(", {} not finite in one of both", grouped(values.not_finite));
  return text;
}

std::string remark_of(const DiffKind& kind) {
  const TensorDiff& tensor = *kind.first;
  std::string text;
  if (tensor.same_bytes) text = "the same bytes";
  if (tensor.values) text = values_text(kind.count == 1 ? *tensor.values : kind.values);
  if (!tensor.why.empty()) text += (text.empty() ? "" : "; ") + tensor.why;
  return text;
}

std::string tensors_text(const DiffReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const DiffKind& kind : diff_kinds(report.tensors)) {
    const bool alone = kind.count == 1;
    const std::string& name = kind.first->name;
    rows.push_back({std::string(state_text(kind.first->state)),
                    printable(alone ? name : fold_digits(name)), sides_text(*kind.first),
                    alone ? "" : "x " + grouped(kind.count), remark_of(kind)});
  }
  return table(rows, {false, false, false, true, false});
}

std::string key_text(const JsonDiff& key) {
  std::string text =
      fmt::format("  {}: ", printable(key.pointer.empty() ? "the whole" : key.pointer));
  if (!key.b) return text + printable(*key.a, kShownValue) + " in A alone\n";
  if (!key.a) return text + printable(*key.b, kShownValue) + " in B alone\n";
  return text + fmt::format("{} in A, {} in B\n", printable(*key.a, kShownValue),
                            printable(*key.b, kShownValue));
}

std::string keys_text(const std::vector<JsonDiff>& keys, const TextStyle& style) {
  std::string out;
  for (std::size_t begin = 0; begin < keys.size();) {
    std::size_t end = begin;
    while (end < keys.size() && keys[end].file == keys[begin].file)
      ++end;
    out += "\n" + inked(style, Ink::kHeading, printable(keys[begin].file)) + "\n";
    const std::size_t shown = std::min(end, begin + kShownKeys);
    for (std::size_t i = begin; i < shown; ++i)
      out += key_text(keys[i]);
    if (shown < end) out += fmt::format("  and {} more\n", grouped(end - shown));
    begin = end;
  }
  return out;
}

std::string file_text(const FileDiff& file) {
  std::string text = fmt::format("  {}: ", printable(file.name));
  if (!file.b) return text + human_bytes(*file.a) + " in A alone\n";
  if (!file.a) return text + human_bytes(*file.b) + " in B alone\n";
  if (file.a == file.b) return text + human_bytes(*file.a) + " in both, and other bytes\n";
  return text + fmt::format("{} in A, {} in B\n", human_bytes(*file.a), human_bytes(*file.b));
}

std::string diff_total_text(const DiffReport& report) {
  const DiffSummary summary = summarize(report);
  std::string text = counted(summary.same, "tensor") + " the same";
  const auto add = [&text](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format(", {} {}", grouped(count), what);
  };
  add(summary.different, summary.different == 1 ? "differs" : "differ");
  add(summary.only_a, "in A alone");
  add(summary.only_b, "in B alone");
  add(summary.unread, "not read");
  if (!report.json.empty())
    text += fmt::format("; {} of JSON files", counted(report.json.size(), "value"));
  if (!report.files.empty())
    text += fmt::format("; {}", counted(report.files.size(), "other file"));
  return text + "\n";
}

}  // namespace

std::string diff_text(const DiffReport& report, const TextStyle& style) {
  std::string out;
  if (!style.quiet) {
    for (const auto& [name, path] : {std::pair("A: ", &report.a), std::pair("B: ", &report.b)})
      out += name + inked(style, Ink::kHeading, printable(*path, path->size() + 1)) + "\n";
  }
  if (!report.tensors.empty())
    out += "\n" + inked(style, Ink::kHeading, "tensors") + "\n" + tensors_text(report);
  out += keys_text(report.json, style);
  if (!report.files.empty()) {
    out += "\n" + inked(style, Ink::kHeading, "other files") + "\n";
    for (const FileDiff& file : report.files)
      out += file_text(file);
  }
  if (style.quiet && out.starts_with('\n')) out.erase(0, 1);
  if (!out.empty() && !report.is_same() && !style.quiet) out += "\n";
  for (const std::string& problem : report.problems)
    out += wrapped(style, 0, problem, inked(style, Ink::kError, "error") + ": ", 7);
  if (style.quiet) return out;
  for (const std::string& note : report.notes)
    out += wrapped(style, 0, "note: " + note);
  if (!report.is_same()) return out + diff_total_text(report);
  return out + fmt::format("{}: {}, {}\n", inked(style, Ink::kGood, "the same"),
                           counted(report.same, "tensor"), human_bytes(report.same_tensor_bytes));
}

}  // namespace shardwright
