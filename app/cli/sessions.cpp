// sessions: what the sidebar does, on the command line.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/local_service.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/session/view_json.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_document_bytes = uint64_t{1} << 30;

struct Options {
  std::string id, message, mode = "chat", title, system, output, file;
  bool json = false, trash = false, tree = false;
};

Status list(const App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  const auto sessions = options.trash ? local->service().trash() : local->service().sessions();
  OrderedJson rows = OrderedJson::array();
  for (const session::SessionInfo& info : *sessions) {
    if (options.json)
      rows.push_back(session::info_json(info));
    else
      std::printf("%s  %-5s  %s  %4lld  %s\n", info.id.c_str(), session::mode_name(info.mode),
                  format_rfc3339(info.updated_at).c_str(), static_cast<long long>(info.message_count),
                  escape_controls(info.title).c_str());
  }
  if (options.json) print_json({{"sessions", rows}});
  return {};
}

Status show(const App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_ASSIGN(const session::SessionView view, local->service().open_session(options.id).get());
  if (!options.json) {
    std::printf("%s  (%s, %s)\n", escape_controls(view.info.title).c_str(),
                session::mode_name(view.info.mode), view.info.id.c_str());
    for (const auto& message : view.path)
      std::printf("\n[%s  %s  %zu tokens]\n%s\n", session::role_name(message->role), message->id.c_str(),
                  message->tokens.size(), escape_controls(message->text).c_str());
    return {};
  }
  print_json(session::view_json(view));
  return {};
}

Status create(const App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  const session::Mode mode = options.mode == "story" ? session::Mode::story : session::Mode::chat;
  FABULA_ASSIGN(const session::SessionInfo info,
                local->service().create(mode, options.title, options.system).get());
  if (options.json)
    print_json(session::info_json(info));
  else
    std::printf("%s\n", info.id.c_str());
  return {};
}

Status rollback(const App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_TRY(local->service().open_session(options.id).get());
  FABULA_TRY(local->service().rollback(options.id, options.message).get());
  FABULA_ASSIGN(const session::SessionView view, local->service().open_session(options.id).get());
  size_t tokens = 0;
  for (const auto& message : view.path) tokens += message->tokens.size();
  if (options.json)
    print_json(
        {{"id", options.id}, {"messages", view.path.size()}, {"tokens", tokens}, {"current", view.current}});
  else
    std::printf("%zu messages, %zu tokens\n", view.path.size(), tokens);
  return {};
}

Status export_session(const App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_ASSIGN(const OrderedJson document, local->service().export_session(options.id).get());
  const std::string text = dump_json(document, 2) + "\n";
  if (!options.output.empty()) return write_file_atomically(options.output, text);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Status import_session(const App& app, const Options& options) {
  FABULA_ASSIGN(std::string document, read_file(options.file, max_document_bytes));
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_ASSIGN(const std::string id, local->service().import_session(std::move(document)).get());
  if (options.json)
    print_json({{"id", id}});
  else
    std::printf("%s\n", id.c_str());
  return {};
}

// delete, restore and purge differ in one call.
template <class Act>
void add_act(CLI::App& parent, App& app, const char* name, const char* what, Act act) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand(name, what);
  command->add_option("id", options->id, "Session")->required();
  set_body(*command, app, [options, &app, act]() -> Status {
    FABULA_ASSIGN(const auto local, LocalService::open(app));
    return act(local->service(), options->id).get();
  });
}

using Body = Status (*)(const App&, const Options&);

std::pair<CLI::App*, std::shared_ptr<Options>> add(CLI::App& parent, App& app, const char* name,
                                                   const char* what, Body body) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent.add_subcommand(name, what);
  command->add_flag("--json", options->json, "Print JSON");
  set_body(*command, app, [options, &app, body] { return body(app, *options); });
  return {command, options};
}

}  // namespace

void add_sessions(CLI::App& command, App& app) {
  command.require_subcommand(1);
  {
    auto [sub, options] = add(command, app, "list", "All sessions, the newest change first", list);
    sub->add_flag("--trash", options->trash, "The deleted ones");
  }
  {
    auto [sub, options] = add(command, app, "show", "The current path of a session", show);
    sub->add_option("id", options->id, "Session")->required();
  }
  {
    auto [sub, options] = add(command, app, "new", "An empty session; prints its id", create);
    sub->add_option("--mode", options->mode, "chat or story")
        ->check(CLI::IsMember({"chat", "story"}))
        ->capture_default_str();
    sub->add_option("--title", options->title, "Title");
    sub->add_option("--system", options->system, "System prompt");
  }
  {
    auto [sub, options] = add(command, app, "rollback",
                              "Makes MESSAGE the last one; what followed stays on its branch", rollback);
    sub->add_option("id", options->id, "Session")->required();
    sub->add_option("message", options->message, "Message")->required();
  }
  {
    auto [sub, options] = add(command, app, "export", "The session as JSON", export_session);
    sub->add_option("id", options->id, "Session")->required();
    sub->add_option("-o,--output", options->output, "File (default: standard output)");
  }
  {
    auto [sub, options] =
        add(command, app, "import", "Reads an exported session; prints its id", import_session);
    sub->add_option("file", options->file, "Exported session")->required();
  }
  add_replay(command, app);
  add_act(command, app, "delete", "Moves a session to the trash",
          [](session::Service& s, const std::string& id) { return s.remove(id); });
  add_act(command, app, "restore", "Takes a session out of the trash",
          [](session::Service& s, const std::string& id) { return s.restore(id); });
  add_act(command, app, "purge", "Deletes a session for good",
          [](session::Service& s, const std::string& id) { return s.purge(id); });
}

}  // namespace fabula::cli
