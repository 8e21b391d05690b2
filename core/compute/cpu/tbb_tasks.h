// What Fabula asks of TBB, as plain functions: the library's templates are compiled in one file, which CMakeLists.txt keeps out of
// ThreadSanitizer. It cannot see that the library hands over what a caller has written to a task and what the task has written to
// the caller: who uses these says so with an acquire and a release of his own, and the rest is checked in full.
#pragma once

#include <cstdint>
#include <memory>

namespace fabula::compute::cpu {

// body(context, i) for i in 0 .. n - 1, from several threads; returns when all are done.
void parallel_for(int64_t n, void (*body)(void* context, int64_t i), void* context);

// A tbb::task_arena of so many threads, one of them the caller's.
class TaskArena {
 public:
  explicit TaskArena(int threads);
  ~TaskArena();  // does not wait for tasks
  TaskArena(const TaskArena&) = delete;

  void enqueue(void (*task)(void* context), void* context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::compute::cpu
