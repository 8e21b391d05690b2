// Deleted for good: neither a session's words nor its tokens nor what the model computed from them are in any
// file afterwards, and other sessions' are untouched.
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "core/base/json.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out.push_back(entry.path());
  return out;
}

std::set<std::string> kv_files(const std::filesystem::path& folder) {
  std::set<std::string> out;
  for (const auto& path : files_below(folder))
    if (path.extension() == ".kv") out.insert(path.filename().string());
  return out;
}

size_t files_with(const std::filesystem::path& folder, const std::string& needle) {
  size_t count = 0;
  for (const auto& path : files_below(folder)) count += fabula::test::read_text(path).find(needle) != std::string::npos;
  return count;
}

// New KV goes to disk in the background: until nothing comes any more.
std::set<std::string> settled_kv_files(const std::filesystem::path& folder) {
  std::set<std::string> last;
  for (int quiet = 0; quiet < 20; ++quiet) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    auto now = kv_files(folder);
    if (now != last) quiet = 0;
    last = std::move(now);
  }
  return last;
}

std::string bytes_of(std::span<const int32_t> tokens) {
  std::string out(tokens.size_bytes(), '\0');
  std::memcpy(out.data(), tokens.data(), out.size());
  return out;
}

std::string long_words(const std::string& word) {
  std::string out;
  for (int i = 0; i < 25; ++i) out += word + (i % 7 ? " " : ". ");
  return out;
}

}  // namespace

TEST_CASE("a session deleted for good leaves no word, no token and no KV file behind") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string kept = desk.make(Mode::story, Desk::seeded(100));
  wait(desk->send(kept, long_words("castle")));
  const auto of_kept = settled_kv_files(folder.path());
  REQUIRE(!of_kept.empty());

  SessionSettings settings = Desk::seeded(100);
  settings.alternatives = 3;
  const std::string id = desk.make(Mode::story, settings);
  const Message first = wait(desk->send(id, long_words("zephyr")));
  wait(desk->set_settings(id, Desk::seeded(40)));
  wait(desk->branch_at(id, first.id, 70, 300));  // another branch
  wait(desk->undo(id));
  const Message second = wait(desk->continue_reply(id));
  wait(desk->remove_message(id, second.id));  // what is deleted in it has KV, too
  wait(desk->rename(id, "zephyrtitle"));
  desk->set_draft(id, "zephyrdraft");
  wait(desk->rename(id, "zephyrsecondtitle"));
  const auto with_it = settled_kv_files(folder.path());
  REQUIRE(with_it.size() > of_kept.size() + 2);
  const std::string some_tokens = bytes_of(std::span(first.tokens).first(6));
  CHECK(files_with(folder.path(), "zephyr") > 0);
  CHECK(files_with(folder.path(), some_tokens) > 0);
  const OrderedJson document = wait(desk->export_session(id));

  wait(desk->remove(id));
  wait(desk->purge(id));
  CHECK(kv_files(folder.path()) == of_kept);
  CHECK(files_with(folder.path(), "zephyr") == 0);
  CHECK(files_with(folder.path(), id) == 0);
  CHECK(files_with(folder.path(), some_tokens) == 0);
  CHECK(settled_kv_files(folder.path()) == of_kept);  // nothing of it was waiting to be written

  // Memory has forgotten it as well; what others stand on is still there.
  wait(desk->import_session(dump_json(document)));
  CHECK(wait(desk->regenerate(id)).stats.reused_tokens <= 2);
  CHECK(wait(desk->regenerate(kept)).stats.reused_tokens > 64);
  CHECK(wait(desk->replay(kept)).different == 0);

  // After a restart, without its model: the files go all the same.
  settled_kv_files(folder.path());
  desk.open(/*load=*/false);
  wait(desk->purge(id));
  CHECK(kv_files(folder.path()).size() < with_it.size());
  CHECK(files_with(folder.path(), "zephyr") == 0);
}

TEST_CASE("what two sessions share is forgotten with one of them and read again by the other") {
  FABULA_REQUIRE_TESTDATA();
  ScratchFolder folder;
  Desk desk(folder.path());
  const std::string words = long_words("shared");
  const std::string a = desk.make(Mode::story, Desk::seeded(20)), b = desk.make(Mode::story, Desk::seeded(20));
  const Message of_a = wait(desk->send(a, words)), of_b = wait(desk->send(b, words));
  CHECK(of_b.tokens == of_a.tokens);
  settled_kv_files(folder.path());
  wait(desk->purge(a));
  CHECK(kv_files(folder.path()).empty());
  const Message again = wait(desk->regenerate(b));
  CHECK(again.tokens == of_b.tokens);
  CHECK(!settled_kv_files(folder.path()).empty());
}
