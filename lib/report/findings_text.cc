#include "report/findings_text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "report/locations.h"
#include "report/words.h"

namespace shardwright {
namespace {

constexpr std::size_t kPlacesShown = 3;
constexpr std::size_t kMinWidth = 40;  // narrower terminals wrap by themselves

std::string fix_line(const Fix& fix) {
  if (fix.safety == Safety::kNever) return "no fix: " + fix.summary;
  return fmt::format("fix ({}): {}", safety_name(fix.safety), fix.summary);
}

// "'a', 'b', 'c' and 4 more", of names that stand for `count` places.
std::string names_text(std::span<const std::string> names, std::uint64_t count) {
  std::string text;
  const std::size_t shown = std::min(kPlacesShown, names.size());
  for (std::size_t i = 0; i < shown; ++i)
    text += (i > 0 ? ", " : "") + quoted(names[i]);
  if (count > shown) text += fmt::format(" and {} more", grouped(count - shown));
  return text;
}

std::string places_line(const Finding& finding) {
  std::string line = fmt::format("{}: {}", counted(finding.count, "place"),
                                 names_text(places_proper(finding), finding.count));
  const auto files = spanned_files(finding);
  if (!files.empty()) line += "; in " + names_text(files, files.size());
  return line;
}

void append_finding(std::string& out, const Finding& finding, const TextStyle& style) {
  const std::string label =
      fmt::format("{} {} {}: ", severity_name(finding.severity), finding.code, finding.name);
  const std::string shown_label = fmt::format(
      "{} {} {}: ", inked(style, severity_ink(finding.severity), severity_name(finding.severity)),
      inked(style, Ink::kHeading, finding.code), finding.name);
  out += wrapped(style, 2, finding.message, shown_label, label.size());
  if (finding.count > 1) out += wrapped(style, 4, places_line(finding));
  for (const TargetVerdict& target : finding.targets) {
    std::string line = target.name;
    if (!target.versions.empty()) line += " " + target.versions;
    line += ": " + target.verdict;
    if (!target.prints.empty()) line += fmt::format(", and prints {}", quoted(target.prints));
    out += wrapped(style, 4, line);
  }
  if (finding.fix) {
    const bool can = finding.fix->safety != Safety::kNever;
    const std::string line = fix_line(*finding.fix);
    const std::size_t colon = line.find(':');
    out += wrapped(style, 4, std::string_view(line).substr(colon + 2),
                   inked(style, can ? Ink::kGood : Ink::kDim, line.substr(0, colon)) + ": ",
                   colon + 2);
  }
}

}  // namespace

std::string inked(const TextStyle& style, Ink ink, std::string_view text) {
  constexpr std::array<std::string_view, 6> kCodes = {"1", "1;31", "1;33", "36", "32", "2"};
  if (!style.color) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes.at(static_cast<std::size_t>(ink)), text);
}

Ink severity_ink(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return Ink::kError;
    case Severity::kWarning:
      return Ink::kWarning;
    case Severity::kInfo:
      break;
  }
  return Ink::kInfo;
}

std::string wrapped(const TextStyle& style, std::size_t indent, std::string_view text,
                    std::string_view first, std::size_t first_width) {
  const std::string margin(indent, ' ');
  std::string out = margin + std::string(first);
  const std::size_t width = style.width <= 0 ? 0 : static_cast<std::size_t>(style.width);
  if (width < kMinWidth) return out + std::string(text) + "\n";

  // Names are never split: what holds no blank is one word.
  std::size_t column = indent + first_width;
  bool fresh = first.empty();
  for (const std::string_view word : split(text, ' ')) {
    const auto wide = static_cast<std::size_t>(std::ranges::count_if(
        word, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
    const bool blank = !fresh && !out.ends_with(' ');
    if (!fresh && column + (blank ? 1 : 0) + wide > width) {
      while (out.ends_with(' '))
        out.pop_back();
      out += "\n" + margin + "  ";
      column = indent + 2;
    } else if (blank) {
      out += ' ';
      ++column;
    }
    out += word;
    column += wide;
    fresh = false;
  }
  return out + "\n";
}

std::string findings_text(std::span<const Finding> findings, const TextStyle& style,
                          std::string_view whole) {
  std::string out;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Finding& finding = findings[i];
    if (i == 0 || findings[i - 1].file != finding.file) {
      if (i > 0) out += "\n";
      out += inked(style, Ink::kHeading,
                   finding.file.empty() ? std::string(whole) : printable(finding.file));
      out += "\n";
    }
    append_finding(out, finding, style);
  }
  return out;
}

}  // namespace shardwright
