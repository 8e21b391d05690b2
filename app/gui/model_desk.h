// The models at hand and the hub they are fetched from, as the panels see them: snapshots taken at the start of a frame.
// Thread: the UI thread alone; the work is done by the library's and the hub's own threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/gui/fit_desk.h"
#include "app/gui/quantise_desk.h"
#include "app/gui/remote_desk.h"
#include "core/base/log.h"
#include "core/base/paths.h"
#include "core/hub/desk.h"
#include "core/model/library_watch.h"

namespace fabula::gui {

class ModelDesk {
 public:
  ModelDesk(Places places, Background& background, std::string isa, std::function<void()> wake, LogSink* log);

  void start();        // after the first frame
  void begin_frame();
  bool ready() const { return hub_ != nullptr; }

  const model::LibrarySnapshot& library() const { return *library_now_; }
  bool library_changed() const { return library_changed_; }  // in this frame
  const hub::DeskSnapshot& hub() const { return *hub_now_; }
  hub::Desk* hub_or_null() { return hub_.get(); }
  const hub::Look* look_or_null(const std::string& repository) const;
  const hub::Download* download_or_null(const std::string& name) const;
  bool downloading() const;
  void look_again();
  RemoteDesk& remotes() { return remotes_; }
  FitDesk& fits() { return fits_; }
  QuantiseDesk& quantiser() { return quantiser_; }

  // A download that was finished since the last call: its model's path.
  std::optional<std::string> take_finished();

  // Memory that is free now, of some seconds ago at most. A model needs its bytes and some more.
  uint64_t free_bytes() const { return free_bytes_; }
  bool too_large(uint64_t model_bytes) const;

 private:
  const Places places_;
  const std::function<void()> wake_;
  LogSink* const log_;
  std::unique_ptr<model::LibraryWatch> library_;
  std::unique_ptr<hub::Desk> hub_;
  std::shared_ptr<const model::LibrarySnapshot> library_now_ = std::make_shared<model::LibrarySnapshot>();
  std::shared_ptr<const hub::DeskSnapshot> hub_now_ = std::make_shared<hub::DeskSnapshot>();
  bool library_changed_ = false;
  std::vector<std::string> finished_;  // names of downloads that were told of
  std::vector<std::string> news_;      // paths not yet taken
  uint64_t free_bytes_ = 0;
  double measured_at_ = -1e9;
  RemoteDesk remotes_;
  FitDesk fits_;
  QuantiseDesk quantiser_;
};

}  // namespace fabula::gui
