// Folders and tags: kept, undone, exported and imported.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE("a folder and tags are cleaned, kept over a restart and undone") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  std::string id;
  {
    auto store = Store::open(path);
    require_ok(store);
    id = (*store)->create(Mode::story, "Foxes", "", {})->id;
    require_ok((*store)->append(id, make_message(Role::user, "Once", "")));
    const std::vector<std::string> tags = {"draft", " draft ", "", "two\nlines"};
    require_ok((*store)->set_labels(id, " Tales ", tags));
  }
  auto store = Store::open(path);
  require_ok(store);
  CHECK((*store)->info(id)->folder == "Tales");
  CHECK((*store)->info(id)->tags == std::vector<std::string>{"draft", "two lines"});
  CHECK(*(*store)->undo(id));
  CHECK((*store)->info(id)->folder.empty());
  CHECK((*store)->info(id)->tags.empty());
  CHECK(*(*store)->redo(id));
  CHECK((*store)->info(id)->folder == "Tales");
}

TEST_CASE("labels, overflow and template switches travel with an export; a session without them exports as before") {
  ScratchFolder folder;
  auto store = Store::open(folder.path() / "a.db"), other = Store::open(folder.path() / "b.db");
  require_ok(store);
  require_ok(other);
  const std::string id = (*store)->create(Mode::chat, "Plain", "", {})->id;
  auto document = (*store)->export_session(id);
  require_ok(document);
  CHECK(!document->at("session").contains("folder"));
  CHECK(!document->at("session").contains("tags"));
  CHECK(!document->at("session").at("settings").contains("overflow"));
  SessionSettings settings;
  settings.overflow = Overflow::drop_oldest;
  settings.switches["enable_thinking"] = false;
  settings.sampler.dry_multiplier = 0.8f;
  require_ok((*store)->set_settings(id, settings));
  const std::vector<std::string> tags = {"a", "b"};
  require_ok((*store)->set_labels(id, "Work", tags));
  document = (*store)->export_session(id);
  require_ok(document);
  const auto read = parse_json(dump_json(*document), "the export");
  require_ok(read);
  const auto imported = (*other)->import_session(*read);
  require_ok(imported);
  const auto view = (*other)->view(*imported);
  require_ok(view);
  CHECK(view->info.folder == "Work");
  CHECK(view->info.tags == tags);
  CHECK(view->settings.overflow == Overflow::drop_oldest);
  CHECK(view->settings.switches == settings.switches);
  CHECK(view->settings.sampler == settings.sampler);
}
