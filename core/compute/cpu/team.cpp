#include "core/compute/cpu/team.h"

#include <tbb/global_control.h>

#include <time.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/compute/cpu/standard_rounding.h"
#include "core/compute/cpu/tbb_tasks.h"
#include "core/compute/cpu/ticks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fabula::compute::cpu {

namespace {

constexpr double idle_seconds_hot = 0.010;   // a sampler, a grammar or a slow consumer may stand between two steps
constexpr double idle_seconds_cold = 0.002;
constexpr int spins_per_clock = 256;         // one look at the clock per that many pauses (about 10 us)
constexpr int spins_before_idle_yield = 1000; // 40 us: longer than any gap between phases; the caller may be queued behind us
constexpr double patience_seconds = 10;      // with a system that has no core for a worker to leave on
constexpr int64_t claims_of_a_run = 8;       // a claim takes that part of the shards that are left
constexpr int spins_before_yield = 4000;     // then the caller lets a pre-empted worker of its own core run

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

constexpr size_t fetched_at_most = 128 * 1024;  // while waiting, into half of a small level-2 cache
constexpr size_t fetched_at_once = 1024;        // then the worker looks for work again

// Assembler, as g++ 12 drops calls of a function that does nothing but prefetch.
void fetch(const uint8_t* begin) {
#if defined(__x86_64__)
  for (size_t at = 0; at < fetched_at_once; at += 64) __asm__ volatile("prefetcht1 %0" : : "m"(begin[at]));
#else
  (void)begin;
#endif
}

double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Each worker has its own run of a phase's shards and helps the others when it is through. `left` counts down; a claim is valid
// while the value before was positive, so a late claim on an old phase finds nothing, or finds valid work of the new one.
struct alignas(128) Slot {
  std::atomic<int64_t> left{0};
  int64_t begin = 0, count = 0;     // written by the caller before `left`
  std::atomic<bool> taken{false};
  std::atomic<uint64_t> last_step{0};
  std::atomic<uint64_t> busy{0};    // ticks; written by its worker alone
  std::atomic<const uint8_t*> ahead{nullptr};  // what it may fetch while it waits
};

}  // namespace

struct Team::State {
  explicit State(int n)
      : threads(n),
        slots(static_cast<size_t>(n)),
        arena(n) {}

  void work(int self) {
    int64_t done = 0;
    uint64_t begin = 0;
    for (int i = 0; i < threads; ++i) {
      Slot& slot = slots[static_cast<size_t>((self + i) % threads)];
      for (int64_t seen; (seen = slot.left.load(std::memory_order_relaxed)) > 0;) {
        const int64_t wanted = std::max<int64_t>(1, seen / claims_of_a_run);
        const int64_t left = slot.left.fetch_sub(wanted, std::memory_order_acq_rel);
        if (left <= 0) break;
        if (self > 0 && done == 0) begin = ticks();
        const int64_t first = slot.begin + slot.count - left, n = std::min(wanted, left);
        call(context, first, first + n, self);
        done += n;
      }
    }
    if (done) {
      Slot& own = slots[static_cast<size_t>(self)];
      own.last_step.store(step.load(std::memory_order_relaxed), std::memory_order_relaxed);
      if (self > 0) own.busy.store(own.busy.load(std::memory_order_relaxed) + ticks() - begin, std::memory_order_relaxed);
      pending.fetch_sub(done, std::memory_order_release);
    }
  }

  int take_slot() {
    for (int i = 1; i < threads; ++i) {
      bool free = false;
      if (slots[static_cast<size_t>(i)].taken.compare_exchange_strong(free, true)) return i;
    }
    return -1;
  }

  bool any_work() const {
    for (const Slot& slot : slots)
      if (slot.left.load(std::memory_order_relaxed) > 0) return true;
    return false;
  }

  void worker() {
    const int self = take_slot();
    if (self > 0) {
      const StandardRounding rounding;
      double idle_since = monotonic_seconds();
      uint64_t seen = 0;
      const uint8_t* ahead = nullptr;
      size_t fetched = 0;
      for (int spins = 0; !stop.load(std::memory_order_relaxed) && !resting.load(std::memory_order_relaxed);) {
        const uint64_t now = phase.load(std::memory_order_acquire);
        if (now != seen || any_work()) {
          seen = now;
          work(self);
          spins = 0;
          idle_since = 0;
          continue;
        }
        if (const uint8_t* next = slots[static_cast<size_t>(self)].ahead.load(std::memory_order_relaxed); next != ahead) {
          ahead = next;
          fetched = 0;
        }
        if (ahead != nullptr && fetched < fetched_at_most) {
          fetch(ahead + fetched);
          fetched += fetched_at_once;
          continue;
        }
        pause();
        if (spins > spins_before_idle_yield) std::this_thread::yield();
        if (++spins % spins_per_clock != 0) continue;
        const double time = monotonic_seconds();
        if (idle_since == 0) idle_since = time;
        if (time - idle_since > (hot.load(std::memory_order_relaxed) ? idle_seconds_hot : idle_seconds_cold)) break;
      }
      slots[static_cast<size_t>(self)].taken.store(false);
    }
    present.fetch_sub(1, std::memory_order_release);
  }

  const int threads;
  std::vector<Slot> slots;
  std::atomic<uint64_t> phase{0}, step{0};
  std::atomic<int64_t> pending{0};
  std::atomic<int> present{0};   // called in and not yet left
  std::atomic<bool> stop{false}, hot{false};
  std::atomic<bool> resting{false};  // the caller goes on alone: workers leave
  Call call = nullptr;
  const void* context = nullptr;
  TaskArena arena;

  // A worker keeps the state that it was called into.
  struct CalledIn {
    std::shared_ptr<State> state;
    std::atomic<bool> written{false};  // orders what was written before it, the state included (tbb_tasks.h)
  };
  static void call_in(const std::shared_ptr<State>& state) {
    auto* called = new CalledIn{state};
    called->written.store(true, std::memory_order_release);
    state->arena.enqueue(
        [](void* context) {
          const std::unique_ptr<CalledIn> called(static_cast<CalledIn*>(context));
          called->written.load(std::memory_order_acquire);
          called->state->worker();
        },
        called);
  }
};

// TBB takes the smallest limit of all that are alive: every team holds the same large one, for as long as it lives, so that an arena
// may have more threads than the hardware (else TBB runs fewer and warns on stderr).
struct Team::Limit {
  tbb::global_control control{tbb::global_control::max_allowed_parallelism, max_team_threads};
};

Team::Team(int threads)
    : limit_(std::make_unique<Limit>()), state_(std::make_shared<State>(std::clamp(threads, 1, max_team_threads))) {
  const Moment birth = moment();
  birth_seconds_ = birth.seconds;
  birth_doubt_ = birth.doubt_seconds;
  birth_ticks_ = birth.ticks;
  forget_busy();
}

// A task that TBB never came to would keep its state, and with it the arena that keeps the task, for good: they are given the time.
Team::~Team() {
  dismiss();
  retired_.push_back(std::move(state_));
  const double until = monotonic_seconds() + patience_seconds;
  const auto called_in = [](const auto& state) { return state.use_count() > 1; };
  while (std::ranges::any_of(retired_, called_in) && monotonic_seconds() < until) std::this_thread::yield();
}

// Workers inside look at `stop` and leave; a task that TBB has not started yet will find it set. Each holds the state.
void Team::dismiss() { state_->stop.store(true); }

void Team::resize(int threads) {
  threads = std::clamp(threads, 1, max_team_threads);
  if (threads == state_->threads) return;
  const bool hot = state_->hot.load();
  dismiss();
  std::erase_if(retired_, [](const auto& state) { return state.use_count() == 1; });
  retired_.push_back(std::exchange(state_, std::make_shared<State>(threads)));
  state_->hot.store(hot);
  policy_ = {};
  was_alone_ = true;
  forget_busy();
}

int Team::threads() const { return state_->threads; }
void Team::set_hot(bool hot) { state_->hot.store(hot); }

void Team::begin_step(int64_t shape) {
  State& s = *state_;
  s.step.fetch_add(1, std::memory_order_relaxed);
  shape_ = shape;
  waited_before_ = waited_ticks_;
  // The thread's own clock is a system call (0.2 us): with short steps only now and then.
  const bool look = steps_++ % 16 == 0 || last_seconds_ > 1e-3;
  step_cpu_begin_ = look ? thread_cpu_seconds() : -1;
  step_begin_ = monotonic_seconds();
  step_begin_ticks_ = ticks();
  alone_ = s.threads == 1 || policy_.alone(shape);
  s.resting.store(alone_, std::memory_order_relaxed);
  while (!alone_ && s.present.load(std::memory_order_acquire) < s.threads - 1) {
    s.present.fetch_add(1, std::memory_order_relaxed);
    State::call_in(state_);
  }
}

void Team::end_step() {
  const uint64_t step_ticks = ticks() - step_begin_ticks_;
  last_seconds_ = monotonic_seconds() - step_begin_;
  if (rate_doubt_ > 1e-6) measure_ticks();
  count_busy(step_ticks);
  if (step_cpu_begin_ >= 0 && last_seconds_ > 0)
    off_core_share_ = std::max(0.0, 1 - (thread_cpu_seconds() - step_cpu_begin_) / last_seconds_);
  const double waited = static_cast<double>(waited_ticks_ - waited_before_) * seconds_per_tick_;
  if (state_->threads > 1) policy_.step_ended(shape_, last_seconds_, waited + off_core_share_ * last_seconds_);
  was_alone_ = alone_;
  alone_ = true;
}

void Team::begin_after_step() {
  waited_before_ = waited_ticks_;
  step_begin_ticks_ = ticks();
  alone_ = was_alone_ || state_->threads == 1;
}

void Team::end_after_step() {
  count_busy(ticks() - step_begin_ticks_);
  alone_ = true;
}

// A better rate the longer the team lives, until it is known to a millionth.
void Team::measure_ticks() {
  const Moment now = moment();
  const double lived = now.seconds - birth_seconds_;
  const double doubt = lived > 0 ? (birth_doubt_ + now.doubt_seconds) / lived : 1;
  if (doubt >= rate_doubt_) return;
  rate_doubt_ = doubt;
  seconds_per_tick_ = lived / static_cast<double>(now.ticks - birth_ticks_);
}

uint64_t Team::busy_ticks(int worker) const {
  return state_->slots[static_cast<size_t>(worker)].busy.load(std::memory_order_relaxed);
}

void Team::forget_busy() {
  const auto n = static_cast<size_t>(state_->threads);
  busy_seconds_.assign(n, 0.0);
  busy_seen_.assign(n, 0);
}

void Team::count_busy(uint64_t step_ticks) {
  const auto n = static_cast<size_t>(state_->threads);
  busy_seconds_[0] += static_cast<double>(step_ticks - (waited_ticks_ - waited_before_)) * seconds_per_tick_;
  for (size_t i = 1; i < n; ++i) {
    const uint64_t busy = busy_ticks(static_cast<int>(i));
    busy_seconds_[i] += static_cast<double>(busy - busy_seen_[i]) * seconds_per_tick_;
    busy_seen_[i] = busy;
  }
}

void Team::fetch_meanwhile(int worker, const uint8_t* begin) {
  state_->slots[static_cast<size_t>(worker)].ahead.store(begin, std::memory_order_relaxed);
}

int Team::workers_in_step() const {
  const uint64_t step = state_->step.load(std::memory_order_relaxed);
  int workers = 1;
  for (size_t i = 1; i < state_->slots.size(); ++i)
    workers += state_->slots[i].last_step.load(std::memory_order_relaxed) == step;
  return workers;
}

void Team::run_phase(int64_t n_shards, Call call, const void* context) {
  State& s = *state_;
  s.call = call;
  s.context = context;
  s.pending.store(n_shards, std::memory_order_relaxed);
  for (int i = 0; i < s.threads; ++i) {
    Slot& slot = s.slots[static_cast<size_t>(i)];
    slot.begin = n_shards * i / s.threads;
    slot.count = n_shards * (i + 1) / s.threads - slot.begin;
    slot.left.store(slot.count, std::memory_order_release);
  }
  s.phase.fetch_add(1, std::memory_order_release);
  s.work(0);
  if (s.pending.load(std::memory_order_acquire) == 0) return;
  const uint64_t wait_begin = ticks();
  for (int spins = 0; s.pending.load(std::memory_order_acquire) != 0; ++spins) {
    pause();
    if (spins > spins_before_yield) std::this_thread::yield();
  }
  waited_ticks_ += ticks() - wait_begin;
}

}  // namespace fabula::compute::cpu
