// The scan of `check --data` against its scalar reference and against copying the same bytes, in a
// buffer that fits the second-level cache, as the reader's does.
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/ratios.h"
#include "tensor/scan.h"

namespace {

using namespace shardwright;

constexpr std::size_t kBytes = std::size_t{512} * 1024;

// Finite in every dtype: no byte is 0x7C or more without its sign, 0x80 or 0xFF.
std::vector<std::byte> finite_bytes() {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(kBytes);
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>(random() % 0x70);
  return bytes;
}

using Scan = void (*)(DType, Bytes, ScanResult&);

void run_scan(benchmark::State& state, DType dtype, Scan scanner) {
  const auto bytes = finite_bytes();
  for (auto step : state) {
    static_cast<void>(step);
    ScanResult result;
    scanner(dtype, bytes, result);
    benchmark::DoNotOptimize(result);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
}

void run_copy(benchmark::State& state) {
  const auto bytes = finite_bytes();
  std::vector<std::byte> copy(bytes.size());
  for (auto step : state) {
    static_cast<void>(step);
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBytes));
}

}  // namespace

int main(int argc, char** argv) {
  for (const DType dtype : {DType::kBF16, DType::kF16, DType::kF32, DType::kF64, DType::kF8E4M3}) {
    const std::string group = "scan_" + std::string(dtype_name(dtype));
    benchmark::RegisterBenchmark((group + "/ours").c_str(), run_scan, dtype, scan);
    benchmark::RegisterBenchmark((group + "/scalar").c_str(), run_scan, dtype, scan_scalar);
    benchmark::RegisterBenchmark((group + "/memcpy").c_str(), run_copy);
  }
  return run_benchmarks(argc, argv);
}
