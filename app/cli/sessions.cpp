// sessions: what the sidebar does, on the command line.
#include <algorithm>
#include <cstdio>
#include <filesystem>
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
  std::string format = "json";
  bool json = false, trash = false, all = false;
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

Result<std::string> exported(session::Service& service, const std::string& id, const std::string& format) {
  if (format == "markdown") return service.export_markdown(id).get();
  FABULA_ASSIGN(const OrderedJson document, service.export_session(id).get());
  return dump_json(document, 2) + "\n";
}

Status write_or_print(const std::string& output, const std::string& text) {
  if (!output.empty()) return write_file_atomically(output, text);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return path.ends_with('/') || std::filesystem::is_directory(path, ignored);
}

// One file for each session where `output` is a folder, else one document with all of them.
Status export_all(session::Service& service, const Options& options) {
  if (!is_folder(options.output)) {
    FABULA_ASSIGN(const OrderedJson document, service.export_all().get());
    return write_or_print(options.output, dump_json(document, 2) + "\n");
  }
  const std::filesystem::path folder = options.output;
  FABULA_TRY(fabula::create_directories(folder));
  for (const session::SessionInfo& info : *service.sessions()) {
    FABULA_ASSIGN(const std::string text, exported(service, info.id, options.format));
    FABULA_TRY(write_file_atomically(folder / (info.id + (options.format == "markdown" ? ".md" : ".json")), text));
  }
  return {};
}

Status export_session(const App& app, const Options& options) {
  if (options.all == !options.id.empty())
    return Error{ErrorCode::invalid_argument, "either a session or --all is to be exported"};
  if (options.all && options.format == "markdown" && !is_folder(options.output))
    return Error{ErrorCode::invalid_argument, "Markdown of all sessions needs a folder: -o FOLDER/"};
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  if (options.all) return export_all(local->service(), options);
  FABULA_ASSIGN(const std::string text, exported(local->service(), options.id, options.format));
  return write_or_print(options.output, text);
}

// A folder's exports as one document, so that they come in all together or not at all.
Result<std::string> read_exports(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) return read_file(path, max_document_bytes);
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator it(path, failed), end; !failed && it != end; it.increment(failed))
    if (it->path().extension() == ".json") files.push_back(it->path());
  if (failed) return Error{ErrorCode::io, "cannot read " + path.string() + ": " + failed.message()};
  std::sort(files.begin(), files.end());
  if (files.empty()) return Error{ErrorCode::not_found, path.string() + " holds no exported sessions (*.json)"};
  std::string all;
  for (const std::filesystem::path& file : files) {
    FABULA_ASSIGN(const std::string text, read_file(file, max_document_bytes));
    all += (all.empty() ? R"({"format":"fabula.sessions","version":1,"sessions":[)" : ",") + text;
  }
  return all + "]}";
}

Status import_sessions(const App& app, const Options& options) {
  FABULA_ASSIGN(std::string document, read_exports(options.file));
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_ASSIGN(const std::vector<std::string> ids, local->service().import_all(std::move(document)).get());
  if (options.json && ids.size() == 1)
    print_json({{"id", ids.front()}});
  else if (options.json)
    print_json({{"ids", ids}});
  else
    for (const std::string& id : ids) std::printf("%s\n", id.c_str());
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
    auto [sub, options] = add(command, app, "export", "A session, or all, as JSON or to read", export_session);
    sub->add_option("id", options->id, "Session");
    sub->add_flag("--all", options->all, "Every session: one file, or one each where -o names a folder");
    sub->add_option("--format", options->format, "json, or markdown: the current path, not for import")
        ->check(CLI::IsMember({"json", "markdown"}))
        ->capture_default_str();
    auto* format = &options->format;
    sub->add_flag_callback("--markdown", [format] { *format = "markdown"; }, "The same as --format markdown");
    sub->add_option("-o,--output", options->output, "File or folder (default: standard output)");
  }
  {
    auto [sub, options] =
        add(command, app, "import", "Reads exported sessions; prints their ids", import_sessions);
    sub->add_option("file", options->file, "Exported session or sessions, or a folder of them")->required();
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
