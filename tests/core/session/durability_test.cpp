// Kill it, cut the power, fill the disk: what was acknowledged is there, and the database is whole.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>

#include "core/base/file.h"
#include "core/base/json.h"
#include "tests/core/session/faulty_vfs.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

using Fault = FaultyDisk::Fault;

// What was acknowledged: text of each message, and how much of a growing reply.
struct Acknowledged {
  std::map<std::string, std::string> session_of, text_of;
  std::map<std::string, size_t> partial_bytes;
  std::set<std::string> purged;
};

// A writer that does a bit of everything. `note` runs after each call that returned success.
class Writer {
 public:
  Writer(Store& store, uint64_t seed) : store_(store), random_(seed) {}

  void step(const std::function<void(const std::string& line)>& note) {
    if (sessions_.empty() || random_() % 40 == 0) {
      const auto made = store_.create(Mode::chat, "", "", {});
      if (!made.ok()) return;
      sessions_.push_back({made->id, ""});
      return note("S " + made->id);
    }
    Open& session = sessions_[random_() % sessions_.size()];
    const std::string words = "words " + std::to_string(random_());
    Message message =
        make_message(Role::user, words + std::string(random_() % 3000, 'w'), session.last, {1, 2, 3});
    switch (random_() % 6) {
      case 0: {  // a reply that grows
        message.role = Role::assistant;
        message.finish_reason = "partial";
        if (!store_.append(session.id, message).ok()) return;
        for (int i = 0; i < 4; ++i) {
          message.text += " and on";
          if (!store_.update_partial(session.id, message).ok()) return;
          note("P " + session.id + " " + message.id + " " + std::to_string(message.text.size()));
        }
        message.finish_reason = "stop";
        if (!store_.finish_message(session.id, message).ok()) return;
        break;
      }
      case 1:
        if (!session.last.empty() && store_.set_current(session.id, session.last).ok())
          (void)store_.undo(session.id);
        (void)store_.rename(session.id, words);
        return;
      default:
        if (!store_.append(session.id, message).ok()) return;
    }
    session.last = message.id;
    note("M " + session.id + " " + message.id + " " + message.text);
  }

 private:
  struct Open {
    std::string id, last;
  };
  Store& store_;
  std::mt19937_64 random_;
  std::vector<Open> sessions_;
};

void take_note(Acknowledged& all, const std::string& line) {
  const std::string rest = line.substr(2);
  const size_t first = rest.find(' '), second = rest.find(' ', first + 1);
  if (line[0] == 'S') all.session_of[rest] = rest;
  if (line[0] == 'M') {
    all.session_of[rest.substr(first + 1, second - first - 1)] = rest.substr(0, first);
    all.text_of[rest.substr(first + 1, second - first - 1)] = rest.substr(second + 1);
  }
  if (line[0] == 'P') {
    all.session_of[rest.substr(first + 1, second - first - 1)] = rest.substr(0, first);
    all.partial_bytes[rest.substr(first + 1, second - first - 1)] = std::stoul(rest.substr(second + 1));
  }
}

void check_everything_is_there(const std::filesystem::path& path, const Acknowledged& all) {
  auto store = open_store(path);
  require_ok(store->check_integrity());
  for (const auto& row : all.text_of) {
    const std::string& id = row.first;
    const std::string& text = row.second;
    const auto message = store->message(all.session_of.at(id), id);
    REQUIRE_MESSAGE(message.ok(), id);
    REQUIRE((*message)->text == text);
    REQUIRE((*message)->tokens == std::vector<int32_t>{1, 2, 3});
  }
  for (const auto& row : all.partial_bytes) {
    const std::string& id = row.first;
    const auto bytes = row.second;
    const auto message = store->message(all.session_of.at(id), id);
    REQUIRE_MESSAGE(message.ok(), id);
    REQUIRE((*message)->text.size() >= bytes);
    REQUIRE((*message)->finish_reason != "partial");
  }
}

bool full_run() {
  const char* value = std::getenv("FABULA_FULL");
  return value && std::string_view(value) == "1";
}

[[noreturn]] void write_for_ever(const std::filesystem::path& path, int pipe_end, uint64_t seed) {
  auto store = Store::open(path);
  if (!store.ok()) _exit(2);
  Writer writer(**store, seed);
  for (;;) {
    writer.step([&](const std::string& line) {
      const std::string whole = line + "\n";
      if (::write(pipe_end, whole.data(), whole.size()) < 0) _exit(3);
    });
  }
}

}  // namespace

TEST_CASE("killed at any moment, every acknowledged message is there") {
  constexpr int kills_of_one = 50;  // of one database: each check reads all of it
  std::optional<ScratchFolder> folder;
  std::filesystem::path path;
  std::mt19937_64 random(fabula::test::seed());
  Acknowledged all;
  size_t acknowledged = 0;
  const int kills = full_run() ? 1000 : 25;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    if (kill_number % kills_of_one == 0) {
      acknowledged += all.text_of.size();
      all = {};
      folder.emplace();
      path = folder->path() / "fabula.db";
    }
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const uint64_t seed = random();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      write_for_ever(path, ends[1], seed);
    }
    ::close(ends[1]);
    std::string notes;
    char buffer[4096];
    // Dies between a moment after its first word and 60 ms later; the pipe is drained meanwhile so that it
    // never waits.
    const double deadline = monotonic_seconds() + static_cast<double>(random() % 60) / 1000.0;
    bool killed = false;
    for (;;) {
      const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
      if (n <= 0) break;
      notes.append(buffer, static_cast<size_t>(n));
      if (!killed && monotonic_seconds() > deadline) killed = ::kill(child, SIGKILL) == 0;
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    size_t begin = 0;
    for (size_t end = notes.find('\n'); end != std::string::npos; end = notes.find('\n', begin)) {
      take_note(all, notes.substr(begin, end - begin));
      begin = end + 1;
    }
    check_everything_is_there(path, all);
  }
  acknowledged += all.text_of.size();
  MESSAGE(kills << " kills, " << acknowledged << " acknowledged messages");
  CHECK(acknowledged > 10);
}

TEST_CASE("after a power cut, synced commits are there and unsynced ones do no harm") {
  std::mt19937_64 random(fabula::test::seed() + 1);
  const int rounds = full_run() ? 300 : 12;
  int cuts = 0;
  for (int round = 0; round < rounds; ++round) {
    ScratchFolder folder;
    FaultyDisk disk;
    Acknowledged all;
    struct Cut {
      std::filesystem::path folder;
      Acknowledged all;
    };
    std::vector<Cut> taken;
    const uint64_t every = 20 + random() % 200;
    disk.on_access = [&] {
      if (random() % every != 0 || taken.size() >= 4) return;
      taken.push_back({folder.path() / ("cut" + std::to_string(taken.size())), all});
      disk.write_after_power_cut(taken.back().folder, random);
    };
    {
      auto store = Store::open(folder.path() / "fabula.db", disk.vfs_name());
      require_ok(store);
      Writer writer(**store, random());
      for (int i = 0; i < 40; ++i) writer.step([&](const std::string& line) { take_note(all, line); });
      disk.on_access = nullptr;
    }
    for (const Cut& cut : taken) check_everything_is_there(cut.folder / "fabula.db", cut.all);
    cuts += static_cast<int>(taken.size());
  }
  MESSAGE(cuts << " power cuts");
  CHECK(cuts > 0);
}

TEST_CASE("a disk that fails at any write loses nothing that was there, and what failed can be done again") {
  for (const Fault fault : {Fault::full, Fault::write_error, Fault::short_write, Fault::sync_error}) {
    CAPTURE(static_cast<int>(fault));
    int failures = 0;
    for (int64_t good = 0; good < 200; ++good) {
      ScratchFolder folder;
      FaultyDisk disk;
      const auto path = folder.path() / "fabula.db";
      auto opened = Store::open(path, disk.vfs_name());
      require_ok(opened);
      auto store = *std::move(opened);
      const std::string id = store->create(Mode::chat, "", "", {})->id;
      const Message first = make_message(Role::user, "first " + std::string(9000, 'f'), "", {1});
      require_ok(store->append(id, first));
      const std::string before = dump_json(*store->export_session(id));
      const Message second = make_message(Role::assistant, "second " + std::string(9000, 's'), first.id, {2});

      disk.break_after(good, fault);
      const Status status = store->append(id, second);
      if (!disk.was_hit()) {
        require_ok(status);
        break;
      }
      ++failures;
      if (!status.ok()) {
        CHECK(status.error().code == ErrorCode::io);
        CHECK(!status.error().message.empty());
        CHECK(dump_json(*store->export_session(id)) == before);
        CHECK(store->view(id)->path.size() == 1);
        disk.repair();
        require_ok(store->append(id, second));
      }
      disk.repair();
      store.reset();
      auto again = open_store(path);
      require_ok(again->check_integrity());
      REQUIRE(again->view(id)->path.size() == 2);
      CHECK(again->view(id)->path[1]->text == second.text);
    }
    CHECK(failures > 0);
  }
}

TEST_CASE("a folder that cannot be written is an error in plain words") {
  if (::geteuid() == 0) {
    MESSAGE("skipped: root may write everywhere");
    return;
  }
  ScratchFolder folder;
  std::filesystem::permissions(folder.path(),
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const auto store = Store::open(folder.path() / "fabula.db");
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().code == ErrorCode::io);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST_CASE("a damaged database gives errors, never a crash") {
  ScratchFolder folder;
  const auto path = folder.path() / "fabula.db";
  {
    auto store = open_store(path);
    Writer writer(*store, 7);
    for (int i = 0; i < 60; ++i) writer.step([](const std::string&) {});
  }
  const std::string good = fabula::test::read_text(path);
  std::mt19937_64 random(fabula::test::seed() + 2);
  int refused = 0;
  const int rounds = full_run() ? 3000 : 150;
  for (int i = 0; i < rounds; ++i) {
    std::string bytes = good;
    if (i % 5 == 0) bytes.resize(random() % bytes.size());
    for (uint64_t flips = 1 + random() % 30; flips-- > 0 && !bytes.empty();)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto damaged = folder.path() / "damaged" / "fabula.db";
    std::filesystem::create_directory(damaged.parent_path());
    REQUIRE(write_file_atomically(damaged, bytes).ok());
    auto store = Store::open(damaged);
    if (!store.ok()) {
      ++refused;
    } else {
      for (const SessionInfo& info : (*store)->list()) {
        (void)(*store)->view(info.id);
        (void)(*store)->append(info.id, make_message(Role::user, "x"));
        (void)(*store)->undo(info.id);
        (void)(*store)->export_session(info.id);
      }
      (void)(*store)->search("words");
      (void)(*store)->check_integrity();
    }
    store = Error{};
    std::filesystem::remove_all(damaged.parent_path());
  }
  MESSAGE(refused << " of " << rounds << " refused at once");
  CHECK(refused > 0);
}
