#include "write/planned_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/panic.h"
#include "base/try.h"

namespace shardwright {

PlannedFile::PlannedFile(std::string head) : head_(std::move(head)), size_(head_.size()) {
  if (!head_.empty()) pieces_.push_back({.bytes = head_.size()});
}

void PlannedFile::append(const ByteSource& source, std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;
  const auto* planned = dynamic_cast<const PlannedFile*>(&source);
  if (const auto* view = dynamic_cast<const PlannedView*>(&source)) planned = &view->file();
  // Its literal bytes and producers live in it alone: a range of them is read through it.
  while (planned != nullptr && bytes > 0) {
    const Piece& piece = planned->pieces_[planned->piece_at(offset)];
    const std::uint64_t from = offset - piece.target;
    const std::uint64_t part = std::min(bytes, piece.bytes - from);
    if (piece.source != nullptr) {
      append(*piece.source, piece.source_offset + from, part);
    } else {
      pieces_.push_back(
          {.target = size_, .bytes = part, .source = planned, .source_offset = offset});
      size_ += part;
    }
    offset += part;
    bytes -= part;
  }
  if (bytes == 0) return;
  if (!pieces_.empty() && pieces_.back().source == &source &&
      pieces_.back().source_offset + pieces_.back().bytes == offset) {
    pieces_.back().bytes += bytes;
  } else {
    pieces_.push_back(
        {.target = size_, .bytes = bytes, .source = &source, .source_offset = offset});
  }
  size_ += bytes;
}

void PlannedFile::append(Producer producer, std::uint64_t bytes) {
  if (bytes == 0) return;
  pieces_.push_back({.target = size_, .bytes = bytes, .producer = std::move(producer)});
  size_ += bytes;
}

std::size_t PlannedFile::piece_at(std::uint64_t offset) const {
  SW_CHECK(offset < size_);
  const auto after = std::ranges::upper_bound(pieces_, offset, {},
                                              [](const Piece& piece) { return piece.target; });
  return static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

Status PlannedFile::read(std::uint64_t offset, MutableBytes into) const {
  if (offset > size_ || into.size() > size_ - offset) {
    return Error{ErrorCode::kIo, "reading beyond the end of a planned file"};
  }
  while (!into.empty()) {
    const Piece& piece = pieces_[piece_at(offset)];
    const std::uint64_t from = offset - piece.target;
    const MutableBytes part = into.first(std::min<std::uint64_t>(into.size(), piece.bytes - from));
    if (piece.source != nullptr) {
      SW_TRY_OK(piece.source->read(piece.source_offset + from, part));
    } else if (piece.producer) {
      SW_TRY_OK(piece.producer(from, part));
    } else {
      std::memcpy(part.data(), head_.data() + from, part.size());
    }
    offset += part.size();
    into = into.subspan(part.size());
  }
  return ok();
}

}  // namespace shardwright
