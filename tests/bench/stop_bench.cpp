// How soon a stop is answered (bound: 100 ms) at moments spread over the loading of a model, the reading of a long prompt
// and the writing of a reply; with a hub, also over a download. Each line: how often it was tried, median, longest, and
// how often the work had ended before it was stopped.
// usage: stop_bench MODEL [HUB NAME]    HUB as tests/core/hub/hub_server.py prints it: http://127.0.0.1:PORT
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/hub/pull.h"

using namespace fabula;
using namespace fabula::engine;

namespace {

constexpr int tries = 20;

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

[[noreturn]] void fail(const Error& error) {
  std::fprintf(stderr, "stop_bench: %s\n", error.message.c_str());
  std::exit(1);
}

class Times {
 public:
  explicit Times(const char* what) : what_(what) {}
  void add(double asked_at, bool was_stopped) {
    if (was_stopped) seconds_.push_back(monotonic_seconds() - asked_at);
    else ++too_late_;
  }
  ~Times() {
    std::sort(seconds_.begin(), seconds_.end());
    std::printf("%-34s %2zu stops, median %6.1f ms, longest %6.1f ms (bound 100), %d had ended\n", what_, seconds_.size(),
                seconds_.empty() ? 0 : seconds_[seconds_.size() / 2] * 1e3, seconds_.empty() ? 0 : seconds_.back() * 1e3, too_late_);
  }

 private:
  const char* what_;
  std::vector<double> seconds_;
  int too_late_ = 0;
};

class Desk {
 public:
  Desk(std::filesystem::path model, const std::filesystem::path& folder)
      : path_(std::move(model)),
        engine_({.kv_folder = folder / "kv", .fingerprint_folder = folder / "fingerprints", .packed_folder = folder / "packed"}),
        consumer_(engine_.make_consumer([] {})) {}

  // The time until it was there.
  double load() {
    const double began = monotonic_seconds();
    engine_.load({.path = path_}, *consumer_);
    const Event event = await(Event::Kind::loaded);
    model_ = event.model;
    return monotonic_seconds() - began;
  }
  void unload() {
    engine_.unload(model_);
    await(Event::Kind::unloaded);
  }
  void stop_load_after(double seconds, Times& times) {
    const RequestId load = engine_.load({.path = path_}, *consumer_);
    sleep_seconds(seconds);
    const double asked_at = monotonic_seconds();
    engine_.cancel(load);
    const Event event = await(Event::Kind::load_failed);
    times.add(asked_at, event.kind == Event::Kind::load_failed);
    if (event.kind == Event::Kind::load_failed) return void(consumer_->take_error(load));
    model_ = event.model;
    unload();
  }

  // until_token: stopped so long after its first token, else after it was asked for.
  void stop_reply_after(double seconds, size_t prompt_tokens, bool until_token, Times& times) {
    GenerateRequest request;
    request.model = model_;
    const auto vocab = static_cast<uint64_t>(engine_.loaded_or_null(model_)->model->spec.vocab);
    for (size_t i = 0; i < prompt_tokens; ++i) request.prompt.push_back(static_cast<int32_t>(random_() % vocab));
    request.max_tokens = 1'000;
    request.ignore_end_tokens = true;
    const auto id = engine_.submit(std::move(request), *consumer_);
    if (!id.ok()) fail(id.error());
    if (until_token) await(Event::Kind::token);
    sleep_seconds(seconds);
    const double asked_at = monotonic_seconds();
    engine_.cancel(*id);
    times.add(asked_at, await(Event::Kind::finished).reason == FinishReason::cancelled);
  }

 private:
  // The next event of that kind, or one that ends what was asked for.
  Event await(Event::Kind kind) {
    for (Event event;;) {
      if (!consumer_->poll(event)) {
        sleep_seconds(0.0002);
        continue;
      }
      if (event.kind == kind || event.kind == Event::Kind::finished || event.kind == Event::Kind::loaded) return event;
      if (event.kind == Event::Kind::load_failed) fail(consumer_->take_error(event.request));
    }
  }

  const std::filesystem::path path_;
  Engine engine_;
  std::unique_ptr<Consumer> consumer_;
  ModelId model_ = 0;
  std::mt19937_64 random_{1};
};

void stop_downloads(const char* hub, const char* name, const std::filesystem::path& folder) {
  const auto parsed = hub::parse_pull_name(name);
  if (!parsed.ok()) fail(parsed.error());
  Times times("download");
  for (int i = 0; i < tries; ++i) {
    std::atomic<bool> cancel{false};
    hub::PullOptions options;
    options.places = places_below(folder / ("pull" + std::to_string(i)));
    options.access.endpoint = hub;
    options.cancel = &cancel;
    double asked_at = 0;
    std::thread stopper([&] {
      sleep_seconds(0.02 + 0.02 * i);
      asked_at = monotonic_seconds();
      cancel = true;
    });
    const auto pulled = hub::pull(*parsed, options);
    const bool was_stopped = !pulled.ok() && pulled.error().code == ErrorCode::cancelled;
    if (was_stopped) times.add(asked_at, true);
    stopper.join();
    if (!was_stopped) times.add(asked_at, false);
    if (!pulled.ok() && !was_stopped) fail(pulled.error());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: stop_bench MODEL [HUB NAME]\n");
    return 2;
  }
  const auto folder = std::filesystem::temp_directory_path() / "fabula-stop-bench";
  std::filesystem::remove_all(folder);
  {
    // What is known of a file after its first loading makes the later ones shorter: both are stopped. The file itself is
    // in the system's cache from the very first time on.
    Times times("load, first time");
    Desk(argv[1], folder).load();
    std::filesystem::remove_all(folder);
    const double whole = Desk(argv[1], folder).load();
    for (int i = 0; i < tries; ++i) {
      std::filesystem::remove_all(folder);
      Desk(argv[1], folder).stop_load_after(whole * (i + 0.5) / tries, times);
    }
  }
  Desk desk(argv[1], folder);
  desk.load();
  desk.unload();
  const double again = desk.load();
  desk.unload();
  {
    Times times("load, again");
    for (int i = 0; i < tries; ++i) desk.stop_load_after(again * (i + 0.5) / tries, times);
  }
  desk.load();
  {
    Times times("reading a prompt of 4,000 tokens");
    for (int i = 0; i < tries; ++i) desk.stop_reply_after(0.005 + 0.173 * i, 4000, false, times);
  }
  {
    Times times("writing");
    for (int i = 0; i < tries; ++i) desk.stop_reply_after(0.037 * i, 32, true, times);
  }
  if (argc == 4) stop_downloads(argv[2], argv[3], folder);
  std::filesystem::remove_all(folder);
  return 0;
}
