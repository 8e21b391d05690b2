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

// The service with the model in it; opened once more when the process that held the sessions has ended.
class Desk {
 public:
  Desk(const App& app, const Options& options) : app_(app), options_(options) {}
  Status open() {
    local_.reset();
    FABULA_ASSIGN(local_, LocalService::open(app_));
    return local_->load(app_, options_.engine, options_.model, session::Mode::chat);
  }
  Status open_again_if_lost() { return !local_ || local_->service().is_lost() ? open() : Status(); }
  LocalService& local() { return *local_; }
  session::Service& service() { return local_->service(); }

 private:
  const App& app_;
  const Options& options_;
  std::unique_ptr<LocalService> local_;
};

class Repl {
 public:
  Repl(Desk& desk, std::string session) : desk_(desk), session_(std::move(session)) {}

  Status run() {
    const bool terminal = ::isatty(STDIN_FILENO);
    if (terminal) std::fprintf(stderr, "/help lists the commands\n");
    std::string line;
    for (;;) {
      if (terminal) std::printf("\n> "), std::fflush(stdout);
      if (!std::getline(std::cin, line)) return {};
      if (line.empty()) continue;
      if (line == "/quit" || line == "/exit") return {};
      Status status = desk_.open_again_if_lost();
      if (status.ok())
        status = line.front() == '/' ? command(line) : speak([&] { return desk_.service().send(session_, line); });
      if (!status.ok()) std::fprintf(stderr, "fabula-cli: %s\n", status.error().message.c_str());
    }
  }

 private:
  Status command(const std::string& line) {
    if (line == "/help") {
      std::fputs(help_text, stderr);
      return {};
    }
    if (line == "/undo") return desk_.service().rollback_last_exchange(session_).get();
    if (line == "/retry") return speak([&] { return desk_.service().regenerate(session_); });
    if (line.starts_with("/system ")) return desk_.service().set_system(session_, line.substr(8)).get();
    return Error{ErrorCode::invalid_argument, "unknown command " + line + "; /help lists them"};
  }

  template <class Ask>
  Status speak(Ask ask) {
    const uint64_t follower =
        desk_.service().follow([&](const std::string& session, const std::string&, std::string_view piece) {
          if (session != session_) return;
          std::fputs(escape_controls(piece).c_str(), stdout);
          std::fflush(stdout);
        });
    const Result<session::Message> reply = desk_.local().wait(session_, ask());
    desk_.service().unfollow(follower);
    std::printf("\n");
    return reply.ok() ? Status() : Status(reply.error());
  }

  Desk& desk_;
  std::string session_;
};

Status chat(App& app, const Options& options) {
  Desk desk(app, options);
  FABULA_TRY(desk.open());
  std::string id = options.session;
  if (id.empty()) {
    FABULA_ASSIGN(const session::SessionInfo info,
                  desk.service().create(session::Mode::chat, "", options.system).get());
    id = info.id;
  } else {
    FABULA_ASSIGN(const session::SessionView view, desk.service().open_session(id).get());
    for (const auto& message : view.path)
      std::printf("%s%s\n", message->role == session::Role::user ? "\n> " : "",
                  escape_controls(message->text).c_str());
  }
  return Repl(desk, id).run();
}

}  // namespace

void add_chat(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "GGUF file, model directory, name, or remote:NAME/model")->required();
  command.add_option("--session", options->session, "Go on with this session");
  command.add_option("--system", options->system, "System prompt of a new session");
  options->engine.add_to(command);
  set_body(command, app, [options, &app] { return chat(app, *options); });
}

}  // namespace fabula::cli
