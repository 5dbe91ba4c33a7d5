// The methods that keep a part of the differences to a base: all passes over three fine-tunes and
// their base in bfloat16, from memory, on one thread. `ns` is the time for an element of the
// result.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "merge/kernels.h"
#include "merge/method.h"

namespace {

using namespace shardwright;

constexpr std::uint64_t kRow = 4096;
constexpr std::uint64_t kElements = 1024 * kRow;
constexpr std::size_t kInputs = 4;  // the first is the base

using Stored = std::vector<std::byte>;

std::vector<Stored> models() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> base(kElements);
  for (float& value : base)
    value = normal(random) * 0.02F;
  std::vector<Stored> inputs;
  for (std::size_t m = 0; m < kInputs; ++m) {
    std::vector<float> values = base;
    for (float& value : values)
      value += m == 0 ? 0 : normal(random) * 1e-3F;
    inputs.emplace_back(2 * kElements);
    kernel::encode(DType::kBF16, values.data(), kElements, inputs.back().data());
  }
  return inputs;
}

struct Run {
  const std::vector<Stored>& inputs;
  std::unique_ptr<MergeProgram> program;
  std::vector<float> room, result;

  template <typename F>
  void each_chunk(const F& f) {
    const std::size_t size = program->chunk_elements();
    room.resize(kInputs * size);
    result.resize(size);
    std::vector<const float*> pointers;
    for (std::size_t m = 0; m < kInputs; ++m)
      pointers.push_back(room.data() + m * size);
    for (std::uint64_t at = 0; at < kElements; at += size) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size, kElements - at));
      for (std::size_t m = 0; m < kInputs; ++m)
        kernel::decode(DType::kBF16, Bytes(inputs[m]).subspan(2 * at, 2 * count),
                       room.data() + m * size);
      f(Chunk{.first = at, .count = count, .inputs = pointers});
    }
  }

  void gather_all() {
    for (int index = 0; const auto shape = program->pass(index); ++index) {
      std::vector<double> sums(shape->sums);
      std::vector<std::uint64_t> counts(shape->counts);
      each_chunk([&](const Chunk& chunk) {
        program->gather(index, chunk, {.sums = sums, .counts = counts});
      });
      program->conclude(
          index,
          {.sums = shape->sums, .block_elements = kElements, .blocks = sums, .counts = counts});
    }
  }

  void apply_all(Stored& to) {
    each_chunk([&](const Chunk& chunk) {
      program->apply(chunk, result.data());
      kernel::encode(DType::kBF16, result.data(), chunk.count, to.data() + 2 * chunk.first);
    });
  }
};

void run(benchmark::State& state, const std::string& name, const std::vector<Stored>& inputs) {
  const Method& method = *find_method(name);
  std::vector<double> globals;
  std::vector<double> row;
  for (const ParameterRow& parameter : method.parameters) {
    const bool share = parameter.name == "density" || parameter.name == "select_topk";
    const double value = share ? 0.5 : parameter.preset.value_or(1);
    (parameter.scope == ParameterScope::kGlobal ? globals : row).push_back(value);
  }
  const std::vector<std::vector<double>> values(kInputs, row);
  const std::vector<std::uint64_t> shape = {kElements / kRow, kRow};
  Stored result(2 * kElements);
  for (auto step : state) {
    static_cast<void>(step);
    auto program = method.make({.name = "model.layers.0.mlp.up_proj.weight",
                                .shape = shape,
                                .elements = kElements,
                                .inputs = kInputs,
                                .base = 0,
                                .globals = globals,
                                .values = values});
    Run work{inputs, std::move(program).value(), {}, {}};
    work.gather_all();
    work.apply_all(result);
    benchmark::ClobberMemory();
  }
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kElements * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace

int main(int argc, char** argv) {
  const auto inputs = models();
  for (const char* name : {"task_arithmetic", "ties", "dare_linear", "dare_ties", "della",
                           "della_linear", "breadcrumbs", "breadcrumbs_ties", "sce"}) {
    benchmark::RegisterBenchmark(name, run, std::string(name), std::cref(inputs))
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
