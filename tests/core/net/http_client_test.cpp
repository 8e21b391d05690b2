// Against Python's own HTTP server (http_server.py): what it was asked, it tells.
#include "core/net/http_client.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "tests/core/net/test_program.h"

using namespace fabula;
using net::HttpRequest;

namespace {

struct Servers {
  test::PythonProgram program{{FABULA_HTTP_SERVER}};
  int port = 0, other = 0, tls = 0;
  Servers() { std::istringstream(program.first_line()) >> port >> other >> tls; }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }
};

std::string expected_body() {
  std::string body;
  for (int i = 0; i < 300000; ++i) body += static_cast<char>(i * 7 % 251);
  return body;
}

}  // namespace

TEST_CASE("requests arrive as they were meant") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  request.url = servers.url("/echo?x=%20y");
  request.headers = {{"Accept", "application/json"}, {"X-Empty", ""}};
  request.bearer_token = "secret";
  const auto reply = client.fetch(request);
  REQUIRE(reply.ok());
  CHECK(reply->head.status == 200);
  CHECK(*reply->head.header_or_null("x-twice") == "first");
  CHECK(reply->head.header_or_null("x-thrice") == nullptr);
  const Json told = *parse_json(reply->body, "echo");
  CHECK(told["method"] == "GET");
  CHECK(told["path"] == "/echo?x=%20y");
  CHECK(told["headers"]["accept"] == "application/json");
  CHECK(told["headers"]["x-empty"] == "");
  CHECK(told["headers"]["authorization"] == "Bearer secret");

  request.method = "POST";
  request.url = servers.url("/post");
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::string("{\"a\":\0}", 7);
  const auto posted = client.fetch(request);
  REQUIRE(posted.ok());
  CHECK(posted->body == request.body);
  CHECK(*posted->head.header_or_null("x-type") == "application/json");

  request.method = "DELETE";
  request.url = servers.url("/echo");
  CHECK((*parse_json(client.fetch(request)->body, "echo"))["method"] == "DELETE");

  request.method = "HEAD";
  request.url = servers.url("/body");
  const auto head = client.fetch(request);
  REQUIRE(head.ok());
  CHECK(head->head.content_length == 300000);
  CHECK(head->body.empty());
}

TEST_CASE("bodies and ranges, piece by piece") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  request.url = servers.url("/body");
  std::string got;
  int heads = 0, pieces = 0;
  net::HttpSink sink;
  sink.on_head = [&](const net::HttpHead& head) -> Status {
    CHECK(pieces == 0);
    CHECK(head.content_length == 300000);
    CHECK(head.url == request.url);
    return (void)++heads, Status();
  };
  sink.on_body = [&](std::string_view piece) -> Status {
    got += piece;
    return (void)++pieces, Status();
  };
  REQUIRE(client.stream(request, sink).ok());
  CHECK(heads == 1);
  CHECK(pieces > 1);
  CHECK(got == expected_body());

  request.range = {.first = 1000, .last = 1999};
  auto part = client.fetch(request);
  REQUIRE(part.ok());
  CHECK(part->head.status == 206);
  CHECK(part->body == expected_body().substr(1000, 1000));
  CHECK(*part->head.header_or_null("content-range") == "bytes 1000-1999/300000");
  request.range = {.first = 299990, .last = std::nullopt};
  CHECK(client.fetch(request)->body == expected_body().substr(299990));
  request.range = {.first = 300000, .last = std::nullopt};
  CHECK(client.fetch(request)->head.status == 416);
  request.range.reset();
  const auto bounded = client.fetch(request, 299999);
  REQUIRE_FALSE(bounded.ok());
  CHECK(bounded.error().code == ErrorCode::corrupt);
}

TEST_CASE("redirects: followed by GET; a token stays with the host it was given for") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  request.bearer_token = "secret";
  request.url = servers.url("/here");
  const auto here = client.fetch(request);
  REQUIRE(here.ok());
  CHECK(here->head.url == servers.url("/echo?q=1"));
  CHECK((*parse_json(here->body, "echo"))["headers"]["authorization"] == "Bearer secret");

  request.url = servers.url("/there");
  const Json there = *parse_json(client.fetch(request)->body, "echo");
  CHECK(there["port"] == servers.other);
  CHECK_FALSE(there["headers"].contains("authorization"));

  request.url = servers.url("/there-and-back");
  const Json back = *parse_json(client.fetch(request)->body, "echo");
  CHECK(back["port"] == servers.port);
  CHECK(back["headers"]["authorization"] == "Bearer secret");

  request.url = servers.url("/there");
  request.max_redirects = 0;
  const auto untouched = client.fetch(request);
  REQUIRE(untouched.ok());
  CHECK(untouched->head.status == 307);
  CHECK(untouched->body.size() == 1000);
  request.max_redirects = 8;

  request.url = servers.url("/loop");
  CHECK(client.fetch(request).error().code == ErrorCode::corrupt);
  request.url = servers.url("/to-file");
  CHECK(client.fetch(request).error().code == ErrorCode::invalid_argument);

  request.method = "POST";
  request.url = servers.url("/moved");
  CHECK(client.fetch(request)->head.status == 302);
}

TEST_CASE("any status is an answer") {
  const Servers servers;
  net::HttpClient client;
  for (const int status : {401, 403, 404, 416, 429, 500, 503}) {
    HttpRequest request;
    request.url = servers.url("/status/" + std::to_string(status));
    const auto reply = client.fetch(request);
    REQUIRE(reply.ok());
    CHECK(reply->head.status == status);
    CHECK_FALSE(reply->head.ok());
    CHECK(reply->body == "why");
    CHECK(*reply->head.header_or_null("retry-after") == "3");
  }
}

TEST_CASE("a network that fails is an error in words") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  const auto error_of = [&](const std::string& url) {
    request.url = url;
    const auto reply = client.fetch(request);
    REQUIRE_FALSE(reply.ok());
    return reply.error();
  };
  const Error cut = error_of(servers.url("/cut"));
  CHECK(cut.code == ErrorCode::io);
  CHECK(cut.message.find("was cut") != std::string::npos);
  CHECK(error_of("http://no-such-host.invalid/").code == ErrorCode::io);
  CHECK(error_of("http://127.0.0.1:1/").message.find("cannot be reached") != std::string::npos);
  CHECK(error_of(servers.url("/endless-headers")).code == ErrorCode::corrupt);
  CHECK(error_of(servers.url("/nonsense")).code == ErrorCode::corrupt);
  CHECK(error_of("ftp://127.0.0.1/").code == ErrorCode::invalid_argument);

  request.headers = {{"X", "a\r\nInjected: b"}};
  CHECK(error_of(servers.url("/echo")).code == ErrorCode::invalid_argument);
  request.headers.clear();
  request.bearer_token = "a\nb";
  CHECK(error_of(servers.url("/echo")).code == ErrorCode::invalid_argument);
  request.bearer_token.clear();
  request.method = "GET /";
  CHECK(error_of(servers.url("/echo")).code == ErrorCode::invalid_argument);
}

TEST_CASE("a certificate that nobody vouches for is refused") {
  const Servers servers;
  if (servers.tls == 0) {
    MESSAGE("skipped: openssl makes the certificate of this test");
    return;
  }
  net::HttpClient client;
  HttpRequest request;
  request.url = "https://127.0.0.1:" + std::to_string(servers.tls) + "/echo";
  const auto reply = client.fetch(request);
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.error().code == ErrorCode::unsupported);
  CHECK(reply.error().message.find("certificate") != std::string::npos);
}

TEST_CASE("a stalled connection ends by itself, a slow one does not") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  request.timeouts.stall_seconds = 0.5;
  for (const char* path : {"/stall", "/silence"}) {
    request.url = servers.url(path);
    const double begin = monotonic_seconds();
    const auto reply = client.fetch(request);
    REQUIRE_FALSE(reply.ok());
    CHECK(reply.error().code == ErrorCode::io);
    CHECK(reply.error().message.find("sent nothing") != std::string::npos);
    CHECK(monotonic_seconds() - begin < 5);
  }
  request.url = servers.url("/slow");  // 2 seconds in all, never half a second of silence
  CHECK(client.fetch(request)->body.size() == 100);
  request.timeouts.total_seconds = 0.5;
  CHECK(client.fetch(request).error().message.find("in time") != std::string::npos);
}

TEST_CASE("stopping: by the sink at once, from another thread within moments; the client works on") {
  const Servers servers;
  net::HttpClient client;
  HttpRequest request;
  request.url = servers.url("/body");
  int pieces = 0;
  net::HttpSink sink;
  sink.on_body = [&](std::string_view) -> Status {
    ++pieces;
    return Error{ErrorCode::already_exists, "enough"};
  };
  CHECK(client.stream(request, sink).error().message == "enough");
  CHECK(pieces == 1);
  sink.on_head = [](const net::HttpHead&) -> Status { return Error{ErrorCode::cancelled, "not at all"}; };
  CHECK(client.stream(request, sink).error().message == "not at all");
  CHECK(pieces == 1);

  std::atomic<bool> cancel{false};
  request.url = servers.url("/silence");
  request.cancel = &cancel;
  const double begin = monotonic_seconds();
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cancel = true;
  });
  CHECK(client.fetch(request).error().code == ErrorCode::cancelled);
  CHECK(monotonic_seconds() - begin < 3);

  request.cancel = nullptr;
  request.url = servers.url("/body");
  CHECK(client.fetch(request)->body == expected_body());
}

TEST_CASE("several clients at once, and a client that moves") {
  const Servers servers;
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        net::HttpClient first;
        net::HttpClient client = std::move(first);
        for (int i = 0; i < 5; ++i) {
          HttpRequest request;
          request.url = servers.url("/body");
          const auto reply = client.fetch(request);
          right += reply.ok() && reply->body == expected_body();
        }
      });
  }
  CHECK(right == 40);
}
