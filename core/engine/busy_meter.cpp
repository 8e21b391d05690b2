#include "core/engine/metrics_cells.h"

namespace fabula::engine {

namespace {
constexpr double window_seconds = 0.5;
constexpr double rest_seconds = 0.25;  // between two steps: longer is no work, and would dilute the shares
}  // namespace

bool BusyMeter::look(std::span<const double> seconds_by_worker, double now, double step_seconds) {
  const bool same = before_.size() == seconds_by_worker.size() && now - last_ - step_seconds < rest_seconds;
  const double elapsed = now - since_;
  last_ = now;
  if (same && elapsed < window_seconds) return false;
  if (same) {
    shares_.clear();
    for (size_t i = 0; i < seconds_by_worker.size(); ++i)
      shares_.push_back(static_cast<float>(std::clamp((seconds_by_worker[i] - before_[i]) / elapsed, 0.0, 1.0)));
  }
  before_.assign(seconds_by_worker.begin(), seconds_by_worker.end());
  since_ = now;
  return same;
}

}  // namespace fabula::engine
