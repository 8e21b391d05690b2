// What an act would cost, against what it then costs; and texts that outgrow the context.
#include <doctest/doctest.h>

#include "core/session/context.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

std::string long_words(int number) {
  std::string words;
  for (int i = 0; i < 12; ++i) words += "The fox went on, and the snow was deep. ";
  return words + std::to_string(number) + ".";
}

// What the model read for a reply, whole.
std::vector<int32_t> prompt_read(Desk& desk, const std::string& session, const Message& reply) {
  const auto tree = wait(desk->tree(session));
  const auto prompt = prompt_of(*reply.receipt, [&](const std::string& id) -> const Message* {
    for (const auto& message : tree)
      if (message->id == id) return message.get();
    return nullptr;
  });
  require_ok(prompt);
  return *prompt;
}

}  // namespace

TEST_CASE("an act costs what was said before it") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::chat);
  wait(desk->send(id, long_words(1)));
  wait(desk->send(id, "And then?"));
  const std::string first = desk.view(id).path.front()->id;

  SUBCASE("sending") {
    const Outlook outlook = wait(desk->outlook(id, {Act::Kind::send, "", "Why?"}));
    const Message reply = wait(desk->send(id, "Why?"));
    CHECK(outlook.prompt_tokens == reply.stats.prompt_tokens);
    CHECK(outlook.stored_tokens == reply.stats.reused_tokens);
    CHECK(outlook.stored_tokens > 100);
  }
  SUBCASE("another reply: all of its prompt was read, but the last token is always read again") {
    const Outlook outlook = wait(desk->outlook(id, {Act::Kind::regenerate, "", ""}));
    const Message reply = wait(desk->regenerate(id));
    CHECK(outlook.prompt_tokens == reply.stats.prompt_tokens);
    CHECK(outlook.stored_tokens >= reply.stats.reused_tokens);
    CHECK(outlook.prompt_tokens - outlook.stored_tokens <= 1);
  }
  SUBCASE("an edit of the first message: little of it is left") {
    const Act edit{Act::Kind::edit, first, "A bear, not a fox."};
    const Outlook outlook = wait(desk->outlook(id, edit));
    CHECK(outlook.prompt_tokens < 60);
    CHECK(outlook.stored_tokens < 20);
    CHECK(desk.view(id).path.size() == 4);  // nothing was changed
    wait(desk->edit(id, first, edit.text));
    const Message reply = wait(desk->regenerate(id));
    CHECK(outlook.prompt_tokens == reply.stats.prompt_tokens);
  }
  SUBCASE("another system text is read with everything behind it") {
    const Outlook outlook = wait(desk->outlook(id, {Act::Kind::system, "", "You are a poet of few words."}));
    CHECK(outlook.stored_tokens < 20);
    CHECK(outlook.prompt_tokens - outlook.stored_tokens > 100);
  }
  SUBCASE("after a restart it is on the disk") {
    desk.open();
    const Outlook outlook = wait(desk->outlook(id, {Act::Kind::send, "", "Why?"}));
    CHECK(outlook.stored_tokens > 100);
  }
  CHECK(wait_error(desk->outlook("nobody", {})).code == ErrorCode::not_found);
}

TEST_CASE("a chat that has outgrown the context is refused, and goes on by choice without its oldest turns") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  SessionSettings settings = Desk::greedy();
  const std::string id = desk.make(Mode::chat, settings);
  Act next{Act::Kind::send, "", ""};
  for (int i = 0; i < 4; ++i) {
    next.text = long_words(i);
    if (!wait(desk->outlook(id, next)).fits) break;
    wait(desk->send(id, next.text));
  }
  const Outlook full = wait(desk->outlook(id, next));
  REQUIRE_FALSE(full.fits);
  const Error refused = wait_error(desk->send(id, next.text));
  CHECK(refused.code == ErrorCode::context_overflow);
  CHECK(refused.message.find(std::to_string(full.prompt_tokens)) != std::string::npos);
  CHECK(refused.message.find("512") != std::string::npos);

  settings.overflow = Overflow::drop_oldest;
  wait(desk->set_settings(id, settings));
  const Outlook shorter = wait(desk->outlook(id, next));
  CHECK(shorter.fits);
  CHECK(shorter.dropped_messages > 0);
  CHECK(shorter.whole_tokens > shorter.prompt_tokens);
  const Message reply = wait(desk->send(id, next.text));
  CHECK(reply.stats.prompt_tokens == shorter.prompt_tokens);
  CHECK(desk.view(id).path.size() >= 4);  // it stays on the page
  CHECK(wait(desk->replay(id)).different == 0);
}

TEST_CASE("a page that has outgrown the context loses its beginning, never memory and author's note") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  SessionSettings settings = Desk::greedy();
  settings.memory = "The fox is old.";
  settings.note = "It is winter.";
  settings.note_depth = 0;
  settings.overflow = Overflow::drop_oldest;
  const std::string id = desk.make(Mode::story, settings);
  std::vector<int32_t> front;
  for (int i = 0; i < 5; ++i) {
    const Message reply = wait(desk->send(id, long_words(i) + "\n"));
    const auto prompt = prompt_read(desk, id, reply);
    REQUIRE(static_cast<int64_t>(prompt.size()) < 512);
    if (front.empty()) front.assign(prompt.begin(), prompt.begin() + 6);
    CHECK(std::equal(front.begin(), front.end(), prompt.begin()));
  }
  const Outlook outlook = wait(desk->outlook(id, {}));
  CHECK(outlook.whole_tokens > 512);
  CHECK(outlook.prompt_tokens < 512);
  CHECK(wait(desk->replay(id)).different == 0);
}
