#include "pickle/zip.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"
#include "pickle/refusal.h"

namespace shardwright::pickle {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50;
constexpr std::uint32_t kCentral = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50;
constexpr std::uint32_t kLocator64 = 0x07064b50;

constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kLocatorBytes = 20;
constexpr std::size_t kMaxComment = 0xFFFF;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // the number stands in the zip64 part
constexpr std::uint16_t kIn64Short = 0xFFFF;
constexpr std::uint64_t kMaxDirectory = 256ULL << 20U;

constexpr std::uint16_t kEncrypted = 1U << 0U;
constexpr std::uint16_t kSizesBehind = 1U << 3U;
constexpr std::uint16_t kMasked = 1U << 13U;
constexpr std::uint16_t kSecret = kEncrypted | kMasked;

template <typename Number>
Number load(std::string_view bytes, std::size_t at) {
  Number value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Result<std::string> read_text(const ByteSource& source, std::uint64_t at, std::uint64_t bytes) {
  std::string text(bytes, '\0');
  SW_TRY_OK(source.read(at, std::as_writable_bytes(std::span(text))));
  return text;
}

// Where the directory lies.
struct Directory {
  std::uint64_t begin{}, bytes{}, entries{};
};

// An entry as the directory has it.
struct Listed {
  std::string_view name{};
  std::uint16_t method{}, flags{};
  std::uint64_t packed{}, bytes{}, header{};
};

Result<Directory> read_end64(const ByteSource& source, std::string_view locator,
                             std::uint64_t locator_at) {
  const auto at = load<std::uint64_t>(locator, 8);
  if (load<std::uint32_t>(locator, 4) != 0 || load<std::uint32_t>(locator, 16) != 1)
    return unsupported("the zip archive has several parts");
  if (locator_at < kEnd64Bytes || at > locator_at - kEnd64Bytes)
    return malformed("the zip64 locator points nowhere");
  SW_TRY(const std::string end, read_text(source, at, kEnd64Bytes));
  const auto rest = load<std::uint64_t>(end, 4);
  if (load<std::uint32_t>(end, 0) != kEnd64 || rest != locator_at - at - 12)
    return malformed("the zip64 end record is none");
  if (load<std::uint32_t>(end, 16) != 0 || load<std::uint32_t>(end, 20) != 0 ||
      load<std::uint64_t>(end, 24) != load<std::uint64_t>(end, 32)) {
    return unsupported("the zip archive has several parts");
  }
  const Directory directory{.begin = load<std::uint64_t>(end, 48),
                            .bytes = load<std::uint64_t>(end, 40),
                            .entries = load<std::uint64_t>(end, 32)};
  if (checked_add(directory.begin, directory.bytes) != at)
    return malformed("the zip directory does not end where its end record begins");
  return directory;
}

// Whether a number of the short end record agrees with that of the long one.
template <typename Number>
bool agrees(Number brief, std::uint64_t whole, Number in64) {
  return brief == in64 || brief == whole;
}

Result<Directory> find_directory(const ByteSource& source) {
  const std::uint64_t size = source.size();
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(size, kEndBytes + kMaxComment);
  SW_TRY(const std::string tail, read_text(source, size - tail_bytes, tail_bytes));
  std::optional<std::size_t> found;
  for (std::size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1;
       at-- > 0 && !found;) {
    if (load<std::uint32_t>(tail, at) == kEnd &&
        load<std::uint16_t>(tail, at + 20) == tail.size() - at - kEndBytes) {
      found = at;
    }
  }
  if (!found) {
    return malformed("it begins as a zip archive and has no directory at its end: it is cut short");
  }
  const std::string_view end = std::string_view(tail).substr(*found);
  const std::uint64_t end_at = size - tail_bytes + *found;
  if (load<std::uint16_t>(end, 4) != load<std::uint16_t>(end, 6) ||
      load<std::uint16_t>(end, 8) != load<std::uint16_t>(end, 10)) {
    return unsupported("the zip archive has several parts");
  }
  const Directory brief{.begin = load<std::uint32_t>(end, 16),
                        .bytes = load<std::uint32_t>(end, 12),
                        .entries = load<std::uint16_t>(end, 10)};
  if (end_at >= kLocatorBytes) {
    SW_TRY(const std::string locator, read_text(source, end_at - kLocatorBytes, kLocatorBytes));
    if (load<std::uint32_t>(locator, 0) == kLocator64) {
      SW_TRY(const Directory whole, read_end64(source, locator, end_at - kLocatorBytes));
      if (!agrees(load<std::uint32_t>(end, 16), whole.begin, kIn64) ||
          !agrees(load<std::uint32_t>(end, 12), whole.bytes, kIn64) ||
          !agrees(load<std::uint16_t>(end, 10), whole.entries, kIn64Short)) {
        return malformed("the two end records of the zip archive disagree");
      }
      return whole;
    }
  }
  if (brief.begin + brief.bytes != end_at)
    return malformed("the zip directory does not end where its end record begins");
  return brief;
}

// Takes what does not fit 32 bits from the zip64 part of the extra fields.
Status widen(std::string_view extra, Listed& entry) {
  const bool sizes = entry.bytes == kIn64 || entry.packed == kIn64;
  if (!sizes && entry.header != kIn64) return ok();
  while (extra.size() >= 4) {
    const auto id = load<std::uint16_t>(extra, 0);
    const auto length = load<std::uint16_t>(extra, 2);
    extra.remove_prefix(4);
    if (length > extra.size()) break;
    std::string_view field = extra.substr(0, length);
    extra.remove_prefix(length);
    if (id != 1) continue;
    for (std::uint64_t* number : {&entry.bytes, &entry.packed, &entry.header}) {
      if (*number != kIn64) continue;
      if (field.size() < 8) return malformed("an entry's zip64 part is too short");
      *number = load<std::uint64_t>(field, 0);
      field.remove_prefix(8);
    }
    return ok();
  }
  return malformed("an entry lacks its zip64 part");
}

Result<std::vector<Listed>> read_directory(std::string_view text, std::uint64_t count) {
  if (count > text.size() / kCentralBytes)
    return malformed("the zip directory is too short for its entries");
  std::vector<Listed> entries;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (text.size() < kCentralBytes || load<std::uint32_t>(text, 0) != kCentral)
      return malformed("the zip directory has something else in the place of an entry");
    const std::size_t name = load<std::uint16_t>(text, 28);
    const std::size_t extra = load<std::uint16_t>(text, 30);
    const std::size_t comment = load<std::uint16_t>(text, 32);
    if (text.size() - kCentralBytes < name + extra + comment)
      return malformed("the zip directory ends within an entry");
    Listed entry{.name = text.substr(kCentralBytes, name),
                 .method = load<std::uint16_t>(text, 10),
                 .flags = load<std::uint16_t>(text, 8),
                 .packed = load<std::uint32_t>(text, 20),
                 .bytes = load<std::uint32_t>(text, 24),
                 .header = load<std::uint32_t>(text, 42)};
    if (find_invalid_utf8(entry.name) != std::string_view::npos)
      return malformed(fmt::format("the entry {} has a name that is no UTF-8", quoted(entry.name)));
    if (Status status = widen(text.substr(kCentralBytes + name, extra), entry); !status)
      return std::move(status).error().within(quoted(entry.name));
    entries.push_back(entry);
    text.remove_prefix(kCentralBytes + name + extra + comment);
  }
  if (!text.empty()) return malformed("bytes follow the last entry of the zip directory");
  return entries;
}

// Why the bytes of an entry are not what it holds.
std::string_view obstacle(const Listed& entry) {
  if ((entry.flags & kSecret) != 0) return "encrypted";
  return entry.method != 0 ? "compressed" : "";
}

// Where the bytes of an entry begin: behind its local header, which must not tell another tale.
Result<std::uint64_t> data_begin(const ByteSource& source, const Listed& entry,
                                 std::uint64_t directory) {
  const auto bad = [&](std::string_view what) {
    return malformed(fmt::format("the entry {} {}", quoted(entry.name), what));
  };
  const auto least = checked_add(entry.header, kLocalBytes + entry.name.size());
  if (!least || *least > directory) return bad("begins behind the data: the file is cut short");
  SW_TRY(const std::string local, read_text(source, entry.header, kLocalBytes + entry.name.size()));
  if (load<std::uint32_t>(local, 0) != kLocal) return bad("has no header where it should begin");
  const auto flags = load<std::uint16_t>(local, 6);
  const auto size = load<std::uint32_t>(local, 22);
  const auto packed = load<std::uint32_t>(local, 18);
  const bool behind = (flags & kSizesBehind) != 0 && size == 0 && packed == 0;
  const bool same_sizes =
      behind || (agrees(size, entry.bytes, kIn64) && agrees(packed, entry.packed, kIn64));
  if (load<std::uint16_t>(local, 26) != entry.name.size() ||
      local.substr(kLocalBytes) != entry.name || load<std::uint16_t>(local, 8) != entry.method ||
      (flags & kSecret) != (entry.flags & kSecret) || !same_sizes) {
    return bad("is not the same in the directory and in its own header");
  }
  const std::uint64_t begin = *least + load<std::uint16_t>(local, 28);
  const auto end = checked_add(begin, entry.packed);
  if (!end || *end > directory) return bad("ends behind the data: the file is cut short");
  return begin;
}

}  // namespace

Result<std::vector<ZipEntry>> read_zip(const ByteSource& source) {
  SW_TRY(const Directory directory, find_directory(source));
  if (directory.bytes > kMaxDirectory)
    return unsupported(fmt::format("its zip directory has {} bytes", directory.bytes));
  SW_TRY(const std::string text, read_text(source, directory.begin, directory.bytes));
  SW_TRY(std::vector<Listed> listed, read_directory(text, directory.entries));
  std::ranges::sort(listed, {}, &Listed::header);
  std::vector<ZipEntry> entries;
  std::uint64_t end = 0;
  for (const Listed& entry : listed) {
    if (entry.header < end) {
      return malformed(fmt::format("the entries {} and {} lie in each other",
                                   quoted(entries.back().name), quoted(entry.name)));
    }
    SW_TRY(const std::uint64_t begin, data_begin(source, entry, directory.begin));
    end = begin + entry.packed;
    if (obstacle(entry).empty() && entry.packed != entry.bytes)
      return malformed(fmt::format("the entry {} has two sizes", quoted(entry.name)));
    entries.push_back({.name = std::string(entry.name),
                       .begin = begin,
                       .bytes = entry.bytes,
                       .obstacle = obstacle(entry)});
  }
  std::ranges::sort(entries, {}, &ZipEntry::name);
  const auto twice = std::ranges::adjacent_find(entries, {}, &ZipEntry::name);
  if (twice != entries.end())
    return malformed(fmt::format("the zip archive has {} twice", quoted(twice->name)));
  return entries;
}

}  // namespace shardwright::pickle
