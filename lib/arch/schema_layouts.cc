// `classes` and `layouts` of a rule: changes to its tensors. A name in a change that fits no tensor
// is an error, so that a slip of the pen does not pass.
#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "arch/schema_loader.h"
#include "base/try.h"
#include "base/utf8.h"

namespace shardwright {
namespace {

using Names = std::vector<std::string>;  // of tensors, unlettered

void gather(const std::vector<TensorItem>& items, Names& names) {
  for_each_tensor(items,
                  [&](const TensorRule& tensor) { names.push_back(unlettered(tensor.full)); });
}

Status check_fits(const Loading& loading, const Names& names, const std::string& pattern,
                  const std::string& pointer) {
  const std::string plain = unlettered(pattern);
  if (std::ranges::any_of(names, [&](const std::string& name) { return fits(plain, name); })) {
    return ok();
  }
  return loading.reader.error(pointer,
                              fmt::format("{} is no tensor of this rule", quoted(pattern)));
}

Result<std::vector<std::string>> load_without(const Loading& loading, const json::Value& change,
                                              const std::string& pointer, const Names& names,
                                              std::string_view key) {
  const json::Value* value = change.find(key);
  if (value == nullptr) return std::vector<std::string>{};
  const std::string place = below(pointer, key);
  SW_TRY(auto patterns, loading.reader.texts(*value, place));
  for (std::size_t i = 0; i < patterns.size(); ++i)
    SW_TRY_OK(check_fits(loading, names, patterns[i], below(place, i)));
  return patterns;
}

Result<std::vector<TensorItem>> load_with(Loading& loading, const json::Value& change,
                                          const std::string& pointer) {
  const json::Value* value = change.find("with");
  if (value == nullptr) return std::vector<TensorItem>{};
  return load_tensors(loading, *value, below(pointer, "with"));
}

// One value, or a list of them: visit(value, pointer).
template <typename Visit>
Status for_each_change(const RuleReader& reader, const json::Value& layout,
                       const std::string& pointer, std::string_view key, const Visit& visit) {
  const json::Value* value = layout.find(key);
  if (value == nullptr) return ok();
  const std::string place = below(pointer, key);
  SW_TRY(const auto* elements, reader.array(*value, place));
  for (std::size_t i = 0; i < elements->size(); ++i)
    SW_TRY_OK(visit((*elements)[i], below(place, i)));
  return ok();
}

struct ChangeNames {
  std::vector<NumberedName> of{};
  std::vector<NumberedName> to{};
  std::vector<std::string> letters{};
};

// `of` and `to`; `under` is put before each of `of`.
Result<ChangeNames> load_names(const Loading& loading, const json::Value& change,
                               const std::string& pointer, Names& names) {
  const RuleReader& reader = loading.reader;
  ChangeNames result;
  std::string under;
  if (const auto* value = change.find("under")) {
    SW_TRY(under, reader.text(*value, below(pointer, "under")));
  }
  SW_TRY(const auto* of, reader.member(change, pointer, "of"));
  SW_TRY(const auto* to, reader.member(change, pointer, "to"));
  const std::string place = below(pointer, "of");
  SW_TRY(const auto sources, reader.text_or_texts(*of, place));
  for (const std::string& source : sources) {
    auto name = parse_numbered_name(under + source, result.letters);
    if (!name) return reader.error(place, name.error().message);
    SW_TRY_OK(check_fits(loading, names, name->source, place));
    result.of.push_back(std::move(*name));
  }
  const std::size_t letters = result.letters.size();
  SW_TRY(const auto targets, reader.text_or_texts(*to, below(pointer, "to")));
  for (const std::string& target : targets) {
    auto name = parse_numbered_name(target, result.letters);
    if (!name) return reader.error(below(pointer, "to"), name.error().message);
    names.push_back(unlettered(target));
    result.to.push_back(std::move(*name));
  }
  if (result.letters.size() != letters) {
    return reader.error(below(pointer, "to"),
                        fmt::format("{} is no letter of 'of'", quoted(result.letters.back())));
  }
  return result;
}

Status load_stack(const Loading& loading, const json::Value& value, const std::string& pointer,
                  Names& names, bool concat, LayoutChange& layout) {
  const RuleReader& reader = loading.reader;
  SW_TRY_OK(reader.object(value, pointer, concat ? "concat" : "stack"));
  SW_TRY(ChangeNames change, load_names(loading, value, pointer, names));
  if (change.to.size() != 1) return reader.error(below(pointer, "to"), "expected one name");
  StackChange stack{.of = std::move(change.of),
                    .to = std::move(change.to[0]),
                    .letter_count = change.letters.size()};
  if (!concat) {
    SW_TRY(const auto* over, reader.member(value, pointer, "over"));
    SW_TRY(const std::string letter, reader.text(*over, below(pointer, "over")));
    const auto found = std::ranges::find(change.letters, letter);
    if (found == change.letters.end()) {
      return reader.error(below(pointer, "over"),
                          fmt::format("{} is no letter of 'of'", quoted(letter)));
    }
    stack.over = static_cast<std::size_t>(found - change.letters.begin());
    const auto holds_over = [&](const NumberedName& name) {
      return std::ranges::any_of(name.pieces,
                                 [&](const auto& p) { return p.letter == stack.over; });
    };
    if (!std::ranges::all_of(stack.of, holds_over) || holds_over(stack.to)) {
      return reader.error(pointer,
                          fmt::format("'{}' belongs in each of 'of', and not in 'to'", letter));
    }
    if (const auto* transpose = value.find("transpose")) {
      SW_TRY(stack.transpose, reader.boolean(*transpose, below(pointer, "transpose")));
    }
  }
  layout.stacks.push_back(std::move(stack));
  return ok();
}

Status load_split(Loading& loading, const json::Value& value, const std::string& pointer,
                  Names& names, LayoutChange& layout) {
  const RuleReader& reader = loading.reader;
  SW_TRY_OK(reader.object(value, pointer, "split"));
  SW_TRY(ChangeNames change, load_names(loading, value, pointer, names));
  if (change.of.size() != 1) return reader.error(below(pointer, "of"), "expected one name");
  SplitChange result{.of = std::move(change.of[0]), .to = std::move(change.to)};
  const std::string place = below(pointer, "sizes");
  SW_TRY(const auto* sizes, reader.member(value, pointer, "sizes"));
  SW_TRY(const auto sources, reader.texts(*sizes, place));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    SW_TRY(Expr size, load_expr(loading, sources[i], below(place, i)));
    result.sizes.push_back(std::move(size));
  }
  if (result.sizes.size() != result.to.size()) {
    return reader.error(
        place, fmt::format("{} sizes for {} names", result.sizes.size(), result.to.size()));
  }
  layout.splits.push_back(std::move(result));
  return ok();
}

Status load_rename(const Loading& loading, const json::Value& change, const std::string& pointer,
                   const Names& names, std::vector<RenameChange>& into) {
  const json::Value* value = change.find("rename");
  if (value == nullptr) return ok();
  const std::string place = below(pointer, "rename");
  SW_TRY(const auto* members, loading.reader.any_object(*value, place));
  for (const json::Member& member : *members) {
    const std::string here = below(place, member.key);
    RenameChange rename{.from = member.key, .at_start = member.key.starts_with('^')};
    if (rename.at_start) rename.from.erase(0, 1);
    SW_TRY(rename.to, loading.reader.text(member.value, here));
    if (rename.from.empty() && !rename.at_start) return loading.reader.error(here, "an empty text");
    // Names that an earlier rename makes are written down nowhere.
    const bool known = !into.empty() || std::ranges::any_of(names, [&](const std::string& name) {
      return name.find(rename.from) != std::string::npos;
    });
    if (!known) {
      return loading.reader.error(
          here, fmt::format("{} stands in no name of this rule", quoted(rename.from)));
    }
    into.push_back(std::move(rename));
  }
  return ok();
}

}  // namespace

std::string unlettered(std::string_view name) {
  std::string plain;
  while (true) {
    const std::size_t open = name.find('{');
    plain += name.substr(0, open);
    const std::size_t close = name.find('}', std::min(open, name.size()));
    if (open == std::string_view::npos || close == std::string_view::npos) return plain;
    plain += "{}";
    name.remove_prefix(close + 1);
  }
}

Result<std::vector<NameTemplate>> load_ignored(Loading& loading, const json::Value& names,
                                               const std::string& pointer) {
  SW_TRY(const auto texts, loading.reader.texts(names, pointer));
  std::vector<NameTemplate> ignored;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    SW_TRY(NameTemplate name, load_template(loading, texts[i], below(pointer, i)));
    ignored.push_back(std::move(name));
  }
  return ignored;
}

Status load_classes(Loading& loading, const json::Value& classes) {
  const RuleReader& reader = loading.reader;
  SW_TRY(const auto* members, reader.any_object(classes, "/classes"));
  if (members->empty()) return reader.error("/classes", "no class");
  Names names;
  gather(loading.body.tensors, names);
  for (const json::Member& member : *members) {
    const std::string pointer = below("/classes", member.key);
    SW_TRY(const auto* keys, reader.object(member.value, pointer, "class"));
    if (loading.body.classes.empty() && !keys->empty()) {
      return reader.error(pointer,
                          "the first class is the one that 'tensors' describes: no change");
    }
    ClassChange change{.name = member.key};
    SW_TRY(change.without, load_without(loading, member.value, pointer, names, "without"));
    SW_TRY(change.with, load_with(loading, member.value, pointer));
    if (const auto* strip = member.value.find("strip")) {
      SW_TRY(change.strip, reader.text(*strip, below(pointer, "strip")));
    }
    SW_TRY_OK(load_rename(loading, member.value, pointer, names, change.rename));
    if (const auto* ignored = member.value.find("ignored")) {
      SW_TRY(change.ignored, load_ignored(loading, *ignored, below(pointer, "ignored")));
    }
    loading.schema.classes.push_back({.name = member.key});
    loading.body.classes.push_back(std::move(change));
  }
  return ok();
}

Status set_internal(const RuleReader& reader, const json::Value& value, const std::string& pointer,
                    LayoutChange& layout) {
  SW_TRY(layout.internal, reader.boolean(value, pointer));
  return ok();
}

Status load_layouts(Loading& loading, const json::Value& layouts) {
  const RuleReader& reader = loading.reader;
  SW_TRY(const auto* elements, reader.array(layouts, "/layouts"));
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const json::Value& value = (*elements)[i];
    const std::string pointer = below("/layouts", i);
    SW_TRY_OK(reader.object(value, pointer, "layout"));
    LayoutChange layout;
    SW_TRY(const auto* name, reader.member(value, pointer, "name"));
    SW_TRY(layout.name, reader.text(*name, below(pointer, "name")));
    SW_TRY(const auto* why, reader.member(value, pointer, "why"));
    SW_TRY(std::string reason, reader.text(*why, below(pointer, "why")));
    if (const json::Value* internal = value.find("internal"))
      SW_TRY_OK(set_internal(reader, *internal, below(pointer, "internal"), layout));
    const bool twice = std::ranges::any_of(
        loading.body.layouts, [&](const LayoutChange& other) { return other.name == layout.name; });
    if (twice || layout.name == "hub" || layout.name.empty()) {
      return reader.error(below(pointer, "name"),
                          fmt::format("{} is another layout's name", quoted(layout.name)));
    }
    Names names;
    gather(loading.body.tensors, names);
    for (const ClassChange& change : loading.body.classes)
      gather(change.with, names);
    SW_TRY(layout.without, load_without(loading, value, pointer, names, "without"));
    SW_TRY_OK(for_each_change(reader, value, pointer, "stack", [&](const auto& v, const auto& p) {
      return load_stack(loading, v, p, names, false, layout);
    }));
    SW_TRY_OK(for_each_change(reader, value, pointer, "concat", [&](const auto& v, const auto& p) {
      return load_stack(loading, v, p, names, true, layout);
    }));
    SW_TRY_OK(for_each_change(reader, value, pointer, "split", [&](const auto& v, const auto& p) {
      return load_split(loading, v, p, names, layout);
    }));
    SW_TRY(layout.transpose, load_without(loading, value, pointer, names, "transpose"));
    SW_TRY(layout.with, load_with(loading, value, pointer));
    gather(layout.with, names);
    SW_TRY_OK(load_rename(loading, value, pointer, names, layout.rename));
    loading.schema.layouts.push_back(
        {.name = layout.name, .why = std::move(reason), .internal = layout.internal});
    loading.body.layouts.push_back(std::move(layout));
  }
  return ok();
}

}  // namespace shardwright
