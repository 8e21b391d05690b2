// A session whose model changes: every message keeps the ids of the model that wrote it, and each model reads the others'
// words in ids of its own, the same ones every time.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/core/model/tiny_folder.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/replies.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

void load(Desk& desk, Mode mode, const std::filesystem::path& path) {
  engine::ModelLoad model;
  model.path = path;
  model.threads = 1;
  model.context = 512;
  wait(desk->load_model(mode, model));
}

}  // namespace

TEST_CASE("each message keeps the ids of the model that wrote it when the session's model changes") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  const auto other = folder.path() / "other";  // 40 characters, one token each
  fabula::test::write_tiny_folder(other, {.hidden = 64, .ffn = 128});
  const auto first = *fabula::test::testdata_file(model_file);
  Desk desk(folder.path());
  for (const Mode mode : {Mode::story, Mode::chat}) {
    CAPTURE(mode_name(mode));
    load(desk, mode, first);
    const std::string id = desk.make(mode, Desk::seeded(20));
    const Message a = wait(desk->send(id, "once upon a time"));
    load(desk, mode, other);
    const Message b = wait(desk->send(id, "then a dog came"));
    CHECK(b.tokenizer != a.tokenizer);
    CHECK(std::all_of(b.tokens.begin(), b.tokens.end(), [](int32_t token) { return token < 40; }));
    const auto read_by_other = full_prompt(desk, id, b);
    CHECK(std::all_of(read_by_other.begin(), read_by_other.end(), [](int32_t token) { return token < 40; }));
    load(desk, mode, first);
    const Message c = wait(desk->send(id, "and so"));
    CHECK(c.tokenizer == a.tokenizer);
    // What the first model read and wrote before begins what it reads now.
    auto before = full_prompt(desk, id, a);
    before.insert(before.end(), a.tokens.begin(), a.tokens.end());
    CHECK(starts_with(full_prompt(desk, id, c), before));

    if (mode == Mode::story) {  // what the other model read of the first one's words stays what it was
      desk.close();
      const auto kept = open_store(places_below(folder.path()).database_file())->tokens_or_empty(id, a.id, b.tokenizer);
      require_ok(kept);
      CHECK(!kept->empty());
      CHECK(std::search(read_by_other.begin(), read_by_other.end(), kept->begin(), kept->end()) != read_by_other.end());
    }
    desk.open();
    const SessionView view = desk.view(id);
    REQUIRE(view.path.size() == 6);
    CHECK(view.path[1]->tokens == a.tokens);
    CHECK(view.path[1]->tokenizer == a.tokenizer);
    CHECK(view.path[3]->tokens == b.tokens);
    CHECK(view.path[3]->tokenizer == b.tokenizer);
    CHECK(view.path[2]->tokenizer == b.tokenizer);
    CHECK(view.path[4]->tokenizer == c.tokenizer);
    // The other model again, after a restart: it reads the same ids as before, up to where it left off.
    load(desk, mode, other);
    wait(desk->rollback(id, b.parent));
    const Message again = wait(desk->regenerate(id));
    CHECK(full_prompt(desk, id, again) == read_by_other);
    CHECK(again.tokens == b.tokens);
    // Each reply is written again by its own model alone.
    const ReplayReport by_other = wait(desk->replay(id));
    CHECK(by_other.different == 0);
    CHECK(by_other.equal >= 2);
    // And goes on under its own model only.
    load(desk, mode, first);
    wait(desk->rollback(id, b.id));
    if (mode == Mode::chat) CHECK(wait_error(desk->continue_reply(id)).code == ErrorCode::unsupported);
  }
}
