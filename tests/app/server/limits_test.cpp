// Clients that keep the server waiting: each loses its connection in its time, and nobody else notices.
#include "app/server/limits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/app/server/site.h"

using namespace fabula;
using namespace fabula::server;
using namespace fabula::server::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view whole_request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

// No limit of time is ever reached, but those that the test sets.
Limits patient() {
  Limits limits;
  for (auto* time : {&limits.idle, &limits.header, &limits.body, &limits.write}) *time = 1h;
  return limits;
}

std::string completion(const std::string& more) {
  return post("/v1/completions", R"({"model":"","prompt":"Once upon a time","seed":5,)" + more + "}");
}

std::string body_of(const std::string& answer) {
  const size_t end_of_head = answer.find("\r\n\r\n");
  return end_of_head == std::string::npos ? "" : answer.substr(end_of_head + 4);
}

std::string words_of(const Site& site) {
  const auto answer = parse_json(body_of(site.ask(completion(R"("max_tokens":12)"))), "answer");
  REQUIRE(answer.ok());
  return (*answer)["choices"][0]["text"].get<std::string>();
}

// More than the system keeps for a reader that takes nothing: every id is one byte that JSON writes as six.
std::string request_for_bytes(size_t wanted) {
  std::string ids = "4";
  for (size_t i = 1; i < wanted / 6; ++i) ids += ",4";
  return post("/detokenize", R"({"tokens":[)" + ids + "]}");
}

}  // namespace

TEST_CASE("silence ends a connection, and so does a byte at a time") {
  struct Kind {
    const char* name;
    std::chrono::milliseconds Limits::*limit;
    std::string begins, drip;
  };
  const std::string slow_chunks = "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  const Kind kinds[] = {
      {"nothing is asked", &Limits::idle, "", ""},
      {"headers", &Limits::header, "GET /health HTTP/1.1\r\nHost: loc", "a"},
      {"a body", &Limits::body, "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{", "a"},
      {"chunks", &Limits::body, slow_chunks, "1\r\na\r\n"},
  };
  for (const Kind& kind : kinds) {
    CAPTURE(kind.name);
    Limits limits = patient();
    limits.*kind.limit = 1s;
    const Site site(limits);
    Client silent(site.port()), dripping(site.port());
    silent.send(kind.begins);
    dripping.send(kind.begins);
    // One that is in another part of its request has time.
    Client other(site.port());
    other.send(kind.limit == &Limits::idle ? whole_request.substr(0, 10) : "");
    if (!kind.drip.empty()) {
      const auto until = std::chrono::steady_clock::now() + patience;
      while (dripping.send(kind.drip) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
    }
    CHECK(silent.receive_all() == "");
    CHECK(dripping.receive_all() == "");
    site.wait_for_connections(2);
    other.send(whole_request.substr(kind.limit == &Limits::idle ? 10 : 0));
    CHECK(other.receive().starts_with("HTTP/1.1 200"));
  }
}

TEST_CASE("a connection is kept for the next request, and not for ever") {
  Limits limits = patient();
  limits.idle = 1s;
  const Site site(limits);
  Client client(site.port());
  std::string answers;
  for (int asked = 0; asked < 3 && client.send(whole_request); ++asked) answers += client.receive();
  CHECK(client.receive_all() == "");
  CHECK(answers.starts_with("HTTP/1.1 200"));
  // Two requests in one piece are two answers: what was read beyond the first is not waited for again.
  Client hasty(site.port());
  hasty.send(std::string(whole_request) + std::string(whole_request));
  const std::string both = hasty.receive_all();
  CHECK(both.find("HTTP/1.1 200", 1) != std::string::npos);
  site.wait_for_connections(1);
}

TEST_CASE("who reads nothing is dropped and its place is free; the others' words are the same") {
  Limits limits = patient();
  limits.write = 500ms;
  const Site site(limits);
  const std::string words = words_of(site);
  std::vector<std::unique_ptr<Client>> stalled;
  // A stream of eight stories with all that they might have said, and one long answer: each more than the system keeps.
  const std::string stories = completion(R"("max_tokens":900,"n":8,"logprobs":20,"logit_bias":{"2":-100},"stream":true)");
  for (const std::string& request : {stories, request_for_bytes(size_t{18} << 20)}) {
    stalled.push_back(std::make_unique<Client>(site.port(), 4096));
    REQUIRE(stalled.back()->send(request));
  }
  CHECK(words_of(site) == words);
  site.wait_for_connections(1);
  site.wait_for("fabula_requests_active", 0);
  site.wait_for("fabula_requests_queued", 0);
  CHECK(words_of(site) == words);
  const std::string told = stalled[0]->receive_all();
  CHECK(told.find("text/event-stream") != std::string::npos);
  CHECK(told.find("[DONE]") == std::string::npos);
  CHECK_FALSE(parse_json(body_of(stalled[1]->receive_all()), "answer").ok());
}

TEST_CASE("who reads slowly but steadily gets everything, however long it takes") {
  constexpr size_t wanted = size_t{18} << 20, at_a_time = 65536;
  Limits limits = patient();
  limits.write = 4s;
  const Site site(limits);
  Client client(site.port(), 65536);
  REQUIRE(client.send(request_for_bytes(wanted)));
  const auto begun = std::chrono::steady_clock::now();
  size_t received = 0;
  for (std::string more = client.receive(at_a_time); !more.empty(); more = client.receive(at_a_time)) {
    received += more.size();
    // Seven seconds for what is more than the system keeps; a pause that came too late is not made up for.
    const auto due = begun + 7s * received / wanted;
    std::this_thread::sleep_until(std::min<std::chrono::steady_clock::time_point>(due, std::chrono::steady_clock::now() + 100ms));
  }
  CHECK(received >= wanted);
}

TEST_CASE("who leaves is noticed, even with more requests behind the one that is being answered") {
  const Site site(patient());
  {
    Client client(site.port());
    const std::string stories = R"({"model":"","prompt":["A","B","C","D","E","F","G","H"],"n":8,"max_tokens":900,"logit_bias":{"2":-100}})";
    client.send(post("/v1/completions", stories) + std::string(whole_request));
    site.wait_for("fabula_requests_active", 16);
  }
  site.wait_for("fabula_requests_active", 0);
  site.wait_for("fabula_requests_queued", 0);
  site.wait_for_connections(1);
  CHECK(site.metric("fabula_tokens_generated_total") < 64 * 900 / 2);
}
