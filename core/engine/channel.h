// One consumer's road from the engine thread: a ring, what did not fit into it, and side tables for what is
// not plain data. A reader that stalls never stalls the engine and never loses an event: what the ring
// refuses is kept here, progress replaced by its latest, text joined where it fits.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/spsc_ring.h"
#include "core/engine/engine.h"

namespace fabula::engine {

class Channel {
 public:
  Channel(uint64_t id, size_t ring_events, std::function<void()> wake)
      : id_(id), ring_(ring_events), wake_(std::move(wake)) {}
  uint64_t id() const { return id_; }

  // ---- engine thread ----
  void push(const Event& event);
  // `event` with its text, cut into as many text events as it needs, never inside a character.
  void push_with_text(Event event, std::string_view text);
  void put_error(RequestId request, Error error);
  void put_alternatives(RequestId request, int64_t index, std::vector<Choice> choices);
  // Moves what waited into the ring as far as it fits, and wakes the reader if it has something new.
  void flush_and_wake();

  // ---- reader's thread ----
  bool poll(Event& event);
  bool reader_should_nudge() const { return waiting_.load() && ring_.size() == 0; }
  Error take_error(RequestId request);
  std::vector<Choice> take_alternatives(RequestId request, int64_t index);
  void close();  // after this `wake` is not running and never runs again

 private:
  bool join_last(const Event& event);

  const uint64_t id_;
  SpscRing<Event> ring_;
  std::deque<Event> overflow_;        // engine thread
  bool fresh_ = false;                // engine thread: pushed since the last wake
  std::atomic<bool> waiting_{false};  // overflow_ is not empty

  std::mutex wake_mutex_;  // so that close() can wait for a wake that is running
  std::function<void()> wake_;

  std::mutex side_mutex_;
  std::map<RequestId, Error> errors_;
  std::map<std::pair<RequestId, int64_t>, std::vector<Choice>> alternatives_;
};

}  // namespace fabula::engine
