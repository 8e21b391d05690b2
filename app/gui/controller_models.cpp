// Which model each mode speaks with: chosen, found, given up, brought back.
#include "app/gui/controller.h"

#include "app/gui/controller_when.h"

#include "core/engine/remote_endpoints.h"

namespace fabula::gui {

using session::Mode;
using Kind = session::Notice::Kind;

// The last used of those that can be run here; Chat takes none that cannot chat, Story what came with Fabula before all others.
void Controller::set_found(const std::vector<model::LibraryEntry>& models) {
  const auto before = [](const model::LibraryEntry& a, const model::LibraryEntry& b) {
    const bool a_built_in = a.found_in == model::built_in, b_built_in = b.found_in == model::built_in;
    return a_built_in != b_built_in ? a_built_in : a.last_used > b.last_used;
  };
  const model::LibraryEntry *chat = nullptr, *story = nullptr;
  for (const model::LibraryEntry& entry : models) {
    if (!entry.card.unusable.empty()) continue;
    if (!story || before(entry, *story)) story = &entry;
    if (entry.card.chats && (!chat || entry.last_used > chat->last_used)) chat = &entry;
  }
  found_chat_ = chat ? chat->path.string() : "";
  found_story_ = story ? story->path.string() : "";
  found_once_ = true;
  ensure_model();
}

// A mode without a model takes one that was found, so that the first start needs no choice.
void Controller::ensure_model() {
  if (!service_ || declined_[index(mode_)]) return;
  ModeSettings& mode = settings_.of(mode_);
  if (mode.model.empty()) mode.model = spoken_with_[index(mode_)];  // chosen by another process, which is gone
  if (mode.model.empty()) mode.model = mode_ == Mode::chat ? found_chat_ : found_story_;
  if (mode.model.empty() && mode_ == Mode::story) mode.model = settings_.chat.model;
  if (!mode.model.empty() && service_->model_state(mode_).phase == session::ModelState::Phase::none) load_model(mode.model);
}

void Controller::remember_models() {
  for (const Mode mode : {Mode::chat, Mode::story})
    if (const auto state = service_->model_state(mode); !state.path.empty() && state.error.empty()) spoken_with_[index(mode)] = state.path;
}

void Controller::load_model(const std::string& path) {
  if (!service_ || path.empty()) return;
  tell_other_model(path);
  settings_.of(mode_).model = path;
  declined_[index(mode_)] = false;
  if (!engine::remote_name_or_none(path)) remember(settings_.recent_models, path);
  save_settings();
  load_now(load_of(path));
}

void Controller::continue_on_cpu() {
  if (!service_ || settings_.of(mode_).model.empty()) return;
  engine::ModelLoad load = load_of(settings_.of(mode_).model);
  load.device = "cpu";
  load_now(std::move(load));
}

void Controller::load_now(engine::ModelLoad load) {
  const std::string path = load.path.string(), before = spoken_with_[index(mode_)];
  when<session::ModelState>(service_->load_model(mode_, std::move(load)), [this, path, before, mode = mode_](Result<session::ModelState> loaded) {
    if (loaded) return;
    // What could not be had is not what the next start asks for, unless there was nothing before it.
    if (!before.empty() && settings_.of(mode).model == path) {
      settings_.of(mode).model = before;
      save_settings();
    }
    // A failure stays visible in the model state; the toast tells it at once.
    if (loaded.error().code != ErrorCode::cancelled) say(Kind::error, loaded.error().message);
  });
}

engine::ModelLoad Controller::load_of(const std::string& path) const {
  const ModeSettings& mode = settings_.of(mode_);
  engine::ModelLoad load;
  load.path = path;
  if (auto precision = compute::precision_from_name(mode.precision)) load.precision = *precision;
  if (auto precision = compute::kv_precision_from_name(mode.kv_precision)) load.kv_precision = *precision;
  load.context = mode.context;
  load.threads = mode.threads;
  load.device = mode.device;
  load.gpu_layers = mode.gpu_layers;
  return load;
}

void Controller::cancel_load() {
  if (!service_) return;
  declined_[index(mode_)] = true;
  service_->cancel_load(mode_);
}

void Controller::unload_resident(const std::string& path) {
  if (service_) service_->unload_resident(path);
}

void Controller::set_idle_unload(int64_t minutes) {
  settings_.idle_unload_minutes = minutes;
  save_settings();
  if (service_) service_->set_idle_unload(static_cast<double>(minutes));
}

void Controller::reload_model() {
  if (!settings_.of(mode_).model.empty()) load_model(settings_.of(mode_).model);
}

void Controller::unload_model() {
  if (!service_) return;
  declined_[index(mode_)] = true;
  spoken_with_[index(mode_)].clear();
  service_->unload_model(mode_);
}

void Controller::set_threads(int threads) {
  settings_.of(mode_).threads = threads;
  save_settings();
  if (service_) service_->set_threads(threads);
}

}  // namespace fabula::gui
