// The whole way on a real small model: words in, exact tokens through tree, restart and replay.
#include <doctest/doctest.h>

#include "tests/support/support.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/base/json.h"
#include "core/engine/backends.h"
#include "core/session/context.h"
#include "core/session/service.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

std::vector<int32_t> page_of(const SessionView& view) {
  std::vector<int32_t> out;
  for (const auto& message : view.path) out.insert(out.end(), message->tokens.begin(), message->tokens.end());
  return out;
}

std::vector<int32_t> full_prompt(Desk& desk, const std::string& session, const Message& reply) {
  const auto tree = wait(desk->tree(session));
  auto prompt = prompt_of(*reply.receipt, [&](const std::string& id) -> const Message* {
    for (const auto& message : tree)
      if (message->id == id) return message.get();
    return nullptr;
  });
  require_ok(prompt);
  return *prompt;
}

bool starts_with(const std::vector<int32_t>& whole, const std::vector<int32_t>& begin) {
  return whole.size() >= begin.size() && std::equal(begin.begin(), begin.end(), whole.begin());
}

// Waits until the reply has that many pieces of text.
class PieceCounter {
 public:
  explicit PieceCounter(Service& service) : service_(service) {
    id_ = service.follow([this](const std::string&, const std::string&, std::string_view piece) {
      const std::lock_guard lock(mutex_);
      text_ += piece;
      ++count_;
      changed_.notify_all();
    });
  }
  ~PieceCounter() { service_.unfollow(id_); }
  void wait_for(int pieces) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= pieces; }));
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  Service& service_;
  uint64_t id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::string text_;
};

}  // namespace

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
