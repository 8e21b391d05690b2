// A server of this process on the built-in story model, and clients that do to it what no library would.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <regex>
#include <string>
#include <string_view>
#include <thread>

#include "app/server/server.h"
#include "core/base/descriptor.h"
#include "core/engine/backends.h"
#include "tests/core/session/support.h"

namespace fabula::server::test {

// How long a test waits for what must come; nothing that works takes a share of it.
inline constexpr std::chrono::seconds patience{120};

class Client {
 public:
  // receive_bytes: how much the system may keep for it unread; 0: as much as it likes.
  explicit Client(int port, int receive_bytes = 0) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_bytes > 0) ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  // false: the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // Some more bytes, waited for; "": the server has closed.
  std::string receive(size_t most = 65536) {
    pollfd polled{socket_.get(), POLLIN, 0};
    REQUIRE(::poll(&polled, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1);
    std::string bytes(most, '\0');
    const ssize_t n = ::recv(socket_.get(), bytes.data(), most, 0);
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
  }

  std::string receive_all() {
    std::string all;
    for (std::string more = receive(); !more.empty(); more = receive()) all += more;
    return all;
  }

 private:
  Descriptor socket_;
};

inline std::string post(std::string_view path, const std::string& body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class Site {
 public:
  explicit Site(const Limits& limits) {
    session::Service::Options options;
    options.places = places_below(folder_.path());
    options.engine.backends = engine::real_backends("", {});
    auto opened = session::Service::open(std::move(options));
    REQUIRE(opened.ok());
    service_ = *std::move(opened);
    engine::ModelLoad load;
    load.path = FABULA_STORY_MODEL;
    load.threads = 1;
    REQUIRE(service_->load_model(session::Mode::story, load).get().ok());
    Options serving;
    serving.port = 0;
    serving.limits = limits;
    auto started = Server::start(*service_, std::move(serving));
    REQUIRE(started.ok());
    server_ = *std::move(started);
  }

  int port() const { return server_->port(); }

  // The whole answer, head included. A connection that was closed before its request was read is opened again, as every
  // client does it.
  std::string ask(const std::string& request) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      Client client(port());
      if (!client.send(request)) continue;
      if (std::string answer = client.receive_all(); !answer.empty()) return answer;
    }
    FAIL("never answered: " << request.substr(0, 80));
    return "";
  }

  int metric(const std::string& name) const {
    const std::string text = ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    std::smatch found;
    REQUIRE(std::regex_search(text, found, std::regex("\n" + name + " ([0-9]+)")));
    return std::stoi(found[1]);
  }

  // The connection that asks is one of them.
  void wait_for_connections(int wanted) const { wait_for("fabula_http_connections", wanted); }
  void wait_for(const std::string& name, int wanted) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    int now = metric(name);
    for (; now != wanted && std::chrono::steady_clock::now() < until; now = metric(name))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK_MESSAGE(now == wanted, name);
  }

 private:
  session::test::ScratchFolder folder_;
  std::unique_ptr<session::Service> service_;
  std::unique_ptr<Server> server_;
};

}  // namespace fabula::server::test
