#include "merge/token_ids.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/utf8.h"
#include "json/edit.h"
#include "json/value.h"

namespace shardwright {
namespace {

constexpr std::string_view kGeneration = "generation_config.json";

const SideFile* generation_of(const Checkpoint& checkpoint) {
  const SideFile* file = checkpoint.side_file(kGeneration);
  return file == nullptr || !file->document ? nullptr : file;
}

class IdMapper {
 public:
  IdMapper(const TokenIds& ids, MergePlan& plan) : ids_(ids), plan_(plan) {
    for (const auto& [token, id] : ids.from.ids) {
      const std::string*& known = tokens_[id];  // of several of one id always the same
      if (known == nullptr || token < *known) known = &token;
    }
  }

  // The values of one file that change: pointers and JSON texts.
  std::vector<ConfigValue> changes(std::string_view file, const json::Value& root,
                                   const json::Value* source) {
    std::vector<ConfigValue> out;
    look(file, root, source, "", out);
    return out;
  }

 private:
  void look(std::string_view file, const json::Value& object, const json::Value* source,
            const std::string& at, std::vector<ConfigValue>& out) {
    if (object.object() == nullptr) return;
    for (const json::Member& member : *object.object()) {
      const std::string pointer = at + '/' + json::pointer_step(member.key);
      const json::Value* other = source == nullptr ? nullptr : source->find(member.key);
      if (member.value.object() != nullptr && at.empty()) {
        look(file, member.value, other, pointer, out);
      } else if (member.key.ends_with("_token_id")) {
        const json::Value made = mapped(file, pointer, member.value, other);
        const std::string text = json::dump(made);
        if (text != json::dump(member.value)) out.push_back({pointer, text});
      }
    }
  }

  // The id of the same token; the same id where it is none of a token; nothing where the token is
  // gone.
  [[nodiscard]] std::optional<std::int64_t> mapped_id(std::int64_t id) const {
    const auto token = id < 0 ? tokens_.end() : tokens_.find(static_cast<std::uint64_t>(id));
    if (token == tokens_.end()) return id;
    const auto there = ids_.to.find(*token->second);
    if (!there) return std::nullopt;
    return static_cast<std::int64_t>(*there);
  }

  json::Value mapped(std::string_view file, const std::string& pointer, const json::Value& value,
                     const json::Value* other) {
    if (const auto id = value.whole_number()) {
      if (const auto there = mapped_id(*id)) return {*there};
      return gone(file, pointer, other);
    }
    if (value.array() == nullptr) return value;
    json::Value::Array list;
    for (const json::Value& element : *value.array()) {
      const auto id = element.whole_number();
      const auto there = id ? mapped_id(*id) : std::nullopt;
      if (id && !there) continue;
      list.push_back(there ? json::Value{*there} : element);
    }
    if (list.empty() && !value.array()->empty()) return gone(file, pointer, other);
    return {std::move(list)};
  }

  // An id of the source, or a list of them, for which the result has a row.
  [[nodiscard]] bool is_of_result(const json::Value& value) const {
    if (value.array() != nullptr) {
      return std::ranges::all_of(*value.array(),
                                 [this](const json::Value& id) { return is_of_result(id); });
    }
    const auto id = value.whole_number();
    return id && *id >= 0 && static_cast<std::uint64_t>(*id) < ids_.to.end();
  }

  json::Value gone(std::string_view file, const std::string& pointer, const json::Value* other) {
    const bool fits = other != nullptr && &ids_.source != &ids_.donor && is_of_result(*other);
    const json::Value made = fits ? *other : json::Value{};
    plan_.notes.push_back(fmt::format("the token of {} in {} is not in the result: {}",
                                      quoted(pointer), quoted(file), json::dump(made)));
    return made;
  }

  const TokenIds& ids_;
  MergePlan& plan_;
  std::unordered_map<std::uint64_t, const std::string*> tokens_;
};

}  // namespace

void map_token_ids(const TokenIds& ids, MergePlan& plan) {
  IdMapper mapper(ids, plan);
  if (const json::Value* config = ids.donor.config_value()) {
    for (ConfigValue& value : mapper.changes("config.json", *config, ids.source.config_value()))
      plan.config_values.push_back(std::move(value));
  }
  const SideFile* generation = generation_of(ids.donor);
  if (generation == nullptr) return;
  const SideFile* other = generation_of(ids.source);
  std::string text = generation->text;
  for (const ConfigValue& value :
       mapper.changes(kGeneration, generation->document->root,
                      other == nullptr ? ids.source.config_value() : &other->document->root)) {
    auto edited = json::set_value(text, value.pointer, value.text);
    if (edited) text = *std::move(edited);
  }
  if (text != generation->text) plan.files.push_back({std::string(kGeneration), std::move(text)});
}

}  // namespace shardwright
