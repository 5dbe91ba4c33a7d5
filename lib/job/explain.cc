// A text is compared with what the pages say that loaders print. Those lines hold an ellipsis where
// names and numbers stand; the longest line that fits wins, since the short ones fit much.
#include "shardwright/explain.h"

#include <algorithm>
#include <span>
#include <string>

#include <fmt/format.h>

#include "base/embedded.h"
#include "base/text.h"
#include "base/utf8.h"

namespace shardwright {

std::span<const EmbeddedFile> check_pages();  // made by tools/embed.cmake

namespace {

constexpr std::string_view kPrintsMark = "Loaders print:";
constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kShortest = 6;  // characters of a text that tells anything

// Small letters, one space for any white space, no quotes of any kind: terminals, logs and issue
// trackers change those.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '"' || c == '`') continue;
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) {
      out.push_back(lower(c));
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  while (out.ends_with(' '))
    out.pop_back();
  return out;
}

// The lines of a page that loaders print: the indented ones after "Loaders print:".
std::vector<std::string_view> printed_lines(std::string_view page) {
  std::vector<std::string_view> lines;
  bool inside = false;
  for (const std::string_view line : split(page, '\n')) {
    if (line == kPrintsMark) {
      inside = true;
    } else if (inside && line.starts_with("    ")) {
      lines.push_back(trim(line));
    } else if (!trim(line).empty()) {
      inside = false;
    }
  }
  return lines;
}

// How many characters of the line fit the query, 0 where the line does not fit as a whole.
std::size_t fit(std::string_view query, std::string_view line) {
  std::size_t at = 0;
  std::size_t length = 0;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(kEllipsis, begin), line.size());
    const std::string_view part = trim(line.substr(begin, end - begin));
    const std::size_t found = query.find(part, at);
    if (found == std::string_view::npos) return 0;
    at = found + part.size();
    length += part.size();
    begin = end + kEllipsis.size();
  }
  return length < kShortest ? 0 : length;
}

std::size_t score(const std::string& query, std::string_view page) {
  std::size_t best = 0;
  for (const std::string_view printed : printed_lines(page)) {
    const std::string line = plain(printed);
    best = std::max(best, fit(query, line));
    if (query.size() >= kShortest && line.find(query) != std::string::npos) {
      best = std::max(best, query.size());
    }
  }
  return best;
}

std::vector<Page> pages_for_text(std::string_view text) {
  const std::string query = plain(text);
  std::size_t best = 1;
  std::vector<Page> found;
  for (const Page& page : all_pages()) {
    const std::size_t points = score(query, page.text);
    if (points < best) continue;
    if (points > best) found.clear();
    best = points;
    found.push_back(page);
  }
  return found;
}

// "ST104-overlapping-ranges": the name of a page's file.
Page page_of(const EmbeddedFile& file) {
  const std::size_t dash = file.name.find('-');
  return {.code = file.name.substr(0, dash), .name = file.name.substr(dash + 1), .text = file.text};
}

}  // namespace

const std::vector<Page>& all_pages() {
  static const std::vector<Page> pages = [] {
    std::vector<Page> all;
    for (const EmbeddedFile& file : check_pages())
      all.push_back(page_of(file));
    std::ranges::sort(all, {}, &Page::code);
    return all;
  }();
  return pages;
}

Result<std::vector<Page>> explain(std::string_view query) {
  const std::string word = lower(trim(query));
  std::vector<std::string_view> known;
  for (const Page& page : all_pages()) {
    if (word == lower(page.code) || word == page.name ||
        word == fmt::format("{} {}", lower(page.code), page.name)) {
      return std::vector<Page>{page};
    }
    known.push_back(page.code);
    known.push_back(page.name);
  }
  std::vector<Page> found = pages_for_text(query);
  if (!found.empty()) return found;
  const auto near = nearest(word, known);
  return Error{ErrorCode::kNotFound,
               fmt::format("no check is called {}, and no page knows it as a loader's words{}",
                           quoted(trim(query), 60),
                           near ? fmt::format("; the nearest is '{}'", *near) : std::string())};
}

}  // namespace shardwright
