#include "arch/name_fit.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "arch/form.h"
#include "base/text.h"

namespace shardwright {
namespace {

using Wanted = std::map<std::string, bool>;  // name with its numbers folded, and whether it must be

std::string fold(std::string_view name) {
  std::string plain;
  while (true) {
    const std::size_t open = name.find('{');
    plain += name.substr(0, open);
    if (open == std::string_view::npos) return fold_digits(plain);
    plain += '0';
    name.remove_prefix(std::min(name.size(), name.find('}', open) + 1));
  }
}

void add(const std::vector<TensorItem>& items, bool always, Wanted& wanted) {
  for (const TensorItem& item : items) {
    if (item.tensor) {
      bool& must = wanted[fold(item.tensor->full)];
      must = must || always;
      continue;
    }
    const Block& block = *item.block;
    add(block.items, always && !block.when && !block.optional, wanted);
    add(block.otherwise, false, wanted);
  }
}

void remove(const std::vector<NumberedName>& names, Wanted& wanted, bool& must) {
  for (const NumberedName& name : names) {
    const auto found = wanted.find(fold(name.source));
    if (found == wanted.end()) continue;
    must = must || found->second;
    wanted.erase(found);
  }
}

Wanted changed(const LayoutChange& layout, Wanted wanted) {
  std::erase_if(wanted, [&](const auto& entry) {
    return std::ranges::any_of(layout.without, [&](const std::string& pattern) {
      return fits(fold(pattern), entry.first);
    });
  });
  for (const StackChange& stack : layout.stacks) {
    bool must = false;
    remove(stack.of, wanted, must);
    wanted[fold(stack.to.source)] = must;
  }
  for (const SplitChange& split : layout.splits) {
    bool must = false;
    remove({split.of}, wanted, must);
    for (const NumberedName& to : split.to)
      wanted[fold(to.source)] = must;
  }
  add(layout.with, true, wanted);
  Wanted result;
  for (const auto& [name, must] : wanted)
    result[renamed(name, layout.rename)] = must;
  return result;
}

std::optional<NameFit> fit(const Wanted& wanted, const FoldedNames& present) {
  NameFit result;
  std::size_t explained = 0;
  std::size_t always = 0;
  for (const auto& [name, must] : wanted) {
    always += must ? 1 : 0;
    if (present.contains(name)) {
      ++explained;
    } else {
      ++(must ? result.missing : result.spare);
    }
  }
  result.unexplained = present.size() - explained;
  if (explained == 0 || 10 * result.unexplained > present.size() || 10 * result.missing > always) {
    return std::nullopt;
  }
  return result;
}

}  // namespace

FoldedNames fold_names(std::span<const std::string_view> names) {
  FoldedNames folded;
  for (const std::string_view name : names)
    folded.insert(fold_digits(name));
  return folded;
}

FoldedNames all_names(const Schema& schema) {
  const SchemaBody& body = *schema.body;
  Wanted hub;
  add(body.tensors, false, hub);
  for (const ClassChange& change : body.classes)
    add(change.with, false, hub);
  FoldedNames names;
  const auto take = [&](const Wanted& wanted) {
    for (const auto& [name, must] : wanted)
      names.insert(name);
  };
  take(hub);
  for (const LayoutChange& layout : body.layouts)
    take(changed(layout, hub));
  return names;
}

std::optional<NameFit> fit_names(const Schema& schema, const FoldedNames& present) {
  const SchemaBody& body = *schema.body;
  Wanted hub;
  add(body.tensors, true, hub);
  // A head may be absent, of other classes or of a tied model.
  bool head = false;
  for (const auto& [target, source] : body.tied.tensors) {
    const auto found = hub.find(fold(target));
    if (found == hub.end()) continue;
    found->second = false;
    head = head || present.contains(found->first);
  }
  for (const ClassChange& change : body.classes) {
    for (auto& entry : hub) {
      const bool dropped = std::ranges::any_of(change.without, [&](const std::string& pattern) {
        return fits(fold(pattern), entry.first);
      });
      if (dropped) entry.second = false;
    }
    add(change.with, false, hub);
  }
  std::optional<NameFit> best = fit(hub, present);
  for (const LayoutChange& layout : body.layouts) {
    if (layout.internal) continue;
    const auto other = fit(changed(layout, hub), present);
    if (other && (!best || *other < *best)) best = other;
  }
  if (best) best->unlikely_head = head == body.tied.fallback;
  return best;
}

}  // namespace shardwright
