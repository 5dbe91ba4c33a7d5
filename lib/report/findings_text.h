// A list of findings as text, grouped by file.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shardwright/finding.h"
#include "shardwright/report.h"

namespace shardwright {

enum class Ink : std::uint8_t { kHeading, kError, kWarning, kInfo, kGood, kDim };

// The text in that colour, or as it is where the style has none.
std::string inked(const TextStyle& style, Ink ink, std::string_view text);
Ink severity_ink(Severity severity);

// `text` with every line indented, wrapped at the style's width. The first line of `text` gets
// `first` in front of it, which counts as wide as its plain form `first_width`.
std::string wrapped(const TextStyle& style, std::size_t indent, std::string_view text,
                    std::string_view first = {}, std::size_t first_width = 0);

// `whole` stands above what is of no file.
std::string findings_text(std::span<const Finding> findings, const TextStyle& style,
                          std::string_view whole = "the checkpoint as a whole");

}  // namespace shardwright
