// The servers elsewhere as the panels see them: which there are, and the models each says that it has.
// Thread: the UI thread alone; files and network are touched by threads of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/gui/background.h"
#include "core/base/long_calls.h"
#include "core/base/paths.h"
#include "core/engine/remote_endpoints.h"

namespace fabula::gui {

struct RemoteServer {
  engine::RemoteEndpoint endpoint;
  std::vector<std::string> models;
  std::string error;      // why there is no list of models, in plain words
  bool answered = false;  // false: being asked
};

class RemoteDesk {
 public:
  RemoteDesk(Places places, Background& background) : places_(std::move(places)), background_(background) {}

  const std::vector<RemoteServer>& servers() const { return servers_; }
  const std::string& error() const { return error_; }  // the list itself could not be read
  bool asking() const { return asking_ > 0; }
  void look();  // reads the list and asks every server for its models
  // Keeps the server where it answers with a list of models, and only then.
  void add(engine::RemoteEndpoint endpoint, std::string key, std::function<void(const Status&)> then);
  void remove(const std::string& name, std::function<void(const Status&)> then);

  static std::string model_path(const RemoteServer& server, const std::string& model) { return "remote:" + server.endpoint.name + "/" + model; }

 private:
  void take_list(Result<std::vector<engine::RemoteEndpoint>> list);
  void ask(const engine::RemoteEndpoint& endpoint);

  const Places places_;
  Background& background_;
  std::vector<RemoteServer> servers_;
  std::string error_;
  int asking_ = 0;
  LongCalls calls_;  // ends before what its threads post to
};

// "gpt-oss:20b · office" of "remote:office/gpt-oss:20b"; other paths as model::model_name has them.
std::string shown_model_name(const std::string& path);

}  // namespace fabula::gui
