#include "app/cli/remotes.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/interrupt.h"
#include "core/base/file.h"
#include "core/engine/remote_engine.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string name, url, key_file;
  bool json = false;
};

Result<engine::RemoteEngine> open_remote(const App& app, const std::string& name) {
  FABULA_ASSIGN(engine::RemoteEndpoint endpoint, engine::find_remote(app.places(), name));
  FABULA_ASSIGN(std::string key, engine::remote_key(app.places(), name));
  return engine::RemoteEngine(std::move(endpoint), std::move(key));
}

Status add(const App& app, const Options& options) {
  std::string key;
  if (!options.key_file.empty()) {
    FABULA_ASSIGN(key, options.key_file == "-" ? text_or_stdin("-") : read_file(options.key_file, 64 << 10));
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
    if (key.empty()) return Error{ErrorCode::invalid_argument, "there is no key in " + options.key_file};
  }
  return engine::save_remote(app.places(), {options.name, options.url}, key);
}

Status list(const App& app, const Options& options) {
  OrderedJson rows = OrderedJson::array();
  if (options.name.empty()) {
    FABULA_ASSIGN(const auto remotes, engine::remote_endpoints(app.places()));
    for (const engine::RemoteEndpoint& remote : remotes) {
      rows.push_back({{"name", remote.name}, {"url", remote.url}});
      if (!options.json) std::printf("%-20s %s\n", remote.name.c_str(), remote.url.c_str());
    }
  } else {
    FABULA_ASSIGN(auto remote, open_remote(app, options.name));
    const InterruptScope interrupts;
    FABULA_ASSIGN(const auto models, remote.models(&interrupts.seen()));
    for (const std::string& model : models) {
      const std::string full = "remote:" + options.name + "/" + model;
      rows.push_back({{"name", full}});
      if (!options.json) std::printf("%s\n", escape_controls(full).c_str());
    }
  }
  if (options.json) print_json({{"remotes", std::move(rows)}});
  return {};
}

// The flags that OpenAI's API takes everywhere.
Status put_sampling(const SamplingFlags& sampling, engine::RemoteRequest& request) {
  for (const auto& [field, value] : sampling.given) {
    if (field == "temperature")
      request.temperature = value;
    else if (field == "top_p")
      request.top_p = value;
    else if (field == "presence_penalty")
      request.presence_penalty = value;
    else if (field == "frequency_penalty")
      request.frequency_penalty = value;
    else
      return Error{ErrorCode::unsupported, "a remote model takes no " + field};
  }
  if (!sampling.logit_bias.empty() || !sampling.dry_breakers.empty())
    return Error{ErrorCode::unsupported, "a remote model takes neither logit_bias nor dry_breakers"};
  request.max_tokens = sampling.max_tokens;
  request.seed = sampling.seed;
  request.stop = sampling.stop;
  return {};
}

OrderedJson count_or_null(const std::optional<int64_t>& count) {
  return count ? OrderedJson(*count) : OrderedJson(nullptr);
}

}  // namespace

Status generate_remote(App& app, const engine::RemoteName& name, const RemotePrompt& prompt,
                       const SamplingFlags& sampling) {
  if (name.model.empty())
    return Error{ErrorCode::invalid_argument, "a remote model is named remote:NAME/model; models list-remote " + name.endpoint + " lists them"};
  FABULA_ASSIGN(auto remote, open_remote(app, name.endpoint));
  FABULA_ASSIGN(const std::string text, text_or_stdin(prompt.text));
  engine::RemoteRequest request;
  request.model = name.model;
  if (prompt.chat) {
    OrderedJson message = {{"role", "user"}, {"content", text}};
    request.messages = dump_json(OrderedJson::array({std::move(message)}));
  } else {
    request.prompt = text;
    if (!prompt.json) std::printf("%s", escape_controls(text).c_str());
  }
  FABULA_TRY(put_sampling(sampling, request));
  const InterruptScope interrupts;
  const auto show = [&](std::string_view piece) {
    if (prompt.json) return;
    std::fputs(escape_controls(piece).c_str(), stdout);
    std::fflush(stdout);
  };
  const auto reply = remote.generate(request, show, &interrupts.seen());
  if (!prompt.json) std::printf("\n");
  if (!reply.ok() && reply.error().code == ErrorCode::cancelled) {
    app.exit_code = 130;
    return {};
  }
  if (!reply.ok()) return reply.error();
  if (prompt.json)
    print_json({{"prompt_tokens", nullptr},
                {"tokens", nullptr},
                {"text", reply->text},
                {"finish_reason", reply->finish_reason},
                {"seed", request.seed ? OrderedJson(*request.seed) : OrderedJson(nullptr)},
                {"prompt", {{"tokens", count_or_null(reply->prompt_tokens)}}},
                {"decode", {{"tokens", count_or_null(reply->reply_tokens)}}}});
  return {};
}

void add_remote_commands(CLI::App& models, App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = models.add_subcommand("add-remote", "A server with an OpenAI-compatible API, as remote:NAME/model");
  sub->add_option("name", options->name, "Letters, digits, - and _")->required();
  sub->add_option("url", options->url, "Its address up to /v1")->required();
  sub->add_option("--key-file", options->key_file, "File with the key, or - for standard input; kept where only you can read it");
  set_body(*sub, app, [options, &app] { return add(app, *options); });

  sub = models.add_subcommand("remove-remote", "Forgets a server and its key");
  sub->add_option("name", options->name, "Its name")->required();
  set_body(*sub, app, [options, &app] { return engine::remove_remote(app.places(), options->name); });

  sub = models.add_subcommand("list-remote", "The servers, or the models of one");
  sub->add_option("name", options->name, "One server");
  sub->add_flag("--json", options->json, "Print JSON");
  set_body(*sub, app, [options, &app] { return list(app, *options); });
}

}  // namespace fabula::cli
