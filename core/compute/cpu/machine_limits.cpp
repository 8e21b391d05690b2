#include "core/compute/cpu/machine_limits.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "core/base/clock.h"
#include "core/compute/cpu/huge_buffer.h"
#include "core/compute/cpu/isa.h"
#include "core/compute/cpu/read_rate.h"
#include "core/compute/cpu/team.h"

namespace fabula::compute::cpu {

namespace {

constexpr uint64_t mib = uint64_t{1} << 20;
constexpr double seconds_each = 0.02;

uint64_t cache_bytes(int name, uint64_t otherwise) {
  const long size = sysconf(name);
  return size > 0 ? static_cast<uint64_t>(size) : otherwise;
}

class Meter final : public MachineMeter {
 public:
  Meter(int threads, const KernelTable& kernels, uint64_t weights_bytes)
      : kernels_(kernels), team_(threads), l2_(cache_bytes(_SC_LEVEL2_CACHE_SIZE, mib)), l3_(cache_bytes(_SC_LEVEL3_CACHE_SIZE, 16 * mib)),
        weights_bytes_(std::min(weights_bytes, 1024 * mib)) {}

  Status prepare() {
    dram_bytes_ = std::max(4 * l3_, 512 * mib);
    const uint64_t bytes = std::max(dram_bytes_, weights_bytes_) + 8192;
    FABULA_ASSIGN(buffer_, HugeBuffer::allocate(bytes, "The buffer that measures the memory"));
    std::memset(buffer_.data(), 1, bytes);  // untouched pages would all be the one zero page
    return {};
  }

  MachineLimits sample() override {
    team_.set_hot(true);
    team_.begin_step(0);
    MachineLimits limits;
    limits.l2_read_bytes_per_second = read_rate(team_, static_cast<uint64_t>(team_.threads()) * l2_ / 2);
    limits.l3_read_bytes_per_second = read_rate(team_, std::max(l3_ / 2, static_cast<uint64_t>(team_.threads()) * l2_ * 2));
    limits.dram_read_bytes_per_second = read_rate(team_, dram_bytes_);
    if (weights_bytes_ > 0) limits.weights_read_bytes_per_second = read_rate(team_, weights_bytes_);
    const int64_t chains = kernels_.peak_chains, lanes = panel_rows;
    limits.fma_flops = arithmetic_rate([&](int64_t n) { sink_ += static_cast<int64_t>(kernels_.peak_fma(n)); }) * static_cast<double>(chains * lanes * 2);
    limits.int8_ops = arithmetic_rate([&](int64_t n) { sink_ += kernels_.peak_dot(n); }) * static_cast<double>(chains * lanes * 8);
    team_.end_step();
    team_.set_hot(false);
    if (weights_bytes_ > 0) limits.one_thread_read_bytes_per_second = read_rate(alone_, weights_bytes_);
    return limits;
  }

  double copy_rate() override {
    team_.begin_step(0);
    const double rate = cpu::copy_rate(team_, std::span(buffer_.data(), dram_bytes_), weights_bytes_);
    team_.end_step();
    return rate;
  }

  MemoryLevel level_of(uint64_t bytes) const override {
    if (bytes <= static_cast<uint64_t>(team_.threads()) * l2_) return MemoryLevel::l2;
    return bytes <= l3_ ? MemoryLevel::l3 : MemoryLevel::dram;
  }

 private:
  double read_rate(Team& team, uint64_t bytes) {
    return cpu::read_rate(team, kernels_, std::span(buffer_.data(), bytes), seconds_each);
  }

  template <class Work>
  double arithmetic_rate(const Work& work) {
    constexpr int64_t n = 20000;
    const double begin = monotonic_seconds();
    int64_t calls = 0;
    double elapsed = 0;
    do {
      team_.run(team_.threads() * int64_t{4}, [&](int64_t, int) { work(n); });
      calls += team_.threads() * int64_t{4};
      elapsed = monotonic_seconds() - begin;
    } while (elapsed < seconds_each);
    return static_cast<double>(calls * n) / elapsed;
  }

  const KernelTable& kernels_;
  Team team_, alone_{1};
  const uint64_t l2_, l3_, weights_bytes_;
  uint64_t dram_bytes_ = 0;
  HugeBuffer buffer_;
  std::atomic<int64_t> sink_{0};
};

}  // namespace

const char* level_name(MemoryLevel level) {
  switch (level) {
    case MemoryLevel::l2: return "l2";
    case MemoryLevel::l3: return "l3";
    case MemoryLevel::dram: return "dram";
  }
  return "dram";
}

Result<std::unique_ptr<MachineMeter>> MachineMeter::make(int threads, const std::string& isa_override, uint64_t weights_bytes) {
  FABULA_ASSIGN(const KernelTable* kernels, choose_kernels(isa_override));
  auto meter = std::make_unique<Meter>(threads > 0 ? threads : physical_cores(), *kernels, weights_bytes);
  FABULA_TRY(meter->prepare());
  return std::unique_ptr<MachineMeter>(std::move(meter));
}

MachineLimits median(std::span<const MachineLimits> samples) {
  const auto middle = [&](double MachineLimits::*field) {
    std::vector<double> values;
    for (const MachineLimits& s : samples) values.push_back(s.*field);
    std::sort(values.begin(), values.end());
    return values.empty() ? 0.0 : values[values.size() / 2];
  };
  MachineLimits m;
  for (double MachineLimits::*field : {&MachineLimits::dram_read_bytes_per_second, &MachineLimits::l3_read_bytes_per_second,
                                       &MachineLimits::l2_read_bytes_per_second, &MachineLimits::fma_flops, &MachineLimits::int8_ops,
                                       &MachineLimits::weights_read_bytes_per_second, &MachineLimits::one_thread_read_bytes_per_second})
    m.*field = middle(field);
  return m;
}

}  // namespace fabula::compute::cpu
