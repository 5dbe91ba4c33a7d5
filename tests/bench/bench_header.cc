// Parsing the two large JSONs of a checkpoint like DeepSeek-V3 (93,696 tensors, in one file):
// this library with all its checks against nlohmann's SAX interface, which keeps no tree, and its
// tree, which checks nothing.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/ratios.h"
#include "checkpoint/index.h"
#include "safetensors/header.h"
#include "safetensors/writer.h"

namespace {

using namespace shardwright;

std::vector<safetensors::TensorSpec> tensors() {
  std::vector<safetensors::TensorSpec> out;
  for (int layer = 0; layer < 61; ++layer) {
    for (int expert = 0; expert < 256; ++expert) {
      for (const std::string_view part : {"gate_proj", "up_proj", "down_proj"}) {
        std::string name =
            fmt::format("model.layers.{}.mlp.experts.{}.{}.weight", layer, expert, part);
        out.push_back({name, DType::kF8E4M3, {2048, 7168}});
        out.push_back({name + "_scale_inv", DType::kF32, {16, 56}});
      }
    }
  }
  return out;
}

struct HeaderText {
  std::string json{};
  std::uint64_t file_bytes{};
};

const HeaderText& header_text() {
  static const HeaderText text = [] {
    const std::vector<std::pair<std::string, std::string>> format = {{"format", "pt"}};
    const auto image = safetensors::layout_header(tensors(), format, safetensors::Order::kAsGiven);
    return HeaderText{image->bytes.substr(safetensors::kPrefixBytes),
                      image->bytes.size() + image->data_bytes};
  }();
  return text;
}

const std::string& index_text() {
  static const std::string text = [] {
    const auto specs = tensors();
    std::vector<std::string> files;
    for (std::size_t i = 0; i < specs.size(); ++i)
      files.push_back(fmt::format("model-{:05}-of-00163.safetensors", 1 + i * 163 / specs.size()));
    std::vector<std::pair<std::string_view, std::string_view>> entries;
    for (std::size_t i = 0; i < specs.size(); ++i)
      entries.emplace_back(specs[i].name, files[i]);
    return write_index(entries, 1, {});
  }();
  return text;
}

// Sees every event, and keeps the keys of the outermost two levels to find equal ones.
class DuplicateKeys final : public nlohmann::json::json_sax_t {
 public:
  std::size_t events{};
  std::size_t duplicates{};

  bool null() override { return ++events > 0; }
  bool boolean(bool /*value*/) override { return ++events > 0; }
  bool number_integer(std::int64_t /*value*/) override { return ++events > 0; }
  bool number_unsigned(std::uint64_t /*value*/) override { return ++events > 0; }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return ++events > 0; }
  bool string(std::string& /*value*/) override { return ++events > 0; }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return ++depth_ > 0; }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*size*/) override { return ++events > 0; }
  bool end_array() override { return ++events > 0; }
  bool key(std::string& value) override {
    if (depth_ <= watched_ && !keys_.insert(value).second) ++duplicates;
    return ++events > 0;
  }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    return false;
  }

  explicit DuplicateKeys(int watched) : watched_(watched) {}

 private:
  int watched_;
  int depth_{};
  std::unordered_set<std::string> keys_;
};

void header_ours(benchmark::State& state) {
  const HeaderText& text = header_text();
  for (auto _ : state) {
    const auto header = safetensors::parse_header(text.json, text.file_bytes);
    if (!header.defects.empty() || header.tensors.size() != 93'696) state.SkipWithError("wrong");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.json.size()));
}

void index_ours(benchmark::State& state) {
  for (auto _ : state) {
    const auto index = parse_index(index_text());
    if (!index.defects.empty() || index.entries.size() != 93'696) state.SkipWithError("wrong");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(index_text().size()));
}

void sax(benchmark::State& state, const std::string& text, int watched) {
  for (auto _ : state) {
    DuplicateKeys events(watched);
    if (!nlohmann::json::sax_parse(text, &events) || events.duplicates > 0) {
      state.SkipWithError("wrong");
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void tree(benchmark::State& state, const std::string& text) {
  for (auto _ : state) {
    if (nlohmann::json::parse(text).empty()) state.SkipWithError("wrong");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void add(const char* name, void (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, run)->Unit(benchmark::kMillisecond)->MinTime(1);
}

}  // namespace

int main(int argc, char** argv) {
  add("header/ours", header_ours);
  add("header/nlohmann_sax", [](auto& state) { sax(state, header_text().json, 1); });
  add("header/nlohmann_tree", [](auto& state) { tree(state, header_text().json); });
  add("index/ours", index_ours);
  add("index/nlohmann_sax", [](auto& state) { sax(state, index_text(), 2); });
  add("index/nlohmann_tree", [](auto& state) { tree(state, index_text()); });
  return run_benchmarks(argc, argv);
}
