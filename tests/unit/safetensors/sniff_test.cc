#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "safetensors/header.h"

namespace shardwright::safetensors {
namespace {

std::string_view what(std::string_view start, std::uint64_t file_bytes = 1'000'000) {
  return foreign_name(sniff(std::as_bytes(std::span(start)), file_bytes));
}

TEST_CASE("safetensors: files that are something else are named") {
  const std::vector<std::pair<std::string, std::string_view>> table = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
       "a Git LFS pointer"},
      {"<!DOCTYPE html>\n<html>", "an HTML page"},
      {"\n\n  <HTML lang=en>", "an HTML page"},
      {"\xEF\xBB\xBF<!doctype HTML>", "an HTML page"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML document"},
      {std::string("PK\x03\x04\0\0\x08\x08\0\0", 10), "a zip archive"},
      {"\x80\x02}q\x01(X\x06", "a pickle"},
      {std::string("\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15), "a pickle"},
      {std::string("\x80\x04\x95\x1F\0\0\0\0\0\0\0}", 12), "a pickle"},
      {std::string("\x1F\x8B\x08\0\0\0\0\0", 8), "gzip data"},
      {std::string("GGUF\x03\0\0\0\x01\0\0\0", 12), "a GGUF file"},
      {"\x89HDF\r\n\x1A\n1234", "an HDF5 file"},
      {std::string(257, 'a').append("ustar"), "a tar archive"},
      {std::string(64, '\0'), "nothing but zero bytes"},
      {"{\"error\": \"Repository not found\"}", "a JSON document"},
      {"[1, 2]", "a JSON document"},
      {"Entry not found", "a text"},
      {"Invalid username or password.", "a text"},
      {"caf\xC3\xA9, cut in a charact\xC3", "a text"},
  };
  for (const auto& [start, name] : table)
    CHECK_MESSAGE(what(start) == name, start);
  CHECK(what("", 0) == "an empty file");
}

TEST_CASE("safetensors: what may be safetensors is taken for nothing else") {
  const auto file = [](std::uint64_t length, std::string_view text) {
    std::string bytes(8, '\0');
    store_u64(std::as_writable_bytes(std::span(bytes)).data(), length);
    return bytes + std::string(text);
  };
  CHECK(what(file(2, "{}")) == "a safetensors file");
  CHECK(what(file(0x280, "{\"a\"")) == "a safetensors file");     // 80 02, as a pickle begins
  CHECK(what(file(0x088B1F, "{\"a\"")) == "a safetensors file");  // as gzip does
  CHECK(what(file(100'000'000, " {\"a\"")) == "a safetensors file");
  CHECK(what(file(~std::uint64_t{0}, "\x01\x02")) == "a safetensors file");  // no idea: noise
  CHECK(what("\xC3\x28\xA0\xA1\xFF\xFE tail") == "a safetensors file");
  CHECK(what(file(3, "\n{}")) == "a safetensors file");
  for (const char* noise : {"\x80\x01}\xFF\xFF\xFF", "\x80\x06}\xFF\xFF\xFF",
                            "\x80\x02?\xFF\xFF\xFF", "a\x7F", "a\x0E"})
    CHECK_MESSAGE(what(noise) == "a safetensors file", noise);
  CHECK(what("\x80\x02") == "a safetensors file");
  CHECK(what("\x80") == "a text");          // a character that is cut off
  CHECK(what("", 100) == "an empty file");  // nothing of it could be read
}

}  // namespace
}  // namespace shardwright::safetensors
