// What the service shows to other threads: immutable values behind pointers that are swapped whole. The lock
// is held for the swap of a pointer, never while disk or inference works.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/session/service_types.h"

namespace fabula::session {

class Snapshots {
 private:
  template <class F>
  auto locked(F&& work) const {
    const std::lock_guard lock(mutex_);
    return work();
  }

 public:
  using Infos = std::shared_ptr<const std::vector<SessionInfo>>;

  Infos sessions() const {
    return locked([&] { return sessions_; });
  }
  Infos trash() const {
    return locked([&] { return trash_; });
  }
  std::shared_ptr<const SessionView> view_or_null(const std::string& session) const {
    return find(views_, session);
  }
  std::shared_ptr<const LiveReply> live_or_null(const std::string& session) const {
    return find(live_, session);
  }
  std::vector<std::shared_ptr<const LiveReply>> lives() const {
    return locked([&] {
      std::vector<std::shared_ptr<const LiveReply>> all;
      for (const auto& [session, live] : live_) all.push_back(live);
      return all;
    });
  }
  ModelState model(Mode mode) const {
    return locked([&] { return models_[static_cast<size_t>(mode)]; });
  }
  std::vector<ResidentModel> residents() const {
    return locked([&] { return residents_; });
  }
  void set_residents(std::vector<ResidentModel> residents) {
    locked([&] { residents_.swap(residents); });
  }
  std::vector<Notice> take_notices() {
    return locked([&] { return std::exchange(notices_, {}); });
  }

  void set_sessions(Infos sessions, Infos trash) {
    locked([&] { sessions_.swap(sessions), trash_.swap(trash); });
  }
  void set_view(const std::string& session, std::shared_ptr<const SessionView> view) {
    set(views_, session, std::move(view));
  }
  void set_live(const std::string& session, std::shared_ptr<const LiveReply> live) {
    set(live_, session, std::move(live));
  }
  void set_model(Mode mode, ModelState state) {
    locked([&] { std::swap(models_[static_cast<size_t>(mode)], state); });
  }
  void add_notice(Notice notice) {
    constexpr size_t most = 100;  // nobody may be reading
    locked([&] {
      if (notices_.size() < most) notices_.push_back(std::move(notice));
    });
  }

 private:
  template <class T>
  std::shared_ptr<const T> find(const std::unordered_map<std::string, std::shared_ptr<const T>>& map,
                                const std::string& key) const {
    return locked([&]() -> std::shared_ptr<const T> {
      const auto found = map.find(key);
      return found == map.end() ? nullptr : found->second;
    });
  }
  // null takes the entry away. What was replaced is destroyed outside the lock.
  template <class T>
  void set(std::unordered_map<std::string, std::shared_ptr<const T>>& map, const std::string& key,
           std::shared_ptr<const T> value) {
    locked([&] {
      if (value)
        map[key].swap(value);
      else if (const auto found = map.find(key); found != map.end())
        found->second.swap(value), (void)map.erase(found);
    });
  }

  mutable std::mutex mutex_;
  Infos sessions_ = std::make_shared<const std::vector<SessionInfo>>();
  Infos trash_ = sessions_;
  std::unordered_map<std::string, std::shared_ptr<const SessionView>> views_;
  std::unordered_map<std::string, std::shared_ptr<const LiveReply>> live_;
  std::array<ModelState, 2> models_;
  std::vector<ResidentModel> residents_;
  std::vector<Notice> notices_;
};

}  // namespace fabula::session
