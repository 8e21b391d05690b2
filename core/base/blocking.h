// Threads that must never wait can have the calls counted that may: reading and writing files and the database ("disk"),
// taking the lock of the data folder ("lock"), waiting for an answer of service or engine ("engine") say so here before they do it. Nothing is counted, and nothing costs more than a look at a pointer, where nobody listens.
#pragma once

#include <string_view>

namespace fabula {

class BlockingListener {
 public:
  virtual ~BlockingListener() = default;
  // kind: "disk", "lock" or "engine". what: the call and what it is about. Runs on the thread that makes the call.
  virtual void may_block(std::string_view kind, std::string_view what) = 0;
};

// Listens to the calling thread for as long as it lives; made and destroyed there. The listener outlives it.
class ListenForBlocking {
 public:
  explicit ListenForBlocking(BlockingListener& listener);
  ~ListenForBlocking();
  ListenForBlocking(const ListenForBlocking&) = delete;

 private:
  BlockingListener* before_;
};

void may_block(std::string_view kind, std::string_view what);

}  // namespace fabula
