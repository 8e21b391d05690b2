// Random operations on a session's tree against a plain reference that keeps whole states; undo, redo and
// restarts included.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

struct Content {
  std::string text, finish_reason;
  std::vector<int32_t> tokens;
  bool operator==(const Content&) const = default;
};

struct State {  // what undo brings back
  std::string current, title, system;
  bool title_is_manual = false, in_trash = false;
  uint64_t seed = 0;
  std::set<std::string> deleted;
  std::map<std::string, Content> contents;
};

struct Step {
  State before, after;
  bool joined;
};

class Reference {
 public:
  State now;
  std::vector<Step> log;
  size_t done = 0;  // steps of the log that are in force
  std::map<std::string, std::string> parent_of;
  std::vector<std::string> order;

  void did(State after, bool joined = false) {
    log.resize(done);
    log.push_back({now, after, joined});
    ++done;
    now = std::move(after);
  }
  bool undo() {
    if (done == 0) return false;
    bool joined = true;
    while (joined && done > 0) {
      joined = log[done - 1].joined;
      go_to(log[--done].before);
    }
    return true;
  }
  bool redo() {
    if (done == log.size()) return false;
    do {
      go_to(log[done++].after);
    } while (done < log.size() && log[done].joined);
    return true;
  }
  bool is_deleted(const std::string& id) const { return now.deleted.contains(id); }
  std::vector<std::string> living() const {
    std::vector<std::string> out;
    for (const auto& id : order)
      if (!is_deleted(id)) out.push_back(id);
    return out;
  }
  std::vector<std::string> path() const {
    std::vector<std::string> out;
    for (std::string at = now.current; !at.empty(); at = parent_of.at(at)) out.insert(out.begin(), at);
    return out;
  }
  std::vector<std::string> siblings(const std::string& id) const {
    std::vector<std::string> out;
    for (const auto& other : order)
      if (parent_of.at(other) == parent_of.at(id) && !is_deleted(other)) out.push_back(other);
    return out;
  }
  bool stands_below(std::string id, const std::string& top) const {
    for (; !id.empty(); id = parent_of.at(id))
      if (id == top) return true;
    return false;
  }

 private:
  // Messages that did not exist in the old state stay, as branches.
  void go_to(State state) {
    for (const auto& [id, content] : now.contents) state.contents.try_emplace(id, content);
    now = std::move(state);
  }
};

void check_equal(Store& store, const std::string& id, const Reference& reference) {
  const auto view = store.view(id);
  require_ok(view);
  REQUIRE(view->current == reference.now.current);
  REQUIRE(view->info.title == reference.now.title);
  REQUIRE(view->info.title_is_manual == reference.now.title_is_manual);
  REQUIRE(view->info.in_trash == reference.now.in_trash);
  REQUIRE(view->system == reference.now.system);
  REQUIRE(view->settings.seed.value_or(0) == reference.now.seed);
  REQUIRE(view->can_undo == (reference.done > 0));
  REQUIRE(view->can_redo == (reference.done < reference.log.size()));
  const auto path = reference.path();
  REQUIRE(view->path.size() == path.size());
  REQUIRE(view->info.message_count == static_cast<int64_t>(path.size()));
  for (size_t i = 0; i < path.size(); ++i) {
    const Message& message = *view->path[i];
    REQUIRE(message.id == path[i]);
    REQUIRE(Content{message.text, message.finish_reason, message.tokens} ==
            reference.now.contents.at(path[i]));
    const auto siblings = reference.siblings(path[i]);
    REQUIRE(message.siblings == static_cast<int>(siblings.size()));
    REQUIRE(siblings[static_cast<size_t>(message.sibling_index)] == path[i]);
  }
  REQUIRE(store.tree(id)->size() == reference.living().size());
}

class Player {
 public:
  Player(const std::filesystem::path& path, uint64_t seed)
      : path_(path), random_(seed), store_(open_store(path)) {
    id_ = store_->create(Mode::chat, "", "", {})->id;
    // From here on everything is a step.
    add(false);
  }

  void step() {
    const auto living = reference_.living();
    const std::string some = living.empty() ? "" : living[random_() % living.size()];
    State after = reference_.now;
    switch (random_() % 14) {
      case 0:
      case 1:
      case 2: add(random_() % 2 == 0); break;
      case 3:
        if (some != after.current) {
          require_ok(store_->set_current(id_, some));
          after.current = some;
          reference_.did(after);
        }
        break;
      case 4: continue_reply(some); break;
      case 5:
        if (some.empty()) break;
        require_ok(store_->remove_message(id_, some));
        for (const auto& other : reference_.order)
          if (reference_.stands_below(other, some)) after.deleted.insert(other);
        if (!after.current.empty() && reference_.stands_below(after.current, some))
          after.current = reference_.parent_of.at(some);
        reference_.did(after);
        break;
      case 6:
        after.title = "title " + std::to_string(random_() % 1000);
        after.title_is_manual = true;
        require_ok(store_->rename(id_, after.title));
        reference_.did(after);
        break;
      case 7:
        after.system = "system " + std::to_string(random_());
        require_ok(store_->set_system(id_, after.system));
        reference_.did(after);
        break;
      case 8: {
        after.seed = 1 + random_() % 1'000'000'000;
        SessionSettings settings = store_->view(id_)->settings;
        settings.seed = after.seed;
        require_ok(store_->set_settings(id_, settings));
        reference_.did(after);
        break;
      }
      case 9:
        require_ok(after.in_trash ? store_->restore(id_) : store_->remove(id_));
        after.in_trash = !after.in_trash;
        reference_.did(after);
        break;
      case 10:
      case 11: REQUIRE(*store_->undo(id_) == reference_.undo()); break;
      case 12: REQUIRE(*store_->redo(id_) == reference_.redo()); break;
      default:
        if (random_() % 3 == 0) {
          store_.reset();
          store_ = open_store(path_);
        } else {
          store_->forget(id_);
        }
    }
    check_equal(*store_, id_, reference_);
  }
  Store& store() { return *store_; }

 private:
  void add(bool joined) {
    State after = reference_.now;
    const std::string parent = reference_.now.current;
    Message message =
        make_message(random_() % 2 ? Role::user : Role::assistant, "text " + std::to_string(random_()),
                     parent, {static_cast<int32_t>(random_() % 1000)});
    require_ok(store_->append(id_, message, joined));
    reference_.parent_of[message.id] = parent;
    reference_.order.push_back(message.id);
    after.current = message.id;
    after.contents[message.id] = {message.text, message.finish_reason, message.tokens};
    if (parent.empty() && !after.title_is_manual) after.title = message.text;
    reference_.now.contents[message.id] = after.contents[message.id];
    reference_.did(after, joined);
  }
  void continue_reply(const std::string& some) {
    if (some.empty()) return;
    State after = reference_.now;
    const Message before = **store_->message(id_, some);
    Message message = before;
    message.text += " more";
    message.tokens.push_back(static_cast<int32_t>(random_() % 1000));
    message.finish_reason = "partial";
    require_ok(store_->update_partial(id_, message));
    message.finish_reason = "length";
    require_ok(store_->finish_message(id_, message, &before));
    after.contents[some] = {message.text, message.finish_reason, message.tokens};
    if (message.parent.empty() && !after.title_is_manual) after.title = message.text;
    reference_.did(after);
  }

  std::filesystem::path path_;
  std::mt19937_64 random_;
  std::unique_ptr<Store> store_;
  std::string id_;
  Reference reference_;
};

}  // namespace

TEST_CASE("random operations on a tree come out as in the reference") {
  const char* full = std::getenv("FABULA_FULL");
  const bool is_full = full && std::string_view(full) == "1";
  const int games = is_full ? 400 : 20, steps = 150;
  std::mt19937_64 random(fabula::test::seed());
  for (int game = 0; game < games; ++game) {
    CAPTURE(game);
    ScratchFolder folder;
    Player player(folder.path() / "fabula.db", random());
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      player.step();
    }
    require_ok(player.store().check_integrity());
  }
}
