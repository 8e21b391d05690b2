#include "core/engine/loader.h"

#include <algorithm>
#include <utility>

#include "core/compute/rope.h"
#include "core/engine/kv_budget.h"
#include "core/engine/resident.h"

namespace fabula::engine {

namespace {

constexpr int64_t default_longest_context =
    8192;  // where the caller names none: what a desktop's memory takes in its stride

Result<int64_t> context_of(const ModelLoad& load, const model::Model& model) {
  const int64_t own = model.spec.context_length;
  if (load.context < 0)
    return Error{ErrorCode::invalid_argument,
                 "a context of " + std::to_string(load.context) + " tokens makes no sense"};
  if (load.context > 0 && own > 0 && load.context > own)
    return Error{ErrorCode::invalid_argument, "a context of " + std::to_string(load.context) +
                                                  " tokens is more than the " + std::to_string(own) +
                                                  " that " + model.info.name + " was made for"};
  if (load.context > 0) return load.context;
  // Longer than a rope's original context only where it is asked for: that changes every word a little.
  return own > 0 ? std::min(compute::original_context(model.spec), default_longest_context) : default_longest_context;
}

}  // namespace

Loader::Loader(const EngineOptions& options, std::shared_ptr<Hub> hub, DiskTier* disk)
    : options_(options),
      backends_(options.backends.make_executor ? options.backends
                                               : real_backends(options.isa, options.fingerprint_folder)),
      hub_(std::move(hub)),
      disk_(disk) {
  thread_ = std::thread([this] { run(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (current_) current_->cancelled = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Loader::load(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void Loader::run() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      current_ = nullptr;
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      current_ = job.control;
      if (stopping_) current_->cancelled = true;
    }
    auto resident = make_resident(job);
    hub_->controls.remove(*job.control);
    if (resident.ok()) {
      hub_->inbox.post(Join{job.channel, job.control->request, *std::move(resident)});
      continue;
    }
    Event event;
    event.kind = Event::Kind::load_failed;
    event.reason =
        resident.error().code == ErrorCode::cancelled ? FinishReason::cancelled : FinishReason::error;
    event.request = job.control->request;
    hub_->inbox.post(LoadNews{job.channel, event, std::move(resident).error()});
  }
}

Result<std::shared_ptr<Resident>> Loader::make_resident(const Job& job) {
  if (job.control->cancelled) return Error{ErrorCode::cancelled, "loading was cancelled"};
  report_progress(job, 0);
  FABULA_ASSIGN(auto model, backends_.open_model(job.load.path, &job.control->cancelled));
  FABULA_ASSIGN(const int64_t context, context_of(job.load, *model));

  compute::LoadOptions options;
  options.precision = job.load.precision;
  options.kv_precision = job.load.kv_precision;
  options.kv_blocks = kv_blocks_for(context, estimated_block_bytes(model->spec, job.load.kv_precision),
                                    options_.kv_ram_bytes, available_ram_bytes());
  options.max_batch_tokens = std::max(options.max_batch_tokens, options_.prefill_chunk + options_.max_batch);
  options.max_logit_rows = std::max(options.max_logit_rows, options_.max_batch);
  options.context = context;
  options.cancel = &job.control->cancelled;
  options.packed_folder = options_.packed_folder.string();
  options.model_fingerprint = model->info.fingerprint;
  options.on_progress = [this, &job, shown = 0.0](double fraction) mutable {
    if (fraction - shown < 0.01 && fraction < 1) return;
    shown = fraction;
    report_progress(job, fraction);
  };
  FABULA_ASSIGN(auto executor, backends_.make_executor(*model, job.load, options));
  if (job.control->cancelled) return Error{ErrorCode::cancelled, "loading was cancelled"};
  if (disk_) disk_->wait_until_scanned();

  auto loaded = std::make_shared<Engine::LoadedModel>();
  loaded->model = std::move(model);
  loaded->load = job.load;
  loaded->executor = executor->info();
  loaded->context = context;
  loaded->vocabulary = std::make_shared<grammar::LazyVocabulary>(loaded->model->tokenizer);
  Resident::Setting setting;
  setting.hub = hub_;
  setting.disk = disk_;
  setting.limits.max_batch_tokens = options.max_batch_tokens;
  setting.limits.max_logit_rows = options.max_logit_rows;
  setting.limits.prefill_chunk = options_.prefill_chunk;
  setting.max_sequences = options_.max_batch;
  setting.kv_blocks = options.kv_blocks;
  setting.speculation = options_.speculation;
  return std::make_shared<Resident>(++last_model_, std::move(loaded), std::move(executor),
                                    std::move(setting));
}

void Loader::report_progress(const Job& job, double fraction) const {
  Event event;
  event.kind = Event::Kind::load_progress;
  event.request = job.control->request;
  event.fraction = static_cast<float>(fraction);
  hub_->inbox.post(LoadNews{job.channel, event, std::nullopt});
}

}  // namespace fabula::engine
