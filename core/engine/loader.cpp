#include "core/engine/loader.h"

#include <algorithm>
#include <utility>

#include "core/base/memory_info.h"
#include "core/engine/fit.h"
#include "core/engine/kv_budget.h"
#include "core/engine/resident.h"

namespace fabula::engine {

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
  FABULA_ASSIGN(const int64_t context, context_for(job.load, *model));

  ModelLoad load = job.load;
  std::optional<Room> asked;
  ask_for_room(job, *model, load, context, asked);
  compute::LoadOptions options = load_options_for(options_, load, model->spec, context, available_memory_bytes());
  options.cancel = &job.control->cancelled;
  options.packed_folder = options_.packed_folder.string();
  options.model_fingerprint = model->info.fingerprint;
  options.on_progress = [this, &job, shown = 0.0](double fraction) mutable {
    if (fraction - shown < 0.01 && fraction < 1) return;
    shown = fraction;
    report_progress(job, fraction);
  };
  const compute::LoadOptions on_cpu = options;
  if (backends_.place) FABULA_TRY(backends_.place(*model, context, load, options));
  ask_for_room(job, *model, load, context, asked);
  auto made = backends_.make_executor(*model, load, options);
  // "auto" is a choice between devices: what one cannot hold or run, the other may. Broken files and cancelled loads stay what they are.
  if (!made.ok() && job.load.device == "auto" && cpu_can_take_over(load, made.error().code)) {
    load.device = "cpu";
    options = on_cpu;
    ask_for_room(job, *model, load, context, asked);
    made = backends_.make_executor(*model, load, options);
  }
  FABULA_ASSIGN(auto executor, std::move(made));
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
  setting.kv_ram_bytes = kv_ram_budget(options_.kv_ram_bytes, available_memory_bytes());
  return std::make_shared<Resident>(++last_model_, std::move(loaded), std::move(executor),
                                    std::move(setting));
}

// Once for where the load wants to go; again for the memory of what "auto" leaves to the CPU after all.
void Loader::ask_for_room(const Job& job, const model::Model& model, const ModelLoad& load, int64_t context, std::optional<Room>& asked) const {
  if (!options_.make_room || !backends_.room) return;
  EngineOptions alone = options_;
  alone.kv_ram_bytes = 1;  // no room for other prefixes
  Room room = backends_.room(model, load, load_options_for(alone, load, model.spec, context, 0));
  if (asked) {
    if (room.ram_bytes <= asked->ram_bytes) return;
    room.gpu = -1;
  }
  asked = room;
  options_.make_room(room, job.control->cancelled);
}

void Loader::report_progress(const Job& job, double fraction) const {
  Event event;
  event.kind = Event::Kind::load_progress;
  event.request = job.control->request;
  event.fraction = static_cast<float>(fraction);
  hub_->inbox.post(LoadNews{job.channel, event, std::nullopt});
}

}  // namespace fabula::engine
