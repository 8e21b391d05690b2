// Random interleavings of everything that can be done to a session, on real models, beside other requests that
// come and go, over restarts and changes of the model. What came out is held against an engine that knows
// nothing of all that: every reply computed anew from its receipt, cold, token by token.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/json.h"
#include "tests/core/session/desk.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

constexpr const char* model_files[] = {
    "models/stories260k/generated/stories260K-F32.gguf",    "models/stories260k/generated/stories260K-F16.gguf",
    "models/stories260k/generated/stories260K-Q8_0.gguf",   "models/stories260k/generated/stories260K-Q4_0.gguf",
    "models/stories260k/generated/stories260K-Q4_1.gguf",   "models/stories260k/generated/stories260K-Q5_0.gguf",
    "models/stories260k/generated/stories260K-IQ4_NL.gguf", "models/tinystories-656k/generated/TinyStories-656K-BF16.gguf"};
// Kernels that this machine has; "" is its best.
std::vector<std::string> usable_isas() {
  std::vector<std::string> out = {""};
  for (const char* isa : {"avx2", "avx512"}) {
    engine::Backends backends = engine::real_backends(isa, {});
    const auto model = backends.open_model(*fabula::test::testdata_file(model_files[0]), nullptr);
    if (!model.ok()) continue;
    compute::LoadOptions options;
    options.kv_blocks = 4;
    if (backends.make_executor(**model, {}, options).ok()) out.emplace_back(isa);
  }
  return out;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t below(size_t n) { return engine_() % n; }
  bool once_in(size_t n) { return below(n) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }
  uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class Player {
 public:
  Player(std::filesystem::path folder, std::vector<std::string> isas, std::array<std::string, 2> models, uint64_t seed)
      : folder_(std::move(folder)), isas_(std::move(isas)), models_(std::move(models)), random_(seed) {
    restart();
    for (Mode mode : {Mode::chat, Mode::story}) sessions_.push_back(make(mode));
  }
  ~Player() { stop_neighbours(); }

  void step() {
    const std::string& id = random_.of(sessions_);
    const SessionView view = wait(service_->open_session(id));
    const size_t n = view.path.size();
    const auto any = [&]() -> const Message& { return *view.path[random_.below(n)]; };
    if (random_.once_in(4)) add_neighbour();
    switch (random_.below(n == 0 ? 1 : 13)) {
      case 0:
      case 1: take(service_->send(id, random_.once_in(3) ? "Then" : " One day, a little girl saw a dog.")); break;
      case 2: take(service_->continue_reply(id)); break;
      case 3: take(service_->regenerate(id)); break;
      case 4:
      case 5: branch(view); break;
      case 6: (void)service_->rollback(id, any().id).get(); break;
      case 7: (void)service_->select_sibling(id, any().id, random_.once_in(2) ? 1 : -1).get(); break;
      case 8: (void)service_->undo(id).get(); break;
      case 9: (void)service_->redo(id).get(); break;
      case 10: (void)service_->edit(id, any().id, any().text + " and more").get(); break;
      case 11: cut_short(id); break;
      default:
        if (random_.once_in(3))
          restart();
        else if (random_.once_in(2))
          std::swap(models_[0], models_[1]), load();
        else
          (void)service_->remove_message(id, view.path.back()->id).get();
    }
  }

  std::vector<std::string> documents() {
    std::vector<std::string> out;
    for (const std::string& id : sessions_) out.push_back(dump_json(wait(service_->export_session(id))));
    return out;
  }
  int replies = 0;

 private:
  void restart() {
    stop_neighbours();
    service_.reset();
    Service::Options options;
    options.places = places_below(folder_);
    options.engine.isa = random_.of(isas_);
    options.engine.backends = with_template(options.engine.isa);
    options.engine.prefill_chunk = static_cast<int64_t>(std::array{1, 7, 64, 512}[random_.below(4)]);
    auto opened = Service::open(std::move(options));
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.error().message));
    service_ = *std::move(opened);
    load();
    consumer_ = service_->engine_or_null()->make_consumer([] {});
  }
  void load() {
    for (Mode mode : {Mode::chat, Mode::story}) {
      engine::ModelLoad load;
      load.path = models_[static_cast<size_t>(mode)];
      load.context = 512;
      load.threads = 1 + static_cast<int>(random_.below(3));
      wait(service_->load_model(mode, load));
    }
  }
  std::string make(Mode mode) {
    const std::string id = wait(service_->create(mode)).id;
    SessionSettings settings;
    settings.sampler.temperature = 1.0f;
    settings.sampler.repeat_penalty = 1.1f;
    settings.max_tokens = 12;
    settings.alternatives = 2;
    settings.stop = {"."};
    wait(service_->set_settings(id, settings));
    return id;
  }
  // Refusals are answers, too: a full context, a reply of another model, nothing to go on from.
  void take(Answer<Message> answer) { replies += answer.get().ok(); }
  void branch(const SessionView& view) {
    const Message& reply = *view.path.back();
    if (reply.tokens.empty()) return;
    const size_t keep = random_.below(reply.tokens.size());
    const bool known = keep < reply.alternatives.size() && !reply.alternatives[keep].empty();
    const int32_t token = known ? reply.alternatives[keep].back().token : static_cast<int32_t>(300 + random_.below(100));
    take(service_->branch_at(view.info.id, reply.id, static_cast<int64_t>(keep), token));
  }
  void cut_short(const std::string& id) {
    auto answer = service_->send(id, " And so");
    if (random_.once_in(2)) service_->cancel(id);
    take(std::move(answer));
  }
  // Up to seven other requests share the steps; some are cancelled midway.
  void add_neighbour() {
    if (neighbours_.size() >= 7) {
      service_->engine_or_null()->cancel(neighbours_.front());
      neighbours_.erase(neighbours_.begin());
    }
    engine::GenerateRequest request;
    request.model = service_->model_state(Mode::story).id;
    for (size_t i = 0, count = 1 + random_.below(90); i < count; ++i)
      request.prompt.push_back(static_cast<int32_t>(3 + random_.below(400)));
    request.seed = random_.bits() >> 1;
    request.max_tokens = static_cast<int64_t>(random_.below(120));
    if (const auto id = service_->engine_or_null()->submit(request, *consumer_); id.ok()) neighbours_.push_back(*id);
    engine::Event event;
    while (consumer_->poll(event)) {
    }
  }
  void stop_neighbours() {
    neighbours_.clear();
    consumer_.reset();
  }

  const std::filesystem::path folder_;
  const std::vector<std::string> isas_;
  std::array<std::string, 2> models_;  // by mode
  Random random_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<engine::Consumer> consumer_;
  std::vector<engine::RequestId> neighbours_;
  std::vector<std::string> sessions_;
};

}  // namespace

TEST_CASE("whatever is done to a session, each reply is what its receipt gives on a cold engine") {
  FABULA_REQUIRE_TESTDATA();
  const char* full = std::getenv("FABULA_FULL");
  const int rounds = full && std::string_view(full) == "1" ? 120 : 8;
  const std::vector<std::string> isas = usable_isas();
  Random random(fabula::test::seed());
  int64_t replies = 0, checked = 0;
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    ScratchFolder folder, elsewhere;
    const std::array models = {fabula::test::testdata_file(random.of(model_files))->string(),
                               fabula::test::testdata_file(random.of(model_files))->string()};
    std::vector<std::string> documents;
    {
      Player player(folder.path(), isas, models, random.bits());
      for (int i = 0; i < 40; ++i) player.step();
      documents = player.documents();
      replies += player.replies;
    }
    Service::Options cold;
    cold.places = places_below(elsewhere.path());
    cold.engine.speculation = false;
    cold.engine.prefill_chunk = 1;
    cold.engine.max_batch = 1;
    cold.engine.isa = random.of(isas);
    cold.engine.backends = with_template(cold.engine.isa);
    const auto reference = *Service::open(std::move(cold));
    for (Mode mode : {Mode::chat, Mode::story}) {
      engine::ModelLoad load;
      load.path = models[static_cast<size_t>(mode)];
      load.context = 512;
      load.threads = 1;
      wait(reference->load_model(mode, load));
    }
    for (const std::string& document : documents) {
      const ReplayReport report = wait(reference->replay_document(document));
      for (const auto& reply : report.replies) {
        CAPTURE(reply.message);
        CAPTURE(reply.tokens);
        CAPTURE(reply.first_difference);
        CAPTURE(reply.expected);
        CAPTURE(reply.got);
        const bool different = reply.outcome == ReplayReport::Outcome::different;
        const Json whole = *parse_json(document, "an export");
        const auto& messages = whole["messages"];
        const auto found = std::find_if(messages.begin(), messages.end(), [&](const Json& m) { return m["id"] == reply.message; });
        const std::string as_it_is = different ? found->dump() : "";
        CAPTURE(as_it_is);
        CHECK(reply.outcome != ReplayReport::Outcome::different);
      }
      checked += report.equal;
    }
  }
  MESSAGE(replies << " replies in " << rounds << " rounds, " << checked << " of those that stayed computed anew");
  CHECK(checked > 5 * rounds);
}
