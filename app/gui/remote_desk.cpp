#include "app/gui/remote_desk.h"

#include <algorithm>

#include "core/engine/remote_engine.h"
#include "core/model/library.h"

namespace fabula::gui {

void RemoteDesk::look() {
  calls_.run([this](const std::atomic<bool>&) {
    background_.post([this, list = engine::remote_endpoints(places_)]() mutable { take_list(std::move(list)); });
  });
}

// What is known of a server stays until it answers anew.
void RemoteDesk::take_list(Result<std::vector<engine::RemoteEndpoint>> list) {
  error_ = list.ok() ? "" : list.error().message;
  if (!list.ok()) return;
  std::vector<RemoteServer> servers;
  for (const engine::RemoteEndpoint& endpoint : *list) {
    const auto known = std::ranges::find_if(servers_, [&](const RemoteServer& server) {
      return server.endpoint.name == endpoint.name && server.endpoint.url == endpoint.url;
    });
    servers.push_back(known != servers_.end() ? *known : RemoteServer{.endpoint = endpoint});
  }
  servers_ = std::move(servers);
  for (const RemoteServer& server : servers_) ask(server.endpoint);
}

void RemoteDesk::ask(const engine::RemoteEndpoint& endpoint) {
  ++asking_;
  calls_.run([this, endpoint](const std::atomic<bool>& cancel) {
    auto key = engine::remote_key(places_, endpoint.name);
    Result<std::vector<std::string>> models = key.ok() ? engine::RemoteEngine(endpoint, *key).models(&cancel) : key.error();
    background_.post([this, name = endpoint.name, models = std::move(models)] {
      --asking_;
      const auto server = std::ranges::find_if(servers_, [&](const RemoteServer& one) { return one.endpoint.name == name; });
      if (server == servers_.end()) return;
      server->answered = true;
      server->error = models.ok() ? "" : models.error().message;
      if (models.ok()) server->models = *models;
    });
  });
}

void RemoteDesk::add(engine::RemoteEndpoint endpoint, std::string key, std::function<void(const Status&)> then) {
  ++asking_;
  calls_.run([this, endpoint = std::move(endpoint), key = std::move(key), then = std::move(then)](const std::atomic<bool>& cancel) {
    const auto models = engine::RemoteEngine(endpoint, key).models(&cancel);
    const Status kept = models.ok() ? engine::save_remote(places_, endpoint, key) : Status(models.error());
    background_.post([this, kept, then] {
      --asking_;
      then(kept);
      if (kept.ok()) look();
    });
  });
}

void RemoteDesk::remove(const std::string& name, std::function<void(const Status&)> then) {
  calls_.run([this, name, then = std::move(then)](const std::atomic<bool>&) {
    background_.post([this, removed = engine::remove_remote(places_, name), then] {
      then(removed);
      look();
    });
  });
}

std::string shown_model_name(const std::string& path) {
  if (const auto remote = engine::remote_name_or_none(path)) return remote->model + " · " + remote->endpoint;
  return model::model_name(path);
}

}  // namespace fabula::gui
