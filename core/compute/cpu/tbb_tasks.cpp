#include "core/compute/cpu/tbb_tasks.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace fabula::compute::cpu {

void parallel_for(int64_t n, void (*body)(void* context, int64_t i), void* context) {
  tbb::parallel_for(int64_t{0}, n, [=](int64_t i) { body(context, i); });
}

struct TaskArena::Impl {
  tbb::task_arena arena;
};

TaskArena::TaskArena(int threads) : impl_(new Impl{tbb::task_arena(threads, 1)}) {}
TaskArena::~TaskArena() = default;

void TaskArena::enqueue(void (*task)(void* context), void* context) {
  impl_->arena.enqueue([=] { task(context); });
}

}  // namespace fabula::compute::cpu
