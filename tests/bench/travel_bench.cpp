// Time travel with a real model: what rolling back, switching branches and a restart cost, beside the time that reading all of it
// anew takes. Usage: travel_bench MODEL [tokens, default 4000]
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/session/document.h"
#include "core/session/service.h"

using namespace fabula;
using namespace fabula::session;

namespace {

constexpr int n_messages = 1000;

template <class T>
auto get(Answer<T> answer) {
  Result<T> result = answer.get();
  if (!result.ok()) {
    std::fprintf(stderr, "travel_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

std::string words(std::mt19937_64& random, int64_t count) {
  static constexpr const char* some[] = {" the", " dragon", " walked", " over", " a", " hill", " and", " saw", " river", " rain", " little", " girl"};
  std::string out;
  for (int64_t i = 0; i < count; ++i) out += some[random() % std::size(some)];
  return out;
}

class Bench {
 public:
  Bench(std::filesystem::path folder, std::filesystem::path model) : folder_(std::move(folder)), model_(std::move(model)) { open(); }

  void open() {
    service_.reset();
    Service::Options options;
    options.places = places_below(folder_);
    auto opened = Service::open(std::move(options));
    if (!opened.ok()) {
      std::fprintf(stderr, "travel_bench: %s\n", opened.error().message.c_str());
      std::exit(1);
    }
    service_ = *std::move(opened);
    engine::ModelLoad load;
    load.path = model_;
    get(service_->load_model(Mode::story, load));
  }
  Service* operator->() { return service_.get(); }

  // One token more at the end of the path: the time goes into what has to be read before it.
  Message go_on(const std::string& id, const char* what) {
    ReplyOptions one;
    one.max_tokens = 1;
    const Message reply = get(service_->continue_reply(id, one));
    const MessageStats& stats = reply.stats;
    if (seconds_per_token_ == 0) seconds_per_token_ = stats.prompt_seconds / static_cast<double>(stats.prompt_tokens);
    std::printf("%-44s %6lld tokens, %6lld reused, %9.2f ms; anew %9.2f ms\n", what, static_cast<long long>(stats.prompt_tokens),
                static_cast<long long>(stats.reused_tokens), stats.prompt_seconds * 1e3,
                seconds_per_token_ * static_cast<double>(stats.prompt_tokens) * 1e3);
    return reply;
  }

 private:
  const std::filesystem::path folder_, model_;
  std::unique_ptr<Service> service_;
  double seconds_per_token_ = 0;  // of the first, cold reading
};

// A story of 1,000 messages with about `tokens` words.
std::string long_story(Bench& bench, int64_t tokens, std::mt19937_64& random) {
  Document document;
  document.info.id = make_uuid_v7();
  document.info.mode = Mode::story;
  document.info.created_at = document.info.updated_at = unix_milliseconds();
  for (int i = 0; i < n_messages; ++i) {
    Message message;
    message.id = make_uuid_v7();
    message.parent = document.current;
    message.text = words(random, std::max<int64_t>(1, tokens / n_messages));
    message.created_at = unix_milliseconds();
    document.current = message.id;
    document.messages.push_back(std::make_shared<const Message>(std::move(message)));
  }
  return get(bench->import_session(dump_json(document_to_json(document))));
}

void bench_rollback(Bench& bench, const std::string& id, std::mt19937_64& random) {
  const SessionView view = get(bench->open_session(id));
  std::vector<double> seconds;
  for (int i = 0; i < 200; ++i) {
    const double start = monotonic_seconds();
    get(bench->rollback(id, view.path[random() % n_messages]->id));
    seconds.push_back(monotonic_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("%-44s median %.3f ms, max %.3f ms, on disk and shown\n", "rollback to any of 1,000 messages", seconds[seconds.size() / 2] * 1e3,
              seconds.back() * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: travel_bench MODEL [tokens]\n");
    return 2;
  }
  const int64_t tokens = argc > 2 ? std::max(n_messages, std::atoi(argv[2])) : 4000;
  std::string name = (std::filesystem::temp_directory_path() / "fabula-travel-XXXXXX").string();
  if (!::mkdtemp(name.data())) return 1;
  {
    std::mt19937_64 random(1);
    Bench bench(name, std::filesystem::absolute(argv[1]));
    const std::string id = long_story(bench, tokens, random);
    const Message left = bench.go_on(id, "cold");
    bench_rollback(bench, id, random);
    const SessionView whole = (get(bench->rollback(id, left.id)), get(bench->open_session(id)));
    get(bench->rollback(id, whole.path[2 * n_messages / 3]->id));
    bench.go_on(id, "on after a rollback by a third");
    get(bench->rollback(id, whole.path[n_messages / 2]->id));
    ReplyOptions one;
    one.max_tokens = 1;
    const Message right = get(bench->send(id, words(random, tokens / 2), one));
    get(bench->rollback(id, left.id));
    bench.go_on(id, "switched to the first branch");
    get(bench->rollback(id, right.id));
    bench.go_on(id, "switched to the second");
    bench.open();
    bench.go_on(id, "on after a restart");
    get(bench->rollback(id, left.id));
    bench.go_on(id, "switched to the first branch after it");
  }
  std::filesystem::remove_all(name);
  return 0;
}
