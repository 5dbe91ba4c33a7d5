// Findings as annotations of a GitHub workflow: ::error file=...,title=...::message
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "report/locations.h"
#include "report/words.h"
#include "shardwright/report.h"

namespace shardwright {
namespace {

// Logs of workflows are UTF-8: of a name that is not, each byte that is wrong is written \xNN.
std::string as_utf8(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t bad = std::min(find_invalid_utf8(text), text.size());
    out += text.substr(0, bad);
    if (bad == text.size()) return out;
    out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(text[bad])));
    text.remove_prefix(bad + 1);
  }
}

// What ends a line or a property is written as %XX.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : as_utf8(text)) {
    if (special.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

std::string message(std::string_view text) {
  return escaped(text, "%\r\n");
}

std::string property(std::string_view text) {
  return escaped(text, "%\r\n:,");
}

}  // namespace

std::string check_github(const std::vector<ModelReport>& models) {
  std::string out;
  const auto place = [](const ModelReport& model, const Finding& finding) {
    // An annotation has one place: the first file of several.
    const auto files = spanned_files(finding);
    return property(located(model.path, files.empty() ? finding.file : files.front()));
  };
  for (const ModelReport& model : models) {
    if (!model.error.empty()) {
      out += fmt::format("::error title=shardwright::{}\n", message(model.error));
    }
    for (const Finding& finding : model.findings) {
      std::string text = finding.message;
      if (finding.count > 1) text += fmt::format(" ({})", counted(finding.count, "place"));
      if (finding.fix) {
        text += fmt::format("\n{} fix: {}", safety_name(finding.fix->safety), finding.fix->summary);
      }
      const std::string_view kind =
          finding.severity == Severity::kInfo ? "notice" : severity_name(finding.severity);
      out += fmt::format("::{} file={},title={}::{}\n", kind, place(model, finding),
                         property(finding.code + " " + finding.name), message(text));
    }
    for (const Finding& finding : model.ignored) {
      const Ignored& by = finding.ignored.value_or(Ignored{});
      out += fmt::format("::notice file={},title={}::ignored: {} ({})\n", place(model, finding),
                         property(finding.code + " " + finding.name), message(by.reason),
                         message(by.place));
    }
  }
  return out;
}

}  // namespace shardwright
