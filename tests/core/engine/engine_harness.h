// An engine with one consumer, and replies gathered from its events.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/sampler.h"

namespace fabula::test {

struct Reply {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::string text;
  bool finished = false;
  engine::FinishReason reason = engine::FinishReason::stop;
  engine::PromptStats prompt;
  engine::DecodeStats decode;
  int64_t events = 0;
};

class Harness {
 public:
  explicit Harness(engine::EngineOptions options);

  engine::Engine& engine() { return *engine_; }
  engine::Consumer& consumer() { return *consumer_; }
  engine::ModelId load(engine::ModelLoad load = {.path = "fake"});  // waits; fails the test where it cannot
  engine::RequestId submit(engine::GenerateRequest request);        // fails the test where it is refused
  const Reply& wait(engine::RequestId request);                     // until finished
  Reply run(engine::GenerateRequest request) { return wait(submit(std::move(request))); }

  // Until `done` holds or half a minute passed (then the test fails); events are taken meanwhile.
  void wait_until(const std::function<bool()>& done);
  void poll_all();
  std::map<engine::RequestId, Reply> replies;
  std::vector<engine::Event> others;  // about models
  std::function<void(const engine::Event&)> on_event;

 private:
  struct Bell;
  std::shared_ptr<Bell> bell_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Consumer> consumer_;
};

}  // namespace fabula::test
