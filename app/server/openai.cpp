#include "app/server/openai.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/server/answer.h"
#include "app/server/await_answer.h"
#include "app/server/reply_grammar.h"
#include "core/model/library.h"
#include "core/session/defaults.h"
#include "core/session/prompt.h"

namespace fabula::server {

namespace {

ApiError no_such_model(const std::string& name) {
  return {404, "the model \"" + name + "\" is not loaded; GET /v1/models lists what is",
          "invalid_request_error", "model", "model_not_found"};
}

ApiError model_elsewhere(const std::string& name) {
  return {400, name + " runs elsewhere: ask its server directly. Sessions (/api/sessions) use it", "invalid_request_error", "model",
          "model_is_remote"};
}

// The mode that speaks with the model of that name; "": chat's, or else the story's.
std::optional<session::ModelState> chosen_or_null(const ApiContext& context, const std::string& name) {
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    session::ModelState state = context.service.model_state(mode);
    const LoadedPtr loaded = context.bridge.engine().loaded_or_null(state.id);
    if (!loaded && !state.remote && state.phase != session::ModelState::Phase::asleep) continue;
    if (name.empty() || name == state.name || name == state.path || (loaded && name == loaded->model->info.name)) return state;
  }
  return std::nullopt;
}

struct Found {
  LoadedPtr loaded;  // null: there is a problem
  engine::ModelId id = 0;
  ApiError problem;
};

Found found_in(const ApiContext& context, const std::string& name) {
  const auto state = chosen_or_null(context, name);
  if (!state) return {nullptr, 0, no_such_model(name)};
  if (state->remote) return {nullptr, 0, model_elsewhere(state->name)};
  return {context.bridge.engine().loaded_or_null(state->id), state->id, no_such_model(name)};
}

// The model of that name, woken where it sleeps.
asio::awaitable<Found> find_model(Exchange& exchange, ApiContext& context, const std::string& name) {
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    const session::ModelState state = context.service.model_state(mode);
    const bool named = name.empty() || name == state.name || name == state.path;
    if (state.phase != session::ModelState::Phase::asleep || !named || found_in(context, name).loaded) continue;
    const auto woken = co_await answer_of(exchange, context.service.wake_model(mode));
    if (!woken.ok()) {
      Found failed;
      failed.problem = api_error_of(woken.error());
      co_return failed;
    }
  }
  co_return found_in(context, name);
}

asio::awaitable<void> complete(Exchange& exchange, ApiContext& context, const Dialect& dialect) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  const std::string name = requested_model(body.object);
  const Found found = co_await find_model(exchange, context, name);
  const LoadedPtr& loaded = found.loaded;
  const engine::SamplerSettings defaults =
      session::default_sampler(loaded ? loaded->model->defaults : model::GenerationDefaults());
  const ParsedRequest parsed = dialect.chat ? parse_chat_request(body.object, defaults)
                                            : parse_completion_request(body.object, defaults);
  if (parsed.problem) co_return co_await exchange.send_error(*parsed.problem);
  if (!loaded) co_return co_await exchange.send_error(found.problem);

  const OpenAiRequest& request = parsed.request;
  std::vector<std::vector<int32_t>> prompts = request.prompt_tokens;
  std::vector<std::string> echoes;
  ReplySplitter::Options splitting;
  TemplateTools tools;
  if (dialect.chat) {
    tools = tools_of(*loaded->model, request);
    Result<std::vector<int32_t>> prompt = prompt_of(*loaded->model, request, tools);
    if (!prompt.ok()) co_return co_await exchange.send_error(api_error_of(prompt.error()));
    splitting = splitting_of(*loaded->model, request, tools, *prompt);
    prompts.push_back(*std::move(prompt));
  }
  const ReplyGrammar grammar = reply_grammar(*loaded->model, request, splitting);
  if (grammar.problem) co_return co_await exchange.send_error(*grammar.problem);
  for (const std::string& text : request.prompts) prompts.push_back(loaded->model->tokenizer->encode(text));
  if (request.echo)
    for (const auto& ids : prompts) echoes.push_back(loaded->model->tokenizer->decode(ids, false));

  Answer answer(exchange, context.bridge, dialect, request, loaded, std::move(splitting));
  if (const Status status = answer.submit(found.id, prompts, grammar.grammar); !status.ok())
    co_return co_await exchange.send_error(api_error_of(status.error()));
  co_await answer.run(echoes);
}

OrderedJson model_json(const std::string& name) {
  return {{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "local"}};
}

// The models of both modes, each once; one that sleeps wakes when it is asked something.
std::vector<std::string> model_names(const ApiContext& context) {
  std::vector<std::string> names;
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    const session::ModelState state = context.service.model_state(mode);
    const LoadedPtr loaded = context.bridge.engine().loaded_or_null(state.id);
    if (!loaded && state.phase != session::ModelState::Phase::asleep) continue;
    std::string name = loaded ? model::model_name(loaded->load.path) : state.name;
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

asio::awaitable<void> list_models(Exchange& exchange, ApiContext& context) {
  OrderedJson data = OrderedJson::array();
  for (const std::string& name : model_names(context)) data.push_back(model_json(name));
  OrderedJson document = {{"object", "list"}, {"data", std::move(data)}};
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> one_model(Exchange& exchange, ApiContext& context) {
  const Found found = co_await find_model(exchange, context, exchange.parameters()[0]);
  if (!found.loaded) co_return co_await exchange.send_error(found.problem);
  co_await exchange.send_json(200, model_json(model::model_name(found.loaded->load.path)));
}

asio::awaitable<void> tokenize(Exchange& exchange, ApiContext& context) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  FieldReader fields(body.object);
  std::string content, name;
  bool add_special = false, parse_special = true;
  fields.require("content");
  fields.text("content", content, size_t{16} << 20);
  fields.text("model", name);
  fields.boolean("add_special", add_special);
  fields.boolean("parse_special", parse_special);
  fields.refuse_unknown();
  if (fields.problem()) co_return co_await exchange.send_error(*fields.problem());
  const Found found = co_await find_model(exchange, context, name);
  const LoadedPtr& loaded = found.loaded;
  if (!loaded) co_return co_await exchange.send_error(found.problem);
  const text::EncodeOptions options{add_special, parse_special};
  OrderedJson document = {{"tokens", loaded->model->tokenizer->encode(content, options)}};
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> detokenize(Exchange& exchange, ApiContext& context) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  FieldReader fields(body.object);
  std::string name;
  std::vector<int32_t> ids;
  fields.require("tokens");
  fields.text("model", name);
  const Found found = co_await find_model(exchange, context, name);
  const LoadedPtr& loaded = found.loaded;
  const int64_t vocab = loaded ? loaded->model->tokenizer->vocab_size() : INT32_MAX;
  if (const OrderedJson* list = fields.find_or_null("tokens")) {
    bool fine = list->is_array();
    for (size_t i = 0; fine && i < list->size(); ++i) {
      fine = (*list)[i].is_number_integer() && (*list)[i].get<int64_t>() >= 0 &&
             (*list)[i].get<int64_t>() < vocab;
      if (fine) ids.push_back((*list)[i].get<int32_t>());
    }
    if (!fine) fields.fail("tokens", "tokens must be a list of ids of the vocabulary");
  }
  fields.refuse_unknown();
  if (fields.problem()) co_return co_await exchange.send_error(*fields.problem());
  if (!loaded) co_return co_await exchange.send_error(found.problem);
  OrderedJson document = {{"content", loaded->model->tokenizer->decode(ids, false)}};
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> chat_completion(Exchange& exchange, ApiContext& context) {
  return complete(exchange, context, chat_dialect);
}

asio::awaitable<void> text_completion(Exchange& exchange, ApiContext& context) {
  return complete(exchange, context, text_dialect);
}

constexpr ApiRow rows[] = {
    {http::verb::get, "/v1/models", list_models},
    {http::verb::get, "/v1/models/{}", one_model},
    {http::verb::post, "/v1/chat/completions", chat_completion},
    {http::verb::post, "/v1/completions", text_completion},
    {http::verb::post, "/tokenize", tokenize},
    {http::verb::post, "/detokenize", detokenize},
};

}  // namespace

bool is_chosen(const ApiContext& context, const std::string& name) {
  return chosen_or_null(context, name).has_value();
}

void add_openai_routes(std::vector<Route>& routes, ApiContext& context) {
  add_routes(routes, context, rows);
}

}  // namespace fabula::server
