#include "app/server/listener.h"

#include "app/server/server.h"

namespace fabula::server {

namespace {

class ServerListener final : public session::Listener {
 public:
  explicit ServerListener(std::unique_ptr<Server> server) : server_(std::move(server)) {}
  int port() const override { return server_->port(); }

 private:
  std::unique_ptr<Server> server_;
};

}  // namespace

session::OpenListener listener_opener() {
  return [](session::Service& service, const session::ListenRequest& request,
            session::ListenLog log) -> Result<std::unique_ptr<session::Listener>> {
    if (request.port < 0 || request.port > 65535)
      return Error{ErrorCode::invalid_argument, std::to_string(request.port) + " is not a port"};
    Options options;
    options.host = request.host;
    options.port = static_cast<unsigned short>(request.port);
    options.api_key = request.api_key;
    options.allow_origins = request.allow_origins;
    options.log = std::move(log);
    options.log_text = request.log_text;
    FABULA_ASSIGN(auto server, Server::start(service, std::move(options)));
    return std::unique_ptr<session::Listener>(std::make_unique<ServerListener>(std::move(server)));
  };
}

}  // namespace fabula::server
