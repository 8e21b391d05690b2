// Moves in the tree on a real small model: alternatives, branches, edits and their undo.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/replies.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE("regenerate, edit, branches, undo") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  SessionSettings settings = Desk::seeded(10);
  settings.seed.reset();
  settings.sampler.temperature = 3;
  settings.sampler.top_k = 0;
  settings.sampler.top_p = 1;
  settings.sampler.min_p = 0;
  const std::string id = desk.make(Mode::chat, settings);
  const Message first = wait(desk->send(id, "Hello"));
  const Message second = wait(desk->regenerate(id));
  CHECK(second.parent == first.parent);
  CHECK(second.tokens != first.tokens);
  CHECK(second.receipt->seed != first.receipt->seed);
  CHECK(full_prompt(desk, id, first) == full_prompt(desk, id, second));
  SessionView view = desk.view(id);
  CHECK(view.path.back()->id == second.id);
  CHECK(view.path.back()->siblings == 2);
  wait(desk->select_sibling(id, second.id, -1));
  CHECK(desk.view(id).current == first.id);
  CHECK(wait_error(desk->select_sibling(id, first.id, -1)).code == ErrorCode::invalid_argument);
  CHECK(wait(desk->undo(id)));
  CHECK(desk.view(id).current == second.id);
  CHECK(wait(desk->undo(id)));  // the regeneration
  CHECK(desk.view(id).current == first.id);
  CHECK(wait(desk->undo(id)));  // the question with its first answer
  CHECK(desk.view(id).path.empty());
  CHECK_FALSE(wait(desk->undo(id)));
  CHECK(wait(desk->redo(id)));
  CHECK(desk.view(id).current == first.id);

  wait(desk->edit(id, view.path[0]->id, "Hello you"));
  view = desk.view(id);
  REQUIRE(view.path.size() == 1);
  CHECK(view.path[0]->text == "Hello you");
  CHECK(view.path[0]->siblings == 2);
  const Message answer = wait(desk->regenerate(id));
  CHECK(answer.parent == view.path[0]->id);
  wait(desk->rollback_last_exchange(id));
  CHECK(desk.view(id).path.empty());
  wait(desk->rollback(id, answer.id));
  CHECK(desk.view(id).path.size() == 2);
  wait(desk->remove_message(id, answer.id));
  CHECK(desk.view(id).path.size() == 1);
  CHECK(wait_error(desk->rollback(id, answer.id)).code == ErrorCode::not_found);
  // The same seed gives the same words.
  ReplyOptions same;
  same.seed = first.receipt->seed;
  wait(desk->rollback(id, first.parent));
  CHECK(wait(desk->regenerate(id, same)).tokens == first.tokens);
}

TEST_CASE("from any token of a reply on, another word can be chosen") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  for (Mode mode : {Mode::chat, Mode::story}) {
    CAPTURE(mode_name(mode));
    const std::string id = desk.make(mode, Desk::seeded(10));
    const Message old = wait(desk->send(id, "Once upon a time"));
    REQUIRE(old.tokens.size() == 10);
    wait(desk->set_system(id, "Changed since."));
    // The very token that was drawn: with the same seed the rest comes as it came.
    ReplyOptions six;
    six.max_tokens = 5;
    const Message same = wait(desk->branch_at(id, old.id, 4, old.tokens[4], six));
    CHECK(same.tokens == old.tokens);
    CHECK(same.text == old.text);
    CHECK(same.parent == old.parent);
    CHECK(same.receipt->given == 5);
    // Another one.
    const int32_t other = old.tokens[4] == 300 ? 301 : 300;
    const Message branch = wait(desk->branch_at(id, old.id, 4, other));
    REQUIRE(branch.tokens.size() == 15);
    CHECK(std::equal(old.tokens.begin(), old.tokens.begin() + 4, branch.tokens.begin()));
    CHECK(branch.tokens[4] == other);
    CHECK(desk.view(id).current == branch.id);
    CHECK(desk.view(id).path.back()->siblings == 3);
    // From a branch that is not the current one, at its first token, and behind its last.
    CHECK(wait(desk->branch_at(id, old.id, 0, other)).tokens[0] == other);
    CHECK(wait(desk->branch_at(id, old.id, 10, other)).tokens.size() == 21);
    // The chosen token ends the reply.
    const auto loaded = desk->engine_or_null()->loaded_or_null(desk->model_state(mode).id);
    const Message ended = wait(desk->branch_at(id, old.id, 2, loaded->model->end_tokens.front()));
    CHECK(ended.tokens.size() == 3);
    CHECK(ended.finish_reason == "stop");
    CHECK(wait_error(desk->branch_at(id, old.id, 11, other)).code == ErrorCode::invalid_argument);
    CHECK(wait_error(desk->branch_at(id, old.id, 2, 1 << 30)).code == ErrorCode::invalid_argument);
    CHECK(wait_error(desk->branch_at(id, old.parent, 0, other)).code == ErrorCode::invalid_argument);
    // Receipts stay true, and what was chosen can be taken back.
    const ReplayReport report = wait(desk->replay(id));
    CHECK(report.equal == 6);
    CHECK(report.different == 0);
    CHECK(wait(desk->undo(id)));
    CHECK(desk.view(id).path.back()->tokens.size() == 21);
  }
}

TEST_CASE("the alternatives of each token are kept with a reply where they are asked for") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  SessionSettings settings = Desk::greedy();
  settings.alternatives = 4;
  const std::string id = desk.make(Mode::story, settings);
  const Message reply = wait(desk->send(id, "Once upon a time"));
  const auto check = [&](const Message& message, size_t from, size_t to) {
    REQUIRE(message.alternatives.size() >= to);
    for (size_t i = from; i < to; ++i) {
      const auto& choices = message.alternatives[i];
      REQUIRE(choices.size() == 4);
      for (size_t k = 1; k < 4; ++k) CHECK(choices[k - 1].logprob >= choices[k].logprob);
    }
  };
  check(reply, 0, reply.tokens.size());
  for (size_t i = 0; i < reply.tokens.size(); ++i) CHECK(reply.alternatives[i][0].token == reply.tokens[i]);  // greedy
  // The second choice at the sixth place: what led there is kept, the rest is the new words' own.
  const Message branch = wait(desk->branch_at(id, reply.id, 5, reply.alternatives[5][1].token));
  check(branch, 0, branch.tokens.size());
  for (size_t i = 0; i <= 5; ++i)
    for (size_t k = 0; k < 4; ++k) CHECK(branch.alternatives[i][k].token == reply.alternatives[i][k].token);
  CHECK(branch.alternatives[7][0].token == branch.tokens[7]);
  // They outlast a restart and travel with an export.
  const OrderedJson exported = wait(desk->export_session(id));
  desk.open();
  const Message again = *desk.view(id).path.back();
  check(again, 0, again.tokens.size());
  CHECK(again.alternatives[3][2].token == branch.alternatives[3][2].token);
  CHECK(again.alternatives[3][2].logprob == branch.alternatives[3][2].logprob);
  wait(desk->purge(id));
  wait(desk->import_session(dump_json(exported)));
  CHECK(dump_json(wait(desk->export_session(id))) == dump_json(exported));
  // Off again: nothing is kept.
  wait(desk->set_settings(id, Desk::greedy()));
  CHECK(wait(desk->regenerate(id)).alternatives.empty());
}

TEST_CASE("a story edited in place goes on from its exact tokens, and undo brings everything back") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::story, Desk::seeded(40));
  wait(desk->send(id, "Once upon a time"));
  const SessionView before = desk.view(id);
  const std::string text = before.path[1]->text;
  // A word of the model's, from a gap to a gap.
  const size_t gap = text.find(' ', 8), next = text.find(' ', gap + 1);
  REQUIRE(next != std::string::npos);
  const size_t page_at = before.path[0]->text.size() + gap;
  const std::string word = text.substr(gap, next - gap);
  CHECK(wait(desk->edit_page(id, before.current, {{page_at, word, " moon"}})));
  const SessionView edited = desk.view(id);
  REQUIRE(edited.path.size() == 4);
  CHECK(edited.path[1]->text + edited.path[3]->text == text.substr(0, gap) + text.substr(next));
  const auto whole = before.path[1]->tokens;
  const auto head = edited.path[1]->tokens, tail = edited.path[3]->tokens;
  CHECK(starts_with(whole, head));
  CHECK(std::search(whole.begin(), whole.end(), tail.begin(), tail.end()) != whole.end());
  const Message reply = wait(desk->continue_reply(id));
  const auto prompt = full_prompt(desk, id, reply), page = page_of(edited);
  CHECK(std::vector<int32_t>(prompt.end() - static_cast<std::ptrdiff_t>(page.size()), prompt.end()) == page);
  CHECK(wait(desk->replay(id)).different == 0);
  CHECK(wait_error(desk->edit_page(id, before.current, {{0, "O", "o"}})).code == ErrorCode::invalid_argument);
  CHECK(wait(desk->undo(id)));
  CHECK(wait(desk->undo(id)));
  CHECK(desk.view(id).path[1]->id == before.path[1]->id);
}

TEST_CASE("while the model writes, own words above may change; its own words wait") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string id = desk.make(Mode::story, Desk::seeded(300));
  PieceCounter pieces(*desk.operator->());
  auto reply = desk->send(id, "Once upon a time");
  pieces.wait_for(3);
  const SessionView view = desk.view(id);
  REQUIRE(view.info.generating);
  CHECK(wait(desk->edit_page(id, view.current, {{0, "Once", "Twice"}})));
  CHECK(wait_error(desk->edit_page(id, view.current, {{0, "Twice upon a time", ""}})).code == ErrorCode::busy);
  desk->cancel(id);
  wait(std::move(reply));
  const SessionView after = desk.view(id);
  CHECK(after.path[0]->text == "Twice upon a time");
  CHECK(after.path[1]->id == view.path[1]->id);
}
