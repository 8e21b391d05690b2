#include "app/cli/local_service.h"

#include <chrono>
#include <cstdlib>

#include "app/cli/interrupt.h"
#include "app/server/listener.h"
#include "core/engine/remote_endpoints.h"

namespace fabula::cli {

Result<std::unique_ptr<LocalService>> LocalService::open(const App& app, std::function<void()> wake) {
  session::Service::Options options;
  options.places = app.places();
  if (const char* isa = std::getenv("FABULA_ISA")) options.engine.isa = isa;
  options.program = "fabula-cli";
  options.open_listener = server::listener_opener();
  options.wake = std::move(wake);
  std::unique_ptr<LocalService> local(new LocalService());
  FABULA_ASSIGN(local->service_, session::Service::open(std::move(options)));
  return local;
}

Result<session::Answer<session::ModelState>> LocalService::start_load(const App& app, const EngineFlags& flags,
                                                                      const std::string& model, session::Mode mode) {
  const bool elsewhere = engine::remote_name_or_none(model).has_value();
  std::filesystem::path path = model;
  if (!elsewhere) {
    FABULA_ASSIGN(path, resolve_model(app, model));
  }
  FABULA_ASSIGN(engine::ModelLoad load, flags.load_for(path));
  if (elsewhere) load.path = model;  // a name, which no working directory stands before
  return service_->load_model(mode, std::move(load));
}

Status LocalService::wait(session::Answer<session::ModelState> answer) {
  const Result<session::ModelState> state = answer.get();
  if (!state.ok()) return state.error();
  if (state->phase == session::ModelState::Phase::failed) return Error{ErrorCode::io, state->error};
  return {};
}

Status LocalService::load(const App& app, const EngineFlags& flags, const std::string& model, session::Mode mode) {
  FABULA_ASSIGN(auto answer, start_load(app, flags, model, mode));
  return wait(std::move(answer));
}

Result<session::Message> LocalService::wait(const std::string& session,
                                            session::Answer<session::Message> answer) {
  const InterruptScope interrupts;
  // The short waits are for Ctrl+C alone: a signal handler may not notify.
  while (answer.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready)
    if (interrupts.take()) service_->cancel(session);
  return answer.get();
}

}  // namespace fabula::cli
