#include "pickle/strided.h"

#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_folder.h"

namespace shardwright::pickle {
namespace {

// A file of numbers that count up, and tensors of them that begin at number 3.
class Numbers {
 public:
  explicit Numbers(std::size_t count) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<std::uint32_t>(i);
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    folder_.add_file("f", std::move(bytes));
    source_ = *folder_.open("f");
  }

  static StoredTensor tensor(Shape shape, Shape strides) {
    StoredTensor made{
        .dtype = DType::kU32, .shape = std::move(shape), .strides = std::move(strides)};
    made.begin = 12;
    made.bytes = size_in_bytes(made.dtype, made.shape).value();
    return made;
  }

  // What element `i` is.
  static std::uint32_t expected(const StoredTensor& tensor, std::uint64_t i) {
    std::uint64_t at = 3;
    for (std::size_t k = tensor.shape.size(); k-- > 0;) {
      at += i % tensor.shape[k] * tensor.strides[k];
      i /= tensor.shape[k];
    }
    return static_cast<std::uint32_t>(at);
  }

  void check(const StoredTensor& tensor, std::uint64_t from, std::uint64_t bytes) const {
    std::vector<std::byte> read(bytes);
    REQUIRE(read_elements(*source_, tensor, from, read));
    bool same = true;
    for (std::uint64_t i = 0; i < bytes; ++i) {
      const std::uint32_t value = expected(tensor, (from + i) / 4);
      same = same && read[i] == std::as_bytes(std::span(&value, 1))[(from + i) % 4];
    }
    CHECK(same);
  }

  [[nodiscard]] const ByteSource& source() const { return *source_; }
  [[nodiscard]] std::uint64_t reads() const { return folder_.traffic("f").reads; }

 private:
  test::MemoryFolder folder_;
  std::unique_ptr<ByteSource> source_;
};

TEST_CASE("strided: views of every kind, from any byte to any byte") {
  const Numbers numbers(100'000);
  const StoredTensor tensors[] = {
      Numbers::tensor({40, 30}, {1, 40}),    Numbers::tensor({7, 5, 3}, {3, 100, 40}),
      Numbers::tensor({20, 4}, {0, 1}),      Numbers::tensor({9, 3}, {1, 1}),
      Numbers::tensor({10, 8}, {5000, 2}),   Numbers::tensor({1, 6}, {77, 13}),
      Numbers::tensor({300, 300}, {1, 300}),
  };
  std::mt19937 random(7);
  for (const StoredTensor& tensor : tensors) {
    numbers.check(tensor, 0, tensor.bytes);
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t from = random() % (tensor.bytes + 1);
      numbers.check(tensor, from, random() % (tensor.bytes - from + 1));
    }
  }
}

TEST_CASE("strided: a dense tensor is one read, and neighbours of a view are read together") {
  const Numbers numbers(100'000);
  StoredTensor dense = Numbers::tensor({100, 100}, {100, 1});
  dense.dense = true;
  numbers.check(dense, 0, dense.bytes);
  CHECK(numbers.reads() == 1);
  numbers.check(Numbers::tensor({100, 100}, {1, 100}), 0, 40'000);
  CHECK(numbers.reads() == 2);
}

TEST_CASE("strided: nothing is read past the end") {
  const Numbers numbers(100);
  const StoredTensor tensor = Numbers::tensor({4, 5}, {1, 4});
  std::vector<std::byte> into(8);
  std::vector<std::byte> all(80);
  CHECK_FALSE(read_elements(numbers.source(), tensor, 73, into));
  CHECK_FALSE(read_elements(numbers.source(), tensor, ~std::uint64_t{0}, into));
  CHECK(read_elements(numbers.source(), tensor, 72, into));
  CHECK(read_elements(numbers.source(), tensor, 80, {}));
  // The file ends before the tensor does.
  CHECK_FALSE(read_elements(numbers.source(), Numbers::tensor({4, 5}, {1, 40}), 0, all));
}

}  // namespace
}  // namespace shardwright::pickle
