#include "app/gui/quantise_desk.h"

#include <system_error>
#include <utility>

#include "core/base/file.h"
#include "core/engine/sample_text.h"
#include "core/model/quantise.h"

namespace fabula::gui {

namespace {

constexpr double least_step = 0.01;  // of progress that is worth a frame

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

}  // namespace

void QuantiseDesk::show(uint64_t serial, std::function<void(Quantising&)> change) {
  background_.post([this, serial, change = std::move(change)] {
    if (serial == serial_) change(now_);
  });
}

void QuantiseDesk::start(std::filesystem::path model, formats::DType type, std::filesystem::path out, std::function<void()> then) {
  if (now_.running()) return;
  now_ = {.phase = Quantising::Phase::writing, .model = std::move(model), .out = std::move(out), .type = type};
  const uint64_t serial = ++serial_;
  cancel_ = calls_.run([this, job = now_, serial, then = std::move(then)](const std::atomic<bool>& cancel) { work(cancel, job, serial, then); });
}

void QuantiseDesk::cancel() {
  if (!now_.running()) return;
  *cancel_ = true;
  if (now_.phase == Quantising::Phase::writing) {
    ++serial_;  // what that thread still says is of the past
    now_ = {};
  }
}

// Thread: its own.
void QuantiseDesk::work(const std::atomic<bool>& cancel, const Quantising& job, uint64_t serial, const std::function<void()>& then) {
  const auto progress = [this, serial, shown = 0.0](double fraction) mutable {
    if (fraction - shown < least_step && fraction < 1) return;
    shown = fraction;
    show(serial, [fraction](Quantising& now) { now.fraction = fraction; });
  };
  model::QuantiseOptions options;
  options.type = job.type;
  options.cancel = &cancel;
  options.on_progress = progress;
  Status written = fabula::create_directories(job.out.parent_path());
  if (written.ok()) written = model::quantise_model(job.model, job.out, options);
  if (!written.ok())
    return show(serial, [message = written.error().message](Quantising& now) {
      now.phase = Quantising::Phase::failed;
      now.error = message;
    });
  background_.post(then);
  show(serial, [](Quantising& now) {
    now.phase = Quantising::Phase::measuring;
    now.fraction = 0;
  });
  engine::ScoreRun run;
  run.isa = isa_;
  run.cancel = &cancel;
  run.on_progress = progress;
  const auto change = engine::compare_models(job.model, job.out, engine::sample_text, run);
  show(serial, [change](Quantising& now) {
    now.phase = Quantising::Phase::finished;
    if (change.ok()) now.change = *change;
    else now.error = change.error().message;
  });
}

std::filesystem::path quantised_path(const std::filesystem::path& folder, const std::string& model_name, formats::DType type) {
  const std::string stem = model_name + "-" + upper(formats::dtype_info(type).name);
  std::filesystem::path path = folder / (stem + ".gguf");
  std::error_code ignored;
  for (int n = 2; std::filesystem::exists(path, ignored); ++n) path = folder / (stem + "-" + std::to_string(n) + ".gguf");
  return path;
}

}  // namespace fabula::gui
