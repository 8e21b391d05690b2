#include "app/server/openai.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "app/server/openai_request.h"
#include "core/base/clock.h"
#include "core/model/library.h"
#include "core/session/defaults.h"
#include "core/session/prompt.h"

namespace fabula::server {

namespace {

constexpr std::chrono::milliseconds client_check{
    50};  // how often a waiting request looks whether its client is still there

using LoadedPtr = std::shared_ptr<const engine::Engine::LoadedModel>;

// Both endpoints differ in these words alone.
struct Dialect {
  const char* id_prefix;
  const char* object;
  const char* chunk_object;
  bool chat;
};
constexpr Dialect chat_dialect{"chatcmpl-", "chat.completion", "chat.completion.chunk", true};
constexpr Dialect text_dialect{"cmpl-", "text_completion", "text_completion", false};

OrderedJson null() {
  return OrderedJson(nullptr);
}

OrderedJson logprob_json(const text::Tokenizer& tokenizer, const engine::Choice& choice) {
  const std::string bytes = tokenizer.token_bytes(choice.token, true);
  OrderedJson list = OrderedJson::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return {{"token", replace_invalid_utf8(bytes)}, {"logprob", choice.logprob}, {"bytes", std::move(list)}};
}

// What one choice has become so far.
struct ChoiceState {
  std::string text;
  int64_t tokens = 0;
  std::string finish_reason;  // "" while it runs
  engine::Event end;
  OrderedJson logprobs = OrderedJson::array();  // not yet sent ones, in the chat form
};

class Answer {
 public:
  Answer(Exchange& exchange, ApiContext& context, const Dialect& dialect, const OpenAiRequest& request,
         LoadedPtr loaded)
      : exchange_(exchange),
        dialect_(dialect),
        request_(request),
        loaded_(std::move(loaded)),
        generations_(context.bridge),
        id_(dialect.id_prefix + make_uuid_v7()),
        created_(std::time(nullptr)) {}

  Status submit(engine::ModelId model, const std::vector<std::vector<int32_t>>& prompts) {
    const uint64_t seed = request_.seed ? *request_.seed : session::draw_seed();
    std::shared_ptr<const grammar::Constraint> constraint;
    if (request_.grammar)
      constraint = std::make_shared<const grammar::Constraint>(
          grammar::Constraint{request_.grammar, loaded_->vocabulary->get()});
    for (const std::vector<int32_t>& prompt : prompts) {
      for (int64_t i = 0; i < request_.n; ++i) {
        engine::GenerateRequest job;
        job.model = model;
        job.prompt = prompt;
        job.sampler = request_.sampler;
        job.seed = seed;
        job.choice_index = static_cast<uint32_t>(i);
        job.max_tokens = request_.max_tokens;
        job.stop = request_.stop;
        job.constraint = constraint;
        job.top_logprobs =
            request_.logprobs ? static_cast<int>(std::max<int64_t>(request_.top_logprobs, 1)) : 0;
        FABULA_TRY(generations_.add(std::move(job)));
      }
      prompt_tokens_ += static_cast<int64_t>(prompt.size());
    }
    choices_.resize(prompts.size() * static_cast<size_t>(request_.n));
    return {};
  }

  asio::awaitable<void> run(const std::vector<std::string>& echoes) {
    for (size_t i = 0; i < choices_.size() && !echoes.empty(); ++i)
      choices_[i].text = echoes[i / static_cast<size_t>(request_.n)];
    if (request_.stream) co_await begin_stream();
    while (generations_.running() > 0) {
      const auto arrival = co_await generations_.next(client_check);
      if (exchange_.client_left()) co_return;  // the destructor cancels
      if (!arrival) continue;
      if (arrival->event.kind == engine::Event::Kind::finished &&
          arrival->event.reason == engine::FinishReason::error) {
        co_await exchange_.send_error(api_error_of(generations_.take_error(arrival->index)));
        co_return;
      }
      std::string piece = take(arrival->index, arrival->event);
      if (request_.stream && (!piece.empty() || !choices_[arrival->index].finish_reason.empty()))
        co_await exchange_.send_event(chunk(arrival->index, piece));
    }
    if (request_.stream)
      co_await end_stream();
    else
      co_await exchange_.send_json(200, document());
  }

 private:
  // Notes one event; returns the text that it adds.
  std::string take(size_t index, const engine::Event& event) {
    ChoiceState& choice = choices_[index];
    if (event.kind == engine::Event::Kind::token) {
      if (request_.logprobs) {
        OrderedJson entry = logprob_json(*loaded_->model->tokenizer, {event.token, event.logprob});
        entry["top_logprobs"] = OrderedJson::array();
        const auto alternatives = generations_.take_alternatives(index, choice.tokens);
        for (size_t i = 0; i < alternatives.size() && i < static_cast<size_t>(request_.top_logprobs); ++i)
          entry["top_logprobs"].push_back(logprob_json(*loaded_->model->tokenizer, alternatives[i]));
        choice.logprobs.push_back(std::move(entry));
      }
      ++choice.tokens;
    }
    if (event.kind == engine::Event::Kind::finished) {
      choice.finish_reason = engine::finish_reason_name(event.reason);
      choice.end = event;
    }
    std::string piece(event.text, event.text_bytes);
    choice.text += piece;
    return piece;
  }

  OrderedJson head(const char* object) const {
    return {{"id", id_},
            {"object", object},
            {"created", created_},
            {"model", model::model_name(loaded_->load.path)}};
  }

  OrderedJson usage() const {
    int64_t generated = 0, cached = 0;
    for (const ChoiceState& choice : choices_) generated += choice.tokens;
    for (size_t i = 0; i < choices_.size(); i += static_cast<size_t>(request_.n))
      cached += choices_[i].end.prompt.reused;
    return {{"prompt_tokens", prompt_tokens_},
            {"completion_tokens", generated},
            {"total_tokens", prompt_tokens_ + generated},
            {"prompt_tokens_details", {{"cached_tokens", cached}}}};
  }

  // Moves the log-probabilities that were not sent yet into the form of the endpoint.
  OrderedJson take_logprobs(ChoiceState& choice) {
    if (!request_.logprobs) return null();
    OrderedJson entries = std::exchange(choice.logprobs, OrderedJson::array());
    if (dialect_.chat) return {{"content", std::move(entries)}, {"refusal", nullptr}};
    OrderedJson out = {{"tokens", OrderedJson::array()},
                       {"token_logprobs", OrderedJson::array()},
                       {"top_logprobs", OrderedJson::array()}};
    for (const OrderedJson& entry : entries) {
      out["tokens"].push_back(entry["token"]);
      out["token_logprobs"].push_back(entry["logprob"]);
      OrderedJson top = OrderedJson::object();
      for (const OrderedJson& other : entry["top_logprobs"])
        top[other["token"].get<std::string>()] = other["logprob"];
      out["top_logprobs"].push_back(std::move(top));
    }
    return out;
  }

  OrderedJson choice_base(size_t index) {
    ChoiceState& choice = choices_[index];
    OrderedJson out = {{"index", index}};
    out["logprobs"] = take_logprobs(choice);
    out["finish_reason"] = choice.finish_reason.empty() ? null() : OrderedJson(choice.finish_reason);
    return out;
  }

  std::string chunk(size_t index, const std::string& piece) {
    OrderedJson choice = choice_base(index);
    if (dialect_.chat)
      choice["delta"] = piece.empty() ? OrderedJson::object() : OrderedJson{{"content", piece}};
    else
      choice["text"] = piece;
    return chunk_document(OrderedJson::array({std::move(choice)}), null());
  }

  std::string chunk_document(OrderedJson choices, OrderedJson usage_or_null) const {
    OrderedJson document = head(dialect_.chunk_object);
    document["choices"] = std::move(choices);
    if (request_.include_usage) document["usage"] = std::move(usage_or_null);
    return dump_json(document);
  }

  std::string opening_chunk(size_t index) const {
    OrderedJson choice = {{"index", index},
                          {"delta", {{"role", "assistant"}, {"content", ""}}},
                          {"logprobs", nullptr},
                          {"finish_reason", nullptr}};
    return chunk_document(OrderedJson::array({std::move(choice)}), null());
  }

  asio::awaitable<void> begin_stream() {
    co_await exchange_.begin_events();
    for (size_t i = 0; i < choices_.size(); ++i) {
      if (dialect_.chat) {
        co_await exchange_.send_event(opening_chunk(i));
      } else if (!choices_[i].text.empty()) {
        const std::string echoed = choices_[i].text;
        co_await exchange_.send_event(chunk(i, echoed));
      }
    }
  }

  asio::awaitable<void> end_stream() {
    if (request_.include_usage) co_await exchange_.send_event(chunk_document(OrderedJson::array(), usage()));
    co_await exchange_.send_event("[DONE]");
    co_await exchange_.end_events();
  }

  OrderedJson document() {
    OrderedJson document = head(dialect_.object);
    OrderedJson list = OrderedJson::array();
    for (size_t i = 0; i < choices_.size(); ++i) {
      OrderedJson choice = choice_base(i);
      if (dialect_.chat)
        choice["message"] = {{"role", "assistant"}, {"content", choices_[i].text}, {"refusal", nullptr}};
      else
        choice["text"] = choices_[i].text;
      list.push_back(std::move(choice));
    }
    document["choices"] = std::move(list);
    document["usage"] = usage();
    return document;
  }

  Exchange& exchange_;
  const Dialect& dialect_;
  const OpenAiRequest& request_;
  LoadedPtr loaded_;
  Generations generations_;
  std::string id_;
  int64_t created_;
  int64_t prompt_tokens_ = 0;
  std::vector<ChoiceState> choices_;
};

ApiError no_such_model(const std::string& name) {
  return {404, "the model \"" + name + "\" is not loaded; GET /v1/models lists what is",
          "invalid_request_error", "model", "model_not_found"};
}

asio::awaitable<void> complete(Exchange& exchange, ApiContext& context, const Dialect& dialect) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  engine::ModelId model = 0;
  const std::string name = requested_model(body.object);
  const LoadedPtr loaded = find_loaded(context, name, model);
  const engine::SamplerSettings defaults =
      session::default_sampler(loaded ? loaded->model->defaults : model::GenerationDefaults());
  const ParsedRequest parsed = dialect.chat ? parse_chat_request(body.object, defaults)
                                            : parse_completion_request(body.object, defaults);
  if (parsed.problem) co_return co_await exchange.send_error(*parsed.problem);
  if (!loaded) co_return co_await exchange.send_error(no_such_model(name));

  const OpenAiRequest& request = parsed.request;
  std::vector<std::vector<int32_t>> prompts = request.prompt_tokens;
  std::vector<std::string> echoes;
  if (dialect.chat) {
    Result<std::vector<int32_t>> prompt =
        session::chat_prompt(*loaded->model, request.messages, request.template_variables);
    if (!prompt.ok()) co_return co_await exchange.send_error(api_error_of(prompt.error()));
    prompts.push_back(*std::move(prompt));
  }
  for (const std::string& text : request.prompts) prompts.push_back(loaded->model->tokenizer->encode(text));
  if (request.echo)
    for (const auto& ids : prompts) echoes.push_back(loaded->model->tokenizer->decode(ids, false));

  Answer answer(exchange, context, dialect, request, loaded);
  if (const Status status = answer.submit(model, prompts); !status.ok())
    co_return co_await exchange.send_error(api_error_of(status.error()));
  co_await answer.run(echoes);
}

OrderedJson model_json(const engine::Engine::LoadedModel& loaded) {
  return {{"id", model::model_name(loaded.load.path)},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "local"}};
}

// The models of both modes, each once.
std::vector<LoadedPtr> loaded_models(const ApiContext& context) {
  std::vector<LoadedPtr> models;
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    const LoadedPtr loaded = context.bridge.engine().loaded_or_null(context.service.model_state(mode).id);
    if (loaded && std::find(models.begin(), models.end(), loaded) == models.end()) models.push_back(loaded);
  }
  return models;
}

asio::awaitable<void> list_models(Exchange& exchange, ApiContext& context) {
  OrderedJson data = OrderedJson::array();
  for (const LoadedPtr& loaded : loaded_models(context)) data.push_back(model_json(*loaded));
  OrderedJson document = {{"object", "list"}, {"data", std::move(data)}};
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> one_model(Exchange& exchange, ApiContext& context) {
  engine::ModelId id = 0;
  const LoadedPtr loaded = find_loaded(context, exchange.parameters()[0], id);
  if (!loaded) co_return co_await exchange.send_error(no_such_model(exchange.parameters()[0]));
  co_await exchange.send_json(200, model_json(*loaded));
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
  engine::ModelId id = 0;
  const LoadedPtr loaded = find_loaded(context, name, id);
  if (!loaded) co_return co_await exchange.send_error(no_such_model(name));
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
  engine::ModelId id = 0;
  const LoadedPtr loaded = find_loaded(context, name, id);
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
  if (!loaded) co_return co_await exchange.send_error(no_such_model(name));
  OrderedJson document = {{"content", loaded->model->tokenizer->decode(ids, false)}};
  co_await exchange.send_json(200, std::move(document));
}

}  // namespace

LoadedPtr find_loaded(const ApiContext& context, const std::string& name, engine::ModelId& id) {
  for (const session::Mode mode : {session::Mode::chat, session::Mode::story}) {
    const session::ModelState state = context.service.model_state(mode);
    const LoadedPtr loaded = context.bridge.engine().loaded_or_null(state.id);
    if (!loaded) continue;
    if (!name.empty() && name != state.name && name != loaded->model->info.name && name != state.path)
      continue;
    id = state.id;
    return loaded;
  }
  return nullptr;
}

void add_openai_routes(std::vector<Route>& routes, ApiContext& context) {
  const auto route = [&](http::verb method, const char* pattern,
                         asio::awaitable<void> (*handler)(Exchange&, ApiContext&)) {
    routes.push_back(
        {method, pattern, [&context, handler](Exchange& exchange) { return handler(exchange, context); }});
  };
  route(http::verb::get, "/v1/models", list_models);
  route(http::verb::get, "/v1/models/{}", one_model);
  routes.push_back({http::verb::post, "/v1/chat/completions",
                    [&context](Exchange& e) { return complete(e, context, chat_dialect); }});
  routes.push_back({http::verb::post, "/v1/completions",
                    [&context](Exchange& e) { return complete(e, context, text_dialect); }});
  route(http::verb::post, "/tokenize", tokenize);
  route(http::verb::post, "/detokenize", detokenize);
}

}  // namespace fabula::server
