// Which models stay in memory: as many as fit. For a new one, or after a chosen idle time, the least recently used goes to
// sleep; a mode whose model sleeps wakes it with the next request.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "core/base/clock.h"
#include "core/engine/placement.h"
#include "core/model/library.h"
#include "core/session/host_impl.h"

namespace fabula::session {

namespace {

constexpr uint64_t spare_bytes = uint64_t{256} << 20;  // left for everything else
constexpr std::chrono::milliseconds look_again{20};
constexpr double longest_unload_seconds = 3;
constexpr std::array both_modes{Mode::chat, Mode::story};

}  // namespace

bool HostService::Impl::is_writing(engine::ModelId model) const {
  const auto writes = [&](const auto& entry) { return entry.second.model == model; };
  return std::any_of(running.begin(), running.end(), writes) || std::any_of(texts.begin(), texts.end(), writes);
}

bool HostService::Impl::is_spoken_with(engine::ModelId model) const {
  return std::any_of(models.begin(), models.end(), [&](const ModelState& state) { return state.id == model; });
}

void HostService::Impl::publish_residents() {
  std::vector<std::pair<double, ResidentModel>> rows;
  for (const auto& [id, load] : loaded_models) {
    const auto loaded = engine.loaded_or_null(id);
    if (!loaded) continue;
    rows.push_back({engine.last_used(id), {load.path.string(), model::model_name(load.path), loaded->executor.weight_bytes,
                                           is_spoken_with(id) || is_writing(id)}});
  }
  std::ranges::sort(rows, std::greater(), [](const auto& row) { return row.first; });
  std::vector<ResidentModel> residents;
  for (auto& [used, row] : rows) residents.push_back(std::move(row));
  snapshots.set_residents(std::move(residents));
  shown_changed = true;
}

// Models that were given up for good leave as soon as no reply is being written by them.
void HostService::Impl::retire_unwanted() {
  std::erase_if(unwanted, [&](engine::ModelId model) {
    if (is_spoken_with(model)) return true;
    if (is_writing(model)) return false;
    engine.unload(model);
    loaded_models.erase(model);
    return true;
  });
  publish_residents();
}

void HostService::Impl::on_unloaded(engine::ModelId model) {
  loaded_models.erase(model);
  for (Mode mode : both_modes) {
    ModelState& state = models[static_cast<size_t>(mode)];
    if (state.id != model) continue;
    state.phase = ModelState::Phase::asleep;
    state.id = 0;
    if (!is_loading(mode)) snapshots.set_model(mode, state);
  }
  publish_residents();
}

// ---- room for another ----

// The one that is missed least: kept ones before those that a mode speaks with, those before the one that is being replaced.
// On a GPU, room is made by models that have a part there; "auto", which can go on without, sends no mode's model to sleep.
engine::ModelId HostService::Impl::least_missed(const std::set<engine::ModelId>& refused, RoomFor room) const {
  const auto missed = [&](engine::ModelId id) {
    int use = 0;
    for (Mode mode : both_modes)
      if (models[static_cast<size_t>(mode)].id == id) use = std::max(use, is_loading(mode) ? 2 : 1);
    return std::pair(use, engine.last_used(id));
  };
  const auto helps = [&](engine::ModelId id) {
    if (room == RoomFor::memory) return true;
    const auto loaded = engine.loaded_or_null(id);
    return loaded && loaded->executor.gpu_layers > 0 && (room == RoomFor::gpu_by_name || missed(id).first != 1);
  };
  engine::ModelId least = 0;
  for (const auto& [id, load] : loaded_models)
    if (!refused.contains(id) && !is_writing(id) && helps(id) && (least == 0 || missed(id) < missed(least))) least = id;
  return least;
}

// Thread: the loader's. The service's thread chooses and asks, the engine's unloads.
void HostService::Impl::make_room(const engine::Room& room, const std::atomic<bool>& cancel) {
  const std::lock_guard lock(room_mutex);
  const auto given_up = [&] { return cancel || no_more_room; };
  const auto free_on_gpu = [this](int gpu) { return options.available_gpu_memory ? options.available_gpu_memory(gpu) : engine::free_gpu_bytes(gpu); };
  std::set<engine::ModelId> refused;
  while (!given_up()) {
    const bool short_of_memory = room.ram_bytes > 0 && options.available_memory() < room.ram_bytes + spare_bytes;
    if (!short_of_memory && (room.gpu < 0 || free_on_gpu(room.gpu) >= room.gpu_bytes)) return;
    const RoomFor what = short_of_memory ? RoomFor::memory : room.gpu_named ? RoomFor::gpu_by_name : RoomFor::gpu;
    Answer<engine::ModelId> asked = ask<engine::ModelId>([this, refused, what]() -> Result<engine::ModelId> {
      const engine::ModelId least = least_missed(refused, what);
      if (least != 0) engine.unload(least, /*only_if_idle=*/true);
      return least;
    });
    while (asked.wait_for(look_again) != std::future_status::ready)
      if (given_up()) return;
    const auto least = asked.get();
    if (!least.ok() || *least == 0) return;
    refused.insert(*least);
    const double until = monotonic_seconds() + longest_unload_seconds;
    while (!given_up() && engine.loaded_or_null(*least) && monotonic_seconds() < until) std::this_thread::sleep_for(look_again);
    std::this_thread::sleep_for(look_again);  // the executor's memory goes a moment after its name
  }
}

// ---- idle ----

// Seconds until somebody has been idle for long enough; none: nobody will be.
std::optional<double> HostService::Impl::until_idle() const {
  if (idle_seconds <= 0 || loaded_models.empty()) return std::nullopt;
  double oldest = monotonic_seconds();
  for (const auto& [id, load] : loaded_models) oldest = std::min(oldest, engine.last_used(id));
  return std::max(0.5, oldest + idle_seconds - monotonic_seconds());  // one that is at work is looked at now and then
}

void HostService::Impl::unload_idle() {
  if (idle_seconds <= 0) return;
  const double now = monotonic_seconds();
  for (const auto& [id, load] : loaded_models)
    if (now - engine.last_used(id) >= idle_seconds && !is_writing(id)) engine.unload(id, /*only_if_idle=*/true);
}

void HostService::Impl::unload_resident(const std::string& path) {
  for (const auto& [id, load] : loaded_models) {
    if (load.path != path) continue;
    if (is_writing(id)) say(Notice::Kind::warning, model::model_name(load.path) + " is writing a reply: stop it first");
    else engine.unload(id, /*only_if_idle=*/true);
  }
}

void HostService::Impl::wake_model(Mode mode, Promise<ModelState> answer) {
  const auto index = static_cast<size_t>(mode);
  if (models[index].phase == ModelState::Phase::asleep) return load_model(mode, model_loads[index], std::move(answer));
  if (models[index].phase == ModelState::Phase::ready) return answer->set_value(models[index]);
  answer->set_value(Error{ErrorCode::unsupported, "no model is loaded: choose one first"});
}

void HostService::Impl::when_awake(const std::string& session, const std::function<void(const Status&)>& then) {
  const auto info = store->info(session);
  if (!info.ok() || models[static_cast<size_t>(info->mode)].phase != ModelState::Phase::asleep) return then({});
  auto promise = std::make_shared<AnswerPromise<ModelState>>();
  promise->answer().then([then](const Result<ModelState>& woken) { then(woken.ok() ? Status() : Status(woken.error())); });
  wake_model(info->mode, std::move(promise));
}

}  // namespace fabula::session
