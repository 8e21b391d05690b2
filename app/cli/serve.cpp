// serve: the HTTP API without a window.
#include <poll.h>
#include <sys/signalfd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/local_service.h"
#include "core/session/wire.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, host = "127.0.0.1", api_key;
  int port = 8642;
  std::vector<std::string> allow_origins;
  bool quiet = false, log_text = false;
  double idle_unload = 0;  // minutes
  EngineFlags engine;
};

// Ends on SIGTERM and SIGINT, which are blocked before any other thread starts; woken by the service as well.
class EndWatch {
 public:
  EndWatch() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signals_ = Descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  std::function<void()> wake() {
    return [this] { bell_.ring(); };
  }
  // true: a signal has come; false: the service has something new.
  bool wait() {
    pollfd polled[] = {{signals_.get(), POLLIN, 0}, {bell_.descriptor(), POLLIN, 0}};
    while (::poll(polled, 2, -1) < 0) {
    }
    bell_.hear();
    return (polled[0].revents & POLLIN) != 0;
  }

 private:
  Descriptor signals_;
  session::Bell bell_;
};

// One time of serving: until a signal (true), or until the process that held the sessions has ended.
Result<bool> serve_once(const App& app, const Options& options, EndWatch& end) {
  FABULA_ASSIGN(const auto local, LocalService::open(app, end.wake()));
  const std::string host = local->service().host_name();
  if (host.empty() || options.idle_unload > 0) local->service().set_idle_unload(options.idle_unload);
  // Shown as loading before anybody can connect, so that /health never says "ok" too early.
  std::vector<session::Answer<session::ModelState>> loads;
  if (!options.model.empty())
    for (session::Mode mode : {session::Mode::chat, session::Mode::story}) {
      FABULA_ASSIGN(auto load, local->start_load(app, options.engine, options.model, mode));
      while (local->service().model_state(mode).phase == session::ModelState::Phase::none &&
             load.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      }
      loads.push_back(std::move(load));
    }
  session::ListenRequest request{options.host, options.port, options.api_key, options.allow_origins, options.log_text};
  session::ListenLog log;
  if (!options.quiet) log = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  FABULA_ASSIGN(const int port, local->service().listen(std::move(request), std::move(log)).get());
  if (!host.empty()) std::fprintf(stderr, "fabula-cli: sharing sessions and models with %s\n", host.c_str());
  std::printf("listening on http://%s:%d\n", options.host.c_str(), port);
  std::fflush(stdout);
  for (auto& load : loads) {
    // Cancelled: another process that shares the sessions has chosen a model meanwhile.
    const Status loaded = LocalService::wait(std::move(load));
    if (!loaded.ok() && loaded.error().code != ErrorCode::cancelled) return loaded.error();
  }
  while (!local->service().is_lost())
    if (end.wait()) return true;
  std::fprintf(stderr, "fabula-cli: %s has ended; serving goes on\n", host.c_str());
  return false;
}

Status serve(const App& app, const Options& options) {
  EndWatch end;
  for (;;) {
    FABULA_ASSIGN(const bool ended, serve_once(app, options, end));
    if (ended) return {};
  }
}

}  // namespace

void add_serve(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "Model to load at once, or remote:NAME/model for the sessions");
  command.add_option("--host", options->host, "Address to listen on; anything but loopback needs --api-key")
      ->capture_default_str();
  command.add_option("--port", options->port, "Port; 0 takes any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--api-key", options->api_key, "Key that clients must send");
  command
      .add_option("--allow-origin", options->allow_origins,
                  "Web origin that may call; may be given several times")
      ->take_all();
  auto* quiet = command.add_flag("--quiet", options->quiet, "No request log");
  command.add_flag("--log-text", options->log_text, "What is asked and answered goes into the request log, too")->excludes(quiet);
  command.add_option("--idle-unload", options->idle_unload, "Minutes without a request after which models give their memory back until the next one; 0: never")
      ->check(CLI::Range(0.0, 100000.0))
      ->capture_default_str();
  options->engine.add_to(command);
  set_body(command, app, [options, &app] { return serve(app, *options); });
}

}  // namespace fabula::cli
