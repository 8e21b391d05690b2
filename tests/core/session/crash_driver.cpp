// A process that writes stories until it is killed, and says on standard output what it has shown:
//   S session            made
//   U session message    the person's words stand in the session
//   P message bytes us   so much of the reply was shown, at this time of the monotonic clock
//   R message            the reply is finished
// usage: crash_driver FOLDER MODEL SEED
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>

#include "core/base/clock.h"
#include "core/session/service.h"
#include "tests/core/session/slow_backends.h"

using namespace fabula;
using namespace fabula::session;

namespace {

void say(std::string line) {
  line += '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(3);
}

template <class T>
T value_or_exit(Result<T> result) {
  if (!result.ok()) {
    say("E " + result.error().message);
    _exit(2);
  }
  return *std::move(result);
}

SessionSettings settings_of(uint64_t seed) {
  SessionSettings settings;
  settings.seed = seed;
  settings.max_tokens = 150;
  return settings;
}

// One story: words, a reply, more words, another reply.
void write_story(Service& service, std::mt19937_64& random) {
  const std::string id = value_or_exit(service.create(Mode::story).get()).id;
  if (!service.set_settings(id, settings_of(random() >> 1)).get().ok()) _exit(2);
  say("S " + id);
  if (!service.open_session(id).get().ok()) _exit(2);
  for (int turn = 0; turn < 3; ++turn) {
    std::string words = turn == 0 ? "Once upon a time, there was a" : " Then the";
    for (uint64_t n = random() % (turn == 0 ? 60 : 8); n > 0; --n) words += n % 3 ? " big" : " old";
    const size_t before = service.view_or_null(id)->path.size();
    auto answer = service.send(id, words);
    // The words are acknowledged as soon as they stand in the view.
    while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      const auto view = service.view_or_null(id);
      if (view->path.size() <= before) continue;
      say("U " + id + " " + view->path[before]->id);
      break;
    }
    say("R " + value_or_exit(answer.get()).id);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 1;
  Service::Options options;
  options.places = places_below(words[1]);
  options.engine.backends = test::slow_backends(std::chrono::microseconds(2000));
  options.may_attach = false;
  const auto service = value_or_exit(Service::open(std::move(options)));
  engine::ModelLoad load;
  load.path = words[2];
  load.threads = 1;
  value_or_exit(service->load_model(Mode::story, load).get());
  std::map<std::string, size_t> shown;
  service->follow([&](const std::string&, const std::string& message, std::string_view piece) {
    shown[message] += piece.size();
    say("P " + message + " " + std::to_string(shown[message]) + " " +
        std::to_string(static_cast<int64_t>(monotonic_seconds() * 1e6)));
  });
  std::mt19937_64 random(std::strtoull(words[3], nullptr, 10));
  for (;;) write_story(*service, random);
}
