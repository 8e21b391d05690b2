// The Service of the process that holds the data directory.
#pragma once

#include <memory>
#include <mutex>

#include "core/session/host_lock.h"
#include "core/session/service.h"

namespace fabula::session {

class AttachHost;

class HostService final : public Service {
 public:
  // Errors: io, corrupt, unsupported (a newer database).
  static Result<std::unique_ptr<Service>> open(Options options, HostLock lock);
  ~HostService() override;

  std::string host_name() const override { return ""; }
  bool is_lost() const override { return false; }

  std::shared_ptr<const std::vector<SessionInfo>> sessions() const override;
  std::shared_ptr<const std::vector<SessionInfo>> trash() const override;
  std::shared_ptr<const SessionView> view_or_null(const std::string& session) const override;
  std::shared_ptr<const LiveReply> live_or_null(const std::string& session) const override;
  ModelState model_state(Mode mode) const override;
  std::vector<ResidentModel> resident_models() const override;
  engine::Metrics metrics() const override;
  engine::Engine* engine_or_null() override;
  std::vector<Notice> take_notices() override;

#define COMMAND(answer, name, parameters, ...) Answer<answer> name parameters override;
#define POST(name, parameters, ...) void name parameters override;
#include "core/session/service_commands.inc"
#undef COMMAND
#undef POST

  Answer<SessionView> open_session(std::string session) override;
  void close_session(std::string session) override;
  Answer<int> listen(ListenRequest request, ListenLog log) override;
  void stop_listening() override;
  uint64_t follow(Follower follower) override;
  void unfollow(uint64_t id) override;

  // ---- for the processes attached to this one (attach_host.h) ----
  // Views are open for as long as one of their viewers has them open; this process is viewer 0.
  Answer<void> open_view(uint64_t viewer, std::string session);
  void close_view(uint64_t viewer, std::string session);
  void close_views(uint64_t viewer);
  std::vector<std::shared_ptr<const LiveReply>> lives() const;
  // Called on the service's thread; must not block. When set_watcher returns, the one before is not running.
  struct Watcher {
    std::function<void()> changed;  // a snapshot
    std::function<void(const Notice&)> noticed;
  };
  void set_watcher(Watcher watcher);
  // On the caller's thread, never the service's own: what serves the API waits for that one.
  Result<std::unique_ptr<Listener>> open_listener(const ListenRequest& request, ListenLog log);

 private:
  class Impl;
  explicit HostService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::unique_ptr<AttachHost> attach_host_;  // null where the file system has no sockets
  std::mutex listener_mutex_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace fabula::session
