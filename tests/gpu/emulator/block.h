// One block of threads after the other on the CPU. Each thread is a fiber that runs alone until its next barrier, in an order that the
// test chooses: a kernel that forgets a barrier gives other bits in another order. Shared memory starts as NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace fabula::gpu::emulated {

enum class Order { forward, backward, shuffled };

// Runs body() in every thread of every block. Ends the program with a message where a barrier is not reached by all threads.
void run_grid(const unsigned (&grid)[3], unsigned threads, size_t shared_bytes, Order order, const std::function<void()>& body);

}  // namespace fabula::gpu::emulated
