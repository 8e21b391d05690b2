// chat: a conversation in the terminal, kept as a session like any other.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/local_service.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, session, system;
  EngineFlags engine;
};

constexpr const char* help_text =
    "/undo     take back the last exchange\n"
    "/retry    another reply to the last message\n"
    "/system T set the system prompt\n"
    "/quit     leave; the session is kept\n";

class Repl {
 public:
  Repl(LocalService& local, std::string session) : local_(local), session_(std::move(session)) {}

  Status run() {
    const bool terminal = ::isatty(STDIN_FILENO);
    if (terminal) std::fprintf(stderr, "/help lists the commands\n");
    std::string line;
    for (;;) {
      if (terminal) std::printf("\n> "), std::fflush(stdout);
      if (!std::getline(std::cin, line)) return {};
      if (line.empty()) continue;
      if (line == "/quit" || line == "/exit") return {};
      const Status status =
          line.front() == '/' ? command(line) : speak([&] { return local_.service().send(session_, line); });
      if (!status.ok()) std::fprintf(stderr, "fabula-cli: %s\n", status.error().message.c_str());
    }
  }

 private:
  Status command(const std::string& line) {
    if (line == "/help") {
      std::fputs(help_text, stderr);
      return {};
    }
    if (line == "/undo") return local_.service().rollback_last_exchange(session_).get();
    if (line == "/retry") return speak([&] { return local_.service().regenerate(session_); });
    if (line.starts_with("/system ")) return local_.service().set_system(session_, line.substr(8)).get();
    return Error{ErrorCode::invalid_argument, "unknown command " + line + "; /help lists them"};
  }

  template <class Ask>
  Status speak(Ask ask) {
    const uint64_t follower =
        local_.service().follow([&](const std::string& session, const std::string&, std::string_view piece) {
          if (session != session_) return;
          std::fputs(escape_controls(piece).c_str(), stdout);
          std::fflush(stdout);
        });
    const Result<session::Message> reply = local_.wait(session_, ask());
    local_.service().unfollow(follower);
    std::printf("\n");
    return reply.ok() ? Status() : Status(reply.error());
  }

  LocalService& local_;
  std::string session_;
};

Status chat(App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_TRY(local->load(app, options.engine, options.model, session::Mode::chat));
  std::string id = options.session;
  if (id.empty()) {
    FABULA_ASSIGN(const session::SessionInfo info,
                  local->service().create(session::Mode::chat, "", options.system).get());
    id = info.id;
  } else {
    FABULA_ASSIGN(const session::SessionView view, local->service().open_session(id).get());
    for (const auto& message : view.path)
      std::printf("%s%s\n", message->role == session::Role::user ? "\n> " : "",
                  escape_controls(message->text).c_str());
  }
  return Repl(*local, id).run();
}

}  // namespace

void add_chat(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "GGUF file, model directory or name")->required();
  command.add_option("--session", options->session, "Go on with this session");
  command.add_option("--system", options->system, "System prompt of a new session");
  options->engine.add_to(command);
  set_body(command, app, [options, &app] { return chat(app, *options); });
}

}  // namespace fabula::cli
