// Sessions of 4,000 tokens on a small model made for the purpose: what is read again after a restart, and when
// branches are switched, is at most the last block of KV.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "core/compute/executor.h"
#include "tests/core/model/tiny_folder.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/guests.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

constexpr size_t page_tokens = 4000;

// One token a character.
std::string page(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(page_tokens, ' ');
  for (char& c : text)
    if (random() % 6) c = static_cast<char>('a' + random() % 26);
  return text;
}

class LongDesk {
 public:
  explicit LongDesk(const std::filesystem::path& folder) : folder_(folder) {
    fabula::test::write_tiny_folder(folder_ / "model", {.hidden = 64, .ffn = 128, .context = 8192});
    open();
  }
  void open() {
    service_.reset();
    service_ = open_in(folder_);
    engine::ModelLoad load;
    load.path = folder_ / "model";
    load.threads = 1;
    wait(service_->load_model(Mode::story, load));
  }
  Service* operator->() { return service_.get(); }

 private:
  const std::filesystem::path folder_;
  std::unique_ptr<Service> service_;
};

void check_read_again(const Message& reply, const char* after) {
  CAPTURE(after);
  CHECK(reply.stats.prompt_tokens >= static_cast<int64_t>(page_tokens));
  const int64_t again = reply.stats.prompt_tokens - reply.stats.reused_tokens;
  CHECK(again <= compute::kv_block_tokens);
  MESSAGE(std::string(after) << ": " << again << " of " << reply.stats.prompt_tokens << " tokens read again");
}

}  // namespace

TEST_CASE("4,000 tokens: a restart, a switch of branches and a rollback read at most a block again") {
  ScratchFolder folder;
  LongDesk desk(folder.path());
  const std::string id = wait(desk->create(Mode::story)).id;
  wait(desk->set_settings(id, Desk::seeded(40)));
  const Message left = wait(desk->send(id, page(1)));
  CHECK(left.stats.reused_tokens == 0);
  wait(desk->rollback(id, ""));
  const Message right = wait(desk->send(id, page(2)));
  CHECK(right.stats.reused_tokens == 0);
  wait(desk->rollback(id, left.id));
  check_read_again(wait(desk->continue_reply(id)), "to the first branch");
  wait(desk->rollback(id, right.id));
  check_read_again(wait(desk->continue_reply(id)), "to the second");
  wait(desk->rollback(id, left.id));
  check_read_again(wait(desk->continue_reply(id)), "back to the first");

  desk.open();
  check_read_again(wait(desk->continue_reply(id)), "on after a restart");
  wait(desk->rollback(id, right.id));
  check_read_again(wait(desk->continue_reply(id)), "to the second branch after a restart");
  wait(desk->rollback(id, left.parent));
  check_read_again(wait(desk->regenerate(id)), "regenerated after a restart");

  // All of it is what an engine writes that has never seen anything.
  const OrderedJson document = wait(desk->export_session(id));
  std::filesystem::remove_all(places_below(folder.path()).kv_folder());
  desk.open();
  const ReplayReport report = wait(desk->replay_document(dump_json(document)));
  CHECK(report.equal == 8);
  CHECK(report.different == 0);
}
