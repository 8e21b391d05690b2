// The shard team: one step is a list of phases, a phase is a number of shards that any worker may claim.
//
// Goals: a phase starts and ends without a scheduler (about 0.4 us); a worker that is late, missing or pre-empted never stops the
// others, as the calling thread alone can always finish; the same worker tends to get the same shards (its own L2).
// Non-goals: nesting, priorities, tasks that wait for each other.
//
// TBB lends the threads: a worker is one task that loops inside a task_arena, spins across the steps of a generation and leaves
// a few milliseconds after the last (NUMERICS 11).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/compute/cpu/team_policy.h"

namespace fabula::compute::cpu {

inline constexpr int max_team_threads = 64;

class Team {
 public:
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;

  // Between steps only.
  void resize(int threads);
  int threads() const;
  void set_hot(bool hot);  // hot: workers wait longer before they leave

  // A step: workers are called in where they have left, unless the policy finds that they do not pay just now. shape: see TeamPolicy.
  void begin_step(int64_t shape);
  void end_step();
  // Work that follows a step, before the next one: as run(), by the workers of the last step that have not left; none is called in.
  template <class Run>
  void run_after_step(int64_t n_shards, const Run& run) {
    begin_after_step();
    this->run(n_shards, run);
    end_after_step();
  }
  // What `worker` (1 or more) will read first when the phase after the next one begins: waiting, it fetches some of it from memory. A
  // hint; any address is allowed.
  void fetch_meanwhile(int worker, const uint8_t* begin);
  int workers_in_step() const;  // that ran at least one shard since begin_step, the caller included

  // By worker, the caller first: seconds with a shard in hand, over all steps that ended since the last resize.
  std::span<const double> busy_seconds() const { return busy_seconds_; }
  // The same for one worker other than the caller, up to the last phase; and what the caller waited for the others.
  uint64_t busy_ticks(int worker) const;
  uint64_t waited_ticks() const { return waited_ticks_; }
  double seconds_per_tick() const { return seconds_per_tick_; }

  // Calls run(shard, worker) once for each shard in 0 .. n - 1, from several threads, and returns when all are done. worker is
  // unique among those running, below threads(); the caller is 0. No allocation.
  template <class Run>
  void run(int64_t n_shards, const Run& run) {
    run_ranges(n_shards, [&run](int64_t first, int64_t end, int worker) {
      for (int64_t shard = first; shard < end; ++shard) run(shard, worker);
    });
  }

  // The same, but run(first, end, worker) gets as many neighbouring shards as were claimed at once: an eighth of what its worker has
  // left, so that streams are long at first and the last shards even out the ends.
  template <class Run>
  void run_ranges(int64_t n_shards, const Run& run) {
    if (n_shards <= 1 || alone_) {
      if (n_shards > 0) run(int64_t{0}, n_shards, 0);
      return;
    }
    run_phase(n_shards, [](const void* context, int64_t first, int64_t end, int worker) { (*static_cast<const Run*>(context))(first, end, worker); },
              &run);
  }

 private:
  using Call = void (*)(const void* context, int64_t first, int64_t end, int worker);
  struct State;
  struct Limit;
  void run_phase(int64_t n_shards, Call call, const void* context);
  void begin_after_step();
  void end_after_step();
  void dismiss();
  void forget_busy();  // of a team that is new
  void count_busy(uint64_t step_ticks);
  void measure_ticks();

  std::unique_ptr<Limit> limit_;
  std::shared_ptr<State> state_;
  std::vector<std::shared_ptr<State>> retired_;  // by resize; a worker of theirs may not have left yet
  TeamPolicy policy_;
  bool alone_ = true;  // this step, and between steps
  bool was_alone_ = true;  // in the last step
  int64_t shape_ = 0, steps_ = 0;
  double step_begin_ = 0, step_cpu_begin_ = 0, last_seconds_ = 0, off_core_share_ = 0;

  double birth_seconds_ = 0, birth_doubt_ = 0, rate_doubt_ = 1;
  uint64_t birth_ticks_ = 0;
  double seconds_per_tick_ = 0;
  uint64_t step_begin_ticks_ = 0, waited_ticks_ = 0, waited_before_ = 0;  // waited: since birth; at the step's beginning
  std::vector<double> busy_seconds_;
  std::vector<uint64_t> busy_seen_;  // ticks already in busy_seconds_
};

}  // namespace fabula::compute::cpu
