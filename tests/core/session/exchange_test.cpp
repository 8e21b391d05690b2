#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/base/utf8.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

Json plain(const OrderedJson& value) {
  return *parse_json(dump_json(value), "a test");
}

// A session with branches, a receipt chain, odd text and settings.
std::string fill(Store& store) {
  SessionSettings settings;
  settings.seed = 5;
  settings.stop = {"\n", "END"};
  const std::string id = store.create(Mode::chat, "Title \"quoted\"", "system\ntext", settings)->id;
  const Message a = make_message(Role::user, std::string("nul \0 inside", 12), "", {1, 2});
  Message b = make_message(Role::assistant, "ответ 😀", a.id, {3});
  b.receipt = make_receipt();
  Message c = make_message(Role::assistant, "other", a.id, {4, 5});
  c.finish_reason = "length";
  const Message d = make_message(Role::user, "next", c.id);
  Message e = make_message(Role::assistant, "last", d.id, {6});
  e.receipt = make_receipt();
  c.receipt = make_receipt();
  e.receipt->prompt_base = c.id;
  for (const Message& message : {a, b, c, d, e}) require_ok(store.append(id, message));
  require_ok(store.set_current(id, d.id));
  require_ok(store.set_model(id, "/home/someone/m.gguf", "M", "fingerprint"));
  return id;
}

}  // namespace

TEST_CASE("an export has the contract's fields, and importing it gives an equal session") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "a.db");
  const std::string id = fill(*store);
  const auto exported = store->export_session(id);
  require_ok(exported);
  const auto keys = [](const OrderedJson& value) {
    std::vector<std::string> out;
    for (const auto& [key, child] : value.items()) out.push_back(key);
    return out;
  };
  using Names = std::vector<std::string>;
  CHECK(keys(*exported) == Names{"format", "version", "session", "messages", "current"});
  CHECK(keys((*exported)["session"]) ==
        Names{"id", "title", "mode", "created_at", "updated_at", "model", "system", "settings"});
  CHECK(keys((*exported)["session"]["model"]) == Names{"name", "fingerprint"});
  CHECK(keys((*exported)["messages"][0]) == Names{"id", "parent", "role", "content", "tokens", "tokenizer",
                                                  "created_at", "finish_reason", "receipt", "stats"});
  CHECK(dump_json(*exported).find("/home/someone") == std::string::npos);

  auto other = open_store(folder.path() / "b.db");
  const auto imported = other->import_session(plain(*exported));
  require_ok(imported);
  CHECK(*imported == id);
  CHECK(*other->export_session(id) == *exported);
  CHECK(other->view(id)->current == store->view(id)->current);
  CHECK(other->search("ответ")->size() == 1);
  require_ok(other->check_integrity());

  // The same again is the same session; other content under the same id is a new one.
  CHECK(*other->import_session(plain(*exported)) == id);
  CHECK(other->list().size() == 1);
  require_ok(other->rename(id, "Another"));
  const auto copy = other->import_session(plain(*exported));
  require_ok(copy);
  CHECK(*copy != id);
  OrderedJson of_copy = *other->export_session(*copy);
  CHECK(of_copy["session"]["title"] == (*exported)["session"]["title"]);
  CHECK(of_copy["messages"].size() == (*exported)["messages"].size());
  CHECK(of_copy["messages"][4]["receipt"]["prompt_base"] == of_copy["messages"][2]["id"]);
  CHECK(of_copy["messages"][4]["parent"] == of_copy["messages"][3]["id"]);
  require_ok(other->check_integrity());
}

TEST_CASE("children may stand before their parents") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "a.db");
  const std::string id = fill(*store);
  OrderedJson document = *store->export_session(id);
  std::reverse(document["messages"].begin(), document["messages"].end());
  for (auto& message : document["messages"]) message["receipt"] = nullptr;
  auto other = open_store(folder.path() / "b.db");
  require_ok(other->import_session(plain(document)));
  CHECK(other->view(id)->path.size() == store->view(id)->path.size());
}

TEST_CASE("what is wrong in a document is named, and nothing of it stays") {
  ScratchFolder folder;
  auto source = open_store(folder.path() / "a.db");
  const Json good = plain(*source->export_session(fill(*source)));
  const std::string ghost = make_uuid_v7();
  struct Case {
    const char* name;
    std::function<void(Json&)> damage;
    const char* says;
  };
  const std::vector<Case> cases{
      {"format", [](Json& j) { j["format"] = "x"; }, "fabula.session"},
      {"no format", [](Json& j) { j.erase("format"); }, "fabula.session"},
      {"version", [](Json& j) { j["version"] = 2; }, "version"},
      {"unknown field", [](Json& j) { j["extra"] = 1; }, "extra"},
      {"unknown message field", [](Json& j) { j["messages"][1]["colour"] = 1; }, "colour"},
      {"unknown setting", [](Json& j) { j["session"]["settings"]["x"] = 1; }, "\"x\""},
      {"mode", [](Json& j) { j["session"]["mode"] = "poem"; }, "mode"},
      {"session id", [](Json& j) { j["session"]["id"] = "../../etc"; }, "UUID"},
      {"message id", [](Json& j) { j["messages"][0]["id"] = 7; }, "messages[0].id"},
      {"twice", [](Json& j) { j["messages"][1]["id"] = j["messages"][0]["id"]; }, "twice"},
      {"unknown parent", [&](Json& j) { j["messages"][0]["parent"] = ghost; }, ghost.c_str()},
      {"own parent", [](Json& j) { j["messages"][0]["parent"] = j["messages"][0]["id"]; }, "ancestor"},
      {"cycle", [](Json& j) { j["messages"][0]["parent"] = j["messages"][3]["id"]; }, "ancestor"},
      {"current", [&](Json& j) { j["current"] = ghost; }, "current"},
      {"role", [](Json& j) { j["messages"][0]["role"] = "robot"; }, "role"},
      {"content", [](Json& j) { j["messages"][0]["content"] = Json::array(); }, "content"},
      {"token type", [](Json& j) { j["messages"][0]["tokens"][0] = "1"; }, "tokens[0]"},
      {"negative token", [](Json& j) { j["messages"][0]["tokens"][0] = -1; }, "tokens[0]"},
      {"huge token", [](Json& j) { j["messages"][0]["tokens"][0] = 4294967296; }, "tokens[0]"},
      {"no tokenizer", [](Json& j) { j["messages"][0]["tokenizer"] = nullptr; }, "tokenizer"},
      {"time", [](Json& j) { j["messages"][0]["created_at"] = "yesterday"; }, "created_at"},
      {"finish reason", [](Json& j) { j["messages"][1]["finish_reason"] = "bored"; }, "finish_reason"},
      {"temperature", [](Json& j) { j["session"]["settings"]["sampler"]["temperature"] = 1e9; },
       "temperature"},
      {"seed", [](Json& j) { j["session"]["settings"]["seed"] = -1; }, "seed"},
      {"huge seed", [](Json& j) { j["messages"][1]["receipt"]["seed"] = 18446744073709551615ull; }, "seed"},
      {"base", [&](Json& j) { j["messages"][4]["receipt"]["prompt_base"] = ghost; }, "receipt"},
      {"later base", [](Json& j) { j["messages"][1]["receipt"]["prompt_base"] = j["messages"][4]["id"]; },
       "receipt"},
      {"messages", [](Json& j) { j["messages"] = 5; }, "messages"},
      {"no session", [](Json& j) { j.erase("session"); }, "session"},
      {"a list", [](Json& j) { j = Json::array(); }, "object"},
      {"null", [](Json& j) { j = nullptr; }, "object"},
  };
  auto store = open_store(folder.path() / "b.db");
  for (const Case& one : cases) {
    Json document = good;
    one.damage(document);
    const auto result = store->import_session(document);
    REQUIRE_MESSAGE(!result.ok(), one.name);
    CHECK_MESSAGE(result.error().message.find(one.says) != std::string::npos,
                  one.name << ": " << result.error().message);
    CHECK(store->list().empty());
  }
  require_ok(store->check_integrity());
  require_ok(store->import_session(good));
}

TEST_CASE("all sessions go into one document, and come back together or not at all") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "a.db");
  std::set<std::string> ids = {fill(*store), fill(*store), fill(*store)};
  const std::string trashed = fill(*store);
  require_ok(store->remove(trashed));
  const auto exported = store->export_all();
  require_ok(exported);
  CHECK((*exported)["format"] == "fabula.sessions");
  REQUIRE((*exported)["sessions"].size() == 3);
  for (const auto& one : (*exported)["sessions"]) CHECK(one == *store->export_session(one["session"]["id"].get<std::string>()));

  auto other = open_store(folder.path() / "b.db");
  const auto imported = other->import_all(plain(*exported));
  require_ok(imported);
  CHECK(std::set<std::string>(imported->begin(), imported->end()) == ids);
  for (const std::string& id : ids) CHECK(*other->export_session(id) == *store->export_session(id));
  require_ok(other->remove(*ids.begin()));
  CHECK(*other->import_all(plain(*exported)) == *imported);  // the same again: nothing new, out of the trash
  CHECK(other->list().size() == 3);
  // One session's document is read, too.
  CHECK(*other->import_all(plain(*store->export_session(*ids.begin()))) == std::vector<std::string>{*ids.begin()});

  // The last session is wrong in one field: none of them stays.
  auto third = open_store(folder.path() / "c.db");
  for (const auto& [pointer, value] : std::map<std::string, Json>{{"/sessions/2/messages/3/role", "nobody"},
                                                                  {"/sessions/2/settings", 1},
                                                                  {"/sessions/1/version", 99},
                                                                  {"/sessions/0/session/settings/sampler/top_p", 7},
                                                                  {"/sessions", "none"},
                                                                  {"/version", 2},
                                                                  {"/more", true}}) {
    FABULA_CAPTURE(pointer);
    Json broken = plain(*exported);
    broken[Json::json_pointer(pointer)] = value;
    CHECK_FALSE(third->import_all(broken).ok());
    CHECK(third->list().empty());
  }
  // The same session twice in one document: the second gets ids of its own.
  Json twice = plain(*exported);
  twice["sessions"][1] = twice["sessions"][0];
  const auto both = third->import_all(twice);
  require_ok(both);
  CHECK((*both)[0] != (*both)[1]);
  CHECK(third->list().size() == 3);
  require_ok(third->check_integrity());
}

TEST_CASE("Markdown shows the current path") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "a.db");
  const std::string id = store->create(Mode::chat, "Two lines", "", {})->id;
  const Message a = make_message(Role::user, "Hi"), b = make_message(Role::assistant, "Hello.", a.id);
  require_ok(store->append(id, a));
  require_ok(store->append(id, b));
  CHECK(*store->export_markdown(id) == "# Two lines\n\n**User**\n\nHi\n\n**Assistant**\n\nHello.\n\n");
}
