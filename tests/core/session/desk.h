// A service on a real small model with a chat template, in one line: what the service's tests share.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>

#include "core/engine/backends.h"
#include "core/session/service.h"
#include "tests/core/session/support.h"
#include "tests/support/support.h"

namespace fabula::session::test {

inline constexpr const char* model_file = "models/stories260k/generated/stories260K-F16.gguf";
inline constexpr const char* chat_source =
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}assistant:\n{% endif %}";

// The story model with a chat template, so that both modes can be tried.
inline engine::Backends with_template(const std::string& isa = "") {
  engine::Backends backends = engine::real_backends(isa, {});
  backends.open_model =
      [open = backends.open_model](
          const std::filesystem::path& path, const std::atomic<bool>* cancel) -> Result<std::shared_ptr<const model::Model>> {
    FABULA_ASSIGN(const auto opened, open(path, cancel));
    auto copy = std::make_shared<model::Model>(*opened);
    FABULA_ASSIGN(text::ChatTemplate parsed, text::ChatTemplate::parse(chat_source));
    copy->chat_template = std::make_shared<const text::ChatTemplate>(std::move(parsed));
    return std::shared_ptr<const model::Model>(copy);
  };
  return backends;
}

template <class T>
T wait(Answer<T> answer) {
  Result<T> result = answer.get();
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? std::string() : result.error().message));
  return *std::move(result);
}
inline void wait(Answer<void> answer) {
  require_ok(answer.get());
}

template <class T>
Error wait_error(Answer<T> answer) {
  const Result<T> result = answer.get();
  REQUIRE_FALSE(result.ok());
  return result.error();
}

class Desk {
 public:
  explicit Desk(const std::filesystem::path& folder) : folder_(folder) { open(); }

  void open(bool load = true) {
    service_.reset();
    Service::Options options;
    options.places = places_below(folder_);
    options.engine.backends = with_template();
    options.wake = [this] { ++wakes; };
    auto opened = Service::open(std::move(options));
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.error().message));
    service_ = *std::move(opened);
    if (!load) return;
    for (Mode mode : {Mode::chat, Mode::story}) {
      engine::ModelLoad model;
      model.path = *fabula::test::testdata_file(model_file);
      model.threads = 1;
      model.context = 512;
      const ModelState state = wait(service_->load_model(mode, model));
      REQUIRE(state.phase == ModelState::Phase::ready);
    }
  }
  void close() { service_.reset(); }
  Service* operator->() { return service_.get(); }

  std::string make(Mode mode, SessionSettings settings = greedy()) {
    const std::string id = wait(service_->create(mode)).id;
    wait(service_->set_settings(id, settings));
    return id;
  }
  SessionView view(const std::string& id) { return wait(service_->open_session(id)); }

  static SessionSettings greedy() {
    SessionSettings settings;
    settings.sampler.temperature = 0;
    settings.max_tokens = 12;
    return settings;
  }
  static SessionSettings seeded(int64_t max_tokens) {
    SessionSettings settings;
    settings.sampler.temperature = 1.1f;
    settings.sampler.repeat_penalty = 1.2f;
    settings.seed = 12345;
    settings.max_tokens = max_tokens;
    return settings;
  }

  std::atomic<int> wakes{0};

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Service> service_;
};

}  // namespace fabula::session::test
