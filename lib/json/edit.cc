#include "json/edit.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "json/pull.h"

namespace shardwright::json {
namespace {

constexpr PullOptions kLenient = {.non_finite = true};  // as parse() reads
constexpr std::string_view kSpace = " \t\r\n";

struct Span {
  std::size_t begin{};
  std::size_t end{};
};

// A member of an object, or an element of an array, which has no key.
struct Item {
  Span key{};  // with quotes
  Span value{};
  bool matches{};
};

// An object or array whose items were looked at.
struct Container {
  Span span{};
  bool is_object{};
  std::vector<Item> items{};
};

std::string_view slice(std::string_view text, Span span) {
  return text.substr(span.begin, span.end - span.begin);
}

// The offset behind a byte-order mark.
std::size_t content_begin(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
}

// The place of the one value that `text` holds from `offset` on.
Result<Span> whole_value(std::string_view text, std::size_t offset) {
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    return Error{ErrorCode::kMalformed,
                 fmt::format("{}: bytes that are not UTF-8", place_text(text, bad))};
  }
  const std::string_view content = text.substr(offset);
  PullParser parser(content, kLenient);
  parser.next();
  Span span{.begin = parser.begin() + offset};
  parser.skip();
  span.end = parser.end() + offset;
  if (parser.token() == Token::kError || parser.next() != Token::kEnd) {
    return Error{
        ErrorCode::kMalformed,
        fmt::format("{}: {}", place_text(content, parser.error().at), parser.error().what)};
  }
  return span;
}

// The steps of a pointer, unescaped; none where it is not RFC 6901.
std::optional<std::vector<std::string>> pointer_steps(std::string_view pointer) {
  std::vector<std::string> steps;
  if (pointer.empty()) return steps;
  if (pointer.front() != '/') return std::nullopt;
  for (const std::string_view part : split(pointer.substr(1), '/')) {
    std::string step;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] != '~') {
        step += part[i];
        continue;
      }
      ++i;
      if (i == part.size() || (part[i] != '0' && part[i] != '1')) return std::nullopt;
      step += part[i] == '0' ? '~' : '/';
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

// Whether a step names the element at `position` of an array: digits without a leading zero.
bool names_element(std::string_view step, std::size_t position) {
  return step == std::to_string(position);
}

// The container at `span` of a valid text, its items, and which of them `step` names.
std::optional<Container> open_container(std::string_view text, Span span, std::string_view step) {
  PullParser parser(slice(text, span), kLenient);
  const Token opener = parser.next();
  if (opener != Token::kBeginObject && opener != Token::kBeginArray) return std::nullopt;
  Container container{.span = span, .is_object = opener == Token::kBeginObject};
  while (true) {
    const Token token = parser.next();
    if (token == Token::kEndObject || token == Token::kEndArray) return container;
    Item item;
    if (token == Token::kKey) {
      item.key = {.begin = span.begin + parser.begin(), .end = span.begin + parser.end()};
      item.matches = parser.escaped() ? decode_string(parser.raw()) == step : parser.raw() == step;
      parser.next();  // the first token of its value
    } else {
      item.matches = names_element(step, container.items.size());
    }
    item.value.begin = span.begin + parser.begin();
    if (!parser.skip()) return std::nullopt;
    item.value.end = span.begin + parser.end();
    container.items.push_back(item);
  }
}

// Of equal keys the last counts, for us as for every loader.
const Item* last_match(const Container& container) {
  const auto& items = container.items;
  const auto found =
      std::find_if(items.rbegin(), items.rend(), [](const Item& item) { return item.matches; });
  return found == items.rend() ? nullptr : &*found;
}

Error not_found(std::string_view pointer) {
  return {ErrorCode::kNotFound, fmt::format("nothing at {}", quoted(pointer))};
}

Error not_a_pointer(std::string_view pointer) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} is no JSON pointer", quoted(pointer))};
}

// The container that holds, or would hold, what `steps` name; `steps` is not empty.
Result<Container> find_parent(std::string_view text, const std::vector<std::string>& steps,
                              std::string_view pointer) {
  SW_TRY(Span span, whole_value(text, content_begin(text)));
  for (std::size_t i = 0;; ++i) {
    auto container = open_container(text, span, steps[i]);
    if (!container) return not_found(pointer);
    if (i + 1 == steps.size()) return *std::move(container);
    const Item* item = last_match(*container);
    if (item == nullptr) return not_found(pointer);
    span = item->value;
  }
}

// The place of the value that `steps` name.
Result<Span> value_at(std::string_view text, const std::vector<std::string>& steps,
                      std::string_view pointer) {
  if (steps.empty()) return whole_value(text, content_begin(text));
  SW_TRY(const Container parent, find_parent(text, steps, pointer));
  const Item* item = last_match(parent);
  if (item == nullptr) return not_found(pointer);
  return item->value;
}

// The white space before the first thing on the line of `offset`.
std::string_view line_indent(std::string_view text, std::size_t offset) {
  const std::size_t line = text.substr(0, offset).rfind('\n') + 1;  // npos + 1 is 0
  const std::size_t end = std::min(text.find_first_not_of(" \t", line), text.size());
  return text.substr(line, end - line);
}

// One step of indentation: that of the first line that has any.
std::string_view indent_unit(std::string_view text) {
  for (std::size_t line = text.find('\n'); line != std::string_view::npos;
       line = text.find('\n', line + 1)) {
    const std::size_t end = text.find_first_not_of(" \t", line + 1);
    if (end != std::string_view::npos && end > line + 1 && text[end] != '\n' && text[end] != '\r') {
      return text.substr(line + 1, end - line - 1);
    }
  }
  return "  ";
}

std::string replace(std::string_view text, Span span, std::string_view by) {
  std::string out;
  out.reserve(text.size() + by.size());
  out += text.substr(0, span.begin);
  out += by;
  out += text.substr(span.end);
  return out;
}

std::string insert_member(std::string_view text, const Container& object, std::string_view key,
                          std::string_view value) {
  std::string member;
  append_string(member, key);
  if (object.items.empty()) {
    const Span inside{.begin = object.span.begin + 1, .end = object.span.end - 1};
    const std::size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) {
      return replace(text, inside, fmt::format("{}: {}", member, value));
    }
    const std::string_view newline = line_end > 0 && text[line_end - 1] == '\r' ? "\r\n" : "\n";
    const std::string_view indent = line_indent(text, object.span.begin);
    return replace(text, inside,
                   fmt::format("{}{}{}{}: {}{}{}", newline, indent, indent_unit(text), member,
                               value, newline, indent));
  }
  // As the last member is written: what stands before its key, and between key and value.
  const Item& last = object.items.back();
  const std::size_t before = text.find_last_not_of(kSpace, last.key.begin - 1) + 1;
  std::string_view gap = text.substr(before, last.key.begin - before);
  const std::string_view colon = text.substr(last.key.end, last.value.begin - last.key.end);
  // In {"a": 1} nothing stands before the first key, and a space after a comma.
  if (gap.find('\n') == std::string_view::npos && object.items.size() == 1) {
    gap = colon.ends_with(' ') ? " " : "";
  }
  const Span end{.begin = last.value.end, .end = last.value.end};
  return replace(text, end, fmt::format(",{}{}{}{}", gap, member, colon, value));
}

// The bytes that go with item `i`: up to the next item, or, of the last one, from the end of the
// item before it. With none left the container is empty: all between its brackets goes.
Span removal(const Container& container, std::size_t first, std::size_t last) {
  const auto start = [&](std::size_t i) {
    const Item& item = container.items[i];
    return container.is_object ? item.key.begin : item.value.begin;
  };
  const auto& items = container.items;
  if (last + 1 < items.size()) return {.begin = start(first), .end = start(last + 1)};
  if (first > 0) return {.begin = items[first - 1].value.end, .end = items[last].value.end};
  return {.begin = container.span.begin + 1, .end = container.span.end - 1};
}

// The text with an empty object for each step but the last that its object does not have.
Result<std::string> with_parents(std::string_view text, const std::vector<std::string>& steps,
                                 std::string_view pointer) {
  std::string grown(text);
  SW_TRY(Span span, whole_value(grown, content_begin(grown)));
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    auto container = open_container(grown, span, steps[i]);
    if (container && container->is_object && last_match(*container) == nullptr) {
      const std::size_t size = grown.size();
      grown = insert_member(grown, *container, steps[i], "{}");
      span.end += grown.size() - size;
      container = open_container(grown, span, steps[i]);
    }
    const Item* item = container ? last_match(*container) : nullptr;
    if (item == nullptr) return not_found(pointer);
    span = item->value;
  }
  return grown;
}

}  // namespace

Result<std::string> set_value(std::string_view text, std::string_view pointer,
                              std::string_view value) {
  if (auto whole = whole_value(value, 0); !whole) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the new value is no JSON: {}", whole.error().message)};
  }
  const auto steps = pointer_steps(pointer);
  if (!steps) return not_a_pointer(pointer);
  if (steps->empty()) {
    SW_TRY(const Span span, whole_value(text, content_begin(text)));
    return replace(text, span, value);
  }
  std::string grown;
  auto parent = find_parent(text, *steps, pointer);
  if (!parent && parent.error().code == ErrorCode::kNotFound) {
    SW_TRY(grown, with_parents(text, *steps, pointer));
    text = grown;
    parent = find_parent(text, *steps, pointer);
  }
  if (!parent) return std::move(parent).error();
  if (const Item* item = last_match(*parent)) return replace(text, item->value, value);
  if (!parent->is_object) return not_found(pointer);
  return insert_member(text, *parent, steps->back(), value);
}

Result<std::string> remove_value(std::string_view text, std::string_view pointer) {
  const auto steps = pointer_steps(pointer);
  if (!steps) return not_a_pointer(pointer);
  if (steps->empty()) {
    return Error{ErrorCode::kInvalidArgument, "the whole document cannot be removed"};
  }
  SW_TRY(const Container parent, find_parent(text, *steps, pointer));
  const auto& items = parent.items;
  std::string out(text);
  bool removed = false;
  // From the end, in runs of neighbours, so that the places before stay right.
  for (std::size_t last = items.size(); last-- > 0;) {
    if (!items[last].matches) continue;
    std::size_t first = last;
    while (first > 0 && items[first - 1].matches)
      --first;
    const Span span = removal(parent, first, last);
    out.erase(span.begin, span.end - span.begin);
    removed = true;
    last = first;
  }
  if (!removed) return not_found(pointer);
  return out;
}

Result<std::string> remove_shadowed(std::string_view text, std::string_view pointer) {
  const auto steps = pointer_steps(pointer);
  if (!steps) return not_a_pointer(pointer);
  SW_TRY(const Span span, value_at(text, *steps, pointer));
  const auto container = open_container(text, span, {});
  if (!container || !container->is_object) return not_found(pointer);
  std::vector<Span> gone;
  std::unordered_set<std::string> seen;
  // From the end: the last of equal keys is seen first. The last of all is never among them, so
  // that the others' places do not overlap.
  for (std::size_t i = container->items.size(); i-- > 0;) {
    const Span key = container->items[i].key;
    if (!seen.insert(decode_string(text.substr(key.begin + 1, key.end - key.begin - 2))).second)
      gone.push_back(removal(*container, i, i));
  }
  std::string out;
  std::size_t at = 0;
  for (const Span& one : std::views::reverse(gone)) {
    out += text.substr(at, one.begin - at);
    at = one.end;
  }
  out += text.substr(at);
  return out;
}

}  // namespace shardwright::json
