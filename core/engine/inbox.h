// Many threads post, one thread takes all at once and sleeps when there is nothing: a lock-free stack turned
// round by the taker (Treiber 1986), and a counter that the taker waits on (a futex; 0 % CPU while idle).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace fabula::engine {

template <class T>
class Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox() { free_all(head_.exchange(nullptr)); }

  // Thread: any; never blocks.
  void post(T value) {
    Node* node = new Node{std::move(value), head_.load(std::memory_order_relaxed)};
    while (!head_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    nudge();
  }
  void nudge() {
    bell_.fetch_add(1, std::memory_order_release);
    bell_.notify_one();
  }

  // The taker: read the bell, take, work; if there is nothing to do, wait(bell). What rang in between is not
  // missed.
  uint32_t bell() const { return bell_.load(std::memory_order_acquire); }
  void wait(uint32_t heard) const { bell_.wait(heard, std::memory_order_acquire); }

  std::vector<T> take_all() {  // in the order of posting
    std::vector<T> values;
    if (head_.load(std::memory_order_relaxed) == nullptr) return values;
    Node* const all = head_.exchange(nullptr, std::memory_order_acquire);
    for (Node* node = all; node != nullptr; node = node->next) values.push_back(std::move(node->value));
    free_all(all);
    std::reverse(values.begin(), values.end());
    return values;
  }

 private:
  struct Node {
    T value;
    Node* next;
  };
  static void free_all(Node* node) {
    while (node != nullptr) delete std::exchange(node, node->next);
  }

  std::atomic<Node*> head_{nullptr};
  std::atomic<uint32_t> bell_{0};
};

}  // namespace fabula::engine
