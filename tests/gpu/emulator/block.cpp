#undef _FORTIFY_SOURCE  // its longjmp refuses to change stacks, which is all that is done here
#include "tests/gpu/emulator/block.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <ucontext.h>
#include <vector>

#include "gpu/device/intrinsics.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define FABULA_SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define FABULA_SWITCH_END(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define FABULA_SWITCH_BEGIN(save, bottom, size) ((void)0)
#define FABULA_SWITCH_END(save, bottom, size) ((void)0)
#endif

namespace fabula::gpu::emulated {

namespace {

constexpr size_t stack_bytes = size_t{128} << 10;

enum class State { ready, in_warp_barrier, in_block_barrier, done };

struct Fiber {
  std::unique_ptr<std::byte[]> stack;
  ucontext_t start;
  jmp_buf at;
  bool begun = false;
  [[maybe_unused]] void* fake_stack = nullptr;
  State state = State::ready;
  Place place;
  unsigned parity = 0;  // which of the warp's two sets of slots the next exchange uses
};

struct Warp {
  unsigned arrived = 0;
  Slot slots[2][32];
};

// Fibers outlive blocks: each loops over the bodies it is given.
class Scheduler {
 public:
  void run_block(unsigned threads, Order order, const std::function<void()>& body, const Place& place) {
    body_ = &body;
    threads_ = threads;
    arrived_ = done_ = 0;
    while (fibers_.size() < threads) fibers_.push_back(std::make_unique<Fiber>());
    warps_.resize((threads + 31) / 32);
    for (Warp& warp : warps_) warp.arrived = 0;
    for (unsigned i = 0; i < threads; ++i) {
      fibers_[i]->state = State::ready;
      fibers_[i]->place = place;
      fibers_[i]->place.thread = i;
      fibers_[i]->place.threads = threads;
      fibers_[i]->parity = 0;
    }
    arrange(order);
    while (done_ < threads) {
      bool ran = false;
      for (const unsigned i : order_) {
        if (fibers_[i]->state != State::ready) continue;
        enter(*fibers_[i]);
        ran = true;
      }
      if (!ran) fail("a barrier that some threads of the block never reach");
    }
  }

  Fiber& current() { return *current_; }

  void wait_block() {
    current_->state = State::in_block_barrier;
    if (++arrived_ == threads_) {
      arrived_ = 0;
      for (unsigned i = 0; i < threads_; ++i) fibers_[i]->state = State::ready;
    }
    leave();
  }

  const Slot* exchange(const void* bytes, size_t size) {
    Fiber& fiber = *current_;
    const unsigned first = fiber.place.thread / 32 * 32;
    Warp& warp = warps_[first / 32];
    Slot* slots = warp.slots[fiber.parity];
    fiber.parity ^= 1;
    if (size > 0) std::memcpy(slots[fiber.place.thread - first].bytes, bytes, size);
    fiber.state = State::in_warp_barrier;
    if (++warp.arrived == 32) {
      warp.arrived = 0;
      for (unsigned i = first; i < first + 32; ++i) fibers_[i]->state = State::ready;
    }
    leave();
    return slots;
  }

  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "emulated block: %s\n", what);
    std::abort();
  }

 private:
  void arrange(Order order) {
    if (order_.size() == threads_ && order == last_order_ && order != Order::shuffled) return;
    last_order_ = order;
    order_.resize(threads_);
    for (unsigned i = 0; i < threads_; ++i) order_[i] = order == Order::backward ? threads_ - 1 - i : i;
    if (order == Order::shuffled) std::shuffle(order_.begin(), order_.end(), random_);
  }

  void enter(Fiber& fiber) {
    current_ = &fiber;
    if (_setjmp(home_) != 0) {
      FABULA_SWITCH_END(home_fake_stack_, nullptr, nullptr);
      return;
    }
    if (!fiber.stack) fiber.stack = std::make_unique<std::byte[]>(stack_bytes);
    FABULA_SWITCH_BEGIN(&home_fake_stack_, fiber.stack.get(), stack_bytes);
    if (fiber.begun) _longjmp(fiber.at, 1);
    fiber.begun = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = stack_bytes;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, &Scheduler::begin, 0);
    setcontext(&fiber.start);
  }

  void leave() {
    Fiber& fiber = *current_;
    if (_setjmp(fiber.at) != 0) {
      FABULA_SWITCH_END(fiber.fake_stack, &home_bottom_, &home_bytes_);
      return;
    }
    FABULA_SWITCH_BEGIN(&fiber.fake_stack, home_bottom_, home_bytes_);
    _longjmp(home_, 1);
  }

  static void begin();

  const std::function<void()>* body_ = nullptr;
  unsigned threads_ = 0, arrived_ = 0, done_ = 0;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Warp> warps_;
  std::vector<unsigned> order_;
  Order last_order_ = Order::forward;
  std::mt19937 random_{20};
  Fiber* current_ = nullptr;
  jmp_buf home_;
  [[maybe_unused]] void* home_fake_stack_ = nullptr;  // these three for AddressSanitizer
  [[maybe_unused]] const void* home_bottom_ = nullptr;
  [[maybe_unused]] size_t home_bytes_ = 0;
};

Scheduler& scheduler() {
  static thread_local Scheduler only;
  return only;
}

void Scheduler::begin() {
  Scheduler& s = scheduler();
  FABULA_SWITCH_END(nullptr, &s.home_bottom_, &s.home_bytes_);
  for (;;) {
    (*s.body_)();
    s.current_->state = State::done;
    ++s.done_;
    s.leave();
  }
}

}  // namespace

const Place& here() { return scheduler().current().place; }
void wait_block() { scheduler().wait_block(); }
const Slot* exchange(const void* bytes, size_t size) { return scheduler().exchange(bytes, size); }

void run_grid(const unsigned (&grid)[3], unsigned threads, size_t shared_bytes, Order order, const std::function<void()>& body) {
  if (threads == 0 || threads % 32 != 0 || threads > 1024) Scheduler::fail("a block is 1 to 32 whole warps");
  std::vector<U4> shared(shared_bytes / sizeof(U4) + 1);
  Place place;
  place.shared = reinterpret_cast<std::byte*>(shared.data());
  std::memcpy(place.grid, grid, sizeof grid);
  for (place.block[2] = 0; place.block[2] < grid[2]; ++place.block[2])
    for (place.block[1] = 0; place.block[1] < grid[1]; ++place.block[1])
      for (place.block[0] = 0; place.block[0] < grid[0]; ++place.block[0]) {
        std::memset(shared.data(), 0xff, shared.size() * sizeof(U4));
        scheduler().run_block(threads, order, body, place);
      }
}

}  // namespace fabula::gpu::emulated
