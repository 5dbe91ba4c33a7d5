#include "json/edit.h"

#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "json/pull.h"
#include "json/value.h"

namespace shardwright::json {
namespace {

std::string set(std::string_view text, std::string_view pointer, std::string_view value) {
  auto result = set_value(text, pointer, value);
  return result ? *result : "error: " + result.error().message;
}

std::string removed(std::string_view text, std::string_view pointer) {
  auto result = remove_value(text, pointer);
  return result ? *result : "error: " + result.error().message;
}

TEST_CASE("json: a value is replaced and every other byte kept") {
  CHECK(set(R"({"a":1e-05 , "b" : [1,2]})", "/a", "2") == R"({"a":2 , "b" : [1,2]})");
  CHECK(set(R"({"a":1e-05 , "b" : [1,2]})", "/b/1", "\"x\"") == R"({"a":1e-05 , "b" : [1,"x"]})");
  CHECK(set(R"({"a": {"b": [0, {"c": 1}]}})", "/a/b/1/c", "{}") ==
        R"({"a": {"b": [0, {"c": {}}]}})");
  CHECK(set(R"({"a~/b": 1})", "/a~0~1b", "2") == R"({"a~/b": 2})");
  CHECK(set(R"({"\u0061": 1})", "/a", "2") == R"({"\u0061": 2})");
  CHECK(set(R"({"a": 1, "a": 2})", "/a", "3") == R"({"a": 1, "a": 3})");
  CHECK(set(" 1\n", "", "2") == " 2\n");
  CHECK(set("\xEF\xBB\xBF{\"a\": NaN}", "/a", "-Infinity") == "\xEF\xBB\xBF{\"a\": -Infinity}");
  CHECK(set(R"({"": {"": 1}})", "//", "2") == R"({"": {"": 2}})");
}

TEST_CASE("json: an absent member is inserted as its neighbours are written") {
  CHECK(set("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "/c", "3") ==
        "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n");
  CHECK(set("{\r\n\t\"a\" : 1\r\n}", "/c", "3") == "{\r\n\t\"a\" : 1,\r\n\t\"c\" : 3\r\n}");
  CHECK(set(R"({"a": 1})", "/b", "2") == R"({"a": 1, "b": 2})");
  CHECK(set(R"({"a":1})", "/b", "2") == R"({"a":1,"b":2})");
  CHECK(set(R"({"a":1, "c":2})", "/b", "2") == R"({"a":1, "c":2, "b":2})");
  CHECK(set(R"({ "a": 1 })", "/b", "2") == R"({ "a": 1, "b": 2 })");
  CHECK(set("{}", "/b\"", "2") == R"({"b\"": 2})");
  CHECK(set("{\n    \"a\": {}\n}", "/a/b", "2") == "{\n    \"a\": {\n        \"b\": 2\n    }\n}");
  CHECK(set("{\n  \"a\": {\n  }\n}", "/a/b", "2") == "{\n  \"a\": {\n    \"b\": 2\n  }\n}");
}

TEST_CASE("json: the first line that is indented says how, whatever blank lines are there") {
  CHECK(set("{\n\n  \n   \r\n\t\"a\": {\n}\n}", "/a/b", "2") ==
        "{\n\n  \n   \r\n\t\"a\": {\n\t\t\"b\": 2\n\t}\n}");
  CHECK(set("{\r\n}\r\n", "/a", "1") == "{\r\n  \"a\": 1\r\n}\r\n");
  CHECK(set("\n{}", "/a", "1") == "\n{\n  \"a\": 1\n}");
  CHECK(set("{}\n    ", "/a", "1") == "{\n  \"a\": 1\n}\n    ");
}

TEST_CASE("json: a member goes with its comma") {
  CHECK(removed(R"({"a": 1, "b": 2, "c": 3})", "/a") == R"({"b": 2, "c": 3})");
  CHECK(removed(R"({"a": 1, "b": 2, "c": 3})", "/b") == R"({"a": 1, "c": 3})");
  CHECK(removed(R"({"a": 1, "b": 2, "c": 3})", "/c") == R"({"a": 1, "b": 2})");
  CHECK(removed("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "/b") == "{\n  \"a\": 1\n}\n");
  CHECK(removed("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "/a") == "{\n  \"b\": 2\n}\n");
  CHECK(removed("{\n  \"a\": 1\n}\n", "/a") == "{}\n");
  CHECK(removed(R"({"a": [1, 2, 3]})", "/a/1") == R"({"a": [1, 3]})");
  CHECK(removed(R"({"a": [1, 2, 3]})", "/a/2") == R"({"a": [1, 2]})");
}

TEST_CASE("json: no member of an equal key comes to light") {
  CHECK(removed(R"({"a": 1, "b": 2, "a": 3})", "/a") == R"({"b": 2})");
  CHECK(removed(R"({"a": 1, "a": 2})", "/a") == "{}");
  CHECK(removed(R"({"b": 0, "a": 1, "a": 2})", "/a") == R"({"b": 0})");
  CHECK(removed(R"({"a": 1, "a": 2, "b": 0})", "/a") == R"({"b": 0})");
}

TEST_CASE("json: of members with equal keys the last stays, where it is") {
  const auto left = [](std::string_view text, std::string_view pointer) {
    auto result = remove_shadowed(text, pointer);
    return result ? *result : "error: " + result.error().message;
  };
  CHECK(left(R"({"a": 1, "b": 2, "a": 3, "c": 4})", "") == R"({"b": 2, "a": 3, "c": 4})");
  CHECK(left(R"({"a": 1, "\u0061": 2, "a": 3})", "") == R"({"a": 3})");
  CHECK(left(R"({"x": {"a": 1, "a": 2}, "a": 1})", "/x") == R"({"x": {"a": 2}, "a": 1})");
  CHECK(left("{\n  \"a\": [1],\n  \"a\": 2\n}\n", "") == "{\n  \"a\": 2\n}\n");
  CHECK(left(R"({"a":  1 })", "") == R"({"a":  1 })");
  CHECK(left("{}", "") == "{}");
  CHECK(left(R"({"a": [1, 1]})", "/a") == "error: nothing at '/a'");
  CHECK(left(R"({"a": 1})", "/b") == "error: nothing at '/b'");
  CHECK(left("{", "") == "error: line 1, column 2: the text ends too early");
  CHECK(left("{}", "a") == "error: 'a' is no JSON pointer");
}

TEST_CASE("json: objects on the way to a new value are made") {
  CHECK(set("{}", "/a/b", "1") == R"({"a": {"b": 1}})");
  CHECK(set(R"({"a": 1})", "/b/c/d", "2") == R"({"a": 1, "b": {"c": {"d": 2}}})");
  CHECK(set(R"({"a": {"x": 1}, "b": 2})", "/a/c/d", "3") ==
        R"({"a": {"x": 1, "c": {"d": 3}}, "b": 2})");
  CHECK(set(R"([{"a": {}}])", "/0/a/b/c", "1") == R"([{"a": {"b": {"c": 1}}}])");
  CHECK(set("{\n  \"a\": 1\n}\n", "/b/c", "2") ==
        "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}\n");
  // Of equal keys the last, as everywhere.
  CHECK(set(R"({"a": {"b": {}}, "a": {}})", "/a/b/c", "1") ==
        R"({"a": {"b": {}}, "a": {"b": {"c": 1}}})");
}

TEST_CASE("json: edits that cannot be made say why") {
  const auto code = [](const Result<std::string>& result) {
    REQUIRE(!result);
    return result.error().code;
  };
  CHECK(set(R"({"a": 1})", "/a/c", "2") == "error: nothing at '/a/c'");
  CHECK(set(R"([1])", "/1", "2") == "error: nothing at '/1'");
  CHECK(set(R"([1])", "/-", "2") == "error: nothing at '/-'");
  CHECK(set(R"([1])", "/00", "2") == "error: nothing at '/00'");
  CHECK(removed(R"({"a": 1})", "/b") == "error: nothing at '/b'");
  CHECK(set("{\n1}", "/a", "2") == "error: line 2, column 1: expected a key in quotes");
  CHECK(set("{}", "/a", "[") ==
        "error: the new value is no JSON: line 1, column 2: the text ends too early");
  CHECK(set("{}", "/a",
            "\xEF\xBB\xBF"
            "1") == "error: the new value is no JSON: line 1, column 1: expected a value");
  CHECK(set("{\"a\": \"\xFF\"}", "/a", "1") == "error: line 1, column 8: bytes that are not UTF-8");
  CHECK(set("{} {}", "/a", "1") == "error: line 1, column 4: text after the end of the value");
  CHECK(set("[", "", "1") == "error: line 1, column 2: the text ends too early");
  CHECK(set("{}", "/~", "1") == "error: '/~' is no JSON pointer");
  CHECK(removed("{}", "a") == "error: 'a' is no JSON pointer");
  CHECK(removed("[", "/0") == "error: line 1, column 2: the text ends too early");
  CHECK(set("{}", "a", "1") == "error: 'a' is no JSON pointer");
  CHECK(set("{}", "/~2", "1") == "error: '/~2' is no JSON pointer");
  CHECK(removed("{}", "") == "error: the whole document cannot be removed");
  CHECK(code(set_value("[]", "/0/b", "1")) == ErrorCode::kNotFound);
  CHECK(set(R"({"a": null})", "/a/b", "1") == "error: nothing at '/a/b'");
  CHECK(set(R"({"a": [{}]})", "/a/1/b", "1") == "error: nothing at '/a/1/b'");
  CHECK(code(set_value("{", "/a", "1")) == ErrorCode::kMalformed);
  CHECK(code(set_value("{}", "/a", "")) == ErrorCode::kInvalidArgument);
}

// Random documents as people write them, with the pointer of every value in them.
class Documents {
 public:
  explicit Documents(unsigned seed) : random_(seed) {}

  std::string make() {
    pointers.clear();
    return space() + value("", 0) + space();
  }

  std::vector<std::string> pointers{};

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  std::string scalar() {
    static const std::vector<std::string> kScalars = {
        "0", "-1", "1e-05", "1.50", "true", "null", "\"\"", "\"a,}]\\\"\"", "\"\\u00e9\"", "NaN"};
    return kScalars[below(10)];
  }

 private:
  std::string space() {
    static const std::vector<std::string> kSpaces = {"", "", " ", "\n  ", "\t"};
    return kSpaces[below(5)];
  }

  std::string value(const std::string& pointer, int depth) {
    pointers.push_back(pointer);
    const unsigned kind = depth > 3 ? 2 : below(3);
    if (kind == 2) return scalar();
    std::string out = kind == 0 ? "{" : "[";
    const unsigned count = below(4);
    if (count == 0) out += space();
    for (unsigned i = 0; i < count; ++i) {
      if (i > 0) out += ',';
      out += space();
      const std::string step =
          kind == 0 ? std::string(1, static_cast<char>('a' + i)) : std::to_string(i);
      if (kind == 0) out += '"' + step + '"' + space() + ':' + space();
      out += value(pointer + '/' + step, depth + 1) + space();
    }
    return out + (kind == 0 ? '}' : ']');
  }

  std::mt19937 random_;
};

const Value* resolve(const Value& root, std::string_view pointer) {
  const Value* value = &root;
  while (!pointer.empty() && value != nullptr) {
    pointer.remove_prefix(1);
    const std::string step(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(step.size());
    if (const auto* array = value->array()) {
      const auto index = std::stoul(step);
      value = index < array->size() ? &(*array)[index] : nullptr;
    } else {
      value = value->find(step);
    }
  }
  return value;
}

std::size_t shared_prefix(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n])
    ++n;
  return n;
}

TEST_CASE("json: any edit of any document keeps the other bytes and holds the new value") {
  Documents documents(20240917);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = documents.make();
    CAPTURE(text);
    const std::string pointer =
        documents.pointers[documents.below(static_cast<unsigned>(documents.pointers.size()))];
    CAPTURE(pointer);
    const std::string value = "[\"new\"]";
    const auto replaced = set_value(text, pointer, value);
    REQUIRE(replaced);
    const auto tree = parse(*replaced);
    REQUIRE(tree);
    CHECK(dump(*resolve(tree->root, pointer)) == value);
    // What the new value replaced is one value, with all else around it.
    const auto before = parse(text);
    REQUIRE(before);
    const std::size_t at = replaced->find(value);
    CHECK(text.substr(0, at) == replaced->substr(0, at));
    const std::string_view tail = std::string_view(*replaced).substr(at + value.size());
    CHECK(text.ends_with(tail));
    const auto old = parse(text.substr(at, text.size() - tail.size() - at));
    REQUIRE(old);
    CHECK(dump(old->root) == dump(*resolve(before->root, pointer)));
    // Back again.
    CHECK(*set_value(*replaced, pointer, text.substr(at, text.size() - tail.size() - at)) == text);

    if (resolve(before->root, pointer)->object() != nullptr) {
      const auto inserted = set_value(text, pointer + "/new", "7");
      REQUIRE(inserted);
      CHECK(*resolve(parse(*inserted)->root, pointer + "/new")->integer() == 7);
      const bool was_empty = resolve(before->root, pointer)->object()->empty();
      // What was inserted is one run of bytes, unless white space in an empty object went for it.
      const std::size_t prefix = shared_prefix(text, *inserted);
      if (!was_empty) CHECK(inserted->ends_with(text.substr(prefix)));
      const auto undone = remove_value(*inserted, pointer + "/new");
      REQUIRE(undone);
      if (!was_empty) CHECK(*undone == text);
    }
    if (!pointer.empty()) {
      const auto without = remove_value(text, pointer);
      REQUIRE(without);
      const auto after = parse(*without);
      REQUIRE(after);
      const std::string parent = pointer.substr(0, pointer.rfind('/'));
      const Value* old_parent = resolve(before->root, parent);
      const Value* new_parent = resolve(after->root, parent);
      if (old_parent->object() != nullptr) {
        CHECK(resolve(after->root, pointer) == nullptr);
        CHECK(new_parent->object()->size() + 1 == old_parent->object()->size());
      } else {
        CHECK(new_parent->array()->size() + 1 == old_parent->array()->size());
      }
      CHECK(without->size() < text.size());
    }
  }
}

}  // namespace
}  // namespace shardwright::json
