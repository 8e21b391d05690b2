// Replies taken up again and written again: continued after a stop or the end of the process, replayed from receipts.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/replies.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE(
    "a reply that was stopped, or cut off by the end of the process, goes on with the words that would have "
    "come") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  for (const Mode mode : {Mode::story, Mode::chat}) {
    CAPTURE(mode_name(mode));
    SessionSettings settings = Desk::seeded(150);
    settings.stop = {"no such words", "\n\n\n\n"};
    const std::string whole = desk.make(mode, settings), stopped = desk.make(mode, settings),
                      cut = desk.make(mode, settings);
    const Message expected = wait(desk->send(whole, "Once upon a time"));

    auto first = [&] {
      PieceCounter pieces(*desk.operator->());
      auto answer = desk->send(stopped, "Once upon a time");
      pieces.wait_for(5);
      desk->cancel(stopped);
      return wait(std::move(answer));
    }();
    Message last = desk.view(stopped).path.size() ? *desk.view(stopped).path.back() : first;
    if (last.finish_reason == "cancelled") {
      CHECK(starts_with(expected.tokens, last.tokens));
      last = wait(desk->continue_reply(stopped));
      CHECK(last.id == first.id);
    }
    CHECK(last.tokens == expected.tokens);
    CHECK(last.text == expected.text);
    CHECK(last.finish_reason == expected.finish_reason);
    CHECK(last.receipt->continuations.empty());

    {
      PieceCounter pieces(*desk.operator->());
      auto answer = desk->send(cut, "Once upon a time");
      pieces.wait_for(3);
    }
    desk.open();
    const Message left = *desk.view(cut).path.back();
    if (left.finish_reason == "interrupted") {
      CHECK(starts_with(expected.tokens, left.tokens));
      const Message resumed = wait(desk->continue_reply(cut));
      CHECK(resumed.id == left.id);
      CHECK(resumed.tokens == expected.tokens);
      CHECK(resumed.text == expected.text);
    }
    CHECK(desk.view(cut).path.back()->tokens == expected.tokens);
  }
}

TEST_CASE("receipts are replayed: equal, or the first difference") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::chat, Desk::seeded(20));
  wait(desk->send(id, "Hello"));
  wait(desk->regenerate(id));
  const Message third = wait(desk->send(id, "More"));
  ReplyOptions other_seed;
  other_seed.seed = 77;
  const Message longer = wait(desk->continue_reply(id, other_seed));
  CHECK(longer.id == third.id);
  REQUIRE(longer.receipt->continuations.size() ==
          (longer.tokens.size() > third.tokens.size() || third.finish_reason == "stop" ? 1 : 0));
  wait(desk->set_system(id, "changed since"));

  desk.open();
  const ReplayReport report = wait(desk->replay(id));
  CHECK(report.equal == 3);
  CHECK(report.different == 0);
  CHECK(report.skipped == 0);

  OrderedJson document = wait(desk->export_session(id));
  CHECK(wait(desk->replay_document(dump_json(document))).equal == 3);
  // A token that was not written is found.
  for (auto& message : document["messages"]) {
    if (message["id"] != longer.id) continue;
    const int32_t old = message["tokens"][7];
    message["tokens"][7] = old == 300 ? 301 : 300;
  }
  const ReplayReport changed = wait(desk->replay_document(dump_json(document)));
  CHECK(changed.equal == 2);
  REQUIRE(changed.different == 1);
  CHECK(changed.replies.back().first_difference == 7);
  CHECK(changed.replies.back().got == longer.tokens[7]);
  CHECK(wait_error(desk->replay_document("{}")).code == ErrorCode::unsupported);

  desk.open(/*load=*/false);
  const ReplayReport without = wait(desk->replay(id));
  CHECK(without.skipped == 3);
  CHECK(without.replies[0].why.find("not loaded") != std::string::npos);
}
