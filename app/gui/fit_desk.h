// What a model will take and how fast it will be, worked out beside the frames before anything is loaded.
// Thread: the UI thread alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/gui/background.h"
#include "core/base/long_calls.h"
#include "core/engine/fit.h"

namespace fabula::gui {

struct FitReport {
  std::string error;  // not empty: nothing else is known
  engine::Machine machine;
  engine::Fit asked;                  // as it would be loaded
  std::vector<engine::Fit> table;     // precision x context
  std::optional<engine::Fit> nearest; // that works, where what was asked for does not
};

class FitDesk {
 public:
  FitDesk(Background& background, std::string isa) : background_(background), isa_(std::move(isa)) {}

  struct Asked {
    double read_bytes_per_second = 0;  // as the engine measured it; 0: not yet
    bool measure = false;              // then it is measured here: half a second of reading memory
    uint64_t given_back_bytes = 0;     // by models that would go for this one
  };
  // Once for each load; what is asked for again is known.
  void ask(const engine::ModelLoad& load, const Asked& asked);
  void forget() { reports_.clear(); }  // the free memory has changed
  // null: not asked for, or not known yet.
  const FitReport* report_or_null(const engine::ModelLoad& load) const;

 private:
  static std::string key_of(const engine::ModelLoad& load);

  Background& background_;
  const std::string isa_;
  double read_bytes_per_second_ = 0;
  std::map<std::string, std::optional<FitReport>> reports_;  // empty: on its way
  LongCalls calls_;
};

}  // namespace fabula::gui
