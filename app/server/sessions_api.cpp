#include "app/server/sessions_api.h"

#include <boost/asio/post.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "app/server/await_answer.h"
#include "app/server/openai.h"
#include "app/server/openai_request.h"
#include "core/base/clock.h"
#include "core/session/reply_rules.h"
#include "core/session/view_json.h"

namespace fabula::server {

namespace {

constexpr std::chrono::milliseconds longest_pause{10};

// Built outside the coroutines: g++ 12 mishandles braced temporaries inside a co_await expression.
OrderedJson done() {
  return {{"ok", true}};
}
OrderedJson delta(const std::string& piece) {
  return {{"delta", piece}};
}
OrderedJson last(const session::Message& message) {
  return {{"message", session::message_json(message)}};
}
ApiError model_not_loaded(const std::string& name) {
  return {404, "the model \"" + name + "\" is not loaded", "invalid_request_error", "model",
          "model_not_found"};
}

// What went wrong with a model elsewhere is not this server's fault.
ApiError reply_error(const ApiContext& context, session::Mode mode, const Error& error) {
  if (error.code != ErrorCode::io || !context.service.model_state(mode).remote) return api_error_of(error);
  return {502, error.message, "server_error", "", "model_unreachable"};
}

asio::awaitable<void> send_result(Exchange& exchange, const Status& status) {
  if (status.ok())
    co_await exchange.send_json(200, done());
  else
    co_await exchange.send_error(api_error_of(status.error()));
}

asio::awaitable<void> send_view(Exchange& exchange, ApiContext& context, std::string session) {
  const auto view = co_await answer_of(exchange, context.service.read_session(std::move(session)));
  if (!view.ok()) co_return co_await exchange.send_error(api_error_of(view.error()));
  co_await exchange.send_json(200, session::view_json(**view));
}

const std::string& id_of(const Exchange& exchange) {
  return exchange.parameters()[0];
}

asio::awaitable<void> list(Exchange& exchange, ApiContext& context) {
  OrderedJson rows = OrderedJson::array();
  const bool trash = exchange.query("trash") == "1";
  const auto sessions = trash ? context.service.trash() : context.service.sessions();
  for (const session::SessionInfo& info : *sessions) rows.push_back(session::info_json(info));
  OrderedJson document = {{"sessions", std::move(rows)}};
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> create(Exchange& exchange, ApiContext& context) {
  ParsedBody body = parse_body(exchange.body(), true);
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  FieldReader fields(body.object);
  std::string mode = "chat", title, system, model;
  fields.text("mode", mode);
  if (mode != "chat" && mode != "story") fields.fail("mode", "mode must be \"chat\" or \"story\"");
  fields.text("title", title, 4096);
  fields.text("system", system);
  fields.text("model", model);
  fields.refuse_unknown();
  if (fields.problem()) co_return co_await exchange.send_error(*fields.problem());
  if (!model.empty() && !is_chosen(context, model))
    co_return co_await exchange.send_error(model_not_loaded(model));
  const session::Mode session_mode = mode == "story" ? session::Mode::story : session::Mode::chat;
  const auto info = co_await answer_of(exchange, context.service.create(session_mode, title, system));
  if (!info.ok()) co_return co_await exchange.send_error(api_error_of(info.error()));
  co_await exchange.send_json(201, session::info_json(*info));
}

asio::awaitable<void> show(Exchange& exchange, ApiContext& context) {
  if (exchange.query("tree") != "1") co_return co_await send_view(exchange, context, id_of(exchange));
  const auto view = co_await answer_of(exchange, context.service.read_session(id_of(exchange)));
  if (!view.ok()) co_return co_await exchange.send_error(api_error_of(view.error()));
  const auto tree = co_await answer_of(exchange, context.service.tree(id_of(exchange)));
  if (!tree.ok()) co_return co_await exchange.send_error(api_error_of(tree.error()));
  OrderedJson document = session::view_json(**view);
  document["messages"] = OrderedJson::array();
  for (const auto& message : *tree) document["messages"].push_back(session::message_json(*message));
  co_await exchange.send_json(200, std::move(document));
}

asio::awaitable<void> change(Exchange& exchange, ApiContext& context) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  FieldReader fields(body.object);
  std::string title, system;
  const bool has_title = fields.text("title", title, 4096);
  const bool has_system = fields.text("system", system);
  fields.refuse_unknown();
  if (fields.problem()) co_return co_await exchange.send_error(*fields.problem());
  Status status;
  if (has_title) status = co_await answer_of(exchange, context.service.rename(id_of(exchange), title));
  if (status.ok() && has_system)
    status = co_await answer_of(exchange, context.service.set_system(id_of(exchange), system));
  if (!status.ok()) co_return co_await exchange.send_error(api_error_of(status.error()));
  co_await send_view(exchange, context, id_of(exchange));
}

asio::awaitable<void> remove(Exchange& exchange, ApiContext& context) {
  const Status status = co_await answer_of(exchange, context.service.remove(id_of(exchange)));
  co_await send_result(exchange, status);
}

asio::awaitable<void> restore(Exchange& exchange, ApiContext& context) {
  const Status status = co_await answer_of(exchange, context.service.restore(id_of(exchange)));
  co_await send_result(exchange, status);
}

asio::awaitable<void> rollback(Exchange& exchange, ApiContext& context) {
  ParsedBody body = parse_body(exchange.body());
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  FieldReader fields(body.object);
  std::string message;
  fields.require("message");
  fields.text("message", message);
  fields.refuse_unknown();
  if (fields.problem()) co_return co_await exchange.send_error(*fields.problem());
  const Status status = co_await answer_of(exchange, context.service.rollback(id_of(exchange), message));
  if (!status.ok()) co_return co_await exchange.send_error(api_error_of(status.error()));
  co_await send_view(exchange, context, id_of(exchange));
}

asio::awaitable<void> cancel(Exchange& exchange, ApiContext& context) {
  const auto view = co_await answer_of(exchange, context.service.read_session(id_of(exchange)));
  if (!view.ok()) co_return co_await exchange.send_error(api_error_of(view.error()));
  context.service.cancel(id_of(exchange));
  co_await exchange.send_json(200, done());
}

asio::awaitable<void> export_session(Exchange& exchange, ApiContext& context) {
  auto document = co_await answer_of(exchange, context.service.export_session(id_of(exchange)));
  if (!document.ok()) co_return co_await exchange.send_error(api_error_of(document.error()));
  co_await exchange.send_json(200, *std::move(document));
}

// The pieces of one session's reply, from the service's thread to this one.
class Pieces {
 public:
  Pieces(ApiContext& context, asio::any_io_executor executor, std::string session)
      : service_(context.service), queue_(std::make_shared<Queue>()) {
    id_ = service_.follow([queue = queue_, executor, session = std::move(session)](
                              const std::string& from, const std::string&, std::string_view piece) {
      if (from == session)
        asio::post(executor, [queue, text = std::string(piece)] { queue->push_back(text); });
    });
  }
  ~Pieces() { service_.unfollow(id_); }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  bool empty() const { return queue_->empty(); }
  std::string take() {
    std::string piece = std::move(queue_->front());
    queue_->pop_front();
    return piece;
  }

 private:
  using Queue = std::deque<std::string>;
  session::Service& service_;
  std::shared_ptr<Queue> queue_;
  uint64_t id_ = 0;
};

using Ask = session::Answer<session::Message> (*)(session::Service&, const std::string& session,
                                                  const std::string& text, session::ReplyOptions);

// The fields of a reply that message, regenerate and continue share.
struct ReplyFields {
  std::string content;
  bool stream = false;
  session::ReplyOptions options;
};

// What the reply is held to: response_format as in chat/completions, or a grammar in GBNF (or a JSON Schema as text).
void read_rules(FieldReader& fields, session::ReplyOptions& options) {
  std::string rules;
  const bool as_format = fields.find_or_null("response_format") != nullptr;
  const char* const name = as_format ? "response_format" : "grammar";
  if (const auto schema = read_response_format(fields)) {
    if (!schema->is_object()) fields.fail(name, "response_format: json_schema.schema must be an object");
    rules = dump_json(*schema);
  }
  const bool as_text = fields.text("grammar", rules);
  if (as_text && as_format) fields.fail("grammar", "give response_format or grammar, not both");
  if (fields.problem() || (!as_format && !as_text)) return;
  if (const auto read = session::read_rules(rules); !read.ok()) fields.fail(name, std::string(name) + ": " + read.error().message);
  options.rules = std::move(rules);
}

std::optional<ApiError> read_reply_fields(const OrderedJson& body, bool wants_content,
                                          const engine::SamplerSettings& sampler, ReplyFields& out) {
  FieldReader fields(body);
  if (wants_content) {
    std::string role = "user";
    fields.text("role", role);
    if (role != "user") fields.fail("role", "role must be \"user\"");
    fields.require("content");
    fields.text("content", out.content, size_t{8} << 20);
  }
  int64_t number = 0;
  if (fields.integer("max_tokens", 1, int64_t{1} << 20, number)) out.options.max_tokens = number;
  if (fields.integer("seed", 0, INT64_MAX, number)) out.options.seed = static_cast<uint64_t>(number);
  fields.boolean("stream", out.stream);
  fields.texts("stop", out.options.stop, 16);
  engine::SamplerSettings changed = sampler;
  read_sampling(fields, changed);
  out.options.sampler = changed;
  read_rules(fields, out.options);
  fields.refuse_unknown();
  return fields.problem();
}

asio::awaitable<void> reply(Exchange& exchange, ApiContext& context, bool wants_content, Ask ask) {
  ParsedBody body = parse_body(exchange.body(), !wants_content);
  if (body.problem) co_return co_await exchange.send_error(*body.problem);
  const auto view = co_await answer_of(exchange, context.service.read_session(id_of(exchange)));
  if (!view.ok()) co_return co_await exchange.send_error(api_error_of(view.error()));
  ReplyFields fields;
  const auto problem = read_reply_fields(body.object, wants_content, (*view)->settings.sampler, fields);
  if (problem) co_return co_await exchange.send_error(*problem);

  Pieces pieces(context, exchange.executor(), id_of(exchange));
  auto answer = ask(context.service, id_of(exchange), fields.content, fields.options);
  asio::steady_timer timer(exchange.executor());
  bool ready = false;
  while (!ready || !pieces.empty()) {
    while (!pieces.empty()) {
      const std::string piece = pieces.take();
      if (!fields.stream) continue;
      if (!exchange.streaming()) co_await exchange.begin_events();
      co_await exchange.send_event(dump_json(delta(piece)));
    }
    if (ready) break;
    if (exchange.client_left()) {
      context.service.cancel(id_of(exchange));
      co_return;
    }
    timer.expires_after(longest_pause);
    co_await timer.async_wait(asio::use_awaitable);
    ready = answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (ready)
      co_await asio::post(exchange.executor(), asio::use_awaitable);  // pieces that were posted before it
  }
  const Result<session::Message> message = answer.get();
  if (!message.ok()) co_return co_await exchange.send_error(reply_error(context, (*view)->info.mode, message.error()));
  if (!fields.stream) co_return co_await exchange.send_json(200, session::message_json(*message));
  if (!exchange.streaming()) co_await exchange.begin_events();
  co_await exchange.send_event(dump_json(last(*message)));
  co_await exchange.send_event("[DONE]");
  co_await exchange.end_events();
}

asio::awaitable<void> post_message(Exchange& exchange, ApiContext& context) {
  return reply(exchange, context, true,
               [](session::Service& s, const std::string& id, const std::string& text,
                  session::ReplyOptions o) { return s.send(id, text, std::move(o)); });
}

asio::awaitable<void> regenerate(Exchange& exchange, ApiContext& context) {
  return reply(exchange, context, false,
               [](session::Service& s, const std::string& id, const std::string&, session::ReplyOptions o) {
                 return s.regenerate(id, std::move(o));
               });
}

asio::awaitable<void> continue_reply(Exchange& exchange, ApiContext& context) {
  return reply(exchange, context, false,
               [](session::Service& s, const std::string& id, const std::string&, session::ReplyOptions o) {
                 return s.continue_reply(id, std::move(o));
               });
}

constexpr ApiRow rows[] = {
    {http::verb::get, "/api/sessions", list},
    {http::verb::post, "/api/sessions", create},
    {http::verb::get, "/api/sessions/{}", show},
    {http::verb::patch, "/api/sessions/{}", change},
    {http::verb::delete_, "/api/sessions/{}", remove},
    {http::verb::post, "/api/sessions/{}/restore", restore},
    {http::verb::post, "/api/sessions/{}/messages", post_message},
    {http::verb::post, "/api/sessions/{}/rollback", rollback},
    {http::verb::post, "/api/sessions/{}/regenerate", regenerate},
    {http::verb::post, "/api/sessions/{}/continue", continue_reply},
    {http::verb::post, "/api/sessions/{}/cancel", cancel},
    {http::verb::get, "/api/sessions/{}/export", export_session},
};

}  // namespace

void add_session_routes(std::vector<Route>& routes, ApiContext& context) {
  add_routes(routes, context, rows);
}

}  // namespace fabula::server
