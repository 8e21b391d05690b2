// One loaded model for one command: loads it with progress on the terminal, hands events over as they come.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "app/cli/common.h"
#include "app/cli/interrupt.h"
#include "core/engine/engine.h"

namespace fabula::cli {

class LocalEngine {
 public:
  // Blocks until the model is ready. Errors: whatever loading met.
  static Result<std::unique_ptr<LocalEngine>> start(const App& app, const EngineFlags& flags,
                                                    const std::string& model);
  ~LocalEngine();

  engine::Engine& engine() { return *engine_; }
  engine::Consumer& consumer() { return *consumer_; }
  engine::ModelId model() const { return model_; }
  const engine::Engine::LoadedModel& loaded() const { return *loaded_; }

  // The next event; waits for it. Ctrl+C cancels `request`.
  engine::Event next_event(engine::RequestId request);

 private:
  LocalEngine() = default;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  InterruptScope interrupts_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Consumer> consumer_;
  engine::ModelId model_ = 0;
  std::shared_ptr<const engine::Engine::LoadedModel> loaded_;
};

}  // namespace fabula::cli
