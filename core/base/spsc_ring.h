// The lock-free road from the engine thread to one consumer: single producer, single consumer, fixed size, over Boost.
// Non-goals: blocking, growing, several consumers. A full ring refuses; the producer keeps what it could not hand over.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <utility>

namespace fabula {

template <class T>
class SpscRing {
 public:
  explicit SpscRing(size_t capacity) : queue_(capacity) {}

  // Producer thread only. false: full, `value` is untouched.
  bool try_push(const T& value) { return queue_.push(value); }

  // Consumer thread only. false: empty.
  bool try_pop(T& value) { return queue_.pop(value); }

  // Consumer thread: events that can be read now.
  size_t size() const { return queue_.read_available(); }

 private:
  boost::lockfree::spsc_queue<T> queue_;
};

}  // namespace fabula
