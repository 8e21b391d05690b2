#include "app/server/connection.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "core/base/clock.h"

namespace fabula::server {

namespace {

constexpr size_t first_read_bytes = 4096;

std::string_view view(boost::string_view text) {
  return {text.data(), text.size()};
}

// Whom the rules turn away; status 0: nobody.
ApiError refusal(const AccessRules& rules, const http::request_header<>& header) {
  if (!host_allowed(rules, view(header[http::field::host])))
    return {403, "the Host header names another machine", "invalid_request_error", "", "host_not_allowed"};
  if (!origin_allowed(rules, view(header[http::field::origin])))
    return {403, "this origin is not allowed; --allow-origin adds one", "invalid_request_error", "",
            "origin_not_allowed"};
  if (header.method() != http::verb::options &&
      !key_allowed(rules, view(header[http::field::authorization]), view(header["x-api-key"])))
    return {401, "an API key is required: Authorization: Bearer KEY", "invalid_request_error", "",
            "invalid_api_key"};
  return {0};
}

ApiError read_problem(const boost::system::error_code& error) {
  if (error == http::error::body_limit) return {413, "the request body is too large"};
  if (error == http::error::header_limit) return {431, "the request headers are too large"};
  return {400, "malformed HTTP request: " + error.message()};
}

bool is_silent_end(const boost::system::error_code& error) {
  return error == http::error::end_of_stream || error == asio::error::eof ||
         error == asio::error::connection_reset || error == beast::error::timeout ||
         error == asio::error::operation_aborted || error == http::error::partial_message;
}

// Built outside the coroutines: g++ 12 mishandles braced temporaries inside a co_await expression.
ApiError no_route(std::string_view path, bool other_methods) {
  if (other_methods)
    return {405, "this path does not take that method", "invalid_request_error", "", "method_not_allowed"};
  if (path.starts_with("/v1/"))
    return {404, "Fabula does not have " + std::string(path) + "; of OpenAI's API it has /v1/chat/completions, /v1/completions and /v1/models",
            "invalid_request_error", "", "unsupported_endpoint"};
  return {404, "there is nothing at " + std::string(path), "invalid_request_error", "", "not_found"};
}

ApiError unanswered() {
  return {500, "the request was left without an answer", "server_error"};
}

// What the client still sends is read and thrown away for a moment, up to 16 MiB: closing over unread bytes would reset the
// connection, and the answer could be lost on its way.
asio::awaitable<void> close_gently(beast::tcp_stream& stream) {
  boost::system::error_code error;
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  std::vector<char> thrown_away(size_t{64} << 10);
  stream.expires_after(std::chrono::seconds(1));
  for (int i = 0; i < 256 && !error; ++i)
    co_await stream.async_read_some(asio::buffer(thrown_away),
                                    asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> dispatch(Exchange& exchange, const ConnectionContext& context, bool cors) {
  if (exchange.method() == http::verb::options && cors) {
    co_await exchange.send_preflight();  // only for an allowed origin
    co_return;
  }
  Match match = find_route(context.routes, exchange.method(), exchange.path());
  if (!match.route) {
    co_await exchange.send_error(no_route(exchange.path(), !match.allowed.empty()));
    co_return;
  }
  exchange.set_parameters(std::move(match.parameters));
  co_await match.route->handler(exchange);
  if (!exchange.answered()) co_await exchange.send_error(unanswered());
}

// A request as far as it may be read.
struct Incoming {
  http::request<http::string_body> request;
  ApiError problem{0};  // with a status: the rest was not worth reading
  std::string cors_origin;
  double started = 0;
};

// false: the client has said nothing in time, or all that it wanted to say.
asio::awaitable<bool> read_request(beast::tcp_stream& stream, beast::flat_buffer& buffer, const ConnectionContext& context,
                                   Incoming& incoming) {
  const Limits& limits = context.limits;
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  boost::system::error_code error;
  if (buffer.size() == 0) {
    stream.expires_after(limits.idle);
    buffer.commit(co_await stream.async_read_some(buffer.prepare(first_read_bytes),
                                                  asio::redirect_error(asio::use_awaitable, error)));
    if (error) co_return false;
  }
  stream.expires_after(limits.header);
  co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error && is_silent_end(error)) co_return false;
  incoming.started = monotonic_seconds();
  if (error) {
    incoming.problem = read_problem(error);
  } else {
    incoming.problem = refusal(context.rules, parser.get());
    const std::string_view origin = view(parser.get()[http::field::origin]);
    if (origin_gets_cors(context.rules, origin)) incoming.cors_origin = origin;
  }
  if (incoming.problem.status == 0) {
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      co_await http::async_write(stream, go_on, asio::redirect_error(asio::use_awaitable, error));
    }
    stream.expires_after(limits.body);
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error && is_silent_end(error)) co_return false;
    if (error) incoming.problem = read_problem(error);
  }
  incoming.request = parser.release();
  co_return true;
}

}  // namespace

asio::awaitable<void> serve_connection(beast::tcp_stream stream, const ConnectionContext& context) {
  beast::flat_buffer buffer(context.limits.header_bytes + context.limits.body_bytes);
  for (;;) {
    Incoming incoming;
    if (!co_await read_request(stream, buffer, context, incoming)) break;
    const bool unread = incoming.problem.status != 0, cors = !incoming.cors_origin.empty();
    Exchange exchange(stream, context.limits, std::move(incoming.request), std::move(incoming.cors_origin), make_uuid_v7());
    if (context.log_text) exchange.keep_answer();
    if (unread)
      co_await exchange.send_error(std::move(incoming.problem));
    else
      co_await dispatch(exchange, context, cors);
    if (context.log)
      context.log({exchange.request_id(), std::string(http::to_string(exchange.method())),
                   std::string(exchange.path()), exchange.status(), monotonic_seconds() - incoming.started,
                   context.log_text ? exchange.body() : std::string(), exchange.kept_answer()});
    if (unread || !exchange.keep_alive()) break;
  }
  co_await close_gently(stream);
}

}  // namespace fabula::server
