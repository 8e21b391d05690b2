// The host's end of attaching (CONTRACT, Processes): the local socket beside the database, on which other
// processes of the same user find the sessions. A thread of its own carries commands to the service and shows
// what changed; it never waits for disk or inference, and a peer that does not read is let go.
//
// The API of an attached `serve` is opened here, in the host (Service::listen): it needs the engine, the
// tokenizers and grammars beside it, all of which would otherwise have to cross the socket, token by token
// and in every detail that the API ever learns. A peer's API ends with the peer.
#pragma once

#include <memory>

#include "core/session/host_service.h"

namespace fabula::session {

class AttachHost {
 public:
  // `service` outlives it. Errors: io (a file system without sockets).
  static Result<std::unique_ptr<AttachHost>> start(HostService& service, const Service::Options& options);
  ~AttachHost();  // lets every peer go

 private:
  class Impl;
  explicit AttachHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::session
