#include "safetensors/header.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/name_set.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/pull.h"
#include "safetensors/ranges.h"

namespace shardwright::safetensors {
namespace {

using json::Token;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};
constexpr std::size_t kDType = 0;
constexpr std::size_t kShape = 1;
constexpr std::size_t kRange = 2;
constexpr std::size_t kLongestNumber = 40;  // that a message repeats

// What of an entry was read so far.
struct Draft {
  TensorEntry tensor{};
  std::array<bool, 3> seen{};
  std::array<bool, 3> good{};
};

class HeaderParser {
 public:
  HeaderParser(Header& header, std::string_view text)
      : header_(header), parser_(text, {.max_depth = kMaxHeaderDepth}), text_(text) {}

  // Parses the object; `offset` is where `text` begins in the header.
  void run(std::size_t offset) {
    // About as many as there will be, by the length of usual entries; more only take longer.
    const std::size_t likely = text_.size() / 100;
    header_.tensors.reserve(likely);
    states_.reserve(likely);
    names_.reserve(likely);
    const Token root = parser_.next();
    if (root == Token::kBeginObject) {
      while (parser_.next() == Token::kKey)
        member();
    } else if (root != Token::kError) {
      add_defect(header_, DefectKind::kNotObject)->detail = json::token_kind(root);
      parser_.skip();
    }
    if (parser_.token() == Token::kError) {
      syntax_defect(offset);
      check_entries(header_, states_);
    } else if (root == Token::kBeginObject) {
      tail(offset);
      check_entries(header_, states_);
      check_coverage(header_, states_);
    }
    drop_unread();
  }

 private:
  void syntax_defect(std::size_t offset) {
    const json::PullError& error = parser_.error();
    Defect* defect =
        add_defect(header_, error.too_deep ? DefectKind::kTooDeep : DefectKind::kNotJson);
    defect->found = offset + error.at;
    defect->detail = fmt::format("{} at byte {}", error.what, offset + error.at);
  }

  // What stands behind the object.
  void tail(std::size_t offset) {
    const std::string_view rest = text_.substr(parser_.end());
    const std::size_t odd = rest.find_first_not_of(' ');
    if (odd == std::string_view::npos) return;
    const std::size_t bad = rest.find_first_not_of(kSpace);
    const bool is_bad = bad != std::string_view::npos;
    Defect* defect = add_defect(header_, is_bad ? DefectKind::kBadPadding : DefectKind::kPadding);
    defect->found = offset + parser_.end() + (is_bad ? bad : odd);
    defect->detail = !is_bad             ? "white space other than spaces after the object"
                     : rest[bad] == '\0' ? "NUL bytes after the object"
                                         : "text after the object";
  }

  // The key or string at the parser, decoded; lives as long as the header.
  std::string_view text_here() {
    if (!parser_.escaped()) return parser_.raw();
    return header_.decoded.emplace_back(json::decode_string(parser_.raw()));
  }

  void member() {
    const std::string_view name = text_here();
    if (name == kMetadataKey) {
      metadata();
      return;
    }
    const bool controls = parser_.escaped() && std::ranges::any_of(name, [](char c) {
                            return static_cast<unsigned char>(c) < 0x20;
                          });
    if (name.empty() || controls || name.find('\x7F') != std::string_view::npos) {
      add_defect(header_, DefectKind::kUnusualName, name);
    }
    entry(name);
  }

  void entry(std::string_view name) {
    Draft draft{.tensor = {.name = name}};
    const Token token = parser_.next();
    if (token == Token::kBeginObject) {
      while (parser_.next() == Token::kKey)
        entry_member(draft);
      missing_fields(draft);
    } else if (token == Token::kBeginArray) {
      entry_array(draft);
    } else if (token != Token::kError) {
      if (Defect* defect = malformed(draft, {})) defect->detail = json::token_kind(token);
    }
    if (parser_.token() == Token::kError) return;
    keep(draft);
  }

  // The last of equal names counts; it takes the place of the first.
  void keep(const Draft& draft) {
    const EntryState state = !draft.good[kShape] || !draft.good[kRange] ? EntryState::kNoRange
                             : !draft.good[kDType]                      ? EntryState::kNoDType
                                                                        : EntryState::kWhole;
    auto& tensors = header_.tensors;
    const auto name_at = [&](std::size_t i) { return tensors[i].name; };
    if (const auto first = names_.insert(draft.tensor.name, tensors.size(), name_at)) {
      add_defect(header_, DefectKind::kDuplicateTensor, draft.tensor.name);
      tensors[*first] = draft.tensor;
      states_[*first] = state;
      return;
    }
    tensors.push_back(draft.tensor);
    states_.push_back(state);
  }

  void drop_unread() {
    const auto& states = states_;
    if (std::ranges::all_of(states, [](EntryState s) { return s == EntryState::kWhole; })) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == EntryState::kWhole) header_.tensors[kept++] = header_.tensors[i];
    }
    header_.tensors.resize(kept);
  }

  void entry_member(Draft& draft) {
    const std::string_view key = text_here();
    const auto* found = std::ranges::find(kFields, key);
    if (found == kFields.end()) {
      if (Defect* defect = add_defect(header_, DefectKind::kUnknownKey, draft.tensor.name)) {
        defect->other = key;
      }
      parser_.skip();
      return;
    }
    const auto field = static_cast<std::size_t>(found - kFields.begin());
    if (draft.seen[field]) {
      if (Defect* defect = add_defect(header_, DefectKind::kDuplicateKey, draft.tensor.name)) {
        defect->other = *found;
      }
    }
    read_field(draft, field);
  }

  // ["F32", [2, 3], [0, 24]]: the reference reader's JSON library reads objects from lists, too.
  void entry_array(Draft& draft) {
    std::size_t count = 0;
    for (Token token = parser_.next(); token != Token::kEndArray; token = parser_.next()) {
      if (token == Token::kError) return;
      if (count < kFields.size()) {
        take_field(draft, count, token);
      } else {
        parser_.skip();
      }
      ++count;
    }
    if (count == kFields.size()) {
      add_defect(header_, DefectKind::kUnusualForm, draft.tensor.name);
      return;
    }
    draft.good = {};
    if (Defect* defect = malformed(draft, {})) {
      defect->detail = fmt::format("a list of {} values", count);
    }
  }

  void missing_fields(const Draft& draft) {
    if (parser_.token() == Token::kError) return;
    for (std::size_t field = 0; field < kFields.size(); ++field) {
      if (draft.seen[field]) continue;
      if (Defect* defect = malformed(draft, kFields[field])) defect->detail = "absent";
    }
  }

  void read_field(Draft& draft, std::size_t field) {
    const Token token = parser_.next();
    if (token != Token::kError) take_field(draft, field, token);
  }

  // The value of a field, whose first token is `token`, up to its last.
  void take_field(Draft& draft, std::size_t field, Token token) {
    draft.seen[field] = true;
    draft.good[field] = field == kDType   ? take_dtype(draft, token)
                        : field == kShape ? take_shape(draft, token)
                                          : take_range(draft, token);
  }

  bool take_dtype(Draft& draft, Token token) {
    if (token == Token::kString) return set_dtype(draft, text_here());
    if (token != Token::kBeginObject) {
      if (Defect* defect = malformed(draft, kFields[kDType]))
        defect->detail = json::token_kind(token);
      parser_.skip();
      return false;
    }
    // {"F32": null}: the reference reader's JSON library reads an enumerator so, too.
    std::size_t members = 0;
    std::string_view key;
    bool is_null = false;
    while (parser_.next() == Token::kKey) {
      ++members;
      key = text_here();
      is_null = parser_.next() == Token::kNull;
      if (!parser_.skip()) return false;
    }
    if (parser_.token() == Token::kError) return false;
    if (members != 1 || !is_null) {
      if (Defect* defect = malformed(draft, kFields[kDType]))
        defect->detail = json::token_kind(token);
      return false;
    }
    add_defect(header_, DefectKind::kUnusualForm, draft.tensor.name);
    return set_dtype(draft, key);
  }

  bool set_dtype(Draft& draft, std::string_view name) {
    if (name != last_dtype_name_) {
      const auto dtype = dtype_from_name(name);
      if (!dtype) {
        if (Defect* defect = add_defect(header_, DefectKind::kUnknownDType, draft.tensor.name)) {
          defect->detail = name;
        }
        return false;
      }
      last_dtype_name_ = dtype_name(*dtype);
      last_dtype_ = *dtype;
    }
    draft.tensor.dtype = last_dtype_;
    return true;
  }

  bool take_shape(Draft& draft, Token token) {
    numbers_.clear();
    if (!take_numbers(draft, kShape, token)) return false;
    draft.tensor.shape = store(numbers_);
    return true;
  }

  bool take_range(Draft& draft, Token token) {
    numbers_.clear();
    if (!take_numbers(draft, kRange, token)) return false;
    if (numbers_.size() != 2) {
      if (Defect* defect = malformed(draft, kFields[kRange])) {
        defect->detail = fmt::format("{} numbers", numbers_.size());
      }
      return false;
    }
    draft.tensor.begin = numbers_[0];
    draft.tensor.end = numbers_[1];
    return true;
  }

  // A list of whole numbers, into numbers_. Says what is wrong with it once.
  bool take_numbers(const Draft& draft, std::size_t field, Token token) {
    if (token != Token::kBeginArray) {
      if (Defect* defect = malformed(draft, kFields[field]))
        defect->detail = json::token_kind(token);
      parser_.skip();
      return false;
    }
    bool good = true;
    while (true) {
      const Token element = parser_.next();
      if (element == Token::kEndArray) return good;
      if (element == Token::kError) return false;
      const auto number = parser_.unsigned_number();
      if (number) {
        numbers_.push_back(*number);
        continue;
      }
      Defect* defect = good ? malformed(draft, kFields[field]) : nullptr;
      if (defect != nullptr) {
        const bool is_number = element == Token::kNumber;
        defect->detail = fmt::format("holds {}", is_number ? parser_.raw().substr(0, kLongestNumber)
                                                           : json::token_kind(element));
      }
      good = false;
      if (!parser_.skip()) return false;
    }
  }

  // Copies extents to where they stay: chunks that never grow past what they were made for.
  ShapeView store(const std::vector<std::uint64_t>& shape) {
    auto& chunks = header_.extents;
    if (chunks.empty() || chunks.back().capacity() - chunks.back().size() < shape.size()) {
      const std::size_t last = chunks.empty() ? 32 : chunks.back().capacity();
      chunks.emplace_back().reserve(std::max(shape.size(), std::min<std::size_t>(2 * last, 16384)));
    }
    auto& chunk = chunks.back();
    const std::size_t at = chunk.size();
    chunk.insert(chunk.end(), shape.begin(), shape.end());
    return ShapeView(chunk).subspan(at);
  }

  void metadata() {
    if (metadata_seen_) {
      if (Defect* defect = add_defect(header_, DefectKind::kDuplicateKey)) {
        defect->other = kMetadataKey;
      }
    }
    metadata_seen_ = true;
    header_.metadata.clear();
    const Token token = parser_.next();
    if (token == Token::kNull || token == Token::kError) return;
    if (token != Token::kBeginObject) {
      metadata_malformed({}, token);
      return;
    }
    header_.has_metadata = true;
    NameSet keys;
    auto& members = header_.metadata;
    while (parser_.next() == Token::kKey) {
      const std::string_view key = text_here();
      const Token value = parser_.next();
      if (value == Token::kError) return;
      if (value != Token::kString) {
        metadata_malformed(key, value);
        continue;
      }
      std::string text = json::decode_string(parser_.raw());
      const auto key_at = [&](std::size_t i) { return std::string_view(members[i].first); };
      if (const auto first = keys.insert(key, members.size(), key_at)) {
        if (Defect* defect = add_defect(header_, DefectKind::kDuplicateMetadata)) {
          defect->other = key;
        }
        members[*first].second = std::move(text);
      } else {
        members.emplace_back(key, std::move(text));
      }
    }
  }

  void metadata_malformed(std::string_view key, Token token) {
    if (Defect* defect = add_defect(header_, DefectKind::kMetadataMalformed)) {
      defect->other = key;
      defect->detail = json::token_kind(token);
    }
    parser_.skip();
  }

  Defect* malformed(const Draft& draft, std::string_view field) {
    Defect* defect = add_defect(header_, DefectKind::kEntryMalformed, draft.tensor.name);
    if (defect != nullptr) defect->other = field;
    return defect;
  }

  Header& header_;
  json::PullParser parser_;
  std::string_view text_;
  NameSet names_;
  std::vector<EntryState> states_;
  std::vector<std::uint64_t> numbers_;  // of the list being read
  std::string_view last_dtype_name_{"F32"};
  DType last_dtype_{DType::kF32};
  bool metadata_seen_{};
};

}  // namespace

Header parse_header(std::string text, std::uint64_t file_bytes) {
  Header header;
  header.header_bytes = text.size();
  const std::uint64_t start = header.data_start();
  header.data_bytes = file_bytes > start ? file_bytes - start : 0;
  header.text = std::make_unique<const std::string>(std::move(text));
  const std::string_view whole = *header.text;
  if (whole.empty()) {
    add_defect(header, DefectKind::kLengthZero);
    return header;
  }
  if (const std::size_t bad = find_invalid_utf8(whole); bad != std::string_view::npos) {
    add_defect(header, DefectKind::kNotUtf8)->found = bad;
    return header;
  }
  std::size_t offset = 0;
  if (whole.starts_with(kByteOrderMark)) {
    offset = kByteOrderMark.size();
    add_defect(header, DefectKind::kBadPadding)->detail = "a byte-order mark before the object";
  } else if (kSpace.find(whole.front()) != std::string_view::npos) {
    add_defect(header, DefectKind::kPadding)->detail = "white space before the object";
  }
  HeaderParser(header, whole.substr(offset)).run(offset);
  return header;
}

Result<Header> read_header(const ByteSource& source) {
  const std::uint64_t size = source.size();
  Header header;
  const auto stop = [&](DefectKind kind, std::uint64_t found, std::uint64_t expected) {
    Defect* defect = add_defect(header, kind);
    defect->found = found;
    defect->expected = expected;
    return std::move(header);
  };
  if (size < kPrefixBytes) return stop(DefectKind::kTooShort, size, kPrefixBytes);
  std::array<std::byte, kPrefixBytes> prefix{};
  SW_TRY_OK(source.read(0, prefix));
  const std::uint64_t length = load_u64(prefix.data());
  header.header_bytes = length;
  if (length > kMaxHeaderBytes) {
    return stop(DefectKind::kLengthTooLarge, length, kMaxHeaderBytes);
  }
  if (length > size - kPrefixBytes) {
    return stop(DefectKind::kLengthBeyondFile, length, size - kPrefixBytes);
  }
  std::string text(length, '\0');
  SW_TRY_OK(source.read(kPrefixBytes, std::as_writable_bytes(std::span(text))));
  return parse_header(std::move(text), size);
}

}  // namespace shardwright::safetensors
