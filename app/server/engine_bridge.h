// Between the engine's ring and the server's coroutines: one consumer for all requests of the server; the
// engine's wake posts a drain to the server's thread, which hands each event to the generation that waits for
// it.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/engine/engine.h"

namespace fabula::server {

namespace asio = boost::asio;

// Something a coroutine waits for and another part of the same thread announces.
class Signal {
 public:
  explicit Signal(asio::io_context& io) : timer_(io) {}
  asio::awaitable<void> wait(std::chrono::milliseconds longest);
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

class EngineBridge;

// The engine requests of one HTTP request: one, or `n` choices side by side. Destroying it cancels what is
// still running.
class Generations {
 public:
  explicit Generations(EngineBridge& bridge);
  ~Generations();
  Generations(const Generations&) = delete;
  Generations& operator=(const Generations&) = delete;

  Status add(engine::GenerateRequest request);

  struct Arrival {
    size_t index = 0;  // in the order of add()
    engine::Event event;
  };
  // The next event of any of them, or none where `longest` passed without one.
  asio::awaitable<std::optional<Arrival>> next(std::chrono::milliseconds longest);
  size_t running() const { return running_; }
  Error take_error(size_t index);
  std::vector<engine::Choice> take_alternatives(size_t index, int64_t token_index);

 private:
  friend class EngineBridge;
  EngineBridge& bridge_;
  std::vector<engine::RequestId> ids_;
  std::vector<bool> finished_;
  std::deque<Arrival> arrivals_;
  size_t running_ = 0;
  Signal signal_;
};

// Thread: the server's. Outlives all Generations.
class EngineBridge {
 public:
  EngineBridge(engine::Engine& engine, asio::io_context& io);
  ~EngineBridge();

  engine::Engine& engine() { return engine_; }

 private:
  friend class Generations;
  void drain();

  engine::Engine& engine_;
  asio::io_context& io_;
  std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // posted drains outlive the bridge by a moment
  struct Place {
    Generations* group = nullptr;
    size_t index = 0;
  };
  std::unordered_map<engine::RequestId, Place> places_;
  std::unique_ptr<engine::Consumer> consumer_;
};

}  // namespace fabula::server
