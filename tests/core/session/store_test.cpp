#include <doctest/doctest.h>
#include <sqlite3.h>

#include <fstream>

#include "core/base/file.h"
#include "core/session/schema.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

std::vector<std::string> texts(const SessionView& view) {
  std::vector<std::string> out;
  for (const auto& message : view.path) out.push_back(message->text);
  return out;
}

using Texts = std::vector<std::string>;

void set_user_version(const std::filesystem::path& path, int version) {
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &connection) == SQLITE_OK);
  REQUIRE(sqlite3_exec(connection, ("PRAGMA user_version=" + std::to_string(version)).c_str(), nullptr,
                       nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
}

}  // namespace

TEST_CASE("a session is there again after a restart, token by token") {
  ScratchFolder folder;
  const auto path = folder.path() / "data" / "fabula.db";
  std::string id;
  Message question = make_message(Role::user, "Hello\nthere, old friend", "", {1, 2, 2147483647});
  Message answer = make_message(Role::assistant, "Hi \xF0\x9F\x98\x80", question.id, {7, 0, 9});
  answer.receipt = make_receipt();
  answer.stats = {12, 8, 3, 0.5, 0.25, 0.125};
  {
    auto store = open_store(path);
    SessionSettings settings;
    settings.seed = 42;
    settings.stop = {"END"};
    settings.sampler.temperature = 0.3f;
    const auto info = store->create(Mode::chat, "", "Be kind.", settings);
    require_ok(info);
    id = info->id;
    CHECK(store->list().front().message_count == 0);
    require_ok(store->append(id, question));
    require_ok(store->append(id, answer, true));
    require_ok(store->set_draft(id, "unsent"));
    require_ok(store->set_model(id, "/m.gguf", "M", "fp"));
  }
  auto store = open_store(path);
  const auto view = store->view(id);
  require_ok(view);
  CHECK(view->info.title == "Hello there, old friend");
  CHECK_FALSE(view->info.title_is_manual);
  CHECK(view->info.message_count == 2);
  CHECK(view->info.model_name == "M");
  CHECK(view->draft == "unsent");
  CHECK(view->system == "Be kind.");
  CHECK(*view->settings.seed == 42);
  CHECK(view->settings.stop == Texts{"END"});
  CHECK(view->settings.sampler.temperature == 0.3f);
  REQUIRE(view->path.size() == 2);
  CHECK(view->current == answer.id);
  CHECK(view->path[0]->tokens == question.tokens);
  CHECK(view->path[0]->tokenizer == "tokenizer-a");
  CHECK_FALSE(view->path[0]->receipt);
  const Message& read = *view->path[1];
  CHECK(read.parent == question.id);
  CHECK(read.text == answer.text);
  CHECK(read.tokens == answer.tokens);
  CHECK(read.finish_reason == "stop");
  CHECK(read.created_at == answer.created_at);
  REQUIRE(read.receipt);
  CHECK(read.receipt->seed == answer.receipt->seed);
  CHECK(read.receipt->sampler.top_p == 0.95f);
  CHECK(read.receipt->sampler.logit_bias == answer.receipt->sampler.logit_bias);
  CHECK(read.receipt->prompt == answer.receipt->prompt);
  REQUIRE(read.receipt->continuations.size() == 1);
  CHECK(read.receipt->continuations[0].at == 5);
  CHECK(read.stats.reused_tokens == 8);
  CHECK(read.stats.first_token_seconds == 0.125);
  require_ok(store->check_integrity());
}

TEST_CASE("everything is undone and redone, also after a restart") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  auto store = open_store(path);
  const std::string id = store->create(Mode::chat, "", "one", {})->id;
  const Message a = make_message(Role::user, "a"), b = make_message(Role::assistant, "b", a.id);
  const Message c = make_message(Role::assistant, "c", a.id);
  require_ok(store->append(id, a));
  require_ok(store->append(id, b, true));
  require_ok(store->append(id, c));  // regenerated
  require_ok(store->rename(id, "Mine"));
  require_ok(store->set_system(id, "two"));
  require_ok(store->set_current(id, a.id));
  require_ok(store->remove(id));
  CHECK(store->list().empty());
  CHECK(store->list(true).size() == 1);

  store.reset();
  store = open_store(path);
  const auto undo = [&] { return *store->undo(id); };
  const auto redo = [&] { return *store->redo(id); };
  const auto view = [&] { return *store->view(id); };
  CHECK(undo());
  CHECK(store->list().size() == 1);
  CHECK(texts(view()) == Texts{"a"});
  CHECK(undo());
  CHECK(texts(view()) == Texts{"a", "c"});
  CHECK(view().path[1]->siblings == 2);
  CHECK(view().path[1]->sibling_index == 1);
  CHECK(undo());
  CHECK(view().system == "one");
  CHECK(undo());
  CHECK(view().info.title == "a");
  CHECK_FALSE(view().info.title_is_manual);
  CHECK(undo());
  CHECK(texts(view()) == Texts{"a", "b"});
  CHECK(undo());  // question and answer together
  CHECK(view().path.empty());
  CHECK(view().info.message_count == 0);
  CHECK(view().info.title == "");
  CHECK_FALSE(undo());
  CHECK_FALSE(view().can_undo);
  CHECK(view().can_redo);

  store.reset();
  store = open_store(path);
  CHECK(view().can_redo);
  CHECK(redo());
  CHECK(texts(view()) == Texts{"a", "b"});
  CHECK(view().info.title == "a");
  CHECK(redo());
  CHECK(texts(view()) == Texts{"a", "c"});
  for (int i = 0; i < 4; ++i) CHECK(redo());
  CHECK(store->list(true).size() == 1);
  CHECK_FALSE(redo());
  CHECK(undo());

  // A new operation ends what could be redone; the old future is not offered again.
  require_ok(store->rename(id, "Other"));
  CHECK_FALSE(redo());
  CHECK(undo());
  CHECK(redo());
  CHECK(view().info.title == "Other");
  require_ok(store->check_integrity());
}

TEST_CASE("a continued reply goes back to what it was") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  const std::string id = store->create(Mode::chat, "", "", {})->id;
  const Message a = make_message(Role::user, "a");
  Message reply = make_message(Role::assistant, "one", a.id, {1});
  require_ok(store->append(id, a));
  reply.finish_reason = "partial";
  require_ok(store->append(id, reply, true));
  reply.finish_reason = "length";
  require_ok(store->finish_message(id, reply));
  const Message before = reply;
  reply.text = "one two";
  reply.tokens = {1, 2};
  reply.finish_reason = "partial";
  require_ok(store->update_partial(id, reply));
  CHECK(store->search("two")->empty());
  reply.finish_reason = "stop";
  require_ok(store->finish_message(id, reply, &before));
  CHECK(store->search("two")->size() == 1);
  CHECK(*store->undo(id));
  CHECK(store->view(id)->path[1]->tokens == std::vector<int32_t>{1});
  CHECK(store->view(id)->path[1]->finish_reason == "length");
  CHECK(store->search("two")->empty());
  CHECK(*store->redo(id));
  CHECK(store->view(id)->path[1]->text == "one two");
  CHECK(*store->undo(id));
  CHECK(*store->undo(id));
  CHECK(store->view(id)->path.empty());
  require_ok(store->check_integrity());
}

TEST_CASE("a deleted message goes with all that follows, and comes back with undo") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  const std::string id = store->create(Mode::chat, "", "", {})->id;
  const Message a = make_message(Role::user, "a"), b = make_message(Role::assistant, "b", a.id);
  const Message c = make_message(Role::user, "c", b.id), d = make_message(Role::assistant, "d", a.id);
  for (const Message* message : {&a, &b, &c, &d}) require_ok(store->append(id, *message));
  require_ok(store->set_current(id, c.id));
  require_ok(store->remove_message(id, b.id));
  CHECK(texts(*store->view(id)) == Texts{"a"});
  CHECK(store->tree(id)->size() == 2);
  CHECK(store->set_current(id, c.id).error().code == ErrorCode::not_found);
  CHECK(store->append(id, make_message(Role::user, "x", c.id)).error().code == ErrorCode::not_found);
  require_ok(store->set_current(id, d.id));
  CHECK(store->view(id)->path[1]->siblings == 1);
  CHECK(*store->undo(id));
  CHECK(*store->undo(id));
  CHECK(texts(*store->view(id)) == Texts{"a", "b", "c"});
  CHECK(store->view(id)->path[1]->siblings == 2);
  CHECK(*store->branch_end(id, b.id, 1) == d.id);
  CHECK(*store->branch_end(id, d.id, -1) == c.id);
  CHECK(store->branch_end(id, d.id, 1).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("what was being written when the process died is interrupted, and found") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  auto store = open_store(path);
  const std::string id = store->create(Mode::story, "", "", {})->id;
  Message reply = make_message(Role::assistant, "Once", "", {4});
  reply.finish_reason = "partial";
  require_ok(store->append(id, reply));
  reply.text = "Once upon a dragon";
  reply.tokens = {4, 5, 6};
  require_ok(store->update_partial(id, reply));
  store.reset();
  store = open_store(path);
  const auto view = *store->view(id);
  REQUIRE(view.path.size() == 1);
  CHECK(view.path[0]->finish_reason == "interrupted");
  CHECK(view.path[0]->tokens == reply.tokens);
  CHECK(store->search("dragon")->size() == 1);
  require_ok(store->check_integrity());
}

TEST_CASE("tokens of another tokenizer are kept beside, until the text changes") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  const std::string id = store->create(Mode::story, "", "", {})->id;
  Message message = make_message(Role::user, "text", "", {1, 2});
  require_ok(store->append(id, message));
  const std::vector<int32_t> other{9, 8, 7};
  CHECK(store->tokens_or_empty(id, message.id, "tokenizer-b")->empty());
  require_ok(store->keep_tokens(id, message.id, "tokenizer-b", other));
  CHECK(*store->tokens_or_empty(id, message.id, "tokenizer-b") == other);
  CHECK(*store->tokens_or_empty(id, message.id, "tokenizer-a") == message.tokens);
  CHECK_FALSE(store->keep_tokens(id, message.id, "tokenizer-a", other).ok());
  message.text = "more";
  require_ok(store->finish_message(id, message));
  CHECK(store->tokens_or_empty(id, message.id, "tokenizer-b")->empty());
}

TEST_CASE("a purged session's words are nowhere in the files") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  const std::string secret = "xylophonequartz", second = "zirconiumwhisper", chinese = "秘密花园钥匙";
  auto store = open_store(path);
  const std::string kept = store->create(Mode::chat, "", "", {})->id;
  for (int i = 0; i < 50; ++i)
    require_ok(store->append(kept, make_message(Role::user, "ordinary words number " + std::to_string(i))));
  const std::string id = store->create(Mode::chat, "", "system " + secret, {})->id;
  std::string parent;
  for (int i = 0; i < 40; ++i) {
    Message message = make_message(
        Role::user, secret + " and " + second + " " + chinese + " " + std::string(3000, 'q'), parent);
    require_ok(store->append(id, message));
    parent = message.id;
  }
  require_ok(store->rename(id, second + " title"));
  require_ok(store->set_draft(id, "draft of " + secret));
  const auto occurrences = [&](const std::string& needle) {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      const std::string bytes = fabula::test::read_text(entry.path());
      for (size_t at = bytes.find(needle); at != std::string::npos; at = bytes.find(needle, at + 1)) ++count;
    }
    return count;
  };
  CHECK(occurrences(secret) > 0);
  require_ok(store->remove(id));
  require_ok(store->purge(id));
  finish_tidying(*store);
  for (const std::string& needle :
       {secret, second, chinese, std::string("xylophone"), std::string("whisper"), std::string("qqqqq"), id})
    CHECK_MESSAGE(occurrences(needle) == 0, needle);
  CHECK(store->view(id).error().code == ErrorCode::not_found);
  CHECK(store->view(kept).ok());
  CHECK(store->search("ordinary", 100)->size() == 50 + 1);  // the title too
  require_ok(store->check_integrity());
}

TEST_CASE("words of a purged session leave the index also when the program ended in between") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  const auto secrets = [&] {
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      files += fabula::test::read_text(entry.path()).find("xylophone") != std::string::npos;
    return files;
  };
  {
    auto store = open_store(path);
    const std::string kept = store->create(Mode::chat, "t", "", {})->id;
    for (int i = 0; i < 400; ++i) {
      std::string text = "ordinary";
      for (int j = 0; j < 200; ++j) text += " w" + std::to_string(i * 200 + j);
      require_ok(store->append(kept, make_message(Role::user, text)));
    }
    const std::string id = store->create(Mode::chat, "", "", {})->id;
    require_ok(store->append(id, make_message(Role::user, "xylophone")));
    CHECK_FALSE(*store->tidy());
    require_ok(store->purge(id));
    CHECK(store->search("xylophone")->empty());
    const auto more = store->tidy();
    require_ok(more);
    CHECK(*more);  // one step is not enough: what follows is worth its name
    require_ok(store->append(kept, make_message(Role::user, "written meanwhile")));
  }
  CHECK(secrets() > 0);
  auto store = open_store(path);
  finish_tidying(*store);
  CHECK(secrets() == 0);
  CHECK(store->search("ordinary", 1000)->size() == 400);
  CHECK(store->search("meanwhile")->size() == 1);
  require_ok(store->check_integrity());
  CHECK_FALSE(*store->tidy());
}

TEST_CASE("a newer database, and one of another program, are refused untouched") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  { auto store = open_store(path); }
  set_user_version(path, 99);
  const std::string newer = fabula::test::read_text(path);
  const auto refused = Store::open(path);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unsupported);
  CHECK(refused.error().message.find("99") != std::string::npos);
  CHECK(fabula::test::read_text(path) == newer);

  const auto other = folder.path() / "other.db";
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(other.c_str(), &connection) == SQLITE_OK);
  REQUIRE(sqlite3_exec(connection, "CREATE TABLE t(x)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
  const std::string before = fabula::test::read_text(other);
  CHECK(Store::open(other).error().code == ErrorCode::unsupported);
  CHECK(fabula::test::read_text(other) == before);

  const auto text = folder.path() / "text.db";
  std::ofstream(text) << std::string(5000, 'x');
  CHECK(Store::open(text).error().code == ErrorCode::corrupt);
  std::ofstream(folder.path() / "short.db") << "x";
  CHECK(Store::open(folder.path() / "short.db").error().code == ErrorCode::corrupt);
  std::ofstream(folder.path() / "empty.db").flush();
  CHECK(Store::open(folder.path() / "empty.db").ok());
  std::filesystem::create_directory(folder.path() / "folder.db");
  CHECK_FALSE(Store::open(folder.path() / "folder.db").ok());
}

TEST_CASE("what nobody looks at gives its memory back, and is there again when somebody does") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  std::vector<std::string> ids;
  std::vector<std::weak_ptr<const Message>> kept;  // alive while the store holds them
  for (int i = 0; i < 10; ++i) {
    ids.push_back(store->create(Mode::chat, "", "", {})->id);
    require_ok(store->append(ids.back(), make_message(Role::user, "words " + std::to_string(i), "", {1, 2})));
    kept.emplace_back(store->view(ids.back())->path.front());
  }
  require_ok(store->view(ids[1]));  // used last
  store->forget_others(2, [&](const std::string& id) { return id == ids[4]; });
  for (size_t i = 0; i < ids.size(); ++i) {
    CAPTURE(i);
    CHECK(kept[i].expired() == (i != 1 && i != 4));
    const auto view = store->view(ids[i]);
    require_ok(view);
    CHECK(texts(*view) == Texts{"words " + std::to_string(i)});
    CHECK(view->info.message_count == 1);
  }
  require_ok(store->append(ids[0], make_message(Role::assistant, "more", store->view(ids[0])->current)));
  store->forget_others(0, [](const std::string&) { return false; });
  CHECK(store->list().size() == 10);
  CHECK(texts(*store->view(ids[0])) == Texts{"words 0", "more"});
}
