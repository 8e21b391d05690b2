// serve: the HTTP API without a window.
#include <unistd.h>

#include <fmt/format.h>
#include <condition_variable>
#include <csignal>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/local_service.h"
#include "app/server/server.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, host = "127.0.0.1", api_key;
  int port = 8642;
  std::vector<std::string> allow_origins;
  bool quiet = false;
  EngineFlags engine;
};

// SIGTERM and SIGINT are taken by sigwait on this thread; they are blocked before any other thread starts.
sigset_t end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

Status serve(const App& app, const Options& options) {
  const sigset_t signals = end_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  server::Options server_options;
  server_options.host = options.host;
  server_options.port = static_cast<unsigned short>(options.port);
  server_options.api_key = options.api_key;
  server_options.allow_origins = options.allow_origins;
  if (!options.quiet)
    server_options.log = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  FABULA_ASSIGN(auto server, server::Server::start(local->service(), std::move(server_options)));
  std::printf("listening on http://%s:%u\n", options.host.c_str(), server->port());
  std::fflush(stdout);
  if (!options.model.empty()) {
    FABULA_TRY(local->load(app, options.engine, options.model, session::Mode::chat));
    FABULA_TRY(local->load(app, options.engine, options.model, session::Mode::story));
  }
  int received = 0;
  sigwait(&signals, &received);
  server.reset();
  return {};
}

}  // namespace

void add_serve(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "Model to load at once");
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
  command.add_flag("--quiet", options->quiet, "No request log");
  options->engine.add_to(command);
  set_body(command, app, [options, &app] { return serve(app, *options); });
}

}  // namespace fabula::cli
