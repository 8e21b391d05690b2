// Sessions that are brought in step by step: all of them or none, whatever happens in between; and what else is asked of the
// service meanwhile is answered.
#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>

#include "core/session/document.h"
#include "core/session/sqlite.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/faulty_vfs.h"
#include "tests/core/session/guests.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

// A chat with branches: every tenth message is an alternative of the one before.
Document long_document(size_t count) {
  Document document;
  document.info.id = make_uuid_v7();
  document.info.title = "A long chat about lanterns";
  document.info.created_at = document.info.updated_at = 1'750'000'000'000;
  std::string parent, before;
  for (size_t i = 0; i < count; ++i) {
    const bool alternative = i % 10 == 9;
    Message message = make_message(i % 2 ? Role::assistant : Role::user, "lantern number " + std::to_string(i), alternative ? before : parent, {7});
    if (!alternative) before = parent;
    parent = message.id;
    document.messages.push_back(std::make_shared<const Message>(std::move(message)));
  }
  document.current = parent;
  return document;
}

std::vector<Document> two_documents() { return {long_document(300), long_document(150)}; }

int64_t rows_of(const std::filesystem::path& file, const char* table) {
  auto database = Database::open(file);
  require_ok(database);
  return *database->integer_or(-1, std::string("SELECT count(*) FROM ") + table);
}

void finish(Store& store, std::vector<std::string>& ids) {
  for (;;) {
    auto step = store.import_step();
    require_ok(step);
    if (*step) return void(ids = **step);
  }
}

}  // namespace

TEST_CASE("of an import that ends with the process nothing is seen, and the next start takes away what is left of it") {
  const std::vector<Document> documents = two_documents();
  for (int steps = 1; steps <= 9; ++steps) {
    CAPTURE(steps);
    ScratchFolder folder;
    const auto file = folder.path() / "fabula.db";
    {
      auto store = open_store(file);
      require_ok(store->begin_import(documents));
      CHECK(store->begin_import(documents).error().code == ErrorCode::busy);
      for (int i = 0; i < steps; ++i) {
        const auto step = store->import_step();
        require_ok(step);
        REQUIRE_FALSE(step->has_value());
        CHECK(store->list().empty());
        CHECK(store->search("lantern")->empty());
        CHECK_FALSE(*store->tidy());  // what arrives is not taken for what was left behind
      }
    }
    auto store = open_store(file);
    CHECK(store->list().empty());
    CHECK(store->list(true).empty());
    CHECK(store->search("lantern")->empty());
    require_ok(store->check_integrity());
    finish_tidying(*store);
    CHECK(rows_of(file, "sessions") == 0);
    CHECK(rows_of(file, "messages") == 0);
    require_ok(store->check_integrity());
    std::vector<std::string> ids;
    require_ok(store->begin_import(documents));
    finish(*store, ids);
    CHECK(ids == std::vector<std::string>{documents[0].info.id, documents[1].info.id});
  }
}

TEST_CASE("an import meets what another one left behind, and gives other ids where it must") {
  ScratchFolder folder;
  const auto file = folder.path() / "fabula.db";
  const std::vector<Document> documents = two_documents();
  {
    auto store = open_store(file);
    require_ok(store->begin_import(documents));
    for (int i = 0; i < 5; ++i) require_ok(store->import_step());
  }
  auto store = open_store(file);
  std::vector<std::string> ids;
  require_ok(store->begin_import(documents));
  finish(*store, ids);
  REQUIRE(ids.size() == 2);
  CHECK(ids[0] != documents[0].info.id);
  CHECK(ids[1] == documents[1].info.id);
  CHECK(store->document(ids[0])->messages.size() == 300);
  finish_tidying(*store);
  CHECK(rows_of(file, "sessions") == 2);
  CHECK(rows_of(file, "messages") == 450);
  CHECK(store->search("lantern", 1000)->size() == 452);  // the titles, too
  CHECK(dump_json(*store->export_session(ids[1])) == dump_json(document_to_json(documents[1])));
  // The same again is there already, however long.
  require_ok(store->begin_import({documents[1]}));
  finish(*store, ids);
  CHECK(ids == std::vector<std::string>{documents[1].info.id});
  CHECK(store->list().size() == 2);
  require_ok(store->check_integrity());
}

TEST_CASE("a disk that fails at any write of an import leaves all of it or nothing") {
  const std::vector<Document> documents = two_documents();
  using Fault = FaultyDisk::Fault;
  for (const Fault fault : {Fault::full, Fault::sync_error}) {
    int failures = 0;
    for (int64_t good = 0; good < 2000; good += 7) {
      ScratchFolder folder;
      FaultyDisk disk;
      const auto file = folder.path() / "fabula.db";
      auto opened = Store::open(file, disk.vfs_name());
      require_ok(opened);
      auto store = *std::move(opened);
      disk.break_after(good, fault);
      require_ok(store->begin_import(documents));
      auto step = store->import_step();
      while (step.ok() && !*step) step = store->import_step();
      const bool whole = step.ok();
      CHECK(store->list().size() == (whole ? 2 : 0));
      const bool was_hit = disk.was_hit();
      disk.repair();
      if (!whole) {
        ++failures;
        std::vector<std::string> ids;
        require_ok(store->begin_import(documents));
        finish(*store, ids);
      }
      finish_tidying(*store);
      store.reset();
      auto again = open_store(file);
      require_ok(again->check_integrity());
      CHECK(again->list().size() == 2);
      CHECK(rows_of(file, "messages") == 450);
      if (!was_hit) break;
    }
    CHECK(failures > 0);
  }
}

TEST_CASE("what is asked while much is brought in and taken out is answered in between") {
  ScratchFolder folder;
  constexpr size_t messages = 2000;
  const std::string text = dump_json(document_to_json(long_document(messages)));
  std::optional<Database> reader;
  std::atomic<Service*> asked{nullptr};
  std::string pinned;
  std::set<int64_t> seen;  // how many messages had arrived at the end of a turn; the service's thread
  std::atomic<int> answered{0};
  auto options = options_in(folder.path());
  options.wake = [&] {
    Service* service = asked;
    if (!service) return;
    seen.insert(*reader->integer_or(0, "SELECT count(*) FROM messages"));
    service->set_pinned(pinned, answered % 2 == 0).then([&](const Result<void>&) { ++answered; });
  };
  auto opened = Service::open(options);
  require_ok(opened);
  auto service = *std::move(opened);
  pinned = wait(service->create(Mode::story)).id;
  auto connection = Database::open(places_below(folder.path()).database_file());
  require_ok(connection);
  reader.emplace(*std::move(connection));

  // How many other commands were answered before this one was.
  const auto answered_before = [&](auto ask) {
    AnswerPromise<int> done;
    answered = 0;
    asked = service.get();
    ask().then([&](const auto& value) {
      asked = nullptr;
      CHECK(value.ok());
      done.set_value(answered.load());
    });
    return wait(done.answer());
  };
  CHECK(answered_before([&] { return service->import_session(text); }) >= 15);
  seen.erase(0), seen.erase(messages);
  CHECK(seen.size() >= 14);  // in steps of 128 messages, a turn each
  for (int i = 0; i < 20; ++i) wait(service->create(Mode::story));
  CHECK(answered_before([&] { return service->export_all(); }) >= 20);  // a turn for each session
  service.reset();
}
