// "Precision…": what loading at the chosen precision makes of each of the model's matrices, the largest error first.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/gui/shell.h"
#include "core/compute/executor.h"

namespace fabula::gui {

class PrecisionPanel {
 public:
  PrecisionPanel() = default;
  ~PrecisionPanel();
  void draw(Shell& shell);  // opens when shell.ask.precision is set

 private:
  enum class Sort { name, type, largest, lost, error };
  // Read on a thread of its own: a model of gigabytes takes seconds.
  struct Survey {
    std::atomic<bool> cancel{false}, done{false};
    std::mutex mutex;
    std::vector<compute::TensorReport> rows;  // guarded by mutex until done
    std::string error;                        // the same
  };
  void start(Shell& shell);
  void stop();
  void take_result();
  void sort_rows();
  void draw_table(Shell& shell);
  void draw_heading(Shell& shell, const ImRect& row);
  void draw_row(Shell& shell, const ImRect& row, const compute::TensorReport& tensor);

  std::shared_ptr<Survey> survey_;
  std::thread thread_;
  std::vector<compute::TensorReport> rows_;  // one a tensor
  std::string error_, subject_;
  Sort sort_ = Sort::error;
  bool is_open_ = false;
};

}  // namespace fabula::gui
