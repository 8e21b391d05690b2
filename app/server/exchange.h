// One request and its answer, as handlers see them. Everything runs on the server's one thread; a handler
// that waits does so with co_await, so that a slow reader or a long reply holds up nobody else.
#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "app/server/limits.h"
#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

struct ApiError {
  unsigned status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param;  // "": null
  std::string code;   // "": null
};

// The HTTP status and OpenAI error of a core error.
ApiError api_error_of(const Error& error);

class Exchange {
 public:
  // `stream` and `limits` outlive it.
  Exchange(beast::tcp_stream& stream, const Limits& limits, http::request<http::string_body> request,
           std::string cors_origin, std::string request_id);

  const std::string& body() const { return request_.body(); }
  http::verb method() const { return request_.method(); }
  std::string_view path() const { return path_; }
  std::string query(std::string_view name) const;  // "" where absent
  const std::vector<std::string>& parameters() const {
    return parameters_;
  }  // what {} of the route's pattern took
  void set_parameters(std::vector<std::string> parameters) { parameters_ = std::move(parameters); }
  const std::string& request_id() const { return request_id_; }
  asio::any_io_executor executor() { return stream_.get_executor(); }

  asio::awaitable<void> send_json(unsigned status, OrderedJson value);
  asio::awaitable<void> send_text(unsigned status, std::string content_type, std::string text);
  asio::awaitable<void> send_error(ApiError error);
  asio::awaitable<void>
  send_preflight();  // what a browser asks before the request proper of an allowed origin

  // Server-sent events: begin once, then events, then end. After begin an error is an event, not a status.
  asio::awaitable<void> begin_events();
  asio::awaitable<void> send_event(std::string data);
  asio::awaitable<void> end_events();
  bool answered() const { return status_ != 0; }
  bool streaming() const { return streaming_; }
  unsigned status() const { return status_; }
  bool failed() const { return failed_; }  // a write failed: the connection is of no more use
  bool keep_alive() const { return keep_alive_ && !failed_; }

  // What is sent from here on is kept as well, its beginning at least.
  void keep_answer() { keeps_answer_ = true; }
  const std::string& kept_answer() const { return answer_; }

  // True once the client has closed its side, whatever it sent before. Looks without waiting.
  bool client_left();

 private:
  http::response<http::string_body> response(unsigned status, std::string_view content_type) const;
  asio::awaitable<void> send(http::response<http::string_body> message);
  asio::awaitable<void> write(std::string bytes);

  beast::tcp_stream& stream_;
  const Limits& limits_;
  http::request<http::string_body> request_;
  std::string path_, query_, cors_origin_, request_id_;
  std::vector<std::string> parameters_;
  unsigned status_ = 0;
  void note_sent(std::string_view text);

  std::string answer_;
  bool keeps_answer_ = false;
  bool streaming_ = false, failed_ = false, keep_alive_ = true;
};

}  // namespace fabula::server
