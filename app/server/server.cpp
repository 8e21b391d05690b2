#include "app/server/server.h"

#include <sys/resource.h>

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "app/server/connection.h"
#include "app/server/openai.h"
#include "app/server/service_routes.h"
#include "app/server/sessions_api.h"
#include "core/base/utf8.h"

namespace fabula::server {

using tcp = asio::ip::tcp;

namespace {

// Of a body, for a log that is read line by line: its beginning, without line breaks or other controls.
std::string one_line(std::string_view body) {
  constexpr size_t longest = 4000;
  std::string line;
  for (const char c : body.substr(0, longest)) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  if (body.size() > longest) line += "...";
  return replace_invalid_utf8(line);
}

// How many connections leave the store and the models the descriptors that they need; the process may take more of them for that.
int affordable_connections(int wanted) {
  constexpr rlim_t spare = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const auto needed = static_cast<rlim_t>(wanted) + spare;
  if (limit.rlim_cur < needed) {
    rlimit more = limit;
    more.rlim_cur = std::min(needed, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &more) == 0) limit = more;
  }
  return limit.rlim_cur >= needed ? wanted : std::max(16, static_cast<int>(limit.rlim_cur) - static_cast<int>(spare));
}

}  // namespace

class Server::Impl {
 public:
  Impl(session::Service& service, Options options)
      : options_(std::move(options)),
        bridge_(*service.engine_or_null(), io_),
        api_{service, bridge_},
        acceptor_(io_) {}

  Status listen() {
    if (!is_loopback_address(options_.host) && options_.api_key.empty())
      return Error{ErrorCode::invalid_argument,
                   "listening on " + options_.host + " needs an API key (--api-key): others can reach it"};
    boost::system::error_code error;
    const std::string host = options_.host == "localhost" ? "127.0.0.1" : options_.host;
    const auto address = asio::ip::make_address(host, error);
    if (error)
      return Error{ErrorCode::invalid_argument, "\"" + options_.host + "\" is not an address to listen on"};
    const tcp::endpoint endpoint(address, options_.port);
    const auto failed = [&](const char* what) {
      return Error{ErrorCode::io,
                   fmt::format("cannot {} {}:{}: {}", what, options_.host, options_.port, error.message())};
    };
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (error) return failed("listen on");
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return failed("listen on");
    port_ = acceptor_.local_endpoint().port();

    context_.limits = options_.limits;
    context_.limits.connections = affordable_connections(options_.limits.connections);
    context_.rules = {options_.host, port_, options_.api_key, options_.allow_origins};
    context_.log_text = options_.log && options_.log_text;
    if (options_.log)
      context_.log = [this](const LogLine& line) {
        std::string text = fmt::format("{} {} {} {} {:.3f}s", line.request_id, line.method, line.path, line.status, line.seconds);
        for (const std::string* body : {&line.asked, &line.answered})
          if (!body->empty()) text += " " + one_line(*body);
        options_.log(text);
      };
    add_service_routes(context_.routes, api_);
    add_openai_routes(context_.routes, api_);
    add_session_routes(context_.routes, api_);
    asio::co_spawn(io_, accept_loop(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  unsigned short port() const { return port_; }

 private:
  asio::awaitable<void> accept_loop() {
    for (;;) {
      boost::system::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors, most likely: let some connections end first
        asio::steady_timer pause(io_, std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (api_.connections >= context_.limits.connections) continue;  // closed at once
      asio::co_spawn(io_, serve(beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }

  asio::awaitable<void> serve(beast::tcp_stream stream) {
    ++api_.connections;
    stream.socket().set_option(tcp::no_delay(true), ignored_);
    try {
      co_await serve_connection(std::move(stream), context_);
    } catch (const std::exception&) {
      // Only out of memory comes this far; the connection is gone and its requests are cancelled by their
      // destructors.
    }
    --api_.connections;
  }

  Options options_;
  asio::io_context io_{1};
  EngineBridge bridge_;
  ApiContext api_;
  ConnectionContext context_;
  tcp::acceptor acceptor_;
  unsigned short port_ = 0;
  boost::system::error_code ignored_;
  std::thread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(session::Service& service, Options options) {
  if (!service.engine_or_null())
    return Error{ErrorCode::unsupported, "the engine is " + service.host_name() + "'s: Service::listen opens the API there"};
  auto impl = std::make_unique<Impl>(service, std::move(options));
  FABULA_TRY(impl->listen());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

unsigned short Server::port() const {
  return impl_->port();
}

}  // namespace fabula::server
