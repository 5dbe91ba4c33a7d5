// The wire format of protocol buffers, as far as a model of sentencepiece needs it:
// https://protobuf.dev/programming-guides/encoding
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shardwright {

// A field of a protocol buffer that is a text or a message; the others are passed over.
struct ProtoField {
  std::uint64_t number{};
  std::string_view bytes{};
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // The next field with bytes; none at the end, and where the message is damaged.
  std::optional<ProtoField> next() {
    while (!rest_.empty()) {
      const auto key = varint();
      const std::uint64_t kind = key ? *key & 7U : kNoKind;
      if (kind == kText) {
        const auto size = varint();
        const auto bytes = size ? take(*size) : std::nullopt;
        if (bytes) return ProtoField{*key >> 3U, *bytes};
        damaged_ = true;
      } else if (kind == kVarint) {
        damaged_ = !varint();
      } else {
        damaged_ =
            !(kind == kEightBytes || kind == kFourBytes) || !take(kind == kEightBytes ? 8 : 4);
      }
      if (damaged_) return std::nullopt;
    }
    return std::nullopt;
  }

  // Of next() without a field: whether there is more, and no sense in it.
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  static constexpr std::uint64_t kVarint = 0;
  static constexpr std::uint64_t kEightBytes = 1;
  static constexpr std::uint64_t kText = 2;
  static constexpr std::uint64_t kFourBytes = 5;
  static constexpr std::uint64_t kNoKind = 8;

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> take(std::uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool damaged_{};
};

}  // namespace shardwright
