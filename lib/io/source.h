// Something with bytes at offsets: a file now, an HTTP range later, memory in tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "shardwright/result.h"

namespace shardwright {

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Size in bytes, as it was when the source was opened.
  [[nodiscard]] virtual std::uint64_t size() const = 0;

  // Fills `into` from `offset`. kIo where the system refuses or the bytes end early. Thread-safe.
  [[nodiscard]] virtual Status read(std::uint64_t offset, MutableBytes into) const = 0;

  // The descriptor of a local file, for copy_file_range; -1 where there is none.
  [[nodiscard]] virtual int descriptor() const { return -1; }
};

// The whole source as text; kUnsupported above `limit` bytes.
Result<std::string> read_all(const ByteSource& source, std::uint64_t limit);

// Reads all of [offset, offset + length) through a buffer of at most `buffer_bytes`.
// `sink` gets each part in order, and may stop the reading with an error.
template <typename Sink>
Status stream(const ByteSource& source, std::uint64_t offset, std::uint64_t length,
              MutableBytes buffer, Sink&& sink) {
  while (length > 0) {
    const auto part = buffer.first(std::min<std::uint64_t>(length, buffer.size()));
    if (auto status = source.read(offset, part); !status) return std::move(status).error();
    if (Status status = sink(Bytes(part)); !status) return std::move(status).error();
    offset += part.size();
    length -= part.size();
  }
  return ok();
}

}  // namespace shardwright
