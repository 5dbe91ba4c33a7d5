#include "support/merge_run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>

#include "base/parallel.h"

namespace shardwright::test {
namespace {

// Of exactly that size, so that a sanitizer sees a step past its end.
struct Aligned {
  explicit Aligned(std::size_t count)
      : data(static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t(64)))) {}
  Aligned(Aligned&& other) noexcept : data(std::exchange(other.data, nullptr)) {}
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  Aligned& operator=(Aligned&&) = delete;
  ~Aligned() { ::operator delete(data, std::align_val_t(64)); }
  float* data;
};

std::vector<std::size_t> order_of(std::size_t count, std::uint64_t shuffle) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (shuffle != 0) std::shuffle(order.begin(), order.end(), std::mt19937_64(shuffle));
  return order;
}

template <typename F>
void with_chunk(const MergeSetup& setup, std::uint64_t first, std::size_t count, const F& f) {
  std::vector<Aligned> copies;
  std::vector<const float*> inputs;
  for (const Floats& input : setup.inputs) {
    copies.emplace_back(count);
    std::copy_n(input.data() + first, count, copies.back().data);
    inputs.push_back(copies.back().data);
  }
  f(Chunk{.first = first, .count = count, .inputs = inputs});
}

std::uint64_t elements(const MergeSetup& setup) {
  return setup.inputs.at(0).size();
}

int run_passes(MergeProgram& program, const MergeSetup& setup, const MergeOrder& order) {
  const std::uint64_t size = elements(setup);
  const std::size_t chunk = program.chunk_elements();
  const std::uint64_t block = (order.block + chunk - 1) / chunk * chunk;
  const std::size_t blocks = (size + block - 1) / block;
  int index = 0;
  for (; const auto shape = program.pass(index); ++index) {
    std::vector<double> sums(blocks * shape->sums);
    std::vector<std::uint64_t> counts(shape->counts);
    std::mutex adding;
    const auto turns = order_of(blocks, order.shuffle);
    parallel_for(blocks, order.threads, [&](std::size_t turn) {
      const std::size_t b = turns[turn];
      std::vector<std::uint64_t> own(shape->counts);
      const Tally tally{.sums = std::span(sums).subspan(b * shape->sums, shape->sums),
                        .counts = own};
      const std::uint64_t end = std::min(size, (b + 1) * block);
      for (std::uint64_t at = b * block; at < end; at += chunk) {
        with_chunk(setup, at, std::min<std::uint64_t>(chunk, end - at),
                   [&](const Chunk& piece) { program.gather(index, piece, tally); });
      }
      const std::scoped_lock lock(adding);
      for (std::size_t i = 0; i < own.size(); ++i)
        counts[i] += own[i];
    });
    program.conclude(
        index,
        PassResult{.sums = shape->sums, .block_elements = block, .blocks = sums, .counts = counts});
  }
  return index;
}

}  // namespace

Result<std::unique_ptr<MergeProgram>> make_program(const MergeSetup& setup) {
  const Method* method = find_method(setup.method);
  if (method == nullptr) throw std::invalid_argument("no such method");
  std::vector<double> globals;
  std::vector<double> presets;
  for (const ParameterRow& row : method->parameters) {
    auto& list = row.scope == ParameterScope::kGlobal ? globals : presets;
    list.push_back(row.preset.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  for (std::size_t i = 0; i < setup.globals.size(); ++i)
    globals.at(i) = setup.globals[i];
  std::vector<std::vector<double>> values(setup.inputs.size(), presets);
  for (std::size_t i = 0; i < setup.values.size(); ++i) {
    for (std::size_t k = 0; k < setup.values[i].size(); ++k)
      values.at(i).at(k) = setup.values[i][k];
  }
  const std::vector<std::uint64_t> shape =
      setup.shape.empty() ? std::vector{elements(setup)} : setup.shape;
  return method->make(MergeCase{.name = "test.weight",
                                .shape = shape,
                                .elements = elements(setup),
                                .inputs = setup.inputs.size(),
                                .base = setup.base,
                                .globals = globals,
                                .values = values,
                                .seed = setup.seed,
                                .round_to = setup.round_to});
}

Floats run_merge(const MergeSetup& setup, const MergeOrder& order) {
  auto made = make_program(setup);
  if (!made) throw std::invalid_argument(made.error().message);
  MergeProgram& program = **made;
  run_passes(program, setup, order);
  const std::uint64_t size = elements(setup);
  const std::size_t chunk = program.chunk_elements();
  const std::size_t chunks = (size + chunk - 1) / chunk;
  const auto turns = order_of(chunks, order.shuffle);
  Floats result(size, std::numeric_limits<float>::quiet_NaN());
  parallel_for(chunks, order.threads, [&](std::size_t turn) {
    const std::uint64_t at = turns[turn] * chunk;
    const std::size_t count = std::min<std::uint64_t>(chunk, size - at);
    const Aligned part(count);
    with_chunk(setup, at, count, [&](const Chunk& piece) { program.apply(piece, part.data); });
    std::copy_n(part.data, count, result.data() + at);
  });
  return result;
}

int count_passes(const MergeSetup& setup) {
  auto made = make_program(setup);
  if (!made) throw std::invalid_argument(made.error().message);
  return run_passes(**made, setup, {});
}

}  // namespace shardwright::test
