// What is left out of a text that has outgrown the context, and that the cuts stand still for many turns.
#include "core/session/context_fit.h"

#include <doctest/doctest.h>

#include <numeric>
#include <random>

#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

// A conversation whose messages are `tokens` long, and a template that puts some tokens before each.
class Talk {
 public:
  void say(Role role, int64_t tokens) {
    Message message = make_message(role, "words", path.empty() ? "" : path.back()->id);
    message.tokens.assign(static_cast<size_t>(tokens), static_cast<int32_t>(path.size()));
    path.push_back(std::make_shared<const Message>(message));
  }
  Context fit(int64_t limit) {
    auto fitted = fit_chat(path, limit, [this](size_t first) -> Result<Context> {
      ++rendered;
      rendered_messages += path.size() - first;
      Context context;
      for (size_t i = first; i < path.size(); ++i) {
        context.tokens.insert(context.tokens.end(), template_tokens, -1);
        context.tokens.insert(context.tokens.end(), path[i]->tokens.begin(), path[i]->tokens.end());
      }
      return context;
    });
    require_ok(fitted);
    return *fitted;
  }
  MessagePath path;
  size_t template_tokens = 4;
  int rendered = 0;
  size_t rendered_messages = 0;
};

}  // namespace

TEST_CASE("a chat that fits is whole") {
  Talk talk;
  talk.say(Role::user, 10);
  talk.say(Role::assistant, 20);
  const Context whole = talk.fit(100);
  CHECK(whole.dropped_messages == 0);
  CHECK(whole.tokens.size() == 38);
  CHECK(whole.whole_tokens == 38);
  CHECK(talk.fit(0).tokens.size() == 38);  // no limit
}

TEST_CASE("a chat loses its oldest turns, in steps that keep the prompt's beginning for many turns") {
  Talk talk;
  constexpr int64_t limit = 400;
  int64_t last_dropped = 0;
  int moves = 0, turns = 0;
  for (int turn = 0; turn < 200; ++turn) {
    talk.say(Role::user, 6);
    const Context context = talk.fit(limit);
    REQUIRE(static_cast<int64_t>(context.tokens.size()) <= limit);
    REQUIRE(context.dropped_messages >= last_dropped);
    REQUIRE(context.dropped_messages % 2 == 0);  // the first that is read is a person's
    REQUIRE((turn == 0 || context.next_messages > 0));  // a single turn stays
    // What is read ends with the last message, and begins with the first that was not dropped.
    REQUIRE(context.tokens.back() == static_cast<int32_t>(talk.path.size() - 1));
    REQUIRE(context.tokens[4] == static_cast<int32_t>(context.dropped_messages));
    if (last_dropped > 0) ++turns;
    if (context.dropped_messages != last_dropped && last_dropped > 0) ++moves;
    last_dropped = context.dropped_messages;
    talk.say(Role::assistant, 10);
  }
  CHECK(last_dropped > 0);
  CHECK(moves * 3 <= turns);  // a step is a quarter of the room: some four turns of 24 tokens here
}

TEST_CASE("the last turn stays, however long it is, and few contexts are rendered to find the cut") {
  Talk talk;
  for (int i = 0; i < 500; ++i) {
    talk.say(Role::user, 5);
    talk.say(Role::assistant, 5);
  }
  talk.say(Role::user, 1000);
  const Context context = talk.fit(100);
  CHECK(context.dropped_messages == 1000);
  CHECK(context.tokens.size() == 1004);  // the caller says that it does not fit
  talk.path.pop_back();
  talk.rendered = 0;
  CHECK(talk.fit(100).tokens.size() <= 100);
  CHECK(talk.rendered <= 4);
}

// Every quarter of the room that could be left out, looked at one after the other.
size_t dropped_by_looking_at_all(const Talk& talk, int64_t limit, int64_t template_tokens) {
  const int64_t step = std::max<int64_t>(limit / 4, 1);
  std::vector<std::pair<size_t, int64_t>> turns;  // first message, weight before it
  int64_t weight = 0;
  std::vector<int64_t> size(talk.path.size() + 1, 0);  // of what begins there, as it is rendered
  for (size_t i = talk.path.size(); i-- > 0;) size[i] = size[i + 1] + template_tokens + static_cast<int64_t>(talk.path[i]->tokens.size());
  for (size_t i = 0; i < talk.path.size(); ++i) {
    if (i == 0 || talk.path[i]->role == Role::user) turns.emplace_back(i, weight);
    weight += static_cast<int64_t>(talk.path[i]->tokens.size()) + 4;
  }
  for (int64_t left_out = 0;; left_out += step) {
    const auto turn = std::find_if(turns.begin(), turns.end(), [&](const auto& t) { return t.second >= left_out; });
    if (turn == turns.end()) return turns.back().first;
    if (size[turn->first] <= limit) return turn->first;
  }
}

TEST_CASE("what is kept of any chat is what a look at every cut would keep, whatever its template takes") {
  std::mt19937 random(20251122);
  for (int round = 0; round < 400; ++round) {
    Talk talk;
    talk.template_tokens = random() % 3 == 0 ? 40 : random() % 9;
    const size_t n = 1 + random() % 120, longest = 1 + random() % 60;
    for (size_t i = 0; i < n; ++i) talk.say(i > 0 && random() % 2 ? Role::assistant : Role::user, static_cast<int64_t>(1 + random() % longest));
    const auto limit = static_cast<int64_t>(1 + random() % 1500);
    const Context context = talk.fit(limit);
    REQUIRE_MESSAGE(context.dropped_messages == static_cast<int64_t>(dropped_by_looking_at_all(talk, limit, static_cast<int64_t>(talk.template_tokens))),
                    "round " << round);
    REQUIRE(talk.rendered <= 16);
  }
}

TEST_CASE("of a chat that is far too long little is rendered") {
  Talk talk;
  for (int i = 0; i < 5000; ++i) {
    talk.say(Role::user, 20);
    talk.say(Role::assistant, 30);
  }
  CHECK(talk.fit(2000).tokens.size() <= 2000);
  CHECK(talk.rendered_messages < 500);
}

TEST_CASE("a page loses its oldest tokens, never memory or the author's note, and begins with a sentence") {
  const auto page_of = [](size_t n_page, size_t note_at, size_t n_note) {
    Context page;
    page.n_front = 3;
    page.tokens = {-1, -2, -3};
    for (size_t i = 0; i < n_page; ++i) page.tokens.push_back(static_cast<int32_t>(i));
    page.note = page.n_front + note_at;
    page.n_note = n_note;
    page.tokens.insert(page.tokens.begin() + static_cast<std::ptrdiff_t>(page.note), n_note, -9);
    return page;
  };
  const auto ends_sentence = [](int32_t token) { return token >= 0 && token % 10 == 9; };
  SUBCASE("it fits") {
    Context page = page_of(50, 0, 0);
    fit_story(page, 100, ends_sentence);
    CHECK(page.tokens.size() == 53);
  }
  SUBCASE("the cut stands at a sentence and stays there for a quarter of the room") {
    std::vector<int32_t> firsts;
    for (size_t n = 100; n < 220; ++n) {
      Context page = page_of(n, 0, 0);
      fit_story(page, 100, ends_sentence);
      REQUIRE(page.tokens.size() <= 100);
      REQUIRE(page.tokens[2] == -3);
      REQUIRE(page.tokens[3] % 10 == 0);
      REQUIRE(page.tokens.back() == static_cast<int32_t>(n - 1));
      if (firsts.empty() || firsts.back() != page.tokens[3]) firsts.push_back(page.tokens[3]);
    }
    CHECK(firsts.size() <= 6);  // 120 tokens more, a step of 25 each
  }
  SUBCASE("the note comes along where the page before it is cut away") {
    Context page = page_of(300, 20, 4);
    fit_story(page, 100, ends_sentence);
    CHECK(page.tokens.size() <= 104);
    CHECK(std::count(page.tokens.begin(), page.tokens.end(), -9) == 4);
    CHECK(page.tokens[3] == -9);
  }
  SUBCASE("a note that is still there stays where it was") {
    Context page = page_of(300, 290, 4);
    fit_story(page, 100, ends_sentence);
    CHECK(std::count(page.tokens.begin(), page.tokens.end(), -9) == 4);
    CHECK(page.tokens[page.note] == -9);
    CHECK(page.tokens[page.note - 1] == 289);
  }
}
