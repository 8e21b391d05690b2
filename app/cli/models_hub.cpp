// models: what is fetched from the hub, searched there, and removed again.
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/models_text.h"
#include "core/hub/pull.h"
#include "core/model/library.h"

namespace fabula::cli {

namespace {

constexpr int exit_interrupted = 130;

// ---- pull

void show_progress(const hub::PullProgress& progress) {
  const double share = progress.bytes_total > 0 ? static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_total) : 0;
  const char* phase = progress.phase == hub::PullProgress::Phase::checking ? "checking" : "fetching";
  const std::string line = fmt::format("\r\033[K{} {:3.0f} %  {} of {}  {}/s  {}", phase, share * 100, size_text(progress.bytes_done),
                                       size_text(progress.bytes_total), size_text(static_cast<uint64_t>(progress.bytes_per_second)),
                                       escape_controls(progress.file));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

Status pull(App& app, const std::string& text, bool json) {
  FABULA_ASSIGN(const hub::PullName name, hub::parse_pull_name(text));
  std::atomic<bool> cancel{false};
  hub::PullOptions options;
  options.places = app.places();
  options.access = hub::access_from_environment(app.places());
  options.cancel = &cancel;
  const bool terminal = ::isatty(STDERR_FILENO);
  if (terminal) options.on_progress = show_progress;
  const InterruptScope interrupts;
  auto work = std::async(std::launch::async, [&] { return hub::pull(name, options); });
  while (work.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready)
    if (interrupts.take()) cancel = true;
  const Result<hub::Pulled> pulled = work.get();
  if (terminal) std::fprintf(stderr, "\r\033[K");
  if (!pulled.ok() && pulled.error().code == ErrorCode::cancelled) {
    app.exit_code = exit_interrupted;
    std::fprintf(stderr, "fabula-cli: stopped; the same command goes on where it was\n");
    return {};
  }
  if (!pulled.ok()) return pulled.error();
  const std::string called = model::model_name(pulled->model);
  if (json) {
    print_json({{"name", called}, {"path", pulled->model.string()}, {"bytes", pulled->bytes}, {"was_there", pulled->was_there}});
  } else {
    fmt::print("{} {}: {}, {}\n", escape_controls(called), pulled->was_there ? "is there already" : "is ready", size_text(pulled->bytes), pulled->model.string());
  }
  return {};
}

// ---- remove

Status remove(const App& app, const std::string& name, bool force) {
  const std::vector<model::LibraryEntry> entries = model::list_models(app.places(), {.read_new = false});
  const auto entry = std::ranges::find_if(entries, [&](const model::LibraryEntry& e) { return e.name == name || e.path == name; });
  if (entry != entries.end()) return hub::remove_model_files(app.places(), entry->path, entry->weight_files, force);
  for (const hub::UnfinishedPull& unfinished : hub::unfinished_pulls(app.places())) {
    if (unfinished.name != name) continue;
    hub::forget_pull(app.places(), name);
    return {};
  }
  return Error{ErrorCode::not_found, "there is no model and no unfinished download called \"" + name + "\""};
}

// ---- search

Status search(const App& app, const std::string& words, int limit, bool json) {
  net::HttpClient client;
  FABULA_ASSIGN(const auto found, hub::search(client, hub::access_from_environment(app.places()), words, limit));
  OrderedJson rows = OrderedJson::array();
  for (const hub::FoundRepository& repository : found) {
    const char* files = repository.gguf ? "GGUF" : "safetensors";
    if (json)
      rows.push_back({{"name", repository.id},
                      {"parameters", repository.parameters},
                      {"format", repository.gguf ? "gguf" : "safetensors"},
                      {"downloads", repository.downloads},
                      {"licence", repository.licence.empty() ? OrderedJson() : OrderedJson(repository.licence)},
                      {"gated", repository.gated}});
    else
      fmt::print("{:<56} {:>7} {:<11} {:>11} {:<16}{}\n", repository.id, repository.parameters > 0 ? count_text(repository.parameters) : "-", files,
                 repository.downloads, repository.licence.empty() ? "-" : escape_controls(repository.licence), repository.gated ? " asks for consent" : "");
  }
  if (json) print_json({{"models", rows}});
  return {};
}

// ---- login

// Typed words stay invisible where there is a terminal.
std::string read_secret() {
  termios before{};
  const bool terminal = ::isatty(STDIN_FILENO) && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    std::fprintf(stderr, "Access token (from the hub's settings page): ");
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string token;
  std::getline(std::cin, token);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::fprintf(stderr, "\n");
  }
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  return token;
}

Status login(const App& app, bool forget) {
  if (forget) return hub::save_token(app.places(), "");
  const std::string token = read_secret();
  if (token.empty()) return Error{ErrorCode::invalid_argument, "no token was given"};
  net::HttpClient client;
  hub::Access access = hub::access_from_environment(app.places());
  access.token = token;
  FABULA_ASSIGN(const std::string account, hub::account_name(client, access));
  FABULA_TRY(hub::save_token(app.places(), token));
  fmt::print("{} at {}: the token is kept in a file that only you can read\n", escape_controls(account), access.endpoint);
  return {};
}

struct HubOptions {
  std::string name;
  int limit = 30;
  bool json = false, force = false, forget = false;
};

}  // namespace

void add_hub_models(CLI::App& command, App& app) {
  auto options = std::make_shared<HubOptions>();
  CLI::App* sub = command.add_subcommand("pull", "Fetches a model from the hub; stopped by whatever, it goes on where it was");
  sub->add_option("name", options->name, "org/name, org/name:Q4_K_M or org/name:file.gguf")->required();
  sub->add_flag("--json", options->json, "Print JSON");
  set_body(*sub, app, [options, &app] { return pull(app, options->name, options->json); });

  options = std::make_shared<HubOptions>();
  sub = command.add_subcommand("remove", "Deletes a model that Fabula fetched, or an unfinished download");
  sub->add_option("name", options->name, "A name that models list prints")->required();
  sub->add_flag("--force", options->force, "Also files in Fabula's folder that were put there by hand");
  set_body(*sub, app, [options, &app] { return remove(app, options->name, options->force); });

  options = std::make_shared<HubOptions>();
  sub = command.add_subcommand("search", "Looks for models on the hub");
  sub->add_option("words", options->name, "Part of the name")->required();
  sub->add_option("--limit", options->limit, "How many at most")->check(CLI::Range(1, 100))->capture_default_str();
  sub->add_flag("--json", options->json, "Print JSON");
  set_body(*sub, app, [options, &app] { return search(app, options->name, options->limit, options->json); });

  options = std::make_shared<HubOptions>();
  sub = command.add_subcommand("login", "Keeps an access token of the hub, read from standard input");
  sub->add_flag("--forget", options->forget, "Removes the one that is kept");
  set_body(*sub, app, [options, &app] { return login(app, options->forget); });
}

}  // namespace fabula::cli
