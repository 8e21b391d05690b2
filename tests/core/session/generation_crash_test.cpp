// SIGKILL while a model reads and writes: the words that were shown are there, the reply that was being
// written too, and going on writes what an undisturbed process would have written.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>
#include <vector>

#include "core/base/clock.h"
#include "core/session/service.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

constexpr const char* crash_model = "models/stories260k/generated/stories260K-F32.gguf";
constexpr int64_t flush_us = 250'000;  // the contract's

struct Shown {
  size_t bytes = 0;
  int64_t at_us = 0;
};

// What the driver said until it died.
struct Story {
  std::vector<std::string> sessions;
  std::map<std::string, std::string> session_of;  // of the person's messages
  std::map<std::string, std::vector<Shown>> shown;  // of replies, as they grew
  std::vector<std::string> finished;
  std::string error;

  void note(const std::string& line) {
    std::istringstream in(line);
    std::string kind, a, b;
    in >> kind >> a >> b;
    if (kind == "S") sessions.push_back(a);
    if (kind == "U") session_of[b] = a;
    if (kind == "R") finished.push_back(a);
    if (kind == "E") error = line;
    if (kind == "P") {
      Shown now;
      now.bytes = std::stoul(b);
      in >> now.at_us;
      shown[a].push_back(now);
    }
  }
};

class Driver {
 public:
  Driver(const std::filesystem::path& folder, const std::filesystem::path& model, uint64_t seed) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = FABULA_CRASH_DRIVER, where = folder, what = model, number = std::to_string(seed);
    char* words[] = {program.data(), where.data(), what.data(), number.data(), nullptr};
    const int status = ::posix_spawn(&child_, program.c_str(), &actions, nullptr, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    REQUIRE(status == 0);
  }
  ~Driver() { ::close(output_); }

  // Lives for `seconds` from its first word on. The answer: when it was killed.
  int64_t kill_after(double seconds, Story& story) {
    std::string notes;
    int64_t killed_at = 0;
    double deadline = monotonic_seconds() + 60;
    char buffer[4096];
    for (;;) {
      pollfd polled = {output_, POLLIN, 0};
      const double left = deadline - monotonic_seconds();
      if (!killed_at && (left <= 0 || ::poll(&polled, 1, static_cast<int>(left * 1000) + 1) == 0)) {
        ::kill(child_, SIGKILL);
        killed_at = static_cast<int64_t>(monotonic_seconds() * 1e6);
      }
      if (!killed_at && !(polled.revents & (POLLIN | POLLHUP))) continue;
      const ssize_t n = ::read(output_, buffer, sizeof buffer);
      if (n <= 0) break;
      if (notes.empty()) deadline = monotonic_seconds() + seconds;
      notes.append(buffer, static_cast<size_t>(n));
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    for (size_t begin = 0, end; (end = notes.find('\n', begin)) != std::string::npos; begin = end + 1)
      story.note(notes.substr(begin, end - begin));
    REQUIRE_MESSAGE(WIFSIGNALED(status), story.error);
    return killed_at;
  }

 private:
  pid_t child_ = 0;
  int output_ = -1;
};

std::unique_ptr<Service> open_with_model(const std::filesystem::path& folder, const std::filesystem::path& model) {
  Service::Options options;
  options.places = places_below(folder);
  auto service = Service::open(std::move(options));
  REQUIRE_MESSAGE(service.ok(), (service.ok() ? std::string() : service.error().message));
  engine::ModelLoad load;
  load.path = model;
  load.threads = 1;
  wait((*service)->load_model(Mode::story, load));
  return *std::move(service);
}

// The same story, told without a disturbance by a process that knows nothing of the other.
class Undisturbed {
 public:
  explicit Undisturbed(const std::filesystem::path& model) : service_(open_with_model(folder_.path(), model)) {}
  std::vector<Message> tell(const SessionView& like) {
    const std::string id = wait(service_->create(Mode::story)).id;
    wait(service_->set_settings(id, like.settings));
    std::vector<Message> replies;
    for (const auto& message : like.path)
      if (message->role == Role::user) replies.push_back(wait(service_->send(id, message->text)));
    wait(service_->purge(id));
    return replies;
  }

 private:
  ScratchFolder folder_;
  std::unique_ptr<Service> service_;
};

struct Count {
  int in_a_reply = 0, before_its_first_word = 0, between = 0;
  int64_t reused = 0, read = 0;
};

void check_after_kill(const std::filesystem::path& folder, const std::filesystem::path& model, const Story& story,
                      int64_t killed_at, Undisturbed& undisturbed, Count& count) {
  require_ok(open_store(places_below(folder).database_file())->check_integrity());
  const auto service = open_with_model(folder, model);
  for (const auto& entry : story.session_of) {
    const SessionView view = wait(service->open_session(entry.second));
    const bool is_there = std::any_of(view.path.begin(), view.path.end(),
                                      [&](const auto& message) { return message->id == entry.first; });
    REQUIRE(is_there);
  }
  const SessionView view = wait(service->open_session(story.sessions.back()));
  std::map<std::string, std::shared_ptr<const Message>> by_id;
  for (const auto& message : view.path) by_id[message->id] = message;
  for (const auto& [id, growth] : story.shown) {
    size_t due = 0;
    for (const Shown& shown : growth)
      if (shown.at_us < killed_at - flush_us) due = shown.bytes;
    const bool of_last_session = by_id.contains(id);
    if (of_last_session) CHECK(by_id[id]->text.size() >= due);
  }
  for (const std::string& id : story.finished)
    if (by_id.contains(id)) CHECK(by_id[id]->finish_reason != "interrupted");
  if (view.path.empty()) return (void)++count.between;

  const Message& last = *view.path.back();
  const bool cut = last.role == Role::assistant && last.finish_reason == "interrupted";
  const bool unanswered = last.role == Role::user;
  ++(cut ? last.text.empty() ? count.before_its_first_word : count.in_a_reply : count.between);
  Message whole = last;
  if (cut) whole = wait(service->continue_reply(view.info.id));
  if (unanswered) whole = wait(service->regenerate(view.info.id));
  if (cut || unanswered) {
    count.reused += whole.stats.reused_tokens;
    count.read += whole.stats.prompt_tokens;
  }
  const std::vector<Message> expected = undisturbed.tell(view);
  REQUIRE(!expected.empty());
  CHECK(whole.tokens == expected.back().tokens);
  CHECK(whole.text == expected.back().text);
  CHECK(whole.finish_reason == expected.back().finish_reason);
  CHECK(wait(service->replay(view.info.id)).different == 0);
}

}  // namespace

TEST_CASE("killed while a model reads and writes, everything shown is there and the story goes on as it would have") {
  FABULA_REQUIRE_TESTDATA();
  const auto model = *fabula::test::testdata_file(crash_model);
  ScratchFolder folder;
  Undisturbed undisturbed(model);
  std::mt19937_64 random(fabula::test::seed());
  const char* full = std::getenv("FABULA_FULL");
  const int kills = full && std::string_view(full) == "1" ? 1000 : 25;
  Count count;
  for (int i = 0; i < kills; ++i) {
    CAPTURE(i);
    Story story;
    const int64_t killed_at =
        Driver(folder.path(), model, random()).kill_after(static_cast<double>(random() % 600) / 1000.0, story);
    REQUIRE(!story.sessions.empty());
    check_after_kill(folder.path(), model, story, killed_at, undisturbed, count);
  }
  MESSAGE(kills << " kills: " << count.in_a_reply << " in a reply, " << count.before_its_first_word
                << " before its first word was saved, " << count.between << " between replies; to go on, " << count.read
                << " tokens were needed and " << count.reused << " of them were on disk");
  CHECK(count.in_a_reply > 0);
}
