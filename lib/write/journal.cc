#include "write/journal.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/try.h"
#include "io/folder.h"

namespace shardwright {
namespace {

constexpr std::string_view kFirstLine = "shardwright journal 1";
constexpr std::string_view kLastFact = "tiles";  // follow
constexpr std::string_view kFactWord = "plan ";
constexpr std::string_view kTileWord = "tile ";
constexpr std::size_t kCheckDigits = 16;
constexpr std::size_t kDigestDigits = 32;
constexpr std::uint64_t kMaxJournalBytes = 1024 * kMiB;

std::string check_of(std::string_view text) {
  return digest_text(digest_of(std::as_bytes(std::span(text)))).substr(0, kCheckDigits);
}

std::string line_of(std::string_view text) {
  return fmt::format("{} {}\n", check_of(text), text);
}

// The text of the next line, which goes; none where it is not whole.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || end <= kCheckDigits || rest[kCheckDigits] != ' ')
    return std::nullopt;
  const std::string_view text = rest.substr(kCheckDigits + 1, end - kCheckDigits - 1);
  if (rest.substr(0, kCheckDigits) != check_of(text)) return std::nullopt;
  rest.remove_prefix(end + 1);
  return text;
}

std::optional<PlanFact> fact_from(std::string_view text) {
  if (!text.starts_with(kFactWord)) return std::nullopt;
  text.remove_prefix(kFactWord.size());
  const auto digest = digest_from_text(text.substr(0, kDigestDigits));
  if (!digest || text.size() <= kDigestDigits) return std::nullopt;
  return PlanFact{std::string(text.substr(kDigestDigits + 1)), *digest};
}

// A number and the space behind it, which go.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || digits == text.size() || text[digits] != ' ') return std::nullopt;
  text.remove_prefix(digits + 1);
  return number;
}

std::optional<WrittenTile> tile_from(std::string_view text) {
  if (!text.starts_with(kTileWord)) return std::nullopt;
  text.remove_prefix(kTileWord.size());
  const auto file = take_number(text);
  const auto begin = file ? take_number(text) : std::nullopt;
  const auto end = begin ? take_number(text) : std::nullopt;
  const auto digest = end ? digest_from_text(text) : std::nullopt;
  if (!digest) return std::nullopt;
  return WrittenTile{static_cast<std::size_t>(*file), {*begin, *end}, *digest};
}

}  // namespace

std::string difference(std::span<const PlanFact> then, std::span<const PlanFact> now) {
  for (const PlanFact& fact : now) {
    const auto same = std::ranges::find(then, fact.what, &PlanFact::what);
    if (same == then.end()) return fmt::format("{} is new", fact.what);
    if (same->digest != fact.digest) return fmt::format("{} has changed since", fact.what);
  }
  for (const PlanFact& fact : then) {
    if (std::ranges::find(now, fact.what, &PlanFact::what) == now.end())
      return fmt::format("{} is gone", fact.what);
  }
  return std::ranges::equal(then, now) ? "" : "the order of the inputs has changed since";
}

std::optional<JournalContents> read_journal(const std::string& folder) {
  const auto source = open_file(join_path(folder, kJournalName));
  if (!source) return std::nullopt;
  const auto text = read_all(**source, kMaxJournalBytes);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  if (take_line(rest) != kFirstLine) return std::nullopt;
  JournalContents contents;
  for (auto line = take_line(rest); line != kLastFact; line = take_line(rest)) {
    auto fact = line ? fact_from(*line) : std::nullopt;
    if (!fact) return std::nullopt;
    contents.facts.push_back(*std::move(fact));
  }
  contents.bytes = text->size() - rest.size();
  for (auto line = take_line(rest); line; line = take_line(rest)) {
    const auto tile = tile_from(*line);
    if (!tile) break;
    contents.tiles.push_back(*tile);
    contents.bytes = text->size() - rest.size();
  }
  return contents;
}

Journal::Journal(const Disk& disk, OutFile file, std::uint64_t end)
    : disk_(&disk), file_(std::move(file)), end_(end), mutex_(std::make_unique<std::mutex>()) {}

Result<Journal> Journal::create(const Disk& disk, const std::string& folder,
                                std::span<const PlanFact> facts) {
  std::string text = line_of(kFirstLine);
  for (const PlanFact& fact : facts)
    text += line_of(fmt::format("{}{} {}", kFactWord, digest_text(fact.digest), fact.what));
  text += line_of(kLastFact);
  SW_TRY(OutFile file, disk.create(join_path(folder, kJournalName)));
  SW_TRY_OK(disk.write(file, 0, std::as_bytes(std::span(text))));
  return Journal(disk, std::move(file), text.size());
}

Result<Journal> Journal::reopen(const Disk& disk, const std::string& folder,
                                const JournalContents& contents) {
  SW_TRY(OutFile file, disk.reopen(join_path(folder, kJournalName)));
  SW_TRY_OK(disk.resize(file, contents.bytes));
  return Journal(disk, std::move(file), contents.bytes);
}

void Journal::add(const WrittenTile& tile) {
  const std::string line =
      line_of(fmt::format("{}{} {} {} {}", kTileWord, tile.file, tile.range.begin, tile.range.end,
                          digest_text(tile.digest)));
  const std::scoped_lock lock(*mutex_);
  if (ended_) return;
  ended_ = !disk_->write(file_, end_, std::as_bytes(std::span(line)));
  end_ += line.size();
}

Status Journal::remove(const Disk& disk, const std::string& folder) {
  return disk.remove(join_path(folder, kJournalName));
}

}  // namespace shardwright
