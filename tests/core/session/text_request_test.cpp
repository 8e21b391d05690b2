// Texts of no session, written by the host's model for another process.
#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/guests.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

// As the desk loads its model.
TextRequest request_of(const std::string& id, std::vector<int32_t> prompt, int64_t max_tokens) {
  TextRequest request;
  request.id = id;
  request.model.path = *fabula::test::testdata_file(model_file);
  request.model.context = 512;
  request.prompt = std::move(prompt);
  request.sampler.temperature = 0;
  request.max_tokens = max_tokens;
  return request;
}

}  // namespace

TEST_CASE("a guest's text is written by the host's model: llama.cpp's greedy words, piece by piece") {
  FABULA_REQUIRE_TESTDATA();
  const Json reference = *parse_json(fabula::test::read_text(*fabula::test::testdata_file(
                                         "models/stories260k/generated/stories260K-F16.ref.json")),
                                     "reference");
  ScratchFolder folder;
  Desk desk(folder.path());
  const auto guest = open_in(folder.path()), other = open_in(folder.path());
  std::mutex mutex;
  std::string heard, heard_by_other;
  const auto listen = [&mutex](Service& service, std::string& into, const std::string& id) {
    service.follow([&mutex, &into, id](const std::string& session, const std::string& message, std::string_view piece) {
      const std::lock_guard lock(mutex);
      CHECK(session.empty());
      if (message == id) into += piece;
    });
  };
  listen(*guest, heard, "mine");
  listen(*other, heard_by_other, "another's");
  for (const char* name : {"a", "b"}) {
    FABULA_CAPTURE(name);
    heard.clear();
    const Json& run = reference["runs"][name];
    const auto expected = run["greedy_ids"].get<std::vector<int32_t>>();
    const auto prompt = run["prompt_ids"].get<std::vector<int32_t>>();
    const TextReply reply = wait(guest->generate(request_of("mine", prompt, 12)));
    REQUIRE(reply.tokens.size() == 12);
    CHECK(std::equal(reply.tokens.begin(), reply.tokens.end(), expected.begin()));
    CHECK(reply.reason == engine::FinishReason::length);
    CHECK(reply.prompt.tokens == static_cast<int64_t>(prompt.size()));
    CHECK(reply.decode.tokens > 0);
    const std::lock_guard lock(mutex);  // an answer stands behind its pieces
    CHECK(heard == reply.text);
  }
  CHECK(heard_by_other.empty());
  CHECK(desk->sessions()->empty());
}

TEST_CASE("a guest's text is refused where the host has another model, or loaded it otherwise") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const auto guest = open_in(folder.path());
  const auto refused = [&](auto change) {
    TextRequest request = request_of("x", {1}, 4);
    change(request);
    return wait_error(guest->generate(std::move(request))).code;
  };
  using Request = TextRequest;
  CHECK(refused([](Request& r) { r.model.context = 0; }) == ErrorCode::not_found);
  CHECK(refused([](Request& r) { r.model.precision = compute::Precision::q8_0; }) == ErrorCode::not_found);
  CHECK(refused([](Request& r) { r.model.kv_precision = compute::KvPrecision::f32; }) == ErrorCode::not_found);
  CHECK(refused([](Request& r) { r.model.threads = 7; }) == ErrorCode::not_found);
  CHECK(refused([](Request& r) { r.model.path = "/absent.gguf"; }) == ErrorCode::not_found);
  CHECK(refused([](Request& r) { r.prompt.clear(); }) == ErrorCode::invalid_argument);
  CHECK(refused([](Request& r) { r.prompt.assign(600, 300); }) == ErrorCode::context_overflow);
  CHECK(wait(guest->generate(request_of("x", {1}, 4))).tokens.size() == 4);
  // The number of threads is the host's where none was asked for; the same one by name fits, too.
  TextRequest one = request_of("x", {1}, 4);
  one.model.threads = 1;
  CHECK(wait(guest->generate(std::move(one))).tokens.size() == 4);
  desk->unload_model(Mode::chat);
  desk->unload_model(Mode::story);
  CHECK(wait_error(guest->generate(request_of("x", {1}, 4))).code == ErrorCode::not_found);
}

TEST_CASE("a guest's text ends when it is cancelled and when the guest leaves, and outlasts the model's place") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  std::atomic<int> pieces{0};
  auto guest = open_in(folder.path());
  auto answer = guest->generate(request_of("long", {1}, 500));
  guest->cancel_text("no such text");
  guest->cancel_text("long");
  const TextReply reply = wait(std::move(answer));
  CHECK((reply.reason == engine::FinishReason::cancelled || reply.tokens.size() == 500));  // it may have been too quick
  guest->follow([&](const std::string&, const std::string&, std::string_view) { ++pieces; });
  auto kept = guest->generate(request_of("kept", {1}, 500));
  CHECK(soon([&] { return pieces > 0; }));
  desk->unload_model(Mode::chat);
  desk->unload_model(Mode::story);
  CHECK(kept.get().ok());
  desk.open();
  guest = open_in(folder.path());
  for (int i = 0; i < 8; ++i) (void)guest->generate(request_of(std::to_string(i), {1, 300 + i}, 500));
  CHECK(soon([&] { return desk->metrics().active_requests > 0 || desk->metrics().tokens_generated > 0; }));
  guest.reset();
  CHECK(soon([&] { return desk->metrics().active_requests + desk->metrics().queued_requests == 0; }));
  const std::string id = desk.make(Mode::story);
  CHECK(wait(desk->send(id, "Once")).tokens.size() == 12);
}
