// The Service of a process that found the data directory held by another one: the same commands and
// snapshots, carried over the host's local socket (attach_host.h) by a thread of its own. Nothing here waits
// for it but connect().
#pragma once

#include <chrono>
#include <memory>

#include "core/session/service.h"

namespace fabula::session {

class AttachedService final : public Service {
 public:
  // Returns with the first snapshots. Errors: not_found (nobody listens: the host is just starting or ending,
  // or its file system has no sockets), busy (it does not answer), unsupported (another version; says which).
  static Result<std::unique_ptr<AttachedService>> connect(Options options, std::chrono::milliseconds longest);
  ~AttachedService() override;

  // Of a host that is a window: to the front, opening this file.
  Answer<bool> raise(std::string argument);

  std::string host_name() const override;
  bool is_lost() const override;
  std::shared_ptr<const std::vector<SessionInfo>> sessions() const override;
  std::shared_ptr<const std::vector<SessionInfo>> trash() const override;
  std::shared_ptr<const SessionView> view_or_null(const std::string& session) const override;
  std::shared_ptr<const LiveReply> live_or_null(const std::string& session) const override;
  ModelState model_state(Mode mode) const override;
  std::vector<ResidentModel> resident_models() const override;
  engine::Metrics metrics() const override;
  engine::Engine* engine_or_null() override { return nullptr; }
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

 private:
  class Impl;
  explicit AttachedService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::session
