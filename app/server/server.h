// The local HTTP API: OpenAI's endpoints and Fabula's sessions, on one thread of its own. See CONTRACT, HTTP.
//
// Goals: the same live sessions as the window; a client that leaves frees its place within a step; hostile
// pages and peers get nowhere. Non-goals: TLS, serving files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/server/limits.h"
#include "core/base/result.h"
#include "core/session/service.h"

namespace fabula::server {

struct Options {
  std::string host = "127.0.0.1";
  unsigned short port = 8642;  // 0: any free one
  std::string api_key;         // required off loopback
  std::vector<std::string> allow_origins;
  Limits limits;
  std::function<void(const std::string& line)> log;  // called on the server's thread
  bool log_text = false;                             // the bodies of requests and answers, too
};

class Server {
 public:
  // Listens when this returns. `service` outlives the server. Errors: invalid_argument (no key off loopback),
  // io (address in use).
  static Result<std::unique_ptr<Server>> start(session::Service& service, Options options);
  ~Server();  // closes every connection and joins the thread

  unsigned short port() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::server
