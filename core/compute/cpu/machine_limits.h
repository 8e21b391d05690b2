// The machine's limits, measured with the threads and instruction set of an executor (NUMERICS 12): shares of peak stand on these.
// A shared machine's limits move within a minute: take a sample before each piece of work, and the median of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/base/result.h"

namespace fabula::compute::cpu {

struct MachineLimits {
  double dram_read_bytes_per_second = 0;
  double l3_read_bytes_per_second = 0;
  double l2_read_bytes_per_second = 0;
  double fma_flops = 0;      // f32, a fused multiply-add counts as two
  double int8_ops = 0;       // a multiply and an add count as two; 0 on instruction sets without byte dots
  double weights_read_bytes_per_second = 0;  // over as many bytes as weights_bytes, wherever they come to lie
  double one_thread_read_bytes_per_second = 0;  // the same by one thread: what the memory gains from the others
};

enum class MemoryLevel { l2, l3, dram };
const char* level_name(MemoryLevel level);  // "l2", "l3", "dram"

class MachineMeter {
 public:
  // weights_bytes: the working set of the work beside it (0: none). Errors: out_of_memory, and those of choose_kernels.
  static Result<std::unique_ptr<MachineMeter>> make(int threads, const std::string& isa_override, uint64_t weights_bytes);
  virtual ~MachineMeter() = default;

  virtual MachineLimits sample() = 0;                          // about 0.2 s
  virtual double copy_rate() = 0;                              // bytes per second into new memory, of weights_bytes (at most 1 GiB)
  virtual MemoryLevel level_of(uint64_t bytes) const = 0;      // by the sizes of this machine's caches
};

MachineLimits median(std::span<const MachineLimits> samples);  // of each field

}  // namespace fabula::compute::cpu
