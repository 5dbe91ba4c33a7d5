// `tensors` of a rule: blocks and names.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "arch/schema_loader.h"
#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

constexpr std::size_t kMaxName = 1000;
constexpr std::size_t kMaxDims = 8;
constexpr std::size_t kMaxBlockDepth = 8;

struct Around {
  std::string under{};
  std::size_t depth{};
  bool in_layer{};
};

bool is_name_letter(char c) {
  return c > ' ' && c < 0x7F && c != '{' && c != '}' && c != '\'' && c != '"' && c != '\\';
}

bool reads_letter(const Loading& loading, const Expr& expr) {
  return std::ranges::any_of(expr.slots, [&](Slot slot) { return loading.body.is_letter(slot); });
}

bool reads(const std::optional<Expr>& expr, Slot slot) {
  return expr && std::ranges::find(expr->slots, slot) != expr->slots.end();
}

// Whether how many tensors the items are depends on the letter.
bool count_varies(const std::vector<TensorItem>& items, Slot letter) {
  return std::ranges::any_of(items, [&](const TensorItem& item) {
    if (item.tensor) return false;
    const Block& block = *item.block;
    return reads(block.when, letter) || reads(block.count, letter) ||
           count_varies(block.items, letter) || count_varies(block.otherwise, letter);
  });
}

// "vocab, heads * head": split at commas outside of brackets and quotes.
std::vector<std::string_view> split_shape(std::string_view source) {
  std::vector<std::string_view> parts;
  if (trim(source).empty()) return parts;
  std::size_t begin = 0;
  int depth = 0;
  bool quote = false;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c == '\'') quote = !quote;
    if (quote) continue;
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if (c != ',' || depth != 0) continue;
    parts.push_back(trim(source.substr(begin, i - begin)));
    begin = i + 1;
  }
  parts.push_back(trim(source.substr(begin)));
  return parts;
}

Result<TensorRule> load_tensor(Loading& loading, const json::Member& member,
                               const std::string& pointer, const Around& around) {
  TensorRule tensor{.in_layer = around.in_layer, .pointer = pointer};
  SW_TRY(tensor.name, load_template(loading, member.key, pointer));
  tensor.full = around.under + member.key;
  if (tensor.full.empty()) return loading.reader.error(pointer, "a tensor without a name");
  SW_TRY(const std::string shape, loading.reader.text(member.value, pointer));
  for (const std::string_view part : split_shape(shape)) {
    if (tensor.shape.size() == kMaxDims) {
      return loading.reader.error(pointer, "more than 8 dimensions");
    }
    SW_TRY(Expr extent, load_expr(loading, part, pointer));
    tensor.shape_varies = tensor.shape_varies || reads_letter(loading, extent);
    tensor.shape.push_back(std::move(extent));
  }
  if (!tensor.shape_varies) tensor.shape_cache = loading.body.shape_caches++;
  return tensor;
}

Result<std::vector<TensorItem>> load_items(Loading& loading, const json::Value& value,
                                           const std::string& pointer, const Around& around);

Result<std::unique_ptr<Block>> load_block(Loading& loading, const json::Value& value,
                                          const std::string& pointer, Around around) {
  const RuleReader& reader = loading.reader;
  SW_TRY_OK(reader.object(value, pointer, "block"));
  if (++around.depth > kMaxBlockDepth) return reader.error(pointer, "too deeply nested");
  auto block = std::make_unique<Block>();
  if (const auto* when = value.find("when")) {
    const std::string place = below(pointer, "when");
    SW_TRY(const std::string source, reader.text(*when, place));
    SW_TRY(block->when, load_expr(loading, source, place));
  }
  const auto* otherwise = value.find("else");
  if (const auto* each = value.find("each")) {
    if (otherwise != nullptr) return reader.error(pointer, "'else' beside 'each'");
    SW_TRY(EachPart part, load_each(loading, *each, below(pointer, "each")));
    block->letter = part.letter;
    block->count = std::move(part.count);
    around.in_layer = true;
    show_letter(loading, part.letter, true);
  }
  if (const auto* under = value.find("under")) {
    const std::string place = below(pointer, "under");
    SW_TRY(const std::string source, reader.text(*under, place));
    SW_TRY(block->under, load_template(loading, source, place));
    around.under += source;
  }
  if (const auto* optional = value.find("optional")) {
    const std::string place = below(pointer, "optional");
    std::string source;
    if (const bool* constant = optional->boolean()) {
      source = *constant ? "true" : "false";
    } else {
      SW_TRY(source, reader.text(*optional, place));
    }
    SW_TRY(block->optional, load_expr(loading, source, place));
  }
  if (otherwise != nullptr) {
    if (!block->when) return reader.error(pointer, "'else' without 'when'");
    SW_TRY(block->otherwise, load_items(loading, *otherwise, below(pointer, "else"), around));
  }
  SW_TRY(block->items,
         load_items(loading, *value.find("tensors"), below(pointer, "tensors"), around));
  if (block->letter) {
    show_letter(loading, *block->letter, false);
    block->varies = count_varies(block->items, *block->letter);
  }
  return block;
}

Result<std::vector<TensorItem>> load_items(Loading& loading, const json::Value& value,
                                           const std::string& pointer, const Around& around) {
  SW_TRY(const auto* elements, loading.reader.array(value, pointer));
  std::vector<TensorItem> items;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const json::Value& element = (*elements)[i];
    const std::string place = below(pointer, i);
    SW_TRY(const auto* members, loading.reader.any_object(element, place));
    if (element.find("tensors") != nullptr) {
      SW_TRY(auto block, load_block(loading, element, place, around));
      items.push_back({.block = std::move(block)});
      continue;
    }
    for (const std::string_view key : {"each", "when", "under", "else", "optional"}) {
      if (element.find(key) != nullptr) {
        return loading.reader.error(place, fmt::format("'{}' without 'tensors'", key));
      }
    }
    for (const json::Member& member : *members) {
      SW_TRY(TensorRule tensor, load_tensor(loading, member, below(place, member.key), around));
      items.push_back({.tensor = std::move(tensor)});
    }
  }
  return items;
}

}  // namespace

Result<NameTemplate> load_template(Loading& loading, const std::string& source,
                                   const std::string& pointer) {
  const RuleReader& reader = loading.reader;
  NameTemplate result{.source = source};
  if (source.size() > kMaxName) return reader.error(pointer, "a name longer than 1000 letters");
  std::string_view rest = source;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    NameTemplate::Piece piece{.text = std::string(rest.substr(0, open))};
    if (!std::ranges::all_of(piece.text, is_name_letter)) {
      return reader.error(pointer, fmt::format("{} is no name of a tensor", quoted(source)));
    }
    rest.remove_prefix(piece.text.size());
    if (!rest.empty()) {
      const std::size_t close = rest.find('}');
      if (close == std::string_view::npos) {
        return reader.error(pointer, fmt::format("no '}}' in {}", quoted(source)));
      }
      SW_TRY(Expr hole, load_expr(loading, rest.substr(1, close - 1), pointer));
      const ExprNode& root = hole.root();
      if (root.op == ExprOp::kSlot && loading.body.is_letter(root.slot)) {
        piece.letter = root.slot;
      } else {
        piece.hole = std::move(hole);
      }
      rest.remove_prefix(close + 1);
    }
    result.pieces.push_back(std::move(piece));
  }
  return result;
}

Result<std::vector<TensorItem>> load_tensors(Loading& loading, const json::Value& value,
                                             const std::string& pointer) {
  return load_items(loading, value, pointer, {});
}

}  // namespace shardwright
