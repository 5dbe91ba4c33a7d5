// A file that is not there yet, and all of whose bytes are known: literal bytes first (a header),
// then ranges that come from other files or from a producer, without a gap.
//
// It reads like any other source, so that a shard can be checked before it is written, and writing
// it is nothing but copying it (write_file.h). Reading is thread-safe once all is added.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/source.h"

namespace shardwright {

class PlannedFile final : public ByteSource {
 public:
  // Fills `into` from byte `from` of its range; called from many threads, for any part of the
  // range.
  using Producer = std::function<Status(std::uint64_t from, MutableBytes into)>;

  struct Piece {
    std::uint64_t target{};  // offset in this file
    std::uint64_t bytes{};
    const ByteSource* source{};  // null: the literal bytes, or a producer
    std::uint64_t source_offset{};
    Producer producer{};
  };

  explicit PlannedFile(std::string head);

  // Appends bytes of a source, which must outlive this file. A source that is itself planned is
  // replaced by what it is made of.
  void append(const ByteSource& source, std::uint64_t offset, std::uint64_t bytes);
  void append(Producer producer, std::uint64_t bytes);

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override;

  [[nodiscard]] std::span<const Piece> pieces() const { return pieces_; }  // in order, from 0

 private:
  [[nodiscard]] std::size_t piece_at(std::uint64_t offset) const;

  std::string head_;
  std::vector<Piece> pieces_;
  std::uint64_t size_{};
};

// A planned file as a source of its own, for whoever wants to own one.
class PlannedView final : public ByteSource {
 public:
  explicit PlannedView(std::shared_ptr<const PlannedFile> file) : file_(std::move(file)) {}

  [[nodiscard]] std::uint64_t size() const override { return file_->size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    return file_->read(offset, into);
  }
  [[nodiscard]] const PlannedFile& file() const { return *file_; }

 private:
  std::shared_ptr<const PlannedFile> file_;
};

}  // namespace shardwright
