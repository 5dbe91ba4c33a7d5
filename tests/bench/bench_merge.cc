// Kernels and methods on chunks that lie in the first-level cache, as bytes per second of what they
// read of their inputs, beside memcpy of the same bytes. A method reads bf16 and writes bf16.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/ratios.h"
#include "merge/kernels.h"
#include "merge/method.h"

namespace {

using namespace shardwright;

constexpr std::size_t kCount = MergeProgram::kChunk;
constexpr std::size_t kElements = std::size_t{1} << 24U;  // larger than any cache, of each model
constexpr std::size_t kRow = 4096;

std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(random);
  return values;
}

// --- kernels -----------------------------------------------------------------------------------

struct Arrays {
  std::vector<float> a = numbers(kCount, 1), b = numbers(kCount, 2), to = numbers(kCount, 3);
  std::vector<std::byte> codes = std::vector<std::byte>(2 * kCount);
};

struct Kernel {
  const char* name;
  std::size_t bytes;  // read for each element
  void (*run)(Arrays& arrays);
};

constexpr Kernel kKernels[] = {
    {"decode_bf16", 2, [](Arrays& x) { kernel::decode(DType::kBF16, x.codes, x.to.data()); }},
    {"decode_f16", 2, [](Arrays& x) { kernel::decode(DType::kF16, x.codes, x.to.data()); }},
    {"encode_bf16", 4,
     [](Arrays& x) { kernel::encode(DType::kBF16, x.a.data(), kCount, x.codes.data()); }},
    {"encode_f16", 4,
     [](Arrays& x) { kernel::encode(DType::kF16, x.a.data(), kCount, x.codes.data()); }},
    {"scale", 4, [](Arrays& x) { kernel::scale(x.a.data(), 0.3F, x.to.data(), kCount); }},
    {"blend", 8,
     [](Arrays& x) { kernel::blend(x.a.data(), 0.3F, x.b.data(), 0.7F, x.to.data(), kCount); }},
    {"divide", 8, [](Arrays& x) { kernel::divide(x.a.data(), x.b.data(), x.to.data(), kCount); }},
    {"sum_squares", 4,
     [](Arrays& x) { benchmark::DoNotOptimize(kernel::sum_squares(x.a.data(), kCount)); }},
    {"products", 8,
     [](Arrays& x) { benchmark::DoNotOptimize(kernel::products(x.a.data(), x.b.data(), kCount)); }},
};

void run_kernel(benchmark::State& state, const Kernel& kernel) {
  Arrays arrays;
  kernel::encode(DType::kBF16, arrays.a.data(), kCount, arrays.codes.data());
  for (auto step : state) {
    static_cast<void>(step);
    kernel.run(arrays);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kCount * kernel.bytes));
}

void copy_kernel(benchmark::State& state, const Kernel& kernel) {
  std::vector<std::byte> from(kCount * kernel.bytes);
  std::vector<std::byte> to(from.size());
  for (auto step : state) {
    static_cast<void>(step);
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(from.size()));
}

// --- methods -----------------------------------------------------------------------------------

// Some bf16 models, all that a method needs to run over them, and room for the result.
class Tensors {
 public:
  Tensors(const Method& method, std::size_t models) : method_(method) {
    std::mt19937_64 random(1);
    const auto base = numbers(kElements, 1);
    for (std::size_t i = 0; i < models; ++i) {
      std::vector<float> values = base;
      for (std::size_t at = 0; i > 0 && at < values.size(); ++at)
        values[at] += 0.001F * (static_cast<float>(random() % 512) / 256 - 1);
      inputs_.emplace_back(2 * kElements);
      kernel::encode(DType::kBF16, values.data(), kElements, inputs_.back().data());
    }
    result_.resize(2 * kElements);
    for (const ParameterRow& row : method.parameters) {
      auto& list = row.scope == ParameterScope::kGlobal ? globals_ : presets_;
      list.push_back(row.preset.value_or(0.4));
    }
    values_.assign(models, presets_);
  }

  // All passes and the result, by one thread.
  void merge() {
    auto made = method_.make(
        {.name = "model.layers.0.mlp.up_proj.weight",
         .shape = shape_,
         .elements = kElements,
         .inputs = inputs_.size(),
         .base = method_.base == BaseRule::kNone ? std::nullopt : std::optional<std::size_t>(0),
         .globals = globals_,
         .values = values_});
    MergeProgram& program = *made.value();
    const std::size_t chunk = program.chunk_elements();
    std::vector<float> result(chunk);
    for (int index = 0; const auto shape = program.pass(index); ++index) {
      std::vector<double> sums(shape->sums);
      std::vector<std::uint64_t> counts(shape->counts);
      for_chunks(chunk, [&](const Chunk& piece) {
        program.gather(index, piece, {.sums = sums, .counts = counts});
      });
      program.conclude(
          index,
          {.sums = shape->sums, .block_elements = kElements, .blocks = sums, .counts = counts});
    }
    for_chunks(chunk, [&](const Chunk& piece) {
      program.apply(piece, result.data());
      kernel::encode(DType::kBF16, result.data(), piece.count, result_.data() + 2 * piece.first);
    });
  }

  void copy() {
    for (const auto& input : inputs_) {
      std::memcpy(result_.data(), input.data(), input.size());
      benchmark::ClobberMemory();
    }
  }

  [[nodiscard]] std::size_t bytes() const { return inputs_.size() * 2 * kElements; }

 private:
  template <typename F>
  void for_chunks(std::size_t chunk, const F& f) const {
    std::vector<std::vector<float>> floats(inputs_.size(), std::vector<float>(chunk));
    std::vector<const float*> pointers;
    for (const auto& list : floats)
      pointers.push_back(list.data());
    for (std::uint64_t first = 0; first < kElements; first += chunk) {
      const std::size_t count = std::min<std::uint64_t>(chunk, kElements - first);
      for (std::size_t i = 0; i < inputs_.size(); ++i)
        kernel::decode(DType::kBF16, Bytes(inputs_[i]).subspan(2 * first, 2 * count),
                       floats[i].data());
      f(Chunk{.first = first, .count = count, .inputs = pointers});
    }
  }

  const Method& method_;
  std::vector<std::uint64_t> shape_ = {kElements / kRow, kRow};
  std::vector<std::vector<std::byte>> inputs_;
  std::vector<std::byte> result_;
  std::vector<double> globals_, presets_;
  std::vector<std::vector<double>> values_;
};

void run_method(benchmark::State& state, const Method* method, std::size_t models, bool copy) {
  Tensors tensors(*method, models);
  for (auto step : state) {
    static_cast<void>(step);
    if (copy)
      tensors.copy();
    else
      tensors.merge();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(tensors.bytes()));
}

}  // namespace

int main(int argc, char** argv) {
  for (const Kernel& kernel : kKernels) {
    const std::string group = kernel.name;
    benchmark::RegisterBenchmark((group + "/ours").c_str(), run_kernel, kernel);
    benchmark::RegisterBenchmark((group + "/memcpy").c_str(), copy_kernel, kernel);
  }
  for (const Method* method : method_table()) {
    const std::size_t based =
        method->base == BaseRule::kRequired || method->base == BaseRule::kOptional ? 1 : 0;
    const std::size_t models =
        based + (method->most_inputs == 0 ? 3 : std::min<std::size_t>(3, method->most_inputs));
    const std::string group(method->name);
    for (const bool copy : {false, true}) {
      benchmark::RegisterBenchmark((group + (copy ? "/memcpy" : "/ours")).c_str(), run_method,
                                   method, models, copy)
          ->Unit(benchmark::kMillisecond);
    }
  }
  return run_benchmarks(argc, argv);
}
