#include "pickle/archive.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/archive.h"
#include "support/memory_folder.h"

namespace shardwright::pickle {
namespace {

using test::make_archive;
using test::pickled_dict;
using test::pickled_global;
using test::pickled_int;
using test::pickled_storage;
using test::pickled_tensor;
using test::pickled_text;
using test::pickled_tuple;
using test::whole_pickle;

const std::string kFloats = pickled_storage("FloatStorage", "0", 6);

Result<std::vector<StoredTensor>> read_file(std::string file) {
  test::MemoryFolder folder;
  folder.add_file("f", std::move(file));
  const auto source = folder.open("f");
  REQUIRE(source);
  return read_archive(**source);
}

// Of a pickle, with a storage of 24 bytes and one of 2.
Result<std::vector<StoredTensor>> read_pickle(const std::string& pickle) {
  return read_file(make_archive(pickle, {{"0", std::string(24, '\1')}, {"1", "ab"}}));
}

std::string refusal(const std::string& pickle) {
  const auto read = read_pickle(pickle);
  REQUIRE_FALSE(read);
  return read.error().message;
}

// Of a state dict with the value "a".
std::string refusal_of(const std::string& value) {
  return refusal(whole_pickle(pickled_dict({{"a", value}})));
}

std::vector<StoredTensor> taken(const std::string& value) {
  auto read = read_pickle(whole_pickle(value));
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  return *std::move(read);
}

TEST_CASE("pickle: tensors and where they lie") {
  const std::string pickle = whole_pickle(
      pickled_dict({{"a", pickled_tensor(kFloats, 1, {2, 2}, {2, 1})},
                    {"b", pickled_tensor(kFloats, 0, {3, 2}, {1, 3})},
                    {"c", pickled_tensor(pickled_storage("HalfStorage", "1", 1), 0, {}, {})},
                    {"d", pickled_tensor(kFloats, 5, {0, 7}, {7, 1})}}));
  const std::string file = make_archive(pickle, {{"0", std::string(24, '\1')}, {"1", "ab"}});
  const std::uint64_t begin = file.find(std::string(24, '\1'));
  const auto read = read_file(file);
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  const std::vector<StoredTensor>& all = *read;
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "a");
  CHECK(all[0].dtype == DType::kF32);
  CHECK(all[0].shape == Shape{2, 2});
  CHECK(all[0].begin == begin + 4);
  CHECK(all[0].bytes == 16);
  CHECK(all[0].dense);
  CHECK(all[1].strides == Shape{1, 3});
  CHECK_FALSE(all[1].dense);
  CHECK(all[2].dtype == DType::kF16);
  CHECK(all[2].shape.empty());
  CHECK(file.substr(all[2].begin, all[2].bytes) == "ab");
  CHECK(all[3].bytes == 0);
}

TEST_CASE("pickle: what real state dicts have beside tensors") {
  const std::string tensor = pickled_tensor(kFloats, 0, {6}, {1});
  const std::string ordered = pickled_global("collections", "OrderedDict") + ")R";
  // A parameter; an OrderedDict with attributes; the memo; a frame.
  const std::string parameter = pickled_global("torch._utils", "_rebuild_parameter") +
                                pickled_tuple({tensor, "\x88", ordered}) + 'R';
  CHECK(taken(ordered + '(' + pickled_text("a") + parameter + 'u' +
              pickled_dict({{"_metadata", ordered}}) + 'b')
            .size() == 1);
  CHECK(taken("}" + pickled_text("a") + tensor + "q\1s" + pickled_text("b") + "h\1s").size() == 2);
  CHECK(
      taken("}" + pickled_text("a") + tensor + "\x94s" + pickled_text("b") + std::string("h\0s", 3))
          .size() == 2);
  CHECK(taken(std::string("\x95\1\0\0\0\0\0\0\0", 9) + "}").empty());
  // A dtype without a storage of its own.
  const std::string bytes =
      pickled_tuple({pickled_text("storage"), pickled_global("torch.storage", "UntypedStorage"),
                     pickled_text("0"), pickled_text("cuda:1"), pickled_int(24)}) +
      'Q';
  const std::string fp8 = pickled_global("torch._utils", "_rebuild_tensor_v3") +
                          pickled_tuple({bytes, pickled_int(4), pickled_tuple({pickled_int(20)}),
                                         pickled_tuple({pickled_int(1)}), "\x89", ordered,
                                         pickled_global("torch", "float8_e4m3fn")}) +
                          'R';
  const auto all = taken(pickled_dict({{"a", fp8}}));
  REQUIRE(all.size() == 1);
  CHECK(all[0].dtype == DType::kF8E4M3);
  CHECK(all[0].bytes == 20);
}

TEST_CASE("pickle: a stride counts only where it moves something") {
  const auto dense = [](const std::vector<std::int64_t>& shape,
                        const std::vector<std::int64_t>& strides) {
    return taken(pickled_dict({{"a", pickled_tensor(kFloats, 0, shape, strides)}}))[0].dense;
  };
  CHECK(dense({1, 6}, {0, 1}));
  CHECK(dense({6, 1}, {1, 99}));
  CHECK(dense({2, 1, 3}, {3, 77, 1}));
  CHECK_FALSE(dense({2, 3}, {0, 1}));
  CHECK_FALSE(dense({3}, {2}));
  CHECK_FALSE(dense({2, 3}, {1, 2}));
}

TEST_CASE("pickle: what would run something is refused by name and place") {
  const std::string mark = pickled_tuple({pickled_text("touch /tmp/x")});
  const std::string bad = refusal_of(pickled_global("posix", "system") + mark + 'R');
  CHECK(bad.starts_with("data.pkl: byte 10: it asks for 'posix.system', which rebuilds no tensor"));
  CHECK(refusal_of(pickled_text("builtins") + pickled_text("eval") + "\x93" + mark + 'R')
            .find("'builtins.eval'") != std::string::npos);
  for (const auto& [code, name] :
       std::vector<std::pair<std::string, std::string>>{{"\x81", "NEWOBJ"},
                                                        {"\x92", "NEWOBJ_EX"},
                                                        {"\x82\1", "EXT1"},
                                                        {"o", "OBJ"},
                                                        {"ios\nsystem\n", "INST"},
                                                        {"P1\n", "PERSID"},
                                                        {"\x97", "NEXT_BUFFER"},
                                                        {"I01\n", "INT"},
                                                        {"C\1a", "SHORT_BINBYTES"},
                                                        {"\xff", "0xff"}}) {
    const std::string said = refusal(whole_pickle("}" + code));
    CHECK_MESSAGE(said.starts_with("data.pkl: byte 3: it has the opcode " + name + ','), said);
  }
  // What is known is called with nothing but what it takes.
  CHECK(refusal_of(pickled_global("collections", "OrderedDict") + pickled_tuple({"]"}) + 'R')
            .find("OrderedDict is given arguments") != std::string::npos);
  CHECK(refusal_of(pickled_global("torch", "FloatStorage") + ")R").find("is no function") !=
        std::string::npos);
  CHECK(refusal_of("])R").find("is no function") != std::string::npos);
  CHECK(refusal_of(pickled_tensor(kFloats, 0, {6}, {1}) + "}b").find("attributes") !=
        std::string::npos);
}

TEST_CASE("pickle: numbers that do not fit the storage are refused") {
  const std::int64_t huge = std::int64_t{1} << 62;
  const auto tensor = [](std::int64_t first, const std::vector<std::int64_t>& shape,
                         const std::vector<std::int64_t>& strides) {
    return refusal_of(pickled_tensor(kFloats, first, shape, strides));
  };
  const std::string beyond = "'a': its elements reach beyond 'm/data/0'";
  CHECK(tensor(0, {7}, {1}) == beyond);
  CHECK(tensor(1, {6}, {1}) == beyond);
  CHECK(tensor(huge, {1}, {1}) == beyond);
  CHECK(tensor(0, {2, 3}, {4, 1}) == beyond);
  CHECK(tensor(0, {2, 2}, {huge, huge}) == beyond);
  CHECK(tensor(0, {3}, {huge}) == beyond);
  CHECK(tensor(0, {huge, 4}, {0, 0}) == "'a': its shape has no size");
  CHECK(tensor(-1, {1}, {1}).find("is not given a storage") != std::string::npos);
  CHECK(tensor(0, {-1}, {1}).find("is not given a storage") != std::string::npos);
  CHECK(tensor(0, {2}, {-1}).find("is not given a storage") != std::string::npos);
  CHECK(tensor(0, {2}, {1, 1}).find("is not given a storage") != std::string::npos);
  const auto storage = [](std::string_view type, std::string_view key, std::int64_t elements) {
    return refusal_of(pickled_tensor(pickled_storage(type, key, elements), 0, {1}, {1}));
  };
  CHECK(storage("FloatStorage", "2", 6) == "'a': there is no 'm/data/2'");
  CHECK(storage("FloatStorage", "0", 7).find("24 bytes and is said to have 7") !=
        std::string::npos);
  CHECK(storage("FloatStorage", "0", huge).find("is said to have") != std::string::npos);
  CHECK(storage("ComplexDoubleStorage", "0", 1).find("has no dtype in safetensors") !=
        std::string::npos);
  CHECK(storage("UntypedStorage", "0", 24).find("a storage without a dtype") != std::string::npos);
}

TEST_CASE("pickle: one that is cut or misuses its stack is refused") {
  const std::string whole =
      whole_pickle(pickled_dict({{"a", pickled_tensor(kFloats, 0, {6}, {1})}}));
  REQUIRE(read_pickle(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(read_pickle(whole.substr(0, size)));
  CHECK(refusal(whole + "x") == "data.pkl: 1 bytes follow the end of the pickle");
  for (const std::string& code : std::vector<std::string>{"u",
                                                          "}u",
                                                          "(}a",
                                                          "]s",
                                                          "(u",
                                                          "}(Nu",
                                                          "R",
                                                          "}\x86R",
                                                          "]a",
                                                          "q\1",
                                                          "h\7",
                                                          "t",
                                                          "\x87",
                                                          "Q",
                                                          "NQ",
                                                          "b",
                                                          "NN",
                                                          "}(",
                                                          "(",
                                                          "\x93",
                                                          "NN\x93",
                                                          "cos",
                                                          std::string("\x8a\x09").append(9, '1'),
                                                          "K",
                                                          "X\xff\xff\xff\xff",
                                                          "X\1",
                                                          "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
                                                          "\x95\xff\xff\xff\xff\xff\xff\xff\xff",
                                                          "G"}) {
    CHECK_FALSE_MESSAGE(read_pickle(whole_pickle(code)), code);
  }
  CHECK_FALSE(read_pickle(whole_pickle(std::string("X\1\0\0\0\xff", 6))));
  CHECK(refusal("\x80\x06}.") == "data.pkl: it is a pickle of protocol 6, which is not read");
  CHECK(refusal("}.") == "data.pkl: it is no pickle of protocol 2 or later");
}

TEST_CASE("pickle: what is no state dict of tensors is told what to do") {
  const std::string tensor = pickled_tensor(kFloats, 0, {6}, {1});
  CHECK(refusal_of(pickled_dict({{"b", tensor}})).find("torch.load(FILE)['a']") !=
        std::string::npos);
  CHECK(refusal_of("N") == "'a' is nothing, not a tensor: save a state dict of tensors alone");
  CHECK(refusal_of("\x88").starts_with("'a' is a truth value"));
  CHECK(refusal_of(std::string("G\0\0\0\0\0\0\0\0", 9)).starts_with("'a' is a number"));
  CHECK(refusal_of(kFloats).starts_with("'a' is a storage"));
  CHECK(refusal_of(pickled_global("torch", "float32")).starts_with("'a' is a class"));
  CHECK(refusal(whole_pickle(tensor)).starts_with("it holds a tensor, not tensors by name"));
  CHECK(refusal(whole_pickle("}K\1" + tensor + 's')).starts_with("it has a whole number in the"));
  CHECK(refusal(whole_pickle(pickled_dict({{"a", tensor}, {"a", tensor}}))) ==
        "'a' is there twice");
}

TEST_CASE("pickle: files that are none of it") {
  const auto said = [](std::string file) {
    const auto read = read_file(std::move(file));
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  CHECK(said("") == "it is empty");
  CHECK(said("hello") == "it is no file that torch.save wrote");
  CHECK(said("\x80\x02\x8a\x0al\xfc\x9c").find("before 1.6") != std::string::npos);
  CHECK(said(make_archive({{.name = "a", .bytes = "b"}})).find("without data.pkl") !=
        std::string::npos);
  const std::string empty = whole_pickle("}");
  CHECK(said(make_archive(
            {{.name = "a/data.pkl", .bytes = empty}, {.name = "b/data.pkl", .bytes = empty}})) ==
        "it has two entries 'data.pkl'");
  CHECK(said(make_archive({{.name = "a/data.pkl", .bytes = empty},
                           {.name = "a/constants.pkl", .bytes = empty}}))
            .find("TorchScript") != std::string::npos);
  CHECK(said(make_archive(
                 {{.name = "a/data.pkl", .bytes = empty}, {.name = "a/byteorder", .bytes = "big"}}))
            .find("its byte order is 'big'") != std::string::npos);
  CHECK(said(make_archive({{.name = "a/data.pkl", .bytes = empty, .method = 8}}))
            .find("is compressed") != std::string::npos);
  CHECK(said(make_archive({{.name = "a/data.pkl", .bytes = empty, .flags = 1}}))
            .find("is encrypted") != std::string::npos);
  CHECK(read_file(make_archive({{.name = "a/data.pkl", .bytes = empty}})));
}

}  // namespace
}  // namespace shardwright::pickle
