// Where the engine thread leaves its numbers for anybody to read.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/engine.h"

namespace fabula::engine {

// A rate over about the last second of work: what is older counts half as much with each further second.
// Engine thread only.
class RateMeter {
 public:
  void add(double amount, double seconds) {
    amount_ += amount;
    seconds_ += seconds;
    if (seconds_ < 1) return;
    amount_ /= 2;
    seconds_ /= 2;
  }
  double per_second() const { return seconds_ > 0 ? amount_ / seconds_ : 0; }

 private:
  double amount_ = 0, seconds_ = 0;
};

// When to measure again how fast memory is: it moves within minutes on a machine that others use too. Engine thread only.
class PeakWatch {
 public:
  static constexpr double seconds_between = 20;
  void worked() { worked_since_ = true; }
  bool is_due(double now_seconds) const {
    return measured_at_ < 0 || (worked_since_ && now_seconds - measured_at_ > seconds_between);
  }
  void measured(double gb_per_second, double now_seconds) {
    gb_per_second_ = gb_per_second;
    measured_at_ = now_seconds;
    worked_since_ = false;
  }
  void forget() { measured_at_ = -1; }  // the number of workers changed
  double gb_per_second() const { return gb_per_second_; }

 private:
  double gb_per_second_ = 0;
  double measured_at_ = -1;
  bool worked_since_ = false;
};

// How busy each worker of an executor has been, published about twice a second. Engine thread only.
class BusyMeter {
 public:
  // After a step that took step_seconds and ended `now`. seconds_by_worker: of the executor, only ever growing.
  // true: shares() are new.
  bool look(std::span<const double> seconds_by_worker, double now, double step_seconds);
  std::span<const float> shares() const { return shares_; }

 private:
  double since_ = 0, last_ = 0;
  std::vector<double> before_;
  std::vector<float> shares_;
};

struct MetricsCells {
  static constexpr size_t most_shards = 64;
  static constexpr double busy_fresh_seconds = 1.5;  // kept that long after the last request

  std::atomic<double> prefill_tokens_per_second{0}, decode_tokens_per_second{0}, decode_gb_per_second{0};
  std::atomic<double> peak_read_gb_per_second{0};
  std::atomic<int64_t> active_requests{0}, queued_requests{0}, batch{0};
  std::atomic<int64_t> kv_blocks_used{0}, kv_blocks_total{0}, kv_ram_bytes{0};
  std::atomic<int64_t> tokens_generated{0}, prompt_tokens_read{0}, prompt_tokens_reused{0};
  std::atomic<int64_t> tokens_drafted{0}, drafts_accepted{0};
  std::atomic<int> workers{0};
  std::array<std::atomic<float>, most_shards> shard_busy{};
  std::atomic<size_t> shards{0};
  std::atomic<double> shard_busy_at{0};  // monotonic seconds

  void set_shard_busy(std::span<const float> shares, double now) {
    const size_t n = std::min(shares.size(), most_shards);
    for (size_t i = 0; i < n; ++i) shard_busy[i] = shares[i];
    shards = n;
    shard_busy_at = now;
  }

  Metrics read() const {
    Metrics m;
    m.prefill_tokens_per_second = prefill_tokens_per_second;
    m.decode_tokens_per_second = decode_tokens_per_second;
    m.decode_gb_per_second = decode_gb_per_second;
    m.peak_read_gb_per_second = peak_read_gb_per_second;
    m.active_requests = active_requests;
    m.queued_requests = queued_requests;
    m.batch = batch;
    m.kv_blocks_used = kv_blocks_used;
    m.kv_blocks_total = kv_blocks_total;
    m.kv_ram_bytes = kv_ram_bytes;
    m.tokens_generated = tokens_generated;
    m.prompt_tokens_read = prompt_tokens_read;
    m.prompt_tokens_reused = prompt_tokens_reused;
    m.tokens_drafted = tokens_drafted;
    m.drafts_accepted = drafts_accepted;
    m.workers = workers;
    const bool fresh = m.active_requests > 0 || monotonic_seconds() - shard_busy_at < busy_fresh_seconds;
    m.shard_busy.resize(shards);
    for (size_t i = 0; i < m.shard_busy.size(); ++i) m.shard_busy[i] = fresh ? shard_busy[i].load() : 0.0f;
    return m;
  }
};

}  // namespace fabula::engine
