// A header: what it says is consistent, a slow and strict reader takes the same, and what is taken
// can be written again. Input: the bytes of data that follow the header, as a line of digits, then
// the JSON.
#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "safetensors/header.h"
#include "safetensors/writer.h"
#include "support/slow_header.h"

namespace shardwright::safetensors {
namespace {

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    PROPERTY(offset <= bytes_.size() && into.size() <= bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return ok();
  }

 private:
  std::string_view bytes_;
};

void check_tensors(const Header& header) {
  std::set<std::string_view> names;
  std::uint64_t covered = 0;
  for (const TensorEntry& tensor : header.tensors) {
    PROPERTY(names.insert(tensor.name).second);
    PROPERTY(find_invalid_utf8(tensor.name) == std::string_view::npos);
    if (header.usable()) PROPERTY(tensor.readable);
    if (!tensor.readable) continue;
    PROPERTY(tensor.begin <= tensor.end && tensor.end <= header.data_bytes);
    PROPERTY(size_in_bytes(tensor.dtype, tensor.shape) == tensor.end - tensor.begin);
    covered += tensor.end - tensor.begin;
  }
  if (!header.usable()) return;
  PROPERTY(covered == header.data_bytes);
  auto sorted = header.tensors;
  std::ranges::sort(sorted, {}, &TensorEntry::end);
  for (std::size_t i = 1; i < sorted.size(); ++i)
    PROPERTY(sorted[i].begin == sorted[i].end || sorted[i].begin >= sorted[i - 1].end);
}

void check_defects(const Header& header) {
  std::uint64_t counted = 0;
  for (const std::uint64_t count : header.counts)
    counted += std::min<std::uint64_t>(count, Header::kMaxDefects);
  PROPERTY(counted == header.defects.size());
  bool is_refused = false;
  std::size_t touched = 0;  // every view is read
  for (const Defect& defect : header.defects) {
    is_refused = is_refused || refused(defect.kind);
    touched += printable(defect.tensor).size() + printable(defect.other).size();
  }
  PROPERTY(header.usable() == !is_refused);
  PROPERTY(touched < ~std::size_t{0});
}

void check_against_slow(const Header& header, const std::string& text, std::uint64_t data) {
  if (header.count(DefectKind::kTooDeep) > 0) return;
  const test::SlowHeader slow = test::read_slowly(text, data);
  PROPERTY(header.usable() == slow.accepted);
  if (!slow.accepted) return;
  PROPERTY(header.tensors.size() == slow.tensors.size());
  for (std::size_t i = 0; i < slow.tensors.size(); ++i) {
    const TensorEntry& entry = header.tensors[i];
    const test::SlowEntry& same = slow.tensors[i];
    PROPERTY(entry.name == same.name && dtype_name(entry.dtype) == same.dtype);
    PROPERTY(entry.begin == same.begin && entry.end == same.end);
    PROPERTY(std::ranges::equal(entry.shape, same.shape));
  }
}

void check_writing(const Header& header) {
  if (!header.usable()) return;
  std::vector<TensorSpec> specs;
  for (const TensorEntry& tensor : header.tensors) {
    specs.push_back({.name = std::string(tensor.name),
                     .dtype = tensor.dtype,
                     .shape = Shape(tensor.shape.begin(), tensor.shape.end())});
  }
  const auto image = layout_header(specs, header.metadata, Order::kCanonical);
  PROPERTY(image);
  PROPERTY(image->data_bytes == header.data_bytes);
  const Header again =
      parse_header(image->bytes.substr(kPrefixBytes), image->bytes.size() + image->data_bytes);
  PROPERTY(again.defects.size() == again.count(DefectKind::kUnusualName));
  PROPERTY(again.metadata == header.metadata);
  PROPERTY(again.tensors.size() == specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = specs[image->tensors[i].spec];
    PROPERTY(again.tensors[i].name == spec.name && again.tensors[i].dtype == spec.dtype);
    PROPERTY(same_shape(again.tensors[i].shape, spec.shape));
  }
}

}  // namespace
}  // namespace shardwright::safetensors

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  using namespace shardwright::safetensors;
  const std::string_view input = as_text(data, size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::uint64_t bytes = parse_u64(input.substr(0, line)).value_or(0);
  const std::string text(input.substr(std::min(line + 1, input.size())));
  // Any size of data, but one with which the file's would wrap.
  const Header header = parse_header(text, kPrefixBytes + text.size() + bytes / 2);
  check_tensors(header);
  check_defects(header);
  check_against_slow(header, text, bytes / 2);
  check_writing(header);

  const MemorySource source(input);
  const auto file = read_header(source);
  PROPERTY(file);
  check_tensors(*file);
  PROPERTY(!foreign_name(sniff(std::as_bytes(std::span(input)), input.size())).empty());
  return 0;
}
