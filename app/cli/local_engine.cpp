#include "app/cli/local_engine.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/model/library.h"

namespace fabula::cli {

namespace {

void show_progress(float fraction) {
  if (::isatty(STDERR_FILENO))
    std::fprintf(stderr, "\r\033[Kloading %3.0f %%", static_cast<double>(fraction) * 100);
}

void clear_progress() {
  if (::isatty(STDERR_FILENO)) std::fprintf(stderr, "\r\033[K");
}

}  // namespace

Result<std::unique_ptr<LocalEngine>> LocalEngine::start(const App& app, const EngineFlags& flags,
                                                        const std::string& model) {
  FABULA_ASSIGN(const std::filesystem::path path, resolve_model(app, model));
  FABULA_ASSIGN(const engine::ModelLoad load, flags.load_for(path));
  std::unique_ptr<LocalEngine> local(new LocalEngine());
  engine::EngineOptions options;
  options.kv_folder = app.places().kv_folder();
  options.fingerprint_folder = app.places().fingerprint_folder();
  options.packed_folder = app.places().packed_folder();
  if (const char* isa = std::getenv("FABULA_ISA")) options.isa = isa;
  local->engine_ = std::make_unique<engine::Engine>(options);
  local->consumer_ = local->engine_->make_consumer([self = local.get()] {
    const std::lock_guard lock(self->mutex_);
    self->woken_ = true;
    self->wake_.notify_one();
  });
  const engine::RequestId request = local->engine_->load(load, *local->consumer_);
  for (;;) {
    const engine::Event event = local->next_event(request);
    if (event.request != request) continue;
    if (event.kind == engine::Event::Kind::load_progress) show_progress(event.fraction);
    if (event.kind == engine::Event::Kind::load_failed) {
      clear_progress();
      return local->consumer_->take_error(request);
    }
    if (event.kind == engine::Event::Kind::loaded) {
      clear_progress();
      local->model_ = event.model;
      local->loaded_ = local->engine_->loaded_or_null(event.model);
      model::remember_use(app.places(), path);
      return local;
    }
  }
}

LocalEngine::~LocalEngine() {
  consumer_.reset();
  engine_.reset();
}

engine::Event LocalEngine::next_event(engine::RequestId request) {
  engine::Event event;
  for (;;) {
    if (interrupts_.take()) engine_->cancel(request);
    if (consumer_->poll(event)) return event;
    std::unique_lock lock(mutex_);
    // The time-out is for Ctrl+C alone: a signal handler may not notify.
    wake_.wait_for(lock, std::chrono::milliseconds(50), [this] { return woken_; });
    woken_ = false;
  }
}

}  // namespace fabula::cli
