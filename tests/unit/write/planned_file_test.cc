#include "write/planned_file.h"

#include <numeric>
#include <string>

#include <doctest/doctest.h>

#include "base/digest.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    if (offset + into.size() > text_.size()) return Error{ErrorCode::kIo, "beyond"};
    std::memcpy(into.data(), text_.data() + offset, into.size());
    return ok();
  }

 private:
  std::string text_;
};

std::string text_of(const ByteSource& source, std::uint64_t from, std::uint64_t bytes) {
  std::string text(bytes, '\0');
  const Status status = source.read(from, std::as_writable_bytes(std::span(text)));
  return status ? text : "error: " + status.error().message;
}

std::string text_of(const ByteSource& source) {
  return text_of(source, 0, source.size());
}

PlannedFile::Producer letters(char first) {
  return [first](std::uint64_t from, MutableBytes into) {
    for (std::size_t i = 0; i < into.size(); ++i)
      into[i] = static_cast<std::byte>(first + static_cast<char>((from + i) % 26));
    return ok();
  };
}

TEST_CASE("write: a planned file reads as its head, its pieces and its producers, in order") {
  const TextSource source("0123456789");
  PlannedFile file("HEAD");
  file.append(source, 7, 3);
  file.append(letters('a'), 5);
  file.append(source, 0, 2);
  CHECK(file.size() == 14);
  CHECK(text_of(file) == "HEAD789abcde01");
  for (std::uint64_t from = 0; from <= file.size(); ++from) {
    for (std::uint64_t bytes = 0; from + bytes <= file.size(); ++bytes)
      CHECK(text_of(file, from, bytes) == std::string("HEAD789abcde01").substr(from, bytes));
  }
  CHECK(text_of(file, 14, 1) == "error: reading beyond the end of a planned file");
  CHECK(text_of(file, 99, 0) == "error: reading beyond the end of a planned file");
}

TEST_CASE("write: neighbouring pieces of one source are one piece, and empty ones are none") {
  const TextSource source("0123456789");
  PlannedFile file("");
  file.append(source, 2, 3);
  file.append(source, 5, 0);
  file.append(source, 5, 2);
  file.append(source, 9, 1);
  REQUIRE(file.pieces().size() == 2);
  CHECK(file.pieces()[0].bytes == 5);
  CHECK(file.pieces()[1].target == 5);
  CHECK(text_of(file) == "234569");
}

TEST_CASE("write: a planned file made of a planned file goes back to the first source") {
  const TextSource source("0123456789");
  auto first = std::make_shared<PlannedFile>("HEAD");
  first->append(source, 4, 6);
  first->append(letters('a'), 4);
  const PlannedView view(first);
  PlannedFile second("h");
  second.append(view, 2, 5);    // "AD456"
  second.append(*first, 8, 4);  // "89ab"
  CHECK(text_of(second) == "hAD45689ab");
  REQUIRE(second.pieces().size() == 5);
  CHECK(second.pieces()[1].source == first.get());  // literal bytes
  CHECK(second.pieces()[2].source == &source);
  CHECK(second.pieces()[2].source_offset == 4);
  CHECK(second.pieces()[3].source == &source);
  CHECK(second.pieces()[3].source_offset == 8);
  CHECK(second.pieces()[4].source == first.get());  // produced
}

TEST_CASE("write: an error of a source comes through") {
  const TextSource source("0123");
  PlannedFile file("h");
  file.append(source, 2, 10);
  CHECK(text_of(file) == "error: beyond");
}

TEST_CASE("base: a digest does not depend on the portions or on where it was cut") {
  std::string bytes(3 * Digester::kBlockBytes + 12345, '\0');
  std::uint32_t state = 7;
  for (char& c : bytes)
    c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  const Bytes all = std::as_bytes(std::span(bytes));
  const Digest whole = digest_of(all);
  for (const std::size_t portion : {1000UL, 65536UL, 1048576UL, 1048577UL, 5000000UL}) {
    Digester digester;
    for (std::size_t at = 0; at < all.size(); at += portion)
      digester.add(all.subspan(at, std::min(portion, all.size() - at)));
    CHECK(digester.finish() == whole);
  }
  for (const std::size_t blocks : {0UL, 1UL, 2UL, 3UL}) {
    Digester first;
    Digester second;
    first.add(all.first(blocks * Digester::kBlockBytes));
    second.add(all.subspan(blocks * Digester::kBlockBytes));
    std::vector<Digest> together = first.take();
    const std::vector<Digest> rest = second.take();
    together.insert(together.end(), rest.begin(), rest.end());
    CHECK(Digester::of(together) == whole);
  }
  bytes[2 * Digester::kBlockBytes] ^= 1;
  CHECK(digest_of(all) != whole);
  CHECK(digest_from_text(digest_text(whole)) == whole);
  CHECK(digest_text({0x0123456789abcdef, 0xfedcba9876543210}) ==
        "0123456789abcdeffedcba9876543210");
  CHECK_FALSE(digest_from_text("0123456789abcdeffedcba987654321G"));
  CHECK_FALSE(digest_from_text("0123"));
}

}  // namespace
}  // namespace shardwright
