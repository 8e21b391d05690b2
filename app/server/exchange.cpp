#include "app/server/exchange.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

namespace fabula::server {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

ApiError api_error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::corrupt:
    case ErrorCode::unsupported: return {400, error.message};
    case ErrorCode::context_overflow:
      return {400, error.message, "invalid_request_error", "messages", "context_length_exceeded"};
    case ErrorCode::not_found: return {404, error.message, "invalid_request_error", "", "not_found"};
    case ErrorCode::already_exists: return {409, error.message, "invalid_request_error", "", "conflict"};
    case ErrorCode::busy: return {503, error.message, "server_error", "", "overloaded"};
    case ErrorCode::cancelled: return {499, error.message, "server_error", "", "cancelled"};
    case ErrorCode::no_device: return {503, error.message, "server_error", "", "no_device"};
    case ErrorCode::device_lost: return {503, error.message, "server_error", "", "device_lost"};
    case ErrorCode::io:
    case ErrorCode::out_of_memory:
    case ErrorCode::internal: break;
  }
  return {500, error.message, "server_error"};
}

Exchange::Exchange(beast::tcp_stream& stream, const Limits& limits, http::request<http::string_body> request,
                   std::string cors_origin, std::string request_id)
    : stream_(stream),
      limits_(limits),
      request_(std::move(request)),
      cors_origin_(std::move(cors_origin)),
      request_id_(std::move(request_id)) {
  const std::string target(request_.target());
  const size_t mark = target.find('?');
  path_ = percent_decode(std::string_view(target).substr(0, mark));
  if (mark != std::string::npos) query_ = target.substr(mark + 1);
  keep_alive_ = request_.keep_alive();
}

std::string Exchange::query(std::string_view name) const {
  std::string_view rest = query_;
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals)) == name)
      return equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return "";
}

http::response<http::string_body> Exchange::response(unsigned status, std::string_view content_type) const {
  http::response<http::string_body> response;
  response.result(status);
  response.version(11);
  response.set(http::field::content_type, boost::string_view(content_type.data(), content_type.size()));
  response.set(http::field::cache_control, "no-store");
  response.set("x-request-id", request_id_);
  response.set("x-content-type-options", "nosniff");
  if (!cors_origin_.empty()) {
    response.set(http::field::access_control_allow_origin, cors_origin_);
    response.set(http::field::vary, "Origin");
  }
  if (status == 503 || status == 429) response.set(http::field::retry_after, "1");
  response.keep_alive(keep_alive_);
  return response;
}

asio::awaitable<void> Exchange::send_text(unsigned status, std::string content_type, std::string text) {
  note_sent(text);
  auto message = response(status, content_type);
  message.body() = std::move(text);
  message.prepare_payload();
  co_await send(std::move(message));
}

asio::awaitable<void> Exchange::send(http::response<http::string_body> message) {
  status_ = message.result_int();
  std::ostringstream head;
  head << message.base();
  std::string bytes = head.str();
  if (request_.method() != http::verb::head) bytes += message.body();
  co_await write(std::move(bytes));
}

asio::awaitable<void> Exchange::send_json(unsigned status, OrderedJson value) {
  co_await send_text(status, "application/json", dump_json(value));
}

asio::awaitable<void> Exchange::send_preflight() {
  auto message = response(204, "text/plain");
  message.set(http::field::access_control_allow_methods, "GET, POST, PATCH, DELETE, OPTIONS");
  message.set(http::field::access_control_allow_headers, "authorization, content-type, x-api-key");
  message.set(http::field::access_control_max_age, "600");
  co_await send(std::move(message));
}

asio::awaitable<void> Exchange::send_error(ApiError error) {
  OrderedJson body = {{"message", error.message},
                      {"type", error.type},
                      {"param", error.param.empty() ? OrderedJson() : OrderedJson(error.param)},
                      {"code", error.code.empty() ? OrderedJson() : OrderedJson(error.code)}};
  OrderedJson document = {{"error", std::move(body)}};
  if (streaming_)
    co_await send_event(dump_json(document));
  else
    co_await send_json(error.status, std::move(document));
}

// Piece by piece, each with its own time: a long answer over a thin line is no slow reader.
asio::awaitable<void> Exchange::write(std::string bytes) {
  for (size_t at = 0; at < bytes.size() && !failed_; at += limits_.write_bytes) {
    const size_t piece = std::min(limits_.write_bytes, bytes.size() - at);
    stream_.expires_after(limits_.write);
    boost::system::error_code error;
    co_await asio::async_write(stream_, asio::buffer(bytes.data() + at, piece),
                               asio::redirect_error(asio::use_awaitable, error));
    failed_ = static_cast<bool>(error);
  }
}

asio::awaitable<void> Exchange::begin_events() {
  status_ = 200;
  streaming_ = true;
  keep_alive_ = false;  // the end of the events is the end of the connection: no proxy can join two streams
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Request-Id: " +
      request_id_ + "\r\n";
  if (!cors_origin_.empty()) head += "Access-Control-Allow-Origin: " + cors_origin_ + "\r\nVary: Origin\r\n";
  co_await write(head + "\r\n");
}

asio::awaitable<void> Exchange::send_event(std::string data) {
  note_sent(data);
  co_await write("data: " + std::move(data) + "\n\n");
}

void Exchange::note_sent(std::string_view text) {
  constexpr size_t longest = size_t{64} << 10;
  if (!keeps_answer_ || answer_.size() >= longest) return;
  if (!answer_.empty()) answer_ += ' ';
  answer_ += text;
}

asio::awaitable<void> Exchange::end_events() {
  co_return;
}

bool Exchange::client_left() {
  if (!failed_) {
    pollfd polled{stream_.socket().native_handle(), POLLRDHUP, 0};  // errors are told unasked
    failed_ = ::poll(&polled, 1, 0) > 0;
  }
  return failed_;
}

}  // namespace fabula::server
