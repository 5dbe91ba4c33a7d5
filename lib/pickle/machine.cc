#include "pickle/machine.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/try.h"
#include "base/utf8.h"
#include "pickle/rebuild.h"
#include "pickle/refusal.h"

namespace shardwright::pickle {
namespace {

constexpr unsigned char kNewest = 5;  // protocol

struct OpcodeName {
  unsigned char code{};
  std::string_view name{};
};

// Those that are refused.
constexpr OpcodeName kRefused[] = {
    {'i', "INST"},
    {'o', "OBJ"},
    {0x81, "NEWOBJ"},
    {0x92, "NEWOBJ_EX"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {'P', "PERSID"},
    {'I', "INT"},
    {'L', "LONG"},
    {'F', "FLOAT"},
    {'S', "STRING"},
    {'V', "UNICODE"},
    {'T', "BINSTRING"},
    {'U', "SHORT_BINSTRING"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {0x8E, "BINBYTES8"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
    {0x8B, "LONG4"},
    {0x8F, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {'d', "DICT"},
    {'l', "LIST"},
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'p', "PUT"},
    {'g', "GET"},
};

std::string opcode_name(unsigned char code) {
  for (const OpcodeName& row : kRefused) {
    if (row.code == code) return std::string(row.name);
  }
  return fmt::format("0x{:02x}", code);
}

class Machine {
 public:
  Machine(std::string_view pickle, Values& values) : text_(pickle), values_(values) {}

  Result<ValueId> run() {
    if (text_.size() < 2 || byte(0) != 0x80)
      return malformed("it is no pickle of protocol 2 or later");
    if (byte(1) < 2 || byte(1) > kNewest) {
      return unsupported(fmt::format("it is a pickle of protocol {}, which is not read", byte(1)));
    }
    at_ = 2;
    while (!done_) {
      const std::size_t begin = at_;
      if (Status status = step(); !status)
        return std::move(status).error().within(fmt::format("byte {}", begin));
    }
    if (stack_.size() != 1 || !marks_.empty())
      return malformed("the pickle leaves more than one value");
    if (at_ != text_.size()) {
      return malformed(fmt::format("{} bytes follow the end of the pickle", text_.size() - at_));
    }
    return stack_.back();
  }

 private:
  [[nodiscard]] unsigned char byte(std::size_t at) const {
    return static_cast<unsigned char>(text_[at]);
  }

  Result<std::string_view> take(std::uint64_t bytes) {
    if (bytes > text_.size() - at_) return malformed("the pickle ends within it");
    at_ += bytes;
    return text_.substr(at_ - bytes, bytes);
  }

  template <typename Number>
  Result<Number> number() {
    SW_TRY(const std::string_view bytes, take(sizeof(Number)));
    Number value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  Result<std::string_view> line() {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) return malformed("the pickle ends within it");
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }

  // Values above the last mark.
  [[nodiscard]] std::size_t depth() const {
    return stack_.size() - (marks_.empty() ? 0 : marks_.back());
  }

  Result<ValueId> pop() {
    if (depth() == 0) return malformed("it takes a value where none is");
    const ValueId top = stack_.back();
    stack_.pop_back();
    return top;
  }

  Result<std::vector<ValueId>> pop(std::size_t count) {
    if (depth() < count) return malformed("it takes a value where none is");
    std::vector<ValueId> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  Result<std::vector<ValueId>> pop_mark() {
    if (marks_.empty()) return malformed("there is no mark");
    auto items = pop(depth());
    marks_.pop_back();
    return items;
  }

  Status push(Value value) {
    if (values_.is_full()) {
      return unsupported(fmt::format("it holds more than {} values", Values::kMost));
    }
    stack_.push_back(values_.add(std::move(value)));
    return ok();
  }

  Status push(Result<Value> value) {
    if (!value) return std::move(value).error();
    return push(*std::move(value));
  }

  Status push_int(std::int64_t value) {
    return push(Value{.kind = ValueKind::kInt, .number = value});
  }

  template <typename Number>
  Status push_number() {
    SW_TRY(const Number value, number<Number>());
    return push_int(value);
  }

  // Little-endian, two's complement.
  Status push_long() {
    SW_TRY(const auto bytes, number<std::uint8_t>());
    SW_TRY(const std::string_view digits, take(bytes));
    if (bytes > 8) return malformed("a whole number has more than 64 bits");
    std::uint64_t value = bytes > 0 && (digits.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), bytes);
    return push_int(static_cast<std::int64_t>(value));
  }

  template <typename Length>
  Status push_text() {
    SW_TRY(const Length length, number<Length>());
    SW_TRY(const std::string_view text, take(length));
    if (find_invalid_utf8(text) != std::string_view::npos)
      return malformed(fmt::format("the text {} is no UTF-8", quoted(text)));
    return push(Value{.kind = ValueKind::kString, .text = text});
  }

  Status push_tuple(Result<std::vector<ValueId>> items) {
    if (!items) return std::move(items).error();
    return push(Value{.kind = ValueKind::kTuple, .items = *std::move(items)});
  }

  Status memorize(std::uint64_t key) {
    if (depth() == 0) return malformed("it keeps a value where none is");
    memo_[key] = stack_.back();
    return ok();
  }

  template <typename Key>
  Status memorize_by() {
    SW_TRY(const Key key, number<Key>());
    return memorize(key);
  }

  template <typename Key>
  Status recall() {
    SW_TRY(const Key key, number<Key>());
    const auto found = memo_.find(key);
    if (found == memo_.end()) return malformed("it asks for a value that was not kept");
    stack_.push_back(found->second);
    return ok();
  }

  Status set_items(Result<std::vector<ValueId>> items, ValueKind kind) {
    if (!items) return std::move(items).error();
    if (depth() == 0 || values_[stack_.back()].kind != kind)
      return malformed("it adds to what is no dict or list");
    if (kind == ValueKind::kDict && items->size() % 2 != 0) return malformed("a key has no value");
    auto& into = values_[stack_.back()].items;
    into.insert(into.end(), items->begin(), items->end());
    return ok();
  }

  Status global() {
    SW_TRY(const std::string_view module, line());
    SW_TRY(const std::string_view name, line());
    return push(find_global(module, name));
  }

  Status stack_global() {
    SW_TRY(const std::vector<ValueId> names, pop(2));
    for (const ValueId name : names) {
      if (values_[name].kind != ValueKind::kString) return malformed("a global has no name");
    }
    return push(find_global(values_[names[0]].text, values_[names[1]].text));
  }

  // Attributes of the dict, which torch.nn.Module.state_dict() gives it: versions of modules.
  Status build() {
    SW_TRY(const std::vector<ValueId> both, pop(2));
    if (values_[both[0]].kind != ValueKind::kDict || values_[both[1]].kind != ValueKind::kDict)
      return malformed("it gives attributes to what is no dict");
    stack_.push_back(both[0]);
    return ok();
  }

  Status reduce() {
    SW_TRY(const std::vector<ValueId> both, pop(2));
    return push(call(values_, both[0], both[1]));
  }

  Status persistent() {
    SW_TRY(const ValueId id, pop());
    return push(find_storage(values_, id));
  }

  Status step() {
    SW_TRY(const auto code, number<unsigned char>());
    switch (code) {
      case '.':
        done_ = true;
        return ok();
      case '(':
        marks_.push_back(stack_.size());
        return ok();
      case 'N':
        return push(Value{.kind = ValueKind::kNone});
      case 0x88:
      case 0x89:
        return push(Value{.kind = ValueKind::kBool, .number = code == 0x88 ? 1 : 0});
      case 'K':
        return push_number<std::uint8_t>();
      case 'M':
        return push_number<std::uint16_t>();
      case 'J':
        return push_number<std::int32_t>();
      case 0x8A:
        return push_long();
      case 'G':
        SW_TRY_OK(take(sizeof(double)));
        return push(Value{.kind = ValueKind::kFloat});
      case 'X':
        return push_text<std::uint32_t>();
      case 0x8C:
        return push_text<std::uint8_t>();
      case 0x8D:
        return push_text<std::uint64_t>();
      case '}':
        return push(Value{.kind = ValueKind::kDict});
      case ']':
        return push(Value{.kind = ValueKind::kList});
      case ')':
        return push(Value{.kind = ValueKind::kTuple});
      case 't':
        return push_tuple(pop_mark());
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(pop(code - std::size_t{0x84}));
      case 's':
        return set_items(pop(2), ValueKind::kDict);
      case 'u':
        return set_items(pop_mark(), ValueKind::kDict);
      case 'a':
        return set_items(pop(1), ValueKind::kList);
      case 'e':
        return set_items(pop_mark(), ValueKind::kList);
      case 'q':
        return memorize_by<std::uint8_t>();
      case 'r':
        return memorize_by<std::uint32_t>();
      case 0x94:
        return memorize(memo_.size());
      case 'h':
        return recall<std::uint8_t>();
      case 'j':
        return recall<std::uint32_t>();
      case 'c':
        return global();
      case 0x93:
        return stack_global();
      case 'R':
        return reduce();
      case 'b':
        return build();
      case 'Q':
        return persistent();
      case 0x95:
        return frame();
      default:
        return unsupported(
            fmt::format("it has the opcode {}, which no state dict of plain tensors needs "
                        "and which was not run: save one with torch.save, or convert it "
                        "to safetensors where you trust it",
                        opcode_name(code)));
    }
  }

  // How many bytes a reader of a stream may fetch at once.
  Status frame() {
    SW_TRY(const auto bytes, number<std::uint64_t>());
    if (bytes > text_.size() - at_) return malformed("the pickle ends within a frame");
    return ok();
  }

  std::string_view text_;
  Values& values_;
  std::size_t at_{};
  bool done_{};
  std::vector<ValueId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, ValueId> memo_;
};

}  // namespace

Result<ValueId> run_pickle(std::string_view pickle, Values& values) {
  return Machine(pickle, values).run();
}

}  // namespace shardwright::pickle
