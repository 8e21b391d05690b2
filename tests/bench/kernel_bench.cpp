// One thread, every panel type: a prompt's worth of tokens and one token, beside the arithmetic peak of the same instruction set.
// The best of many short windows: that is what the kernel does when nobody else has the core.
//   kernel_bench [isa] [rows=512] [cols=1536] [tokens=240]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "core/base/clock.h"
#include "core/compute/cpu/activations.h"
#include "core/compute/cpu/huge_buffer.h"
#include "core/compute/cpu/isa.h"
#include "core/formats/quant.h"

namespace {

using namespace fabula;
using namespace fabula::compute::cpu;

template <class Work>
double best_seconds(const Work& work) {
  double best = 1e9;
  const double until = monotonic_seconds() + 0.5;
  for (int i = 0; i < 20 || (monotonic_seconds() < until && i < 4000); ++i) {
    const double begin = monotonic_seconds();
    work();
    best = std::min(best, monotonic_seconds() - begin);
  }
  return best;
}

void bench(const KernelTable& kernels, const PanelTypeInfo& type, int64_t rows, int64_t cols, int64_t tokens, double fma, double ops) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(cols));
  for (float& v : x) v = normal(random);
  std::vector<std::byte> row(formats::row_bytes(type.dtype, cols)), sixteen;
  if (!formats::can_quantize(type.dtype) || cols % formats::dtype_info(type.dtype).block_elements != 0) return;
  formats::quantize(type.dtype, x.data(), row.data(), cols);
  for (int r = 0; r < panel_rows; ++r) sixteen.insert(sixteen.end(), row.begin(), row.end());
  const int64_t bytes = panel_bytes(type.type, cols), panels = rows / panel_rows;
  auto memory = HugeBuffer::allocate(static_cast<size_t>(bytes * panels + 4096), "bench");
  auto scratch = HugeBuffer::allocate(static_cast<size_t>(tokens * (cols * 8 + rows * 4 + 2 * cols) + (64 << 10)), "bench");
  if (!memory.ok() || !scratch.ok()) return;
  for (int64_t p = 0; p < panels; ++p) pack_panel(type.type, cols, sixteen.data(), panel_rows, memory->data() + p * bytes);
  const PackedMatrix matrix{type.type, rows, cols, memory->data(), bytes};
  Activations a;
  auto* at = reinterpret_cast<float*>(scratch->data());
  a.values = at;
  at += tokens * cols;
  const int64_t blocks = tokens * cols / 32;
  for (QuantPlane* plane : {&a.coarse, &a.fine}) {
    *plane = {reinterpret_cast<int32_t*>(at), at + 8 * blocks, reinterpret_cast<int32_t*>(at + 9 * blocks)};
    at += 12 * blocks;
  }
  a.scaled_sums = at;
  a.sums_stride = blocks;
  at += blocks + 64;
  const auto run = [&](int64_t n) {
    const Activations in = a.laid_out(cols, n, !type.quantised, type.quantised);
    for (int64_t t = 0; t < n; ++t) in.put(kernels, t, 0, x.data(), cols);
    return best_seconds([&] {
      for (int64_t p = 0; p < panels; p += 4) multiply(kernels, matrix, in, 0, n, p, std::min<int64_t>(4, panels - p), at + p * panel_rows, rows);
    });
  };
  const double flops = 2.0 * static_cast<double>(rows * cols), peak = type.quantised ? ops : fma;
  const double many = run(tokens), one = run(1);
  const double pack = best_seconds([&] {
    const Activations in = a.laid_out(cols, tokens, !type.quantised, type.quantised);
    for (int64_t t = 0; t < tokens; ++t) in.put(kernels, t, 0, x.data(), cols);
  });
  std::printf("%-6s %4.0f tokens: %7.1f Gop/s, %5.1f %% of peak (packing %.1f %% of it)   1 token: %6.1f GB/s\n",
              std::string(formats::dtype_info(type.dtype).name).c_str(), static_cast<double>(tokens),
              static_cast<double>(tokens) * flops / many / 1e9, 100 * static_cast<double>(tokens) * flops / many / peak, 100 * pack / many,
              static_cast<double>(bytes * panels) / one / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  const auto chosen = choose_kernels(argc > 1 ? argv[1] : "");
  if (!chosen.ok()) return std::fprintf(stderr, "%s\n", chosen.error().message.c_str()), 2;
  const KernelTable& kernels = **chosen;
  const int64_t rows = argc > 2 ? std::atoi(argv[2]) : 512, cols = argc > 3 ? std::atoi(argv[3]) : 1536, tokens = argc > 4 ? std::atoi(argv[4]) : 240;
  volatile float float_sink = 0;
  volatile int64_t int_sink = 0;
  const double fma = 20000.0 * kernels.peak_chains * 32 / best_seconds([&] { float_sink = kernels.peak_fma(20000); });
  const double ops = 20000.0 * kernels.peak_chains * 128 / best_seconds([&] { int_sink = kernels.peak_dot(20000); });
  std::printf("%s: peak %.0f GFLOP/s, %.0f int8 GOP/s; %lld rows x %lld columns\n", kernels.isa, fma / 1e9, ops / 1e9,
              static_cast<long long>(rows), static_cast<long long>(cols));
  for (int t = 0; t < panel_type_count; ++t) bench(kernels, panel_type_info(static_cast<PanelType>(t)), rows, cols, tokens, fma, ops);
  return 0;
}
