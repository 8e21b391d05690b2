// A story edited in place: which parts stay, which are new, and what undo makes of it.
#include <doctest/doctest.h>

#include <numeric>
#include <random>

#include "core/session/page.h"
#include "core/session/sqlite.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

using Path = std::vector<std::shared_ptr<const Message>>;

// "Once upon a time" (own), " there was a dog." (model), " It barked." (model), " The end." (own)
Path make_path() {
  Path path;
  const std::pair<Role, const char*> parts[] = {{Role::user, "Once upon a time"},
                                                {Role::assistant, " there was a dog."},
                                                {Role::assistant, " It barked."},
                                                {Role::user, " The end."}};
  for (const auto& [role, text] : parts) {
    Message message = make_message(role, text, path.empty() ? "" : path.back()->id, {static_cast<int32_t>(path.size()), 7});
    if (role == Role::assistant) message.receipt.emplace().seed = 40 + path.size();
    path.push_back(std::make_shared<const Message>(message));
  }
  return path;
}

std::string page_of(const Path& path) {
  std::string page;
  for (const auto& message : path) page += message->text;
  return page;
}

PageEdit edit_of(const std::string& page, const std::string& what, const std::string& with) {
  const size_t at = page.find(what);
  REQUIRE(at != std::string::npos);
  return {at, what, with};
}

std::vector<int32_t> letters(std::string_view text, const Message*, bool) { return {text.begin(), text.end()}; }

PageRevision revised(const Path& path, const std::vector<PageEdit>& edits) {
  auto out = revise_page(path, edits, letters, "letters", 5);
  require_ok(out);
  return *std::move(out);
}

// The page that a revision leads to, with who wrote each part.
std::vector<std::pair<Role, std::string>> parts_after(const Path& path, const PageRevision& revision) {
  std::vector<std::pair<Role, std::string>> out;
  const std::string first_parent = revision.added.empty() ? revision.current : revision.added.front().parent;
  if (!first_parent.empty()) {
    for (const auto& message : path) {
      std::string text = message->text;
      for (const Message& changed : revision.changed)
        if (changed.id == message->id) text = changed.text;
      out.emplace_back(message->role, text);
      if (message->id == first_parent) break;
    }
  }
  for (const Message& added : revision.added) out.emplace_back(added.role, added.text);
  return out;
}

using List = std::vector<std::pair<Role, std::string>>;
constexpr Role own = Role::user, model = Role::assistant;

}  // namespace

TEST_CASE("own words change in place; every message keeps its id") {
  const Path path = make_path();
  const auto out = revised(path, {edit_of(page_of(path), "upon", "on")});
  REQUIRE(out.changed.size() == 1);
  CHECK(out.changed[0].id == path[0]->id);
  CHECK(out.changed[0].text == "Once on a time");
  CHECK(out.added.empty());
  CHECK(out.current == path.back()->id);
}

TEST_CASE("words typed at the end are a part of their own, or join one's own last part") {
  Path path = make_path();
  auto out = revised(path, {{page_of(path).size(), "", " Or not."}});
  REQUIRE(out.changed.size() == 1);
  CHECK(out.changed[0].text == " The end. Or not.");
  path.pop_back();
  out = revised(path, {{page_of(path).size(), "", " Or not."}});
  REQUIRE(out.added.size() == 1);
  CHECK(out.added[0].role == own);
  CHECK(out.added[0].parent == path.back()->id);
  CHECK(out.current == out.added[0].id);
}

TEST_CASE("a change inside the model's words cuts them in three, and what follows is copied with its tokens") {
  const Path path = make_path();
  const auto out = revised(path, {edit_of(page_of(path), "dog", "cat")});
  CHECK(out.changed.empty());
  CHECK(parts_after(path, out) == List{{own, "Once upon a time"},
                                       {model, " there was a "},
                                       {own, "cat"},
                                       {model, "."},
                                       {model, " It barked."},
                                       {own, " The end."}});
  REQUIRE(out.added.size() == 5);
  CHECK(out.added[0].parent == path[0]->id);
  CHECK_FALSE(out.added[0].receipt.has_value());
  CHECK(out.added[1].tokens == std::vector<int32_t>{'c', 'a', 't'});
  CHECK(out.added[3].tokens == path[2]->tokens);
  CHECK(out.added[3].receipt->seed == path[2]->receipt->seed);
  CHECK(out.added[3].id != path[2]->id);
  CHECK(out.added[4].parent == out.added[3].id);
}

TEST_CASE("deleting needs no new words: the end goes back, the middle closes, everything may go") {
  const Path path = make_path();
  const std::string page = page_of(path);
  auto out = revised(path, {edit_of(page, " It barked. The end.", "")});
  CHECK(out.added.empty());
  CHECK(out.current == path[1]->id);
  out = revised(path, {edit_of(page, " a dog", "")});
  CHECK(parts_after(path, out)[1] == std::pair(model, std::string(" there was.")));
  out = revised(path, {{0, page, ""}});
  CHECK(out.current.empty());
  CHECK(out.added.empty());
  out = revised(path, {{0, page, "New"}});
  CHECK(parts_after(path, out) == List{{own, "New"}});
}

TEST_CASE("several places at once, and edits of another page are refused") {
  const Path path = make_path();
  const std::string page = page_of(path);
  const auto out = revised(path, {edit_of(page, "time", "day"), edit_of(page, "barked", "sang"), edit_of(page, "end", "start")});
  REQUIRE(out.changed.size() == 1);
  CHECK(parts_after(path, out) == List{{own, "Once upon a day"},
                                       {model, " there was a dog."},
                                       {model, " It "},
                                       {own, "sang"},
                                       {model, "."},
                                       {own, " The start."}});
  CHECK_FALSE(revise_page(path, std::vector<PageEdit>{{0, "Twice", ""}}, letters, "", 0).ok());
  CHECK_FALSE(revise_page(path, std::vector<PageEdit>{{page.size() - 1, "..", ""}}, letters, "", 0).ok());
  CHECK_FALSE(revise_page(path, std::vector<PageEdit>{{5, "upon", "x"}, {4, " ", ""}}, letters, "", 0).ok());
}

TEST_CASE("any edit gives the page that it says, and whole parts keep their tokens") {
  std::mt19937 random(20251122);
  const Path path = make_path();
  const std::string page = page_of(path);
  for (int round = 0; round < 2000; ++round) {
    std::vector<PageEdit> edits;
    std::string expected;
    size_t at = 0;
    for (int i = 0; i < 3; ++i) {
      const size_t begin = at + random() % (page.size() - at + 1), end = std::min(page.size(), begin + random() % 20);
      edits.push_back({begin, page.substr(begin, end - begin), std::string(random() % 3, 'x')});
      expected += page.substr(at, begin - at) + edits.back().text;
      at = end;
    }
    expected += page.substr(at);
    const auto out = revised(path, edits);
    std::string got;
    for (const auto& [role, text] : parts_after(path, out)) got += text;
    REQUIRE_MESSAGE(got == expected, "round " << round);
    for (const Message& added : out.added) REQUIRE_FALSE(added.text.empty());
  }
}

TEST_CASE("an edited page is one step of undo, on which typing grows, also after a restart") {
  ScratchFolder folder;
  const auto file = folder.path() / "fabula.db";
  std::string id;
  const Path path = make_path();
  const std::string page = page_of(path);
  const auto page_now = [&](Store& store) { return page_of(store.view(id)->path); };
  const auto edit = [&](Store& store, const PageEdit& change, bool grow) {
    const auto made = store.revise(id, revised(store.view(id)->path, {change}), grow);
    require_ok(made);
    return *made;
  };
  {
    auto store = open_store(file);
    id = store->create(Mode::story, "", "", {})->id;
    for (const auto& message : path) require_ok(store->append(id, *message));
    CHECK(edit(*store, edit_of(page, "dog", "c"), false));
    CHECK_FALSE(edit(*store, {page_now(*store).find("c.") + 1, "", "at"}, true));
    CHECK(page_now(*store) == "Once upon a time there was a cat. It barked. The end.");
    CHECK(edit(*store, {0, "Once", "Twice"}, false));
    CHECK_FALSE(edit(*store, {5, "", " or thrice"}, true));
    CHECK(store->info(id)->title.starts_with("Twice or thrice"));
  }
  auto store = open_store(file);
  CHECK(page_now(*store).starts_with("Twice or thrice upon"));
  CHECK(*store->undo(id));
  CHECK(page_now(*store) == "Once upon a time there was a cat. It barked. The end.");
  CHECK(*store->undo(id));
  CHECK(page_now(*store) == page);
  CHECK(store->view(id)->current == path.back()->id);
  CHECK(*store->redo(id));
  CHECK(*store->redo(id));
  CHECK(page_now(*store).starts_with("Twice or thrice upon a time there was a cat."));
  // Another operation in between, or other words: a new step.
  require_ok(store->rename(id, "A title"));
  CHECK(edit(*store, {0, "Twice", "Once"}, true));
  CHECK(edit(*store, edit_of(page_now(*store), "end", "start"), true));
  CHECK(*store->undo(id));
  CHECK(*store->undo(id));
  CHECK(page_now(*store).starts_with("Twice or thrice"));
  CHECK(store->view(id)->info.title == "A title");
  require_ok(store->check_integrity());
}

TEST_CASE("a word replaced everywhere is one operation of the log, which one undo takes back, also after a restart") {
  ScratchFolder folder;
  const auto file = folder.path() / "fabula.db";
  std::string id;
  Path path;
  for (int i = 0; i < 12; ++i)  // own and model's words in turns, "fox" in each
    path.push_back(std::make_shared<const Message>(make_message(i % 2 ? Role::assistant : Role::user, i % 3 ? " the fox ran on" : " a fox, the fox",
                                                                path.empty() ? "" : path.back()->id, {i, i + 1})));
  const std::string page = page_of(path);
  std::vector<PageEdit> edits;
  for (size_t at = page.find("fox"); at != std::string::npos; at = page.find("fox", at + 1)) edits.push_back({at, "fox", "wolf"});
  REQUIRE(edits.size() == 16);
  std::string replaced = page;
  for (size_t at = replaced.find("fox"); at != std::string::npos; at = replaced.find("fox")) replaced.replace(at, 3, "wolf");
  {
    auto store = open_store(file);
    id = store->create(Mode::story, "", "", {})->id;
    for (const auto& message : path) require_ok(store->append(id, *message));
    REQUIRE(*store->revise(id, revised(store->view(id)->path, edits)));
    CHECK(page_of(store->view(id)->path) == replaced);
    CHECK(store->info(id)->title == "a wolf, the wolf");
  }
  {
    auto log = Database::open(file);
    require_ok(log);
    CHECK(*log->integer_or(0, "SELECT count(*) FROM operations WHERE kind = 'page'") == 1);
    CHECK(*log->integer_or(0, "SELECT count(*) FROM operations") == static_cast<int64_t>(path.size()) + 1);
  }
  auto store = open_store(file);
  CHECK(*store->undo(id));
  CHECK(page_of(store->view(id)->path) == page);
  CHECK(store->view(id)->current == path.back()->id);
  CHECK(store->info(id)->title == "a fox, the fox");
  CHECK(*store->redo(id));
  CHECK(page_of(store->view(id)->path) == replaced);
  require_ok(store->check_integrity());
}

TEST_CASE("a step that an earlier version logged, word by word, is taken back") {
  ScratchFolder folder;
  const auto file = folder.path() / "fabula.db";
  std::string id;
  {
    auto store = open_store(file);
    id = store->create(Mode::story, "A title", "", {})->id;
    for (const auto& message : make_path()) require_ok(store->append(id, *message));
    require_ok(store->revise(id, revised(store->view(id)->path, {{0, "Once", "Twice"}})));
  }
  {
    auto log = Database::open(file);
    require_ok(log->execute("UPDATE operations SET before = json_object('content', json_extract(before, '$.contents[0]')),"
                            " after = json_object('content', json_extract(after, '$.contents[0]')) WHERE kind = 'page'"));
  }
  auto store = open_store(file);
  CHECK(*store->undo(id));
  CHECK(page_of(store->view(id)->path) == page_of(make_path()));
  CHECK(*store->redo(id));
  CHECK(page_of(store->view(id)->path).starts_with("Twice upon"));
}
