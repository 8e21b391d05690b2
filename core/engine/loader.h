// Loads models on a thread of its own, one after the other, and hands them to the engine thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/hub.h"

namespace fabula::engine {

class Loader {
 public:
  struct Job {
    ModelLoad load;
    std::shared_ptr<Channel> channel;
    std::shared_ptr<Control> control;
  };
  // `disk` may be null and outlives this, as does what options.log names.
  Loader(const EngineOptions& options, std::shared_ptr<Hub> hub, DiskTier* disk);
  ~Loader();  // cancels what it is doing, joins

  void load(Job job);  // thread: any

 private:
  void run();
  Result<std::shared_ptr<Resident>> make_resident(const Job& job);
  void ask_for_room(const Job& job, const model::Model& model, const ModelLoad& load, int64_t context, std::optional<Room>& asked) const;
  void report_progress(const Job& job, double fraction) const;

  const EngineOptions options_;
  const Backends backends_;
  const std::shared_ptr<Hub> hub_;
  DiskTier* const disk_;
  ModelId last_model_ = 0;  // loader thread

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::shared_ptr<Control> current_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace fabula::engine
