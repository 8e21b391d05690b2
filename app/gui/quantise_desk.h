// A float model written in a smaller type, beside the frames: one at a time, with what it cost in perplexity.
// Thread: the UI thread alone.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "app/gui/background.h"
#include "core/base/long_calls.h"
#include "core/engine/perplexity.h"
#include "core/formats/dtype.h"

namespace fabula::gui {

struct Quantising {
  enum class Phase { none, writing, measuring, finished, failed };
  Phase phase = Phase::none;
  std::filesystem::path model, out;
  formats::DType type = formats::DType::q8_0;
  double fraction = 0;                        // of the phase
  std::string error;                          // failed; or finished, but the measure was not possible
  std::optional<engine::ScoreChange> change;  // finished
  bool running() const { return phase == Phase::writing || phase == Phase::measuring; }
};

class QuantiseDesk {
 public:
  QuantiseDesk(Background& background, std::string isa) : background_(background), isa_(std::move(isa)) {}

  const Quantising& now() const { return now_; }
  // `then` runs on the UI thread when the file is there. Only where nothing is running.
  void start(std::filesystem::path model, formats::DType type, std::filesystem::path out, std::function<void()> then);
  void cancel();    // what was written of a file goes
  void dismiss() {  // the last one's end was seen
    if (!now_.running()) now_ = {};
  }

 private:
  void work(const std::atomic<bool>& cancel, const Quantising& job, uint64_t serial, const std::function<void()>& then);
  void show(uint64_t serial, std::function<void(Quantising&)> change);

  Background& background_;
  const std::string isa_;
  Quantising now_;
  uint64_t serial_ = 0;  // of now_
  LongCalls::Cancel cancel_;
  LongCalls calls_;
};

// A name that is free in `folder`: "Model-Q4_K.gguf".
std::filesystem::path quantised_path(const std::filesystem::path& folder, const std::string& model_name, formats::DType type);

}  // namespace fabula::gui
