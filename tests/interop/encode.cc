// encode TOKENIZER             prints the token ids of each line of standard input, a JSON string
// encode TOKENIZER --time FILE  prints how many tokens the whole file has, and the seconds that the
//                               quickest of three runs takes
// TOKENIZER is a tokenizer.json, or a tokenizer.model. Where a text cannot be encoded its line
// begins with "error: "; where the tokenizer cannot be read the exit code is 2.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "json/value.h"
#include "tokenizer/encoder.h"

namespace {

using namespace shardwright;

std::optional<std::string> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string encode_line(const Encoder& encoder, std::string_view line) {
  const auto document = json::parse(line);
  if (!document || document->root.string() == nullptr) return "error: the line is no JSON string";
  const auto ids = encode(encoder, *document->root.string());
  if (!ids) return "error: " + ids.error().message;
  return fmt::format("{}", fmt::join(*ids, " "));
}

int time_file(const Encoder& encoder, const std::string& path) {
  const auto text = contents(path);
  if (!text) return 2;
  double best = std::numeric_limits<double>::infinity();
  std::size_t count = 0;
  for (int run = 0; run < 3; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    const auto ids = encode(encoder, *text);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (!ids) return 2;
    count = ids->size();
    best = std::min(best, taken.count());
  }
  fmt::print("{} {:.6f}\n", count, best);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) return 2;
  const std::string path = argv[1];
  const auto text = contents(path);
  if (!text) return 2;
  const auto encoder = path.ends_with(".model") ? read_sentence_piece(*text) : read_encoder(*text);
  if (!encoder) {
    fmt::print(stderr, "{}\n", encoder.error().message);
    return 2;
  }
  if (argc == 4) return time_file(*encoder, argv[3]);
  for (std::string line; std::getline(std::cin, line);)
    fmt::print("{}\n", encode_line(*encoder, line));
  return 0;
}
