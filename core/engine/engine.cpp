#include "core/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/engine/engine_thread.h"
#include "core/engine/loader.h"

namespace fabula::engine {

namespace {

class ChannelConsumer final : public Consumer {
 public:
  ChannelConsumer(std::shared_ptr<Hub> hub, std::shared_ptr<Channel> channel)
      : hub_(std::move(hub)), channel_(std::move(channel)) {}
  ~ChannelConsumer() override {
    channel_->close();
    hub_->controls.cancel_all_of(channel_->id());
    hub_->inbox.post(CloseChannel{channel_});
  }
  bool poll(Event& event) override {
    const bool any = channel_->poll(event);
    if (channel_->reader_should_nudge()) hub_->inbox.nudge();
    return any;
  }
  Error take_error(RequestId request) override { return channel_->take_error(request); }
  std::vector<Choice> take_alternatives(RequestId request, int64_t index) override {
    return channel_->take_alternatives(request, index);
  }
  const std::shared_ptr<Channel>& channel() const { return channel_; }

 private:
  const std::shared_ptr<Hub> hub_;
  const std::shared_ptr<Channel> channel_;
};

// Consumers are made by make_consumer() alone.
const std::shared_ptr<Channel>& channel_of(const Consumer& consumer) {
  return static_cast<const ChannelConsumer&>(consumer).channel();
}

Status check_tokens(std::span<const int32_t> tokens, int64_t vocab) {
  if (tokens.empty()) return Error{ErrorCode::invalid_argument, "the prompt has no tokens"};
  const auto bad =
      std::ranges::find_if(tokens, [vocab](int32_t token) { return token < 0 || token >= vocab; });
  if (bad == tokens.end()) return {};
  return Error{ErrorCode::invalid_argument, "token " + std::to_string(*bad) + " is none of the model's " +
                                                std::to_string(vocab) + " tokens"};
}

Status check_length(int64_t tokens, int64_t context) {
  if (tokens <= context) return {};
  return Error{ErrorCode::context_overflow, "the prompt of " + std::to_string(tokens) +
                                                " tokens is longer than the context of " +
                                                std::to_string(context)};
}

Error no_such_model(ModelId model) {
  return {ErrorCode::not_found, "no model with the id " + std::to_string(model) + " is loaded"};
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::cancelled: return "cancelled";
    case FinishReason::error: return "error";
  }
  return "error";
}

class Engine::Impl {
 public:
  explicit Impl(const EngineOptions& given)
      : options(given),
        hub(std::make_shared<Hub>()),
        disk(given.kv_folder.empty()
                 ? nullptr
                 : std::make_unique<DiskTier>(given.kv_folder, given.kv_disk_bytes, given.log,
                                              [hub = hub] { hub->inbox.nudge(); })),
        thread(hub, models, disk.get()),
        loader(given, hub, disk.get()) {}

  std::unique_ptr<Sequence> make_sequence(GenerateRequest request, uint64_t consumer) {
    auto sequence = std::make_unique<Sequence>();
    sequence->control = hub->controls.add(consumer);
    sequence->tokens = std::move(request.prompt);
    sequence->prompt_tokens = sequence->size();
    sequence->request = std::move(request);
    return sequence;
  }

  const EngineOptions options;
  const std::shared_ptr<Hub> hub;
  LoadedModels models;
  std::atomic<uint64_t> last_consumer{0};
  // Ends in the other order: no model comes any more, then everything stops, then what is left is written.
  std::unique_ptr<DiskTier> disk;
  EngineThread thread;
  Loader loader;
};

Engine::Engine(EngineOptions options) {
  options.ring_events = std::max<size_t>(options.ring_events, 1);
  options.prefill_chunk = std::max<int64_t>(options.prefill_chunk, 1);
  options.max_batch = std::max<int64_t>(options.max_batch, 1);
  impl_ = std::make_unique<Impl>(options);
}

Engine::~Engine() = default;

std::unique_ptr<Consumer> Engine::make_consumer(std::function<void()> wake) {
  auto channel =
      std::make_shared<Channel>(++impl_->last_consumer, impl_->options.ring_events, std::move(wake));
  impl_->hub->inbox.post(OpenChannel{channel});
  return std::make_unique<ChannelConsumer>(impl_->hub, std::move(channel));
}

RequestId Engine::load(const ModelLoad& load, Consumer& consumer) {
  auto control = impl_->hub->controls.add(channel_of(consumer)->id());
  const RequestId request = control->request;
  impl_->loader.load({load, channel_of(consumer), std::move(control)});
  return request;
}

void Engine::unload(ModelId model, bool only_if_idle) {
  impl_->hub->inbox.post(Unload{model, only_if_idle});
}

double Engine::last_used(ModelId model) const {
  return impl_->models.last_used(model);
}

std::shared_ptr<const Engine::LoadedModel> Engine::loaded_or_null(ModelId model) const {
  return impl_->models.find_or_null(model);
}

void Engine::set_threads(ModelId model, int threads) {
  impl_->hub->inbox.post(SetThreads{model, threads});
}

void Engine::forget(const std::vector<ReadText>& texts, std::function<void()> done) {
  std::vector<KvKey> keys;
  for (const ReadText& text : texts) {
    const auto chain = chain_keys(root_key(text.model_fingerprint, text.numerics_id), text.tokens);
    keys.insert(keys.end(), chain.begin(), chain.end());
  }
  impl_->hub->inbox.post(Forget{std::move(keys), std::move(done)});
}

void Engine::look_up(ModelId model, std::vector<int32_t> tokens, std::function<void(int64_t)> answer) {
  impl_->hub->inbox.post(LookUp{model, std::move(tokens), std::move(answer)});
}

Result<RequestId> Engine::submit(GenerateRequest request, Consumer& consumer) {
  const auto loaded = loaded_or_null(request.model);
  if (!loaded) return no_such_model(request.model);
  if (loaded->lost) return *loaded->lost;
  FABULA_TRY(check_tokens(request.prompt, loaded->model->spec.vocab));
  FABULA_TRY(check(request.sampler));
  FABULA_TRY(check_length(static_cast<int64_t>(request.prompt.size()), loaded->context));
  std::atomic<int64_t>& queued = impl_->hub->metrics.queued_requests;
  if (queued.fetch_add(1) >= impl_->options.max_queued) {
    --queued;
    return Error{ErrorCode::busy,
                 std::to_string(impl_->options.max_queued) + " requests are waiting already"};
  }
  impl_->models.note_use(request.model);
  auto sequence = impl_->make_sequence(std::move(request), channel_of(consumer)->id());
  sequence->channel = channel_of(consumer);
  const RequestId id = sequence->control->request;
  impl_->hub->inbox.post(Submit{std::move(sequence)});
  return id;
}

void Engine::cancel(RequestId request) {
  if (impl_->hub->controls.cancel(request)) impl_->hub->inbox.nudge();
}

Status Engine::evaluate(ModelId model, std::span<const int32_t> tokens, const EvaluateJob::Deliver& deliver,
                        const std::atomic<bool>* cancel) {
  const auto loaded = loaded_or_null(model);
  if (!loaded) return no_such_model(model);
  if (loaded->lost) return *loaded->lost;
  FABULA_TRY(check_tokens(tokens, loaded->model->spec.vocab));
  FABULA_TRY(check_length(static_cast<int64_t>(tokens.size()), loaded->context));
  impl_->models.note_use(model);
  GenerateRequest request;
  request.model = model;
  request.prompt.assign(tokens.begin(), tokens.end());
  ++impl_->hub->metrics.queued_requests;
  auto sequence = impl_->make_sequence(std::move(request), 0);
  const auto job = std::make_shared<EvaluateJob>();
  sequence->job = job;
  const RequestId id = sequence->control->request;
  impl_->hub->inbox.post(Submit{std::move(sequence)});
  return job->wait(
      deliver, cancel, [this] { impl_->hub->inbox.nudge(); }, [this, id] { this->cancel(id); });
}

Metrics Engine::metrics() const {
  return impl_->hub->metrics.read();
}

}  // namespace fabula::engine
