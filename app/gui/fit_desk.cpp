#include "app/gui/fit_desk.h"

#include <fmt/format.h>

#include <memory>

#include "core/base/memory_info.h"
#include "core/engine/placement.h"

namespace fabula::gui {

namespace {

FitReport report_on(const engine::ModelLoad& load, engine::Machine machine, const std::atomic<bool>& cancel) {
  FitReport report;
  report.machine = machine;
  const auto model = model::open_model(load.path, {.fingerprint = false, .cancel = &cancel});
  const auto asked = model.ok() ? engine::fit(**model, load, {}, machine) : Result<engine::Fit>(model.error());
  if (!asked.ok()) {
    report.error = asked.error().message;
    return report;
  }
  report.asked = *asked;
  report.table = engine::fit_table(**model, load, {}, machine);
  if (!report.asked.fits) report.nearest = engine::nearest_fit(**model, load, {}, machine);
  return report;
}

}  // namespace

std::string FitDesk::key_of(const engine::ModelLoad& load) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", load.path.string(), compute::precision_name(load.precision), compute::kv_precision_name(load.kv_precision),
                     load.context, load.threads, load.device, load.gpu_layers);
}

const FitReport* FitDesk::report_or_null(const engine::ModelLoad& load) const {
  const auto found = reports_.find(key_of(load));
  return found == reports_.end() || !found->second ? nullptr : &*found->second;
}

void FitDesk::ask(const engine::ModelLoad& load, const Asked& asked) {
  const std::string key = key_of(load);
  if (!reports_.try_emplace(key).second) return;
  if (asked.read_bytes_per_second > 0) read_bytes_per_second_ = asked.read_bytes_per_second;
  const bool measure = read_bytes_per_second_ <= 0 && asked.measure;
  calls_.run([this, key, load, measure, known = read_bytes_per_second_, more = asked.given_back_bytes](const std::atomic<bool>& cancel) {
    engine::Machine machine =
        measure ? engine::measure_machine(load.threads, isa_) : engine::Machine{available_memory_bytes(), known, engine::free_gpu_bytes(0)};
    if (machine.available_bytes > 0) machine.available_bytes += more;
    auto report = std::make_shared<FitReport>(report_on(load, machine, cancel));
    background_.post([this, key, report] {
      read_bytes_per_second_ = std::max(read_bytes_per_second_, report->machine.read_bytes_per_second);
      if (const auto found = reports_.find(key); found != reports_.end()) found->second = std::move(*report);
    });
  });
}

}  // namespace fabula::gui
