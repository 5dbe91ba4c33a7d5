#include "job/diff_json.h"

#include <map>
#include <string_view>

#include <fmt/format.h>

namespace shardwright {
namespace {

// Of equal keys the last.
std::map<std::string_view, const json::Value*> members_of(const json::Value::Object& object) {
  std::map<std::string_view, const json::Value*> members;
  for (const json::Member& member : object)
    members[member.key] = &member.value;
  return members;
}

void object_differences(const json::Value::Object& a, const json::Value::Object& b,
                        const std::string& pointer, const JsonDifference& found) {
  const auto in_a = members_of(a);
  auto in_b = members_of(b);
  for (const json::Member& member : a) {
    if (in_a.at(member.key) != &member.value) continue;
    const std::string below = pointer + '/' + json::pointer_step(member.key);
    const auto other = in_b.find(member.key);
    if (other == in_b.end()) {
      found(below, &member.value, nullptr);
    } else {
      json_differences(member.value, *other->second, below, found);
      in_b.erase(other);
    }
  }
  for (const json::Member& member : b) {
    const auto left = in_b.find(member.key);
    if (left == in_b.end() || left->second != &member.value) continue;
    found(pointer + '/' + json::pointer_step(member.key), nullptr, &member.value);
  }
}

}  // namespace

void json_differences(const json::Value& a, const json::Value& b, const std::string& pointer,
                      const JsonDifference& found) {
  if (a.object() != nullptr && b.object() != nullptr) {
    object_differences(*a.object(), *b.object(), pointer, found);
    return;
  }
  const auto* list_a = a.array();
  const auto* list_b = b.array();
  if (list_a != nullptr && list_b != nullptr && list_a->size() == list_b->size()) {
    for (std::size_t i = 0; i < list_a->size(); ++i)
      json_differences((*list_a)[i], (*list_b)[i], fmt::format("{}/{}", pointer, i), found);
    return;
  }
  if (!json::says_the_same(a, b)) found(pointer, &a, &b);
}

}  // namespace shardwright
