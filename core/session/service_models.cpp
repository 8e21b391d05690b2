// Which model each mode speaks with.
#include <algorithm>
#include <limits>

#include "core/formats/dtype.h"
#include "core/model/library.h"
#include "core/session/defaults.h"
#include "core/session/host_impl.h"
#include "core/session/template_switches.h"

namespace fabula::session {

namespace {

bool same_load(const engine::ModelLoad& a, const engine::ModelLoad& b) {
  return a.path == b.path && a.precision == b.precision && a.kv_precision == b.kv_precision &&
         a.context == b.context && a.device == b.device && a.gpu_layers == b.gpu_layers;
}

constexpr std::array both_modes{Mode::chat, Mode::story};

std::string effective_precision(const compute::ExecutorInfo& executor) {
  // The type that most of the weights have; norms and biases are small.
  std::map<std::string, int> counts;
  for (const compute::TensorReport& tensor : executor.tensors)
    ++counts[std::string(formats::dtype_info(tensor.effective).name)];
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::string() : most->first;
}

}  // namespace

void HostService::Impl::load_model(Mode mode, engine::ModelLoad load, Promise<ModelState> answer) {
  if (auto remote = engine::remote_name_or_none(load.path.string()))
    return connect_remote(mode, load, *std::move(remote), std::move(answer));
  const auto index = static_cast<size_t>(mode);
  newest_load[index] =
      std::numeric_limits<engine::RequestId>::max();  // an older load that is still under way is not wanted
  const auto there = std::find_if(loaded_models.begin(), loaded_models.end(), [&](const auto& entry) {
    const auto loaded = engine.loaded_or_null(entry.first);
    return loaded && !loaded->lost && same_load(entry.second, load);
  });
  if (there != loaded_models.end()) {
    model::remember_use(options.places, load.path);
    use_model(mode, there->first, load);
    answer->set_value(models[index]);
    return;
  }
  // The model that is there stays usable until the new one is ready.
  ModelState shown = models[index];
  shown.phase = ModelState::Phase::loading;
  shown.progress = 0;
  shown.path = load.path.string();
  shown.name = model::model_name(load.path);
  shown.error.clear();
  shown.cpu_can_take_over = false;
  snapshots.set_model(mode, std::move(shown));
  shown_changed = true;
  for (auto& [request, other] : loading) {
    if (!same_load(other.load, load)) continue;
    newest_load[index] = request;  // under way already
    other.waiters.push_back({mode, std::move(answer)});
    return;
  }
  const engine::RequestId request = engine.load(load, *consumer);
  newest_load[index] = request;
  auto& entry = loading[request];
  entry.load = std::move(load);
  entry.waiters.push_back({mode, std::move(answer)});
}

void HostService::Impl::on_load_event(const engine::Event& event) {
  if (event.kind == engine::Event::Kind::lost) return on_model_lost(event.model);
  if (event.kind == engine::Event::Kind::unloaded) return on_unloaded(event.model);
  const auto found = loading.find(event.request);
  if (found == loading.end()) return;
  const auto is_wanted = [&](Mode mode) { return newest_load[static_cast<size_t>(mode)] == event.request; };
  if (event.kind == engine::Event::Kind::load_progress) {
    for (Mode mode : both_modes)
      if (is_wanted(mode)) show_progress(mode, event.fraction);
    return;
  }
  Loading done = std::move(found->second);
  loading.erase(found);
  if (event.kind == engine::Event::Kind::loaded) {
    loaded_models[event.model] = done.load;
    for (Mode mode : both_modes)
      if (is_wanted(mode)) use_model(mode, event.model, done.load);
    publish_residents();
    if (is_wanted(Mode::chat) || is_wanted(Mode::story)) model::remember_use(options.places, done.load.path);
    for (const auto& [mode, answer] : done.waiters) {
      if (is_wanted(mode)) answer->set_value(models[static_cast<size_t>(mode)]);
      else answer->set_value(Error{ErrorCode::cancelled, "another model was chosen meanwhile"});
    }
    return;
  }
  const Error error = consumer->take_error(event.request);
  const bool cpu_is_left = done.load.device != "auto" && engine::cpu_can_take_over(done.load, error.code);  // "auto" has tried it
  for (Mode mode : both_modes)
    if (is_wanted(mode)) show_failed_load(mode, done.load, error, cpu_is_left);
  for (const auto& waiter : done.waiters) waiter.answer->set_value(error);
  // What had to go to sleep for it comes back.
  for (Mode mode : both_modes)
    if (is_wanted(mode) && models[static_cast<size_t>(mode)].phase == ModelState::Phase::asleep)
      wake_model(mode, std::make_shared<AnswerPromise<ModelState>>());
}

bool HostService::Impl::is_loading(Mode mode) const {
  return snapshots.model(mode).phase == ModelState::Phase::loading;
}

// Shown at once; the loader hears of it at its next look.
void HostService::Impl::cancel_load(Mode mode) {
  const auto index = static_cast<size_t>(mode), other = 1 - index;
  if (!is_loading(mode)) return;
  const engine::RequestId request = std::exchange(newest_load[index], std::numeric_limits<engine::RequestId>::max());
  if (connecting[index]) *connecting[index] = true;
  if (const auto found = loading.find(request); found != loading.end()) {
    std::erase_if(found->second.waiters, [&](const Loading::Waiter& waiter) {
      if (waiter.mode != mode) return false;
      waiter.answer->set_value(Error{ErrorCode::cancelled, "loading was cancelled"});
      return true;
    });
    if (newest_load[other] != request) engine.cancel(request);
  }
  snapshots.set_model(mode, models[index]);
  shown_changed = true;
}

void HostService::Impl::show_progress(Mode mode, float fraction) {
  ModelState shown = snapshots.model(mode);
  shown.progress = fraction;
  snapshots.set_model(mode, std::move(shown));
  shown_changed = true;
}

// What was written stays; the modes that spoke with it say what happened, and that the CPU could go on.
void HostService::Impl::on_model_lost(engine::ModelId model) {
  const auto loaded = engine.loaded_or_null(model);
  if (!loaded || !loaded->lost) return;
  for (Mode mode : both_modes) {
    ModelState& state = models[static_cast<size_t>(mode)];
    if (state.id != model) continue;
    state.phase = ModelState::Phase::failed;
    state.id = 0;
    show_failed_load(mode, loaded->load, *loaded->lost, true);
  }
  if (loaded_models.contains(model)) unwanted.insert(model);
  retire_unwanted();
}

// A failure is shown; the model that was there before goes on serving.
void HostService::Impl::show_failed_load(Mode mode, const engine::ModelLoad& load, const Error& error,
                                         bool cpu_can_take_over) {
  ModelState& state = models[static_cast<size_t>(mode)];
  ModelState shown = state;
  shown.error = error.message;
  shown.cpu_can_take_over = cpu_can_take_over;
  if (shown.phase != ModelState::Phase::ready && shown.phase != ModelState::Phase::asleep) {
    shown.phase = ModelState::Phase::failed;
    shown.path = load.path.string();
    state = shown;
  }
  snapshots.set_model(mode, std::move(shown));
  shown_changed = true;
}

void HostService::Impl::use_model(Mode mode, engine::ModelId model, const engine::ModelLoad& load) {
  const auto index = static_cast<size_t>(mode);
  const auto loaded = engine.loaded_or_null(model);
  if (!loaded) return;
  ModelState state;
  state.phase = ModelState::Phase::ready;
  state.progress = 1;
  state.id = model;
  state.path = load.path.string();
  state.name = model::model_name(load.path);
  state.has_chat_template = loaded->model->chat_template != nullptr;
  state.chat_template_error = loaded->model->chat_template_error;
  if (loaded->model->chat_template) state.switches = switches_of(*loaded->model->chat_template);
  state.context = loaded->context;
  state.precision = effective_precision(loaded->executor);
  state.device = loaded->executor.kind + (loaded->executor.isa.empty() ? "" : " " + loaded->executor.isa);
  state.weight_bytes = loaded->executor.weight_bytes;
  state.layers = loaded->model->spec.n_layers;
  state.gpu_layers = loaded->executor.gpu_layers;
  // The same file with other settings is another model: two of them would be one too many.
  const auto before = loaded_models.find(models[index].id);
  if (before != loaded_models.end() && before->first != model && before->second.path == load.path) unwanted.insert(before->first);
  unwanted.erase(model);
  models[index] = state;
  model_loads[index] = load;
  snapshots.set_model(mode, std::move(state));
  shown_changed = true;
  retire_unwanted();
  for (const auto& entry : open_views) publish_view(entry.first);  // the model's defaults are shown
}

void HostService::Impl::unload_model(Mode mode) {
  const auto index = static_cast<size_t>(mode);
  newest_load[index] = std::numeric_limits<engine::RequestId>::max();
  if (loaded_models.contains(models[index].id)) unwanted.insert(models[index].id);
  models[index] = {};
  snapshots.set_model(mode, {});
  shown_changed = true;
  retire_unwanted();
}

engine::SamplerSettings HostService::Impl::shown_sampler(Mode mode, const engine::SamplerSettings& chosen) const {
  const auto loaded = engine.loaded_or_null(models[static_cast<size_t>(mode)].id);
  if (!loaded || !same_sampler(chosen, {})) return chosen;
  return default_sampler(loaded->model->defaults);
}

Status HostService::Impl::set_settings(const std::string& session, SessionSettings settings) {
  FABULA_ASSIGN(const SessionInfo info, store->info(session));
  if (same_sampler(settings.sampler, shown_sampler(info.mode, {}))) settings.sampler = {};
  return store->set_settings(session, settings);
}

}  // namespace fabula::session
