// Which models stay in memory, and that nobody is left without one.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/base/clock.h"
#include "tests/core/session/desk.h"
#include "tests/core/session/slow_backends.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

namespace {

constexpr double patience_seconds = 20;

// Two names of one model's bytes: different models as far as the service is concerned.
class Shelf {
 public:
  explicit Shelf(std::function<uint64_t()> available = [] { return uint64_t{1} << 40; }, engine::Backends backends = with_template()) {
    for (const char* name : {"a", "b", "c"})
      std::filesystem::copy_file(*fabula::test::testdata_file(model_file), path(name));
    Service::Options options;
    options.places = places_below(folder_.path() / "data");
    options.engine.backends = std::move(backends);
    options.available_memory = std::move(available);
    options.available_gpu_memory = [this](int) { return gpu_looks-- > 0 ? uint64_t{0} : uint64_t{1} << 40; };
    auto opened = Service::open(std::move(options));
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.error().message));
    service_ = *std::move(opened);
  }
  std::atomic<int> gpu_looks{0};  // so many looks find a GPU's memory full
  Service* operator->() { return service_.get(); }
  std::filesystem::path path(const std::string& name) const { return folder_.path() / (name + ".gguf"); }
  engine::ModelLoad load(const std::string& name) const {
    engine::ModelLoad load;
    load.path = path(name);
    load.threads = 1;
    load.context = 256;
    return load;
  }
  ModelState take(Mode mode, const std::string& name) { return wait(service_->load_model(mode, load(name))); }
  std::string resident() const {  // last used first
    std::string names;
    for (const ResidentModel& model : service_->resident_models()) names += model.name;
    return names;
  }
  bool comes_to(const std::function<bool()>& wanted) const {
    const double until = monotonic_seconds() + patience_seconds;
    while (!wanted() && monotonic_seconds() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return wanted();
  }

 private:
  fabula::test::TemporaryFolder folder_;
  std::unique_ptr<Service> service_;
};

// Computes where the other does, and says that it is a GPU.
class OnGpu final : public SlowExecutor {
 public:
  explicit OnGpu(std::unique_ptr<compute::Executor> inner) : SlowExecutor(std::move(inner), {}), info_(SlowExecutor::info()) {
    info_.gpu_layers = 1;
  }
  const compute::ExecutorInfo& info() const override { return info_; }

 private:
  compute::ExecutorInfo info_;
};

// "a" and "b" are on a GPU, which every load wants a place on.
engine::Backends backends_with_gpu() {
  engine::Backends backends = with_template();
  backends.place = nullptr;
  backends.room = [](const model::Model&, const engine::ModelLoad& load, const compute::LoadOptions&) {
    return engine::Room{.gpu = 0, .gpu_bytes = 100, .gpu_named = load.device != "auto"};
  };
  backends.make_executor = [make = backends.make_executor](const model::Model& model, engine::ModelLoad load, const compute::LoadOptions& options)
      -> Result<std::unique_ptr<compute::Executor>> {
    load.device = "cpu";
    FABULA_ASSIGN(auto made, make(model, load, options));
    if (load.path.filename() == "c.gguf") return made;
    return std::unique_ptr<compute::Executor>(std::make_unique<OnGpu>(std::move(made)));
  };
  return backends;
}

}  // namespace

TEST_CASE("a full GPU: what is kept on it goes, what is spoken with only where the GPU was named") {
  FABULA_REQUIRE_TESTDATA();
  Shelf shelf([] { return uint64_t{1} << 40; }, backends_with_gpu());
  shelf.take(Mode::story, "a");
  shelf.take(Mode::chat, "b");
  shelf.take(Mode::chat, "c");
  CHECK(shelf.resident() == "cba");
  engine::ModelLoad load = shelf.load("c");
  load.context = 128;
  shelf.gpu_looks = 9;
  CHECK(wait(shelf->load_model(Mode::chat, load)).context == 128);
  CHECK(shelf.comes_to([&] { return shelf.resident() == "ca"; }));
  CHECK(shelf->model_state(Mode::story).phase == ModelState::Phase::ready);
  load.context = 192;
  load.device = "cuda";
  shelf.gpu_looks = 9;
  CHECK(wait(shelf->load_model(Mode::chat, load)).context == 192);
  CHECK(shelf.comes_to([&] { return shelf.resident() == "c"; }));
  CHECK(shelf->model_state(Mode::story).phase == ModelState::Phase::asleep);
}

TEST_CASE("models stay side by side and come back at once; what is given up leaves") {
  FABULA_REQUIRE_TESTDATA();
  Shelf shelf;
  const ModelState a = shelf.take(Mode::chat, "a"), b = shelf.take(Mode::story, "b"), c = shelf.take(Mode::chat, "c");
  CHECK(shelf.resident() == "cba");
  CHECK(shelf.take(Mode::chat, "a").id == a.id);  // was never away
  shelf->unload_model(Mode::story);
  CHECK(shelf.comes_to([&] { return shelf.resident() == "ca" || shelf.resident() == "ac"; }));
  CHECK(shelf->model_state(Mode::story).phase == ModelState::Phase::none);
  // The same file with another context takes the old one's place.
  engine::ModelLoad longer = shelf.load("a");
  longer.context = 512;
  CHECK(wait(shelf->load_model(Mode::chat, longer)).context == 512);
  CHECK(shelf.resident().size() == 2);
  CHECK(shelf->engine_or_null()->loaded_or_null(c.id));
}

TEST_CASE("where memory is short the least recently used goes, kept ones first, and comes back when it is needed") {
  FABULA_REQUIRE_TESTDATA();
  std::atomic<int> looks{-1};  // >= 0: so many looks find too little
  Shelf shelf([&looks] { return looks < 0 || looks-- == 0 ? uint64_t{1} << 40 : uint64_t{0}; });
  const ModelState story = shelf.take(Mode::story, "a");
  shelf.take(Mode::chat, "b");
  shelf.take(Mode::chat, "c");  // b is kept
  looks = 1;
  engine::ModelLoad shorter = shelf.load("c");
  shorter.context = 128;
  shelf.take(Mode::chat, "c");  // is there: nothing has to go
  looks = 1;
  CHECK(wait(shelf->load_model(Mode::chat, shorter)).context == 128);
  CHECK(shelf.comes_to([&] { return shelf.resident().find('b') == std::string::npos; }));
  CHECK(shelf->model_state(Mode::story).phase == ModelState::Phase::ready);
  // Both of the others have to go: the story's model sleeps, and a request wakes it.
  looks = 2;
  shelf.take(Mode::chat, "b");
  CHECK(shelf.comes_to([&] { return shelf->model_state(Mode::story).phase == ModelState::Phase::asleep; }));
  CHECK(shelf->model_state(Mode::story).name == "a");
  looks = -1;
  const std::string session = wait(shelf->create(Mode::story)).id;
  const Message reply = wait(shelf->send(session, "Once upon a time"));
  CHECK(!reply.tokens.empty());
  CHECK(shelf->model_state(Mode::story).phase == ModelState::Phase::ready);
  CHECK(shelf->model_state(Mode::story).id != story.id);
}

TEST_CASE("asked for by name a model leaves, and wakes") {
  FABULA_REQUIRE_TESTDATA();
  Shelf shelf;
  shelf.take(Mode::chat, "a");
  shelf->unload_resident(shelf.path("a").string());
  REQUIRE(shelf.comes_to([&] { return shelf->model_state(Mode::chat).phase == ModelState::Phase::asleep; }));
  CHECK(shelf->resident_models().empty());
  CHECK(wait(shelf->wake_model(Mode::chat)).phase == ModelState::Phase::ready);
  CHECK(wait_error(shelf->wake_model(Mode::story)).code == ErrorCode::unsupported);
}

TEST_CASE("a load that fails or is cancelled leaves the old model where it was") {
  FABULA_REQUIRE_TESTDATA();
  // The second model takes its time, so that there is something to cancel.
  std::atomic<bool> opening{false};
  engine::Backends backends = with_template();
  backends.open_model = [&opening, open = backends.open_model](const std::filesystem::path& path, const std::atomic<bool>* cancel)
      -> Result<std::shared_ptr<const model::Model>> {
    if (path.filename() == "b.gguf") {
      opening = true;
      while (!*cancel) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return Error{ErrorCode::cancelled, "loading was cancelled"};
    }
    return open(path, cancel);
  };
  backends.make_executor = [make = backends.make_executor](const model::Model& model, const engine::ModelLoad& load, const compute::LoadOptions& options)
      -> Result<std::unique_ptr<compute::Executor>> {
    if (load.path.filename() == "c.gguf") return Error{ErrorCode::out_of_memory, "there is no memory for it"};
    return make(model, load, options);
  };
  std::atomic<bool> short_of_memory{false};
  Shelf shelf([&] { return short_of_memory ? uint64_t{0} : uint64_t{1} << 40; }, backends);
  const ModelState a = shelf.take(Mode::chat, "a");

  auto loading = shelf->load_model(Mode::chat, shelf.load("b"));
  REQUIRE(shelf.comes_to([&] { return opening.load() && shelf->model_state(Mode::chat).phase == ModelState::Phase::loading; }));
  const double asked_at = monotonic_seconds();
  shelf->cancel_load(Mode::chat);
  CHECK(wait_error(std::move(loading)).code == ErrorCode::cancelled);
  CHECK(monotonic_seconds() - asked_at < 2);
  CHECK(shelf->model_state(Mode::chat).id == a.id);
  CHECK(shelf->model_state(Mode::chat).error.empty());

  engine::ModelLoad wrong = shelf.load("c");
  wrong.context = 1 << 20;
  CHECK(wait_error(shelf->load_model(Mode::chat, wrong)).code == ErrorCode::invalid_argument);
  CHECK(shelf->model_state(Mode::chat).phase == ModelState::Phase::ready);
  CHECK(shelf->model_state(Mode::chat).error.find("context") != std::string::npos);

  // Even where it had to go to sleep first for the one that failed.
  short_of_memory = true;
  CHECK(wait_error(shelf->load_model(Mode::chat, shelf.load("c"))).code == ErrorCode::out_of_memory);
  short_of_memory = false;
  CHECK(shelf.comes_to([&] { return shelf->model_state(Mode::chat).phase == ModelState::Phase::ready; }));
  CHECK(shelf->model_state(Mode::chat).id != a.id);
  const std::string session = wait(shelf->create(Mode::chat)).id;
  const SessionSettings settings = Desk::greedy();
  wait(shelf->set_settings(session, settings));
  CHECK(wait(shelf->send(session, "Tell me a story.")).finish_reason != "error");
}
