#include "app/gui/model_desk.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/memory_info.h"

namespace fabula::gui {

namespace {

constexpr double remeasure_seconds = 3;
constexpr uint64_t usual_overhead_bytes = uint64_t{300} << 20;  // KV of a short context, buffers, vocabulary

}  // namespace

ModelDesk::ModelDesk(Places places, Background& background, std::string isa, std::function<void()> wake, LogSink* log)
    : places_(std::move(places)), wake_(std::move(wake)), log_(log), remotes_(places_, background), fits_(background, isa), quantiser_(background, isa) {}

void ModelDesk::start() {
  library_ = std::make_unique<model::LibraryWatch>(model::LibraryWatch::Options{.places = places_, .on_change = wake_, .log = log_});
  remotes_.look();
  hub_ = std::make_unique<hub::Desk>(hub::Desk::Options{.places = places_, .on_change = wake_});
}

void ModelDesk::begin_frame() {
  if (!hub_) return;
  auto library = library_->snapshot();
  library_changed_ = library != library_now_;
  library_now_ = std::move(library);
  hub_now_ = hub_->snapshot();
  for (const hub::Download& download : hub_now_->downloads) {
    if (download.state != hub::Download::State::finished || std::ranges::find(finished_, download.name) != finished_.end()) continue;
    finished_.push_back(download.name);
    news_.push_back(download.model.string());
    library_->look_again();  // the folder may be new
  }
  const double now = monotonic_seconds();
  if (now - measured_at_ > remeasure_seconds) {
    measured_at_ = now;
    free_bytes_ = available_memory_bytes();
  }
}

void ModelDesk::look_again() {
  if (library_) library_->look_again();
}

const hub::Look* ModelDesk::look_or_null(const std::string& repository) const {
  const auto at = std::ranges::find(hub_now_->looks, repository, &hub::Look::repository);
  return at == hub_now_->looks.end() ? nullptr : &*at;
}

const hub::Download* ModelDesk::download_or_null(const std::string& name) const {
  const auto at = std::ranges::find(hub_now_->downloads, name, &hub::Download::name);
  return at == hub_now_->downloads.end() ? nullptr : &*at;
}

bool ModelDesk::downloading() const {
  using State = hub::Download::State;
  return std::ranges::any_of(hub_now_->downloads, [](const hub::Download& d) {
    return d.state == State::asking || d.state == State::fetching || d.state == State::checking;
  });
}

std::optional<std::string> ModelDesk::take_finished() {
  if (news_.empty()) return std::nullopt;
  std::string path = std::move(news_.front());
  news_.erase(news_.begin());
  return path;
}

bool ModelDesk::too_large(uint64_t model_bytes) const {
  return free_bytes_ > 0 && model_bytes + usual_overhead_bytes > free_bytes_;
}

}  // namespace fabula::gui
