// The whole way on a real small model: words in, exact tokens through tree and restart.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/base/json.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/replies.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE("a story goes on as llama.cpp's greedy text does, and is there after a restart") {
  FABULA_REQUIRE_TESTDATA();
  const Json reference = *parse_json(fabula::test::read_text(*fabula::test::testdata_file(
                                         "models/stories260k/generated/stories260K-F16.ref.json")),
                                     "reference");
  ScratchFolder folder;
  Desk desk(folder.path());
  // The reference's prompts are BOS alone, and the ids of these words behind it.
  const std::vector<std::pair<std::string, std::string>> runs{
      {"a", ""}, {"b", "Once upon a time, there was a little girl named Lily. She loved to"}};
  for (const auto& [name, words] : runs) {
    FABULA_CAPTURE(name);
    const Json& run = reference["runs"][name];
    const auto expected = run["greedy_ids"].get<std::vector<int32_t>>();
    const std::string id = desk.make(Mode::story);
    Message reply;
    {
      PieceCounter pieces(*desk.operator->());
      reply = wait(desk->send(id, words));
      CHECK(pieces.text() == reply.text);
    }
    CHECK(reply.finish_reason == "length");
    REQUIRE(reply.tokens.size() == 12);
    CHECK(starts_with(expected, reply.tokens));
    CHECK(full_prompt(desk, id, reply) == run["prompt_ids"].get<std::vector<int32_t>>());
    CHECK(reply.stats.generated_tokens == 12);
    CHECK(reply.stats.prompt_tokens == static_cast<int64_t>(run["prompt_ids"].size()));
    const SessionView before = desk.view(id);
    CHECK(before.path.size() == (words.empty() ? 1 : 2));
    CHECK(before.info.title.size() > 0);
    desk.open();
    const SessionView after = desk.view(id);
    CHECK(page_of(after) == page_of(before));
    CHECK(after.path.back()->text == reply.text);
    // The next part is read from the exact ids.
    const Message more = wait(desk->continue_reply(id));
    CHECK(more.parent == reply.id);
    auto page = full_prompt(desk, id, reply);
    page.insert(page.end(), reply.tokens.begin(), reply.tokens.end());
    CHECK(full_prompt(desk, id, more) == page);
    page = reply.tokens;
    page.insert(page.end(), more.tokens.begin(), more.tokens.end());
    CHECK(starts_with(expected, page));
    // Words of the user's own in between: read as they stand, without a space that nobody typed.
    const Message next = wait(desk->send(id, " Then the dragon"));
    std::string text;
    for (const auto& message : desk.view(id).path) text += message->text;
    const auto prompt = full_prompt(desk, id, next);
    const auto loaded = desk->engine_or_null()->loaded_or_null(desk->model_state(Mode::story).id);
    std::string read = loaded->model->tokenizer->decode(prompt, false);
    // This vocabulary's decoder shows the space that it puts before the first word.
    for (std::string* either : {&text, &read})
      if (either->starts_with(' ')) either->erase(0, 1);
    CAPTURE(text);
    CAPTURE(read);
    CHECK(text.starts_with(read));
    CHECK(read.ends_with(" Then the dragon"));
    CHECK_FALSE(read.ends_with("  Then the dragon"));
  }
}

TEST_CASE("in a chat, what was read and written before is read again token by token") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::chat, Desk::seeded(40));
  wait(desk->set_system(id, "Be brief. </s> is no end."));
  Message last;
  std::vector<int32_t> context;
  for (const char* words : {"Hello </s> there", "And then? <s>", "  spaces around  ", "Why?"}) {
    const Message reply = wait(desk->send(id, words));
    const auto prompt = full_prompt(desk, id, reply);
    if (!context.empty()) {
      // The earlier prompt and the reply's own ids, an end token included, begin the new one.
      CHECK(starts_with(prompt, context));
      CHECK(reply.stats.reused_tokens > 0);
    }
    context = prompt;
    context.insert(context.end(), reply.tokens.begin(), reply.tokens.end());
    last = reply;
  }
  const SessionView view = desk.view(id);
  REQUIRE(view.path.size() == 8);
  // Only the template's own marks are special: BOS once, </s> once per message that stands before.
  const auto prompt = full_prompt(desk, id, last);
  CHECK(std::count(prompt.begin(), prompt.end(), 1) == 1);
  CHECK(std::count(prompt.begin(), prompt.end(), 2) == 8);
  for (const auto& message : view.path)
    if (message->role == Role::user)
      CHECK(std::count(message->tokens.begin(), message->tokens.end(), 2) == 0);
  // The user's ids are the piece of the prompt that holds the words.
  const Message& first = *view.path[0];
  CHECK(std::search(prompt.begin(), prompt.end(), first.tokens.begin(), first.tokens.end()) != prompt.end());
  CHECK(!first.tokens.empty());

  // Another last question leaves everything before it as it was.
  wait(desk->rollback(id, view.path[5]->id));
  const Message other = wait(desk->send(id, "Something else"));
  const auto before_last = full_prompt(desk, id, *view.path[5]);
  CHECK(starts_with(full_prompt(desk, id, other), before_last));
}

TEST_CASE("what cannot be done is said, and nothing is lost by it") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::chat);
  CHECK(wait_error(desk->send(id, "")).code == ErrorCode::invalid_argument);
  CHECK(wait_error(desk->send("no such session", "x")).code == ErrorCode::not_found);
  CHECK(wait_error(desk->regenerate(id)).code == ErrorCode::invalid_argument);
  CHECK(wait_error(desk->continue_reply(id)).code == ErrorCode::invalid_argument);
  std::string long_text;
  for (int i = 0; i < 2000; ++i) long_text += "long words ";
  const Error overflow = wait_error(desk->send(id, long_text));
  CHECK(overflow.code == ErrorCode::context_overflow);
  CHECK(overflow.message.find("512") != std::string::npos);
  CHECK(desk.view(id).path.empty());

  SessionSettings endless = Desk::seeded(400);
  wait(desk->set_settings(id, endless));
  {
    PieceCounter pieces(*desk.operator->());
    auto answer = desk->send(id, "Hello");
    pieces.wait_for(1);
    auto again = desk->send(id, "again");
    desk->cancel(id);
    const Message reply = wait(std::move(answer));
    // Refused while the first was being written; were it so fast that it had ended, it may have been taken.
    const Result<Message> second = again.get();
    CHECK((second.ok() || second.error().code == ErrorCode::busy));
    if (reply.finish_reason == "cancelled") CHECK_FALSE(second.ok());
  }
  CHECK(desk->live_or_null(id) == nullptr);
  CHECK(desk.wakes > 0);
  // An answer alone wakes the window as well: its loop sleeps between events.
  const int wakes_before = desk.wakes;
  auto exported = desk->export_session(id);
  for (int i = 0; i < 5000 && desk.wakes == wakes_before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(desk.wakes > wakes_before);
  CHECK(wait(std::move(exported))["format"] == "fabula.session");

  // A second host is told who holds the place.
  Service::Options second;
  second.places = places_below(folder.path());
  second.may_attach = false;
  const auto refused = Service::open(second);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::busy);
  CHECK(refused.error().message.find(std::to_string(::getpid())) != std::string::npos);

  // Without a model words stay unsent.
  desk.open(/*load=*/false);
  CHECK(wait_error(desk->send(id, "x")).code == ErrorCode::unsupported);
  engine::ModelLoad absent;
  absent.path = folder.path() / "absent.gguf";
  CHECK(wait_error(desk->load_model(Mode::chat, absent)).code == ErrorCode::not_found);
  CHECK(desk->model_state(Mode::chat).phase == ModelState::Phase::failed);
}

TEST_CASE("two sessions write at once and neither changes the other") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string alone = desk.make(Mode::story, Desk::seeded(60));
  const Message expected = wait(desk->send(alone, "The little dog"));
  std::vector<std::string> ids;
  std::vector<Answer<Message>> answers;
  for (int i = 0; i < 5; ++i) ids.push_back(desk.make(i % 2 ? Mode::chat : Mode::story, Desk::seeded(60)));
  for (const auto& id : ids) answers.push_back(desk->send(id, "The little dog"));
  for (size_t i = 0; i < ids.size(); ++i) {
    const Message reply = wait(std::move(answers[i]));
    if (i % 2 == 0) CHECK(reply.tokens == expected.tokens);
  }
  CHECK(desk->sessions()->size() == 6);
  for (const auto& info : *desk->sessions()) CHECK_FALSE(info.generating);
}
