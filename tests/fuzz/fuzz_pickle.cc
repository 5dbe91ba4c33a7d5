// A file of torch.save: what is taken lies in the file, and reads the same in one piece and in two.
// Input: 'f' and a whole file, or 'p' and a pickle that is put into an archive with three storages.
#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "fuzz/target.h"
#include "pickle/archive.h"
#include "pickle/strided.h"
#include "support/archive.h"

namespace shardwright::pickle {
namespace {

class PickledBytes final : public ByteSource {
 public:
  explicit PickledBytes(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Status read(std::uint64_t offset, MutableBytes into) const override {
    PROPERTY(offset <= bytes_.size() && into.size() <= bytes_.size() - offset);
    if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return ok();
  }

 private:
  std::string_view bytes_;
};

void check_reads(const ByteSource& source, const StoredTensor& tensor) {
  constexpr std::uint64_t kMost = 4096;  // a view may have more elements than any memory
  const std::uint64_t bytes = std::min(kMost, tensor.bytes);
  for (const std::uint64_t from : {std::uint64_t{0}, tensor.bytes - bytes}) {
    std::vector<std::byte> whole(bytes);
    PROPERTY(read_elements(source, tensor, from, whole));
    const std::uint64_t first = bytes / 3;
    std::vector<std::byte> parts(bytes);
    PROPERTY(read_elements(source, tensor, from, MutableBytes(parts).first(first)));
    PROPERTY(read_elements(source, tensor, from + first, MutableBytes(parts).subspan(first)));
    PROPERTY(whole == parts);
  }
}

void check_archive(std::string_view file) {
  const PickledBytes source(file);
  const auto tensors = read_archive(source);
  if (!tensors) {
    PROPERTY(find_invalid_utf8(tensors.error().message) == std::string_view::npos);
    return;
  }
  std::set<std::string_view> names;
  for (const StoredTensor& tensor : *tensors) {
    PROPERTY(names.insert(tensor.name).second);
    PROPERTY(find_invalid_utf8(tensor.name) == std::string_view::npos);
    PROPERTY(tensor.shape.size() == tensor.strides.size());
    PROPERTY(size_in_bytes(tensor.dtype, tensor.shape) == tensor.bytes);
    check_reads(source, tensor);
  }
}

}  // namespace
}  // namespace shardwright::pickle

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shardwright;
  const std::string_view input = as_text(data, size);
  if (input.empty()) return 0;
  const std::string_view rest = input.substr(1);
  if (input.front() == 'f') {
    pickle::check_archive(rest);
  } else {
    pickle::check_archive(test::make_archive(
        rest, {{"0", std::string(24, 'x')}, {"1", std::string(80, 'y')}, {"2", ""}}));
  }
  return 0;
}
