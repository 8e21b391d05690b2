#include "core/engine/engine_thread.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/resident.h"

namespace fabula::engine {

EngineThread::EngineThread(std::shared_ptr<Hub> hub, LoadedModels& models, DiskTier* disk)
    : hub_(std::move(hub)), models_(models), disk_(disk) {
  thread_ = std::thread([this] { run(); });
}

EngineThread::~EngineThread() {
  hub_->controls.cancel_all();
  hub_->inbox.post(Stop{});
  thread_.join();
}

void EngineThread::run() {
  while (!stopping_) run_once();
  shut_down();
}

void EngineThread::run_once() {
  const uint32_t bell = hub_->inbox.bell();
  for (Command& command : hub_->inbox.take_all()) std::visit([this](auto& c) { handle(c); }, command);
  const bool stepped = step_all();
  flush_channels();
  publish_metrics();
  // New KV goes to disk beside the steps, one block each, and faster while nobody waits.
  const bool spilled = spill_all(stepped ? 1 : 4);
  if (stepped || spilled || stopping_) return;
  measure_peaks(bell);
  hub_->inbox.wait(bell);
}

void EngineThread::shut_down() {
  for (const Home& home : homes_) home.resident->end_all();
  flush_channels();
  constexpr double patience_seconds = 1;  // a user waits for the window to close
  const double until = monotonic_seconds() + patience_seconds;
  while (monotonic_seconds() < until && spill_all(1)) {
  }
  homes_.clear();
}

bool EngineThread::step_all() {
  bool any = false;
  for (const Home& home : homes_) {
    const bool was_lost = home.resident->is_lost();
    any |= home.resident->step(++step_);
    if (!was_lost && home.resident->is_lost()) announce_loss(*home.resident);
  }
  return any;
}

// Whoever talks with this engine may have been about to ask the model something.
void EngineThread::announce_loss(const Resident& resident) {
  models_.set(resident.id(), resident.loaded());
  Event event;
  event.kind = Event::Kind::lost;
  event.model = resident.id();
  for (const auto& channel : channels_) channel->push(event);
}

bool EngineThread::spill_all(int64_t max_blocks) {
  bool any = false;
  for (const Home& home : homes_) any |= home.resident->spill(max_blocks);
  return any;
}

void EngineThread::measure_peaks(uint32_t bell) {
  const auto rang = [this, bell] { return hub_->inbox.bell() != bell; };
  for (const Home& home : homes_) {
    if (rang()) return;
    home.resident->measure_peak(rang);
  }
}

void EngineThread::flush_channels() {
  for (const auto& channel : channels_) channel->flush_and_wake();
}

void EngineThread::publish_metrics() {
  int64_t active = 0, used = 0, total = 0, in_ram = 0;
  for (const Home& home : homes_) {
    active += home.resident->active();
    used += home.resident->cache().blocks_used();
    total += home.resident->cache().blocks_total();
    in_ram += static_cast<int64_t>(home.resident->cache().bytes_in_ram());
  }
  hub_->metrics.active_requests = active;
  if (active == 0) hub_->metrics.batch = 0;
  hub_->metrics.kv_blocks_used = used;
  hub_->metrics.kv_blocks_total = total;
  hub_->metrics.kv_ram_bytes = in_ram;
}

EngineThread::Home* EngineThread::find_or_null(ModelId model) {
  const auto it = std::ranges::find(homes_, model, [](const Home& home) { return home.resident->id(); });
  return it == homes_.end() ? nullptr : &*it;
}

void EngineThread::handle(OpenChannel& command) {
  channels_.push_back(std::move(command.channel));
}

void EngineThread::handle(CloseChannel& command) {
  std::erase(channels_, command.channel);
}

void EngineThread::handle(Submit& command) {
  Sequence& sequence = *command.sequence;
  if (Home* const home = find_or_null(sequence.request.model)) {
    home->resident->enqueue(std::move(command.sequence));
    return;
  }
  // Unloaded between the question and now.
  --hub_->metrics.queued_requests;
  hub_->controls.remove(*sequence.control);
  Error error{ErrorCode::not_found, "the model was unloaded"};
  if (sequence.job) return sequence.job->finish(std::move(error));
  sequence.channel->put_error(sequence.control->request, std::move(error));
  Event event;
  event.kind = Event::Kind::finished;
  event.reason = FinishReason::error;
  event.request = sequence.control->request;
  event.model = sequence.request.model;
  sequence.channel->push(event);
}

void EngineThread::handle(LoadNews& command) {
  if (command.error) command.channel->put_error(command.event.request, *std::move(command.error));
  command.channel->push(command.event);
}

void EngineThread::handle(Join& command) {
  const ModelId model = command.resident->id();
  models_.set(model, command.resident->loaded());
  homes_.push_back({std::move(command.resident), command.channel});
  publish_metrics();  // who is told of the model may look at once
  Event event;
  event.kind = Event::Kind::loaded;
  event.request = command.request;
  event.model = model;
  event.fraction = 1;
  command.channel->push(event);
}

void EngineThread::handle(Unload& command) {
  Home* const home = find_or_null(command.model);
  if (!home || (command.only_if_idle && !home->resident->is_idle())) return;
  home->resident->end_all();
  models_.erase(command.model);
  Event event;
  event.kind = Event::Kind::unloaded;
  event.model = command.model;
  home->channel->push(event);
  homes_.erase(homes_.begin() + (home - homes_.data()));
}

void EngineThread::handle(LookUp& command) {
  const Home* const home = find_or_null(command.model);
  command.answer(home == nullptr ? -1 : home->resident->cache().stored(command.tokens));
}

void EngineThread::handle(SetThreads& command) {
  Home* const home = find_or_null(command.model);
  if (!home) return;
  home->resident->set_threads(command.threads);
  models_.set(command.model, home->resident->loaded());
}

// Requests that were cancelled before this was asked end first, and leave their blocks to be forgotten, too.
void EngineThread::handle(Forget& command) {
  const std::unordered_set<KvKey, KvKeyHash> keys(command.keys.begin(), command.keys.end());
  for (const Home& home : homes_) {
    home.resident->end_cancelled();
    home.resident->forget(keys);
  }
  if (disk_)
    disk_->erase(std::move(command.keys), std::move(command.done));
  else
    command.done();
}

void EngineThread::handle(Fetched& command) {
  if (Home* const home = find_or_null(command.model)) home->resident->fetched(std::move(command));
}

void EngineThread::handle(Stop&) {
  stopping_ = true;
}

}  // namespace fabula::engine
