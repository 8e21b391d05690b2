// Whether a team pays. On a machine with other busy programs a worker may lose its core while it holds a shard, and the caller waits a
// time slice for it; or the caller loses its own to a worker that only spins. Then one thread alone can be twice as fast as two
// (measured: a load of 13 on two cores, decode of a 135M model: 76 tokens/s alone, 38 with two threads). So where lost time shows, the
// policy tries steps alone, compares, and keeps what is faster. Results never depend on who ran a shard.
//
// Pure bookkeeping over the steps' own seconds: no clock, no threads.
#pragma once

#include <cstdint>

namespace fabula::compute::cpu {

class TeamPolicy {
 public:
  // What the next step, of this shape, should do. A trial alone is for steps like those before it: after one slow short step a long prompt
  // would be read by one thread, and nothing learned.
  bool alone(int64_t shape) const { return state_ == State::alone || (state_ == State::trying_alone && shape == shape_); }

  // shape: steps of one shape cost about the same (its number of tokens). lost: seconds of the step in which the caller waited for
  // claimed shards or had no core.
  void step_ended(int64_t shape, double seconds, double lost);

 private:
  enum class State { together, trying_alone, alone, trying_together };
  void enter(State state);

  State state_ = State::together;
  double now_ = 0;                    // seconds of all steps
  int64_t shape_ = 0, steps_ = 0;     // of the running window
  double seconds_ = 0, lost_ = 0;
  double together_rate_ = 0, alone_rate_ = 0;  // seconds a step, last known
  double next_trial_ = 0, trial_pause_ = 0, stay_alone_ = 0, alone_until_ = 0;
};

}  // namespace fabula::compute::cpu
