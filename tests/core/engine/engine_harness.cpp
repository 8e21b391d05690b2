#include "tests/core/engine/engine_harness.h"

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

namespace fabula::test {

using engine::Event;

struct Harness::Bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool ringing = false;
};

Harness::Harness(engine::EngineOptions options)
    : bell_(std::make_shared<Bell>()), engine_(std::make_unique<engine::Engine>(std::move(options))) {
  consumer_ = engine_->make_consumer([bell = bell_] {
    {
      const std::lock_guard lock(bell->mutex);
      bell->ringing = true;
    }
    bell->rung.notify_all();
  });
}

engine::ModelId Harness::load(engine::ModelLoad load) {
  const engine::RequestId request = engine_->load(load, *consumer_);
  engine::ModelId model = 0;
  wait_until([&] {
    for (const Event& event : others) {
      if (event.request == request && event.kind == Event::Kind::loaded) model = event.model;
      if (event.request == request && event.kind == Event::Kind::load_failed)
        FAIL(consumer_->take_error(request).message);
    }
    return model != 0;
  });
  return model;
}

engine::RequestId Harness::submit(engine::GenerateRequest request) {
  auto id = engine_->submit(std::move(request), *consumer_);
  if (!id.ok()) FAIL(id.error().message);
  return *id;
}

const Reply& Harness::wait(engine::RequestId request) {
  wait_until([&] { return replies[request].finished; });
  return replies[request];
}

void Harness::wait_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    poll_all();
    if (done()) return;
    if (std::chrono::steady_clock::now() > deadline) FAIL("nothing came for half a minute");
    std::unique_lock lock(bell_->mutex);
    bell_->rung.wait_for(lock, std::chrono::milliseconds(100), [&] { return bell_->ringing; });
    bell_->ringing = false;
  }
}

void Harness::poll_all() {
  for (Event event; consumer_->poll(event);) {
    if (on_event) on_event(event);
    if (event.kind == Event::Kind::loaded || event.kind == Event::Kind::load_failed ||
        event.kind == Event::Kind::load_progress || event.kind == Event::Kind::unloaded || event.kind == Event::Kind::lost) {
      others.push_back(event);
      continue;
    }
    Reply& reply = replies[event.request];
    REQUIRE(!reply.finished);
    ++reply.events;
    if (event.kind == Event::Kind::token) {
      reply.tokens.push_back(event.token);
      reply.logprobs.push_back(event.logprob);
    }
    reply.text.append(event.text, event.text_bytes);
    if (event.kind != Event::Kind::finished) continue;
    reply.finished = true;
    reply.reason = event.reason;
    reply.prompt = event.prompt;
    reply.decode = event.decode;
  }
}

}  // namespace fabula::test
