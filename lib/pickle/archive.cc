#include "pickle/archive.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/try.h"
#include "base/utf8.h"
#include "pickle/machine.h"
#include "pickle/refusal.h"
#include "pickle/zip.h"

namespace shardwright::pickle {
namespace {

constexpr std::uint64_t kMaxPickle = 128ULL << 20U;
constexpr std::string_view kPickleName = "data.pkl";
constexpr std::size_t kStart = 16;

// The file's first bytes say which form it has.
Status check_form(const ByteSource& source) {
  std::string start(std::min<std::uint64_t>(source.size(), kStart), '\0');
  SW_TRY_OK(source.read(0, std::as_writable_bytes(std::span(start))));
  if (start.starts_with("PK\x03\x04")) return ok();
  if (start.starts_with('\x80')) {
    return unsupported(
        "it is a bare pickle, as torch.save wrote before 1.6, which is not read: load it with a "
        "recent torch and save it again, or convert it to safetensors");
  }
  if (start.empty()) return malformed("it is empty");
  return malformed("it is no file that torch.save wrote");
}

class ArchiveReader {
 public:
  ArchiveReader(const ByteSource& source, std::vector<ZipEntry> entries)
      : source_(source), entries_(std::move(entries)) {}

  Result<std::vector<StoredTensor>> run() {
    SW_TRY_OK(find_prefix());
    SW_TRY_OK(check_byte_order());
    SW_TRY(const std::string pickle, read(prefix_ + std::string(kPickleName), kMaxPickle));
    auto root = run_pickle(pickle, values_);
    if (!root) return std::move(root).error().within(kPickleName);
    SW_TRY_OK(take_dict(values_[*root]));
    return std::move(tensors_);
  }

 private:
  [[nodiscard]] const ZipEntry* find(std::string_view name) const {
    const auto found = std::ranges::lower_bound(
        entries_, name, {}, [](const ZipEntry& entry) { return std::string_view(entry.name); });
    return found == entries_.end() || found->name != name ? nullptr : &*found;
  }

  // The entry of that name, whose bytes are what it holds.
  [[nodiscard]] Result<const ZipEntry*> stored(const std::string& name) const {
    const ZipEntry* entry = find(name);
    if (entry == nullptr) return malformed(fmt::format("there is no {}", quoted(name)));
    if (entry->obstacle.empty()) return entry;
    return unsupported(fmt::format(
        "{} is {}, and torch.save writes it plain: load the file with torch, and save it again",
        quoted(name), entry->obstacle));
  }

  Result<std::string> read(const std::string& name, std::uint64_t limit) const {
    SW_TRY(const ZipEntry* entry, stored(name));
    if (entry->bytes > limit)
      return unsupported(fmt::format("{} has {} bytes", quoted(name), entry->bytes));
    std::string text(entry->bytes, '\0');
    SW_TRY_OK(source_.read(entry->begin, std::as_writable_bytes(std::span(text))));
    return text;
  }

  // All entries lie in one folder, whose name is the file's as it was saved.
  Status find_prefix() {
    for (const ZipEntry& entry : entries_) {
      const std::size_t slash = entry.name.find('/');
      if (slash == std::string::npos || entry.name.substr(slash + 1) != kPickleName) continue;
      if (!prefix_.empty())
        return malformed(fmt::format("it has two entries {}", quoted(kPickleName)));
      prefix_ = entry.name.substr(0, slash + 1);
    }
    if (prefix_.empty()) {
      return malformed(
          fmt::format("it is a zip archive without {}: torch.save did not write it", kPickleName));
    }
    if (find(prefix_ + "constants.pkl") != nullptr) {
      return unsupported(
          "it is a program (TorchScript), not weights alone: save the model's state_dict()");
    }
    return ok();
  }

  Status check_byte_order() const {
    constexpr std::string_view kLittle = "little";
    if (find(prefix_ + "byteorder") == nullptr) return ok();  // torch before 2.1
    SW_TRY(const std::string order, read(prefix_ + "byteorder", kStart));
    if (order == kLittle) return ok();
    return unsupported(fmt::format(
        "its byte order is {}: load it with torch, and save it again on a little-endian machine",
        quoted(order)));
  }

  static std::string_view what_is(ValueKind kind) {
    constexpr std::array<std::string_view, 11> kWords = {
        "nothing", "a truth value", "a whole number", "a number",  "text",    "a tuple",
        "a list",  "a dict",        "a class",        "a storage", "a tensor"};
    return kWords.at(static_cast<std::size_t>(kind));
  }

  Status take_dict(const Value& dict) {
    if (dict.kind != ValueKind::kDict) {
      return unsupported(
          fmt::format("it holds {}, not tensors by name: save a state dict", what_is(dict.kind)));
    }
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const Value& name = values_[dict.items[i]];
      const Value& value = values_[dict.items[i + 1]];
      if (name.kind != ValueKind::kString) {
        return unsupported(
            fmt::format("it has {} in the place of a tensor's name: save a state "
                        "dict",
                        what_is(name.kind)));
      }
      if (value.kind == ValueKind::kDict) {
        return unsupported(
            fmt::format("{} is a dict, as in checkpoints of a training: save the dict of tensors "
                        "alone, with torch.save(torch.load(FILE)[{}], FILE)",
                        quoted(name.text), quoted(name.text)));
      }
      if (value.kind != ValueKind::kTensor) {
        return unsupported(fmt::format("{} is {}, not a tensor: save a state dict of tensors alone",
                                       quoted(name.text), what_is(value.kind)));
      }
      auto tensor = place(name.text, value);
      if (!tensor) return std::move(tensor).error().within(quoted(name.text));
      tensors_.push_back(*std::move(tensor));
    }
    std::vector<std::string_view> names;
    for (const StoredTensor& tensor : tensors_)
      names.push_back(tensor.name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) return malformed(fmt::format("{} is there twice", quoted(*twice)));
    return ok();
  }

  [[nodiscard]] Shape numbers(ValueId id) const {
    Shape all;
    for (const ValueId item : values_[id].items)
      all.push_back(static_cast<std::uint64_t>(values_[item].number));
    return all;
  }

  [[nodiscard]] Result<StoredTensor> place(std::string_view name, const Value& value) const {
    StoredTensor tensor{.name = std::string(name),
                        .dtype = value.dtype.value_or(DType::kF32),
                        .shape = numbers(value.items[2]),
                        .strides = numbers(value.items[3])};
    const Value& storage = values_[value.items[0]];
    const std::string entry_name = fmt::format("{}data/{}", prefix_, storage.text);
    SW_TRY(const ZipEntry* entry, stored(entry_name));
    const std::uint64_t width = dtype_bits(tensor.dtype) / 8;
    const std::uint64_t unit = storage.dtype ? width : 1;
    if (checked_mul(static_cast<std::uint64_t>(storage.number), unit) != entry->bytes) {
      return malformed(fmt::format("{} has {} bytes and is said to have {} elements of {}",
                                   quoted(entry_name), entry->bytes, storage.number, unit));
    }
    const auto bytes = size_in_bytes(tensor.dtype, tensor.shape);
    if (!bytes) return malformed("its shape has no size");
    tensor.bytes = *bytes;
    tensor.begin = entry->begin;
    tensor.dense = true;
    if (tensor.bytes == 0) return tensor;
    const auto first = static_cast<std::uint64_t>(values_[value.items[1]].number);
    const auto last = last_element(tensor, first);
    if (!last || *last >= entry->bytes / width)
      return malformed(fmt::format("its elements reach beyond {}", quoted(entry_name)));
    tensor.begin = entry->begin + first * width;
    tensor.dense = is_dense(tensor);
    return tensor;
  }

  // Of a tensor with elements, the position of that which lies farthest behind in the storage.
  static std::optional<std::uint64_t> last_element(const StoredTensor& tensor,
                                                   std::uint64_t first) {
    std::optional<std::uint64_t> last = first;
    for (std::size_t i = 0; i < tensor.shape.size() && last; ++i) {
      const auto reach = checked_mul(tensor.shape[i] - 1, tensor.strides[i]);
      last = reach ? checked_add(*last, *reach) : std::nullopt;
    }
    return last;
  }

  // The stride of an extent of one moves nothing.
  static bool is_dense(const StoredTensor& tensor) {
    std::uint64_t stride = 1;
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
      if (tensor.shape[i] == 1) continue;
      if (tensor.strides[i] != stride) return false;
      stride *= tensor.shape[i];
    }
    return true;
  }

  const ByteSource& source_;
  std::vector<ZipEntry> entries_;
  std::string prefix_;
  Values values_;
  std::vector<StoredTensor> tensors_;
};

}  // namespace

Result<std::vector<StoredTensor>> read_archive(const ByteSource& source) {
  SW_TRY_OK(check_form(source));
  SW_TRY(std::vector<ZipEntry> entries, read_zip(source));
  return ArchiveReader(source, std::move(entries)).run();
}

}  // namespace shardwright::pickle
