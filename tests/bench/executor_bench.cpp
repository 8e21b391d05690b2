// Prefill and decode of a synthetic model beside the machine's limits, measured interleaved; medians (NUMERICS 12).
//   executor_bench SHAPE TYPE [threads=2] [depth=0] [prompt=512] [decode=64] [repeat=5] [isa]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/compute/cpu/machine_limits.h"
#include "core/compute/executor.h"
#include "core/model/shapes.h"

namespace {

using namespace fabula;
using compute::cpu::MachineLimits;

// One thread: its own CPU time, so that a busy machine shows less. More: the clock on the wall.
double seconds(bool alone) {
  if (!alone) return monotonic_seconds();
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct Bench {
  compute::Executor& executor;
  std::vector<int32_t> blocks;
  int64_t vocab;
  bool alone;

  double read(int64_t start, int64_t n, int64_t step) {
    std::vector<int32_t> tokens(static_cast<size_t>(n));
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>((i * 7919 + 13) % static_cast<size_t>(vocab));
    const double begin = seconds(alone);
    for (int64_t at = 0; at < n; at += step) {
      const int64_t m = std::min(step, n - at);
      const auto wanted = at + m == n || step == 1 ? compute::LogitRows::last : compute::LogitRows::none;
      const compute::SequenceSlice slice{std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(m)), start + at, blocks, wanted};
      if (const Status s = executor.forward({&slice, 1}, nullptr); !s.ok()) std::fprintf(stderr, "%s\n", s.error().message.c_str());
    }
    return seconds(alone) - begin;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
  if (argc < 3) {
    std::fprintf(stderr, "executor_bench SHAPE TYPE [threads] [depth] [prompt] [decode] [repeat] [isa]\n");
    return 2;
  }
  const auto type = formats::dtype_from_name_or_none(argv[2]);
  if (!type) return 2;
  const int threads = number(3, 2), depth = number(4, 0), prompt = number(5, 512), decode = number(6, 64), repeat = number(7, 5);
  const std::string isa = argc > 8 ? argv[8] : "";
  auto synthetic = model::make_synthetic_model(argv[1], *type);
  if (!synthetic.ok()) return std::fprintf(stderr, "%s\n", synthetic.error().message.c_str()), 1;
  const int64_t positions = std::max(prompt, depth + decode);
  compute::LoadOptions load{.kv_blocks = positions / compute::kv_block_tokens + 2};
  load.precision = *type == formats::DType::f32 ? compute::Precision::f32 : compute::Precision::automatic;
  const double load_begin = monotonic_seconds();
  auto executor = compute::make_cpu_executor(synthetic->spec, *synthetic->source, load, {.threads = threads, .isa_override = isa});
  if (!executor.ok()) return std::fprintf(stderr, "%s\n", executor.error().message.c_str()), 1;
  const double load_seconds = monotonic_seconds() - load_begin;
  const auto& info = (*executor)->info();
  auto meter = compute::cpu::MachineMeter::make(threads, isa, info.weight_bytes_per_token);
  if (!meter.ok()) return 1;
  std::vector<int32_t> blocks(static_cast<size_t>(load.kv_blocks));
  std::iota(blocks.begin(), blocks.end(), 0);
  Bench bench{**executor, blocks, synthetic->spec.vocab, threads == 1 && !std::getenv("FABULA_BENCH_WALL")};
  (*executor)->set_hot(true);
  bench.read(0, std::min(prompt, 64), 64);
  std::vector<double> prefill_rates, decode_rates;
  std::vector<MachineLimits> samples;
  for (int r = 0; r < repeat; ++r) {
    samples.push_back((*meter)->sample());
    prefill_rates.push_back(prompt / bench.read(0, prompt, 512));
    samples.push_back((*meter)->sample());
    if (depth > 0) bench.read(0, depth, 512);
    bench.read(depth, 2, 1);
    decode_rates.push_back(decode / bench.read(depth, decode, 1));
  }
  const MachineLimits limits = median(samples);
  const double decode_rate = median(decode_rates), prefill_rate = median(prefill_rates);
  const double kv = static_cast<double>(info.kv_bytes_per_token) * (depth + decode / 2.0);
  const double bytes_rate = decode_rate * (static_cast<double>(info.weight_bytes_per_token) + kv);
  // Prefill: the head runs for the last token only.
  const compute::ModelSpec& spec = synthetic->spec;
  double ops = 0;
  for (const auto& l : spec.layers)
    for (const auto* m : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) ops += 2.0 * static_cast<double>(m->rows * m->cols);
  const double attention_ops = 2.0 * static_cast<double>(spec.n_layers * spec.n_heads * spec.head_dim) * (prompt + 1);
  const bool ints = formats::is_quantised(*type);
  const double at_limit = ints ? ops / limits.int8_ops + attention_ops / limits.fma_flops : (ops + attention_ops) / limits.fma_flops;
  std::printf("%s %s t%d %s: load %.2fs %.0f MB | prefill %.0f t/s (%.0f..%.0f) share %.2f | decode@%d %.1f t/s (%.1f..%.1f) %.1f GB/s share %.2f of %s\n",
              argv[1], argv[2], threads, info.isa.c_str(), load_seconds, static_cast<double>(info.weight_bytes) / 1e6, prefill_rate,
              *std::min_element(prefill_rates.begin(), prefill_rates.end()), *std::max_element(prefill_rates.begin(), prefill_rates.end()),
              prefill_rate * at_limit, depth, decode_rate, *std::min_element(decode_rates.begin(), decode_rates.end()),
              *std::max_element(decode_rates.begin(), decode_rates.end()), bytes_rate / 1e9, bytes_rate / limits.weights_read_bytes_per_second,
              compute::cpu::level_name((*meter)->level_of(info.weight_bytes_per_token)));
  std::printf("  limits: dram %.1f l3 %.1f l2 %.1f weights %.1f GB/s, fma %.0f GFLOP/s, int8 %.0f GOP/s\n", limits.dram_read_bytes_per_second / 1e9,
              limits.l3_read_bytes_per_second / 1e9, limits.l2_read_bytes_per_second / 1e9, limits.weights_read_bytes_per_second / 1e9,
              limits.fma_flops / 1e9, limits.int8_ops / 1e9);
  return 0;
}
