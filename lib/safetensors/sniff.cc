// What a file is that is no safetensors file: most arrive by a download that went wrong.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/utf8.h"
#include "safetensors/header.h"

namespace shardwright::safetensors {
namespace {

struct Magic {
  ForeignKind kind;
  std::size_t offset;
  std::string_view bytes;
};

constexpr std::array kMagic = {
    Magic{ForeignKind::kLfsPointer, 0, "version https://git-lfs.github.com/spec/"},
    Magic{ForeignKind::kLfsPointer, 0, "version https://hawser.github.com/spec/"},
    Magic{ForeignKind::kZip, 0, "PK\x03\x04"},
    Magic{ForeignKind::kZip, 0, "PK\x05\x06"},  // without a member
    Magic{ForeignKind::kGzip, 0, "\x1F\x8B\x08"},
    Magic{ForeignKind::kGguf, 0, "GGUF"},
    Magic{ForeignKind::kHdf5, 0, "\x89HDF\r\n\x1A\n"},
    Magic{ForeignKind::kTar, 257, "ustar"},
};

constexpr std::array<std::string_view, 14> kNames = {
    "a safetensors file", "an empty file", "a Git LFS pointer", "an HTML page",
    "an XML document",    "a zip archive", "a pickle",          "gzip data",
    "a GGUF file",        "an HDF5 file",  "a tar archive",     "nothing but zero bytes",
    "a JSON document",    "a text",
};

// A plausible prefix with an object behind it: whatever is wrong with it, it is a header. Some
// lengths look like a pickle.
bool is_header(std::string_view start) {
  if (start.size() <= kPrefixBytes) return false;
  const std::uint64_t length = load_u64(std::as_bytes(std::span(start)).data());
  const char first = start[kPrefixBytes];
  return length <= kMaxHeaderBytes && (first == '{' || first == ' ' || first == '\n');
}

// Protocols 2 to 5 begin with PROTO; the opcode after it builds something or frames it.
bool is_pickle(std::string_view start) {
  return start.size() >= 3 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5 &&
         std::string_view("}]()cXK\x8A\x95NJM").find(start[2]) != std::string_view::npos;
}

// Text has no control characters but white space, and is UTF-8 but for a character that the end of
// the bytes cuts off.
bool is_text(std::string_view start) {
  const bool controls = std::ranges::any_of(start, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && (c < '\t' || c > '\r')) || c == '\x7F';
  });
  const std::size_t bad = find_invalid_utf8(start);
  return !controls && (bad == std::string_view::npos || start.size() - bad < 4);
}

ForeignKind sniff_text(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = trim(text);
  for (const std::string_view word : {"<!doctype html", "<html", "<head", "<body"}) {
    if (lower(text.substr(0, word.size())) == word) return ForeignKind::kHtml;
  }
  if (text.starts_with('<')) return ForeignKind::kXml;
  if (text.starts_with('{') || text.starts_with('[')) return ForeignKind::kJson;
  return ForeignKind::kText;
}

}  // namespace

ForeignKind sniff(Bytes start, std::uint64_t file_bytes) {
  if (file_bytes == 0 || start.empty()) return ForeignKind::kEmpty;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  if (is_header(text)) return ForeignKind::kNone;
  for (const Magic& magic : kMagic) {
    if (text.substr(std::min(magic.offset, text.size())).starts_with(magic.bytes)) {
      return magic.kind;
    }
  }
  if (is_pickle(text)) return ForeignKind::kPickle;
  if (text.find_first_not_of('\0') == std::string_view::npos) return ForeignKind::kZeros;
  if (is_text(text)) return sniff_text(text);
  return ForeignKind::kNone;
}

std::string_view foreign_name(ForeignKind kind) {
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace shardwright::safetensors
