// Databases of old versions open for ever, also when the first opening was cut off.
#include <doctest/doctest.h>

#include <array>
#include <random>

#include "tests/core/session/faulty_vfs.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

constexpr const char* old_session = "01890000-0000-7000-8000-000000000001";

void write_database(const std::filesystem::path& path, const char* dump) {
  const std::string sql = fabula::test::read_text(std::filesystem::path(FABULA_TESTS_FOLDER) / dump);
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &connection) == SQLITE_OK);
  REQUIRE(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
}

void check_contents(const std::filesystem::path& path) {
  auto store = open_store(path);
  require_ok(store->check_integrity());
  const auto view = store->view(old_session);
  require_ok(view);
  CHECK(view->info.title == "An old chat");
  CHECK(view->draft == "half a tho");
  CHECK(*view->settings.seed == 7);
  CHECK(view->settings.sampler.temperature == 0.5f);
  REQUIRE(view->path.size() == 4);
  CHECK(view->path[1]->tokens == std::vector<int32_t>{2, 2147483647, 0});
  CHECK(view->path[1]->text == "A story. 寓言");
  CHECK(view->path[3]->finish_reason == "interrupted");
  CHECK(store->search("寓言")->size() == 1);
  CHECK(store->search("fabula")->size() == 1);
  CHECK(store->search("cut mid")->size() == 1);
  CHECK(store->search("old chat")->size() == 1);
}

}  // namespace

TEST_CASE("a database of version 1 opens with everything in it, undo included") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  write_database(path, "fabula_v1.sql");
  check_contents(path);
  check_contents(path);  // and again, as what it became
  auto store = open_store(path);
  CHECK(*store->undo(old_session));
  CHECK(store->view(old_session)->system.empty());
  CHECK(*store->undo(old_session));
  CHECK(store->view(old_session)->info.title == "What is a fabula?");
  CHECK(*store->undo(old_session));
  CHECK(store->view(old_session)->path.size() == 2);
  CHECK(*store->undo(old_session));
  CHECK_FALSE(*store->undo(old_session));
  for (int i = 0; i < 4; ++i) CHECK(*store->redo(old_session));
  store.reset();
  check_contents(path);
}

TEST_CASE("a database of version 3 opens with everything in it, and its sessions take folders and tags") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  write_database(path, "fabula_v3.sql");
  const std::string tale = "01890000-0000-7000-8000-000000000003";
  auto store = open_store(path);
  require_ok(store->check_integrity());
  const auto view = store->view(tale);
  require_ok(view);
  CHECK(view->info.title == "A tale of the third version");
  CHECK(view->info.folder.empty());
  CHECK(view->info.tags.empty());
  CHECK(view->settings.memory == "The fox is old.");
  CHECK(view->settings.overflow == Overflow::ask);
  REQUIRE(view->path.size() == 2);
  CHECK(view->path[1]->tokens == std::vector<int32_t>{201, 202});
  REQUIRE(view->path[1]->alternatives.size() == 2);
  CHECK(view->path[1]->alternatives[0][1].token == 9);
  CHECK(view->path[1]->siblings == 2);
  CHECK(store->search("狐")->size() == 1);
  CHECK(store->list(true).size() == 1);
  const std::vector<std::string> tags = {"fox"};
  require_ok(store->set_labels(tale, "Tales", tags));
  store.reset();
  store = open_store(path);
  CHECK(store->view(tale)->info.folder == "Tales");
  CHECK(store->view(tale)->info.tags == tags);
}

TEST_CASE("a migration that power or disk cuts off at any moment leaves the old database or the new one") {
  std::mt19937_64 random(fabula::test::seed());
  int cuts = 0, failures = 0;
  for (int64_t moment = 0; moment < 400; ++moment) {
    ScratchFolder folder;
    const auto path = folder.path() / "fabula.db";
    write_database(path, "fabula_v1.sql");
    FaultyDisk disk;
    int64_t accesses = 0;
    disk.on_access = [&] {
      if (accesses++ != moment) return;
      disk.write_after_power_cut(folder.path() / "cut", random);
      ++cuts;
    };
    const auto fault = std::array{FaultyDisk::Fault::full, FaultyDisk::Fault::write_error,
                                  FaultyDisk::Fault::sync_error}[moment % 3];
    if (moment % 2) disk.break_after(moment / 2, fault);
    const bool opened = Store::open(path, disk.vfs_name()).ok();
    const bool was_hit = disk.was_hit();
    disk.on_access = nullptr;
    disk.repair();
    if (!opened) {
      ++failures;
      CHECK(was_hit);
    }
    check_contents(path);
    if (accesses > moment) check_contents(folder.path() / "cut" / "fabula.db");
    if (accesses <= moment && !was_hit) break;
  }
  MESSAGE(cuts << " power cuts, " << failures << " failed openings");
  CHECK(cuts > 0);
  CHECK(failures > 0);
}
