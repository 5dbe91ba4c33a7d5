#include "check/data_facts.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace shardwright {
namespace {

// A file in memory that counts what is read of it, and may fail at one byte.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::uint64_t bytes) : data(bytes) {}

  [[nodiscard]] std::uint64_t size() const override { return data.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    if (into.empty()) return ok();
    if (offset <= bad_byte && bad_byte < offset + into.size())
      return Error{ErrorCode::kIo, "reading 'x': Input/output error"};
    if (offset + into.size() > data.size()) return Error{ErrorCode::kIo, "beyond the end"};
    std::memcpy(into.data(), data.data() + offset, into.size());
    bytes_read += into.size();
    if (stop_after_first_read != nullptr) stop_after_first_read->store(true);
    return ok();
  }

  std::vector<std::byte> data;
  std::uint64_t bad_byte{~std::uint64_t{0}};
  std::atomic<bool>* stop_after_first_read{};
  mutable std::atomic<std::uint64_t> bytes_read{};
};

// A checkpoint of tensors alone, laid one after the other from `start` unless an offset is given.
struct Fixture {
  std::deque<MemorySource> files{};
  std::deque<std::string> names{};
  std::deque<Shape> shapes{};
  Checkpoint checkpoint{};
  Expansion expected{};

  MemorySource& file(std::uint64_t bytes) { return files.emplace_back(bytes); }

  void add(const std::string& name, DType dtype, Shape shape, const MemorySource& source,
           std::uint64_t offset, bool readable = true) {
    const Shape& kept = shapes.emplace_back(std::move(shape));
    checkpoint.tensors.push_back({.name = names.emplace_back(name),
                                  .shape = kept,
                                  .dtype = dtype,
                                  .shard = static_cast<std::uint32_t>(files.size() - 1),
                                  .source = &source,
                                  .offset = offset,
                                  .bytes = size_in_bytes(dtype, kept).value(),
                                  .readable = readable});
    checkpoint.build_names();
  }

  DataFacts read(bool all, int threads = 2) {
    auto facts = read_data(checkpoint, &expected, {.all = all, .threads = threads});
    REQUIRE(facts.has_value());
    return std::move(facts).value();
  }

  ScanResult scanned(std::size_t i) const {
    const Tensor& tensor = checkpoint.tensors[i];
    std::vector<std::byte> bytes(tensor.bytes);
    REQUIRE(tensor.read(0, bytes).has_value());
    ScanResult result;
    scan(tensor.dtype, bytes, result);
    return result;
  }
};

void put_f32(MemorySource& file, std::uint64_t at, std::uint32_t bits) {
  std::memcpy(file.data.data() + at, &bits, sizeof bits);
}

constexpr std::uint32_t kNan = 0x7FC0'0001;

// Two megabyte-sized tensors that are equal, and the tie that says so.
Fixture tied() {
  Fixture fixture;
  MemorySource& file = fixture.file(3 * kMiB);
  for (std::size_t i = 0; i < file.data.size(); ++i)
    file.data[i] = static_cast<std::byte>(i % kMiB % 251);
  fixture.add("embed", DType::kU8, {1024, 1024}, file, 0);
  fixture.add("head", DType::kU8, {1024, 1024}, file, kMiB);
  fixture.add("other", DType::kU8, {1024, 1024}, file, 2 * kMiB);
  fixture.expected.ties.push_back({.target = "head", .source = "embed"});
  return fixture;
}

}  // namespace

TEST_CASE("check: tensors are read once, in whole elements, whatever the number of threads") {
  Fixture fixture;
  MemorySource& file = fixture.file(21 * kMiB);
  // An odd start: elements lie across pages, buffers and units.
  const std::uint64_t large = 13;
  const std::uint64_t count = 9 * kMiB / 4 + 1;
  fixture.add("large", DType::kF32, {count}, file, large);
  const std::uint64_t after = large + 4 * count;
  fixture.add("norm", DType::kBF16, {3}, file, after);
  fixture.add("empty", DType::kF32, {0, 5}, file, after + 6);
  fixture.add("next", DType::kF64, {kMiB}, file, after + 6);
  fixture.add("far", DType::kF8E4M3, {100}, file, after + 6 + 8 * kMiB + 5000);
  fixture.add("lost", DType::kF32, {100}, file, 40 * kMiB, false);
  for (const std::uint64_t index : {std::uint64_t{70'000}, std::uint64_t{1'047'772}, count - 1})
    put_f32(file, large + 4 * index, kNan);
  // A NaN across the end of the first buffer: no one part of it is NaN to who cuts elements.
  const std::uint64_t across = (256 * 1024 - large) / 4;
  put_f32(file, large + 4 * across, kNan);

  for (const int threads : {1, 2, 7}) {
    file.bytes_read = 0;
    const DataFacts facts = fixture.read(true, threads);
    CHECK(facts.complete);
    CHECK(facts.error.empty());
    REQUIRE(facts.scans.size() == 6);
    for (std::size_t i = 0; i < 5; ++i) {
      CAPTURE(i);
      CHECK(facts.scans[i] == fixture.scanned(i));
    }
    CHECK(facts.scans[0].nan == 4);
    CHECK(facts.scans[0].first_bad == across);
    CHECK(facts.scans[5] == ScanResult{});
  }
  file.bytes_read = 0;
  (void)fixture.read(true);
  const std::uint64_t stored = 4 * count + 6 + 8 * kMiB + 100;
  CHECK(file.bytes_read >= stored);
  CHECK(file.bytes_read < stored + 1024);
}

TEST_CASE("check: overlapping tensors are each scanned") {
  Fixture fixture;
  MemorySource& file = fixture.file(400);
  fixture.add("a", DType::kF32, {60}, file, 0);
  fixture.add("b", DType::kF32, {60}, file, 160);
  put_f32(file, 160, kNan);
  const DataFacts facts = fixture.read(true);
  CHECK(facts.scans[0].first_bad == 40);
  CHECK(facts.scans[1].first_bad == 0);
  CHECK(facts.scans[1].nan == 1);
}

TEST_CASE("check: a stored tie is compared byte for byte, or in a sample") {
  Fixture fixture = tied();
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kEqualSample);
  CHECK(fixture.files[0].bytes_read == 2 * 64 * 4096);
  CHECK(fixture.read(false).scans.empty());
  CHECK_FALSE(fixture.read(false).complete);

  fixture.files[0].bytes_read = 0;
  DataFacts facts = fixture.read(true);
  CHECK(facts.ties.at(0).target == "head");
  CHECK(facts.ties.at(0).source == "embed");
  CHECK(facts.ties.at(0).bytes == TieBytes::kEqual);
  CHECK(fixture.files[0].bytes_read == 3 * kMiB);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(facts.scans[i] == fixture.scanned(i));

  // The last byte is in every sample, one in the middle of a gap is not.
  fixture.files[0].data[2 * kMiB - 1] ^= std::byte{1};
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kDiffer);
  CHECK(fixture.read(true).ties.at(0).bytes == TieBytes::kDiffer);
  fixture.files[0].data[2 * kMiB - 1] ^= std::byte{1};
  fixture.files[0].data[kMiB + 4096 + 2000] ^= std::byte{1};
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kEqualSample);
  CHECK(fixture.read(true).ties.at(0).bytes == TieBytes::kDiffer);
}

TEST_CASE("check: a sample of a small tensor is all of it") {
  Fixture fixture;
  MemorySource& file = fixture.file(20'000);
  fixture.add("embed", DType::kBF16, {5000}, file, 0);
  fixture.add("head", DType::kBF16, {5000}, file, 10'000);
  fixture.expected.ties.push_back({.target = "head", .source = "embed"});
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kEqual);
  file.data[5001] = std::byte{1};
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kDiffer);
}

TEST_CASE("check: a tie in two dtypes of floats is compared by its numbers") {
  constexpr std::uint64_t kElements = 200'000;  // more than a sample
  Fixture fixture;
  MemorySource& file = fixture.file(kElements * 14);
  fixture.add("embed", DType::kBF16, {kElements}, file, 0);
  fixture.add("wide", DType::kF32, {kElements}, file, kElements * 2);
  fixture.add("widest", DType::kF64, {kElements}, file, kElements * 6);
  for (std::uint64_t i = 0; i < kElements; ++i) {
    const auto value = static_cast<float>(i % 251) - 125.0F;
    const double wide = value;
    std::uint32_t bits{};
    std::memcpy(&bits, &value, 4);
    std::memcpy(file.data.data() + i * 2, reinterpret_cast<const std::byte*>(&bits) + 2, 2);
    std::memcpy(file.data.data() + kElements * 2 + i * 4, &value, 4);
    std::memcpy(file.data.data() + kElements * 6 + i * 8, &wide, 8);
  }
  for (const std::string_view target : {"wide", "widest"})
    fixture.expected.ties.push_back({.target = target, .source = "embed"});
  file.bytes_read = 0;
  for (const TieFacts& tie : fixture.read(false).ties)
    CHECK(tie.bytes == TieBytes::kEqualSample);
  CHECK(file.bytes_read == 64 * 2048 * (2 * 2 + 4 + 8));
  for (const TieFacts& tie : fixture.read(true).ties)
    CHECK(tie.bytes == TieBytes::kEqual);

  // The lowest bit of the last one, which no BF16 has, and one that no F32 has.
  file.data[kElements * 6 - 4] ^= std::byte{1};
  CHECK(fixture.read(false).ties.at(0).bytes == TieBytes::kDiffer);
  CHECK(fixture.read(true).ties.at(0).bytes == TieBytes::kDiffer);
  file.data[kElements * 14 - 8] ^= std::byte{1};
  CHECK(fixture.read(false).ties.at(1).bytes == TieBytes::kDiffer);
  CHECK(fixture.read(true).ties.at(1).bytes == TieBytes::kDiffer);
  file.bad_byte = 0;
  const DataFacts unread = fixture.read(true);
  CHECK_FALSE(unread.complete);
  CHECK(unread.ties.at(0).bytes == TieBytes::kNotRead);
}

TEST_CASE("check: ties of which one side is not stored, has another form, or cannot be read") {
  Fixture fixture = tied();
  fixture.add("narrow", DType::kU8, {1024, 512}, fixture.files[0], 0);
  fixture.add("signed", DType::kI8, {1024, 1024}, fixture.files[0], 0);
  fixture.add("cut", DType::kU8, {1024, 1024}, fixture.files[0], 0, false);
  for (const std::string_view target : {"absent", "narrow", "signed", "cut", "embed"})
    fixture.expected.ties.push_back({.target = target, .source = "embed"});
  for (const bool all : {false, true}) {
    const DataFacts facts = fixture.read(all);
    REQUIRE(facts.ties.size() == 4);
    CHECK(facts.ties[0].bytes == (all ? TieBytes::kEqual : TieBytes::kEqualSample));
    CHECK(facts.ties[1].target == "narrow");
    CHECK(facts.ties[1].bytes == TieBytes::kDiffer);
    CHECK(facts.ties[2].bytes == TieBytes::kDiffer);
    CHECK(facts.ties[3].target == "cut");
    CHECK(facts.ties[3].bytes == TieBytes::kNotRead);
  }
  const auto facts = read_data(fixture.checkpoint, nullptr, {.all = true});
  REQUIRE(facts.has_value());
  CHECK(facts->ties.empty());
}

TEST_CASE("check: several ties of one embedding scan it once") {
  Fixture fixture = tied();
  fixture.expected.ties.push_back({.target = "other", .source = "embed"});
  const DataFacts facts = fixture.read(true);
  CHECK(facts.ties.at(0).bytes == TieBytes::kEqual);
  CHECK(facts.ties.at(1).bytes == TieBytes::kEqual);
  CHECK(facts.scans[0].elements == kMiB);
  CHECK(facts.scans[0] == fixture.scanned(0));
}

TEST_CASE("check: a tensor in two shards is compared with the one that counts") {
  Fixture fixture = tied();
  fixture.add("same", DType::kU8, {500}, fixture.files[0], 0);
  fixture.add("same", DType::kU8, {500}, fixture.files[0], kMiB);
  fixture.add("changed", DType::kU8, {500}, fixture.files[0], 0);
  fixture.add("changed", DType::kU8, {500}, fixture.files[0], 1);
  fixture.add("changed", DType::kU8, {500}, fixture.files[0], 2);
  fixture.add("reshaped", DType::kU8, {500}, fixture.files[0], 0);
  fixture.add("reshaped", DType::kU8, {5, 100}, fixture.files[0], 0);
  for (const bool all : {false, true}) {
    CHECK(fixture.read(all).duplicates_differ == std::vector<std::string>{"reshaped", "changed"});
  }
}

TEST_CASE("check: what cannot be read is said, and the rest is read") {
  Fixture fixture = tied();
  MemorySource& second = fixture.file(1000);
  fixture.add("fine", DType::kF32, {100}, second, 0);
  fixture.files[0].bad_byte = 2 * kMiB + 5;
  DataFacts facts = fixture.read(true);
  CHECK_FALSE(facts.complete);
  CHECK(facts.error == "reading 'x': Input/output error");
  CHECK(facts.ties.at(0).bytes == TieBytes::kEqual);
  CHECK(facts.scans[0].elements == kMiB);
  CHECK(facts.scans[2] == ScanResult{});
  CHECK(facts.scans[3].elements == 100);

  fixture.files[0].bad_byte = kMiB;
  facts = fixture.read(true);
  CHECK(facts.ties.at(0).bytes == TieBytes::kNotRead);
  CHECK(facts.scans[0] == ScanResult{});
  facts = fixture.read(false);
  CHECK(facts.ties.at(0).bytes == TieBytes::kNotRead);
  CHECK(facts.error == "reading 'x': Input/output error");
}

TEST_CASE("check: reading reports its progress and stops when asked") {
  Fixture fixture = tied();
  Progress last;
  std::atomic<bool> stop{};
  DataRequest request{.all = true, .threads = 2};
  request.monitor = {.report = [&](const Progress& progress) { last = progress; }, .stop = &stop};
  REQUIRE(read_data(fixture.checkpoint, &fixture.expected, request).has_value());
  CHECK(last.done == 3 * kMiB);
  CHECK(last.total == 3 * kMiB);

  fixture.files[0].bytes_read = 0;
  fixture.files[0].stop_after_first_read = &stop;
  const auto stopped = read_data(fixture.checkpoint, &fixture.expected, request);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().code == ErrorCode::kInterrupted);
  CHECK(fixture.files[0].bytes_read <= 2 * kMiB);  // one read of each thread

  request.all = false;
  CHECK_FALSE(read_data(fixture.checkpoint, &fixture.expected, request).has_value());
}

TEST_CASE("data: rows of routers are read with all else, each byte once") {
  // Longer than a buffer and than a unit of work, and not at the start of a page.
  constexpr std::uint64_t kRows = 64;
  constexpr std::uint64_t kColumns = 40'001;
  constexpr std::uint64_t kStart = 1234;
  constexpr std::uint64_t kRowBytes = kColumns * 4;
  for (const bool digests : {false, true}) {
    Fixture fixture;
    MemorySource& file = fixture.file(kStart + kRows * kRowBytes + 64);
    for (std::uint64_t row = 0; row < kRows; ++row)
      put_f32(file, kStart + (row + 1) * kRowBytes - 4,
              0x3F80'0000U + static_cast<std::uint32_t>(row));
    put_f32(file, kStart + 41 * kRowBytes - 4, 0x3F80'0000U + 7);  // row 40 as row 7
    put_f32(file, kStart + 64 * kRowBytes - 4, 0);                 // the last
    fixture.add("router", DType::kF32, {kRows, kColumns}, file, kStart);
    fixture.add("other", DType::kF32, {4, 4}, file, kStart + kRows * kRowBytes);
    const Shape shape = {kRows, kColumns};
    const Shape small = {4, 4};
    fixture.expected.tensors = {{.name = "router", .shape = shape, .role = Role::kRouter},
                                {.name = "other", .shape = small}};
    auto facts = read_data(fixture.checkpoint, &fixture.expected,
                           {.all = true, .digests = digests, .threads = 3});
    REQUIRE(facts.has_value());
    REQUIRE(facts->rows.size() == 2);
    REQUIRE(facts->rows[0].has_value());
    CHECK(*facts->rows[0] == RowFacts{.rows = kRows, .zero = {63}, .equal = {{7, 40}}});
    CHECK(!facts->rows[1]);
    CHECK(file.bytes_read.load() < kRows * kRowBytes + 100'000);
    CHECK(facts->scans[0] == fixture.scanned(0));
  }
}

TEST_CASE("data: a router of another shape than the config's has no rows") {
  Fixture fixture;
  MemorySource& file = fixture.file(4096);
  fixture.add("router", DType::kBF16, {16, 4}, file, 0);
  const Shape shape = {4, 16};
  fixture.expected.tensors = {{.name = "router", .shape = shape, .role = Role::kRouter}};
  CHECK(!fixture.read(true).rows[0]);
}

TEST_CASE("check: a hole of zeros is one run, across buffers, units and pairs") {
  Fixture fixture;
  MemorySource& file = fixture.file(24 * kMiB);
  std::ranges::fill(file.data, std::byte{0x3E});
  fixture.add("large", DType::kF32, {20 * kMiB / 4 - 1}, file, 4);
  fixture.add("twin", DType::kU8, {2 * kMiB}, file, 20 * kMiB);
  fixture.add("same", DType::kU8, {2 * kMiB}, file, 22 * kMiB);
  fixture.expected.ties.push_back({.target = "same", .source = "twin"});
  const auto blank = [&](std::uint64_t from, std::uint64_t to) {
    std::memset(file.data.data() + from, 0, to - from);
  };
  blank(5 * kMiB, 17 * kMiB);
  blank(18 * kMiB, 18 * kMiB + 4095);
  blank(21 * kMiB, 21 * kMiB + 8192);
  for (const int threads : {1, 3}) {
    const DataFacts facts = fixture.read(true, threads);
    using Runs = std::vector<ZeroRun>;
    REQUIRE(facts.zero_runs.size() == 3);
    CHECK(facts.zero_runs[0] == Runs{{5 * kMiB - 4, 17 * kMiB - 4}});
    CHECK(facts.zero_runs[1] == Runs{{kMiB, kMiB + 8192}});
    CHECK(facts.zero_runs[2].empty());
  }
  CHECK(fixture.read(false).zero_runs.empty());
}

}  // namespace shardwright
