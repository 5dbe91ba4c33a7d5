#include <algorithm>
#include <map>
#include <tuple>
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

// Tensors whose names differ in numbers alone, with one dtype and shape.
struct Kind {
  std::string name;  // of the first
  std::string dtype, shape;
  std::uint64_t count{}, bytes{};
};

// In the order of the first of each kind.
std::vector<Kind> kinds_of(const std::vector<InspectedTensor>& tensors) {
  std::vector<Kind> kinds;
  std::map<std::tuple<std::string, DType, std::vector<std::uint64_t>>, std::size_t> places;
  for (const InspectedTensor& tensor : tensors) {
    const auto [place, fresh] =
        places.try_emplace({fold_digits(tensor.name), tensor.dtype, tensor.shape}, kinds.size());
    if (fresh) {
      kinds.push_back({.name = tensor.name,
                       .dtype = std::string(dtype_name(tensor.dtype)),
                       .shape = fmt::format("[{}]", fmt::join(tensor.shape, ", "))});
    }
    Kind& kind = kinds[place->second];
    ++kind.count;
    kind.bytes += tensor.bytes;
  }
  // A kind of one keeps its numbers; of several, '#' stands for them.
  for (Kind& kind : kinds)
    kind.name = printable(kind.count > 1 ? fold_digits(kind.name) : kind.name);
  return kinds;
}

std::string files_text(const std::vector<InspectedFile>& files) {
  std::vector<std::vector<std::string>> rows;
  for (const InspectedFile& file : files) {
    std::string note;
    if (!file.problem.empty()) {
      note = file.problem;
    } else if (file.use != FileUse::kOther) {
      note = counted(file.tensors, "tensor");
      for (const auto& [key, value] : file.metadata)
        note += fmt::format(", {}={}", printable(key), printable(value));
      if (file.use == FileUse::kStray) note += ", not loaded";
    }
    rows.push_back({printable(file.name), human_bytes(file.bytes), note});
  }
  return table(rows, {false, true, false});
}

}  // namespace

std::string inspect_text(const InspectReport& report, const TextStyle& style) {
  const auto heading = [&](std::string_view text) {
    return "\n" + inked(style, Ink::kHeading, text) + "\n";
  };
  std::string out =
      fmt::format("{}: {}, {} parameters, {}\n",
                  inked(style, Ink::kHeading, printable(report.path, report.path.size() + 1)),
                  counted(report.tensors.size(), "tensor"), short_count(report.parameters),
                  human_bytes(report.tensor_bytes));
  out += heading("files") + files_text(report.files);

  if (!report.dtypes.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const DTypeTotal& total : report.dtypes) {
      rows.push_back({std::string(dtype_name(total.dtype)), counted(total.tensors, "tensor"),
                      short_count(total.parameters) + " parameters", human_bytes(total.bytes)});
    }
    out += heading("dtypes") + table(rows, {false, true, true, true});
  }

  if (!report.tensors.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const Kind& kind : kinds_of(report.tensors)) {
      rows.push_back({kind.name, kind.dtype, kind.shape,
                      kind.count > 1 ? "x " + grouped(kind.count) : "", human_bytes(kind.bytes)});
    }
    out += heading("tensors") + table(rows, {false, false, false, true, true});
  }
  return out;
}

}  // namespace shardwright
