// The one thread that owns all model memory: takes commands, makes steps, sleeps when there is nothing to do.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/engine/hub.h"

namespace fabula::engine {

// Which models are there, for any thread to ask. The lock is held for a look-up or a swap, never while
// anything computes.
class LoadedModels {
 public:
  using Ptr = std::shared_ptr<const Engine::LoadedModel>;
  Ptr find_or_null(ModelId model) const {
    const std::lock_guard lock(mutex_);
    const auto it = models_.find(model);
    return it == models_.end() ? nullptr : it->second.loaded;
  }
  void set(ModelId model, Ptr loaded) {
    const std::lock_guard lock(mutex_);
    models_[model] = {std::move(loaded), monotonic_seconds()};
  }
  void note_use(ModelId model) {
    const std::lock_guard lock(mutex_);
    if (const auto it = models_.find(model); it != models_.end()) it->second.used_at = monotonic_seconds();
  }
  double last_used(ModelId model) const {
    const std::lock_guard lock(mutex_);
    const auto it = models_.find(model);
    return it == models_.end() ? 0 : it->second.used_at;
  }
  void erase(ModelId model) {
    const std::lock_guard lock(mutex_);
    models_.erase(model);
  }

 private:
  struct Entry {
    Ptr loaded;
    double used_at = 0;
  };
  mutable std::mutex mutex_;
  std::map<ModelId, Entry> models_;
};

class EngineThread {
 public:
  EngineThread(std::shared_ptr<Hub> hub, LoadedModels& models, DiskTier* disk);
  ~EngineThread();  // ends everything, spills for at most a second, joins

 private:
  struct Home {  // of a model
    std::shared_ptr<Resident> resident;
    std::shared_ptr<Channel> channel;  // of whoever loaded it
  };

  void run();
  void run_once();
  void shut_down();
  bool step_all();
  void announce_loss(const Resident& resident);
  bool spill_all(int64_t max_blocks);
  void measure_peaks(uint32_t bell);  // of models that want it, until the bell rings
  void flush_channels();
  void publish_metrics();
  Home* find_or_null(ModelId model);

  void handle(OpenChannel& command);
  void handle(CloseChannel& command);
  void handle(Submit& command);
  void handle(LoadNews& command);
  void handle(Join& command);
  void handle(Unload& command);
  void handle(SetThreads& command);
  void handle(Forget& command);
  void handle(LookUp& command);
  void handle(Fetched& command);
  void handle(Stop& command);

  const std::shared_ptr<Hub> hub_;
  LoadedModels& models_;
  DiskTier* const disk_;  // may be null; outlives this
  std::vector<std::shared_ptr<Channel>> channels_;
  std::vector<Home> homes_;
  uint64_t step_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fabula::engine
