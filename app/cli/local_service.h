// The session service for one command: the host's own, or attached to the process that holds the sessions.
#pragma once

#include <functional>
#include <memory>

#include "app/cli/common.h"
#include "core/session/service.h"

namespace fabula::cli {

class LocalService {
 public:
  // wake: as Service::Options has it.
  static Result<std::unique_ptr<LocalService>> open(const App& app, std::function<void()> wake = nullptr);

  session::Service& service() { return *service_; }

  // Asks for a model for `mode`. Errors at once: there is none of that name, flags that make no sense.
  Result<session::Answer<session::ModelState>> start_load(const App& app, const EngineFlags& flags, const std::string& model,
                                                          session::Mode mode);
  static Status wait(session::Answer<session::ModelState> answer);
  // Both in one.
  Status load(const App& app, const EngineFlags& flags, const std::string& model, session::Mode mode);

  // Waits for a reply; Ctrl+C cancels it.
  Result<session::Message> wait(const std::string& session, session::Answer<session::Message> answer);

 private:
  LocalService() = default;
  std::unique_ptr<session::Service> service_;
};

}  // namespace fabula::cli
