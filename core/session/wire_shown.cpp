#include "core/session/wire_shown.h"

#include <unordered_set>

#include "core/session/host_service.h"
#include "core/session/wire_types.h"

namespace fabula::session {

Json ShownWriter::changes(const HostService& service, const std::set<std::string>& views) {
  Json out;
  add_lists(service, out);
  add_views(service, views, out);
  add_replies(service, out);
  add_numbers(service, out);
  if (!out.is_null()) out["kind"] = "shown";
  return out;
}

void ShownWriter::add_lists(const HostService& service, Json& out) {
  const auto add = [&](const char* name, Snapshots::Infos& shown, Snapshots::Infos now) {
    if (shown == now) return;
    if (!shown || *shown != *now) out[name] = *now;
    shown = std::move(now);
  };
  add("sessions", sessions_, service.sessions());
  add("trash", trash_, service.trash());
}

void ShownWriter::add_views(const HostService& service, const std::set<std::string>& views, Json& out) {
  for (const std::string& session : views) {
    auto now = service.view_or_null(session);
    auto& shown = views_[session];
    if (shown == now || !now) continue;
    std::unordered_set<const Message*> known;
    if (shown)
      for (const auto& message : shown->path) known.insert(message.get());
    Json view = *now, path = Json::array(), fresh = Json::array();
    for (const auto& message : now->path) {
      path.push_back(message->id);
      if (!known.contains(message.get())) fresh.push_back(message);
    }
    view["path"] = std::move(path);
    view["messages"] = std::move(fresh);
    out["views"].push_back(std::move(view));
    shown = std::move(now);
  }
  std::erase_if(views_, [&](const auto& entry) {
    const bool gone = !views.contains(entry.first) || !service.view_or_null(entry.first);
    if (gone && entry.second) out["closed"].push_back(entry.first);
    return gone;
  });
}

void ShownWriter::add_replies(const HostService& service, Json& out) {
  std::unordered_set<std::string> there;
  for (auto& now : service.lives()) {
    there.insert(now->session);
    auto& shown = lives_[now->session];
    if (shown == now) continue;
    Json live = *now;
    const bool goes_on = shown && shown->message == now->message && now->text.starts_with(shown->text);
    live["kept"] = goes_on ? shown->text.size() : 0;
    if (goes_on) live["text"] = now->text.substr(shown->text.size());
    out["lives"].push_back(std::move(live));
    shown = std::move(now);
  }
  std::erase_if(lives_, [&](const auto& entry) {
    if (there.contains(entry.first)) return false;
    out["ended"].push_back(entry.first);
    return true;
  });
}

void ShownWriter::add_numbers(const HostService& service, Json& out) {
  const auto add = [&](const char* name, std::string& shown, Json now) {
    std::string text = dump_json(now);
    if (shown == text) return;
    out[name] = std::move(now);
    shown = std::move(text);
  };
  add("models", models_, Json::array({service.model_state(Mode::chat), service.model_state(Mode::story)}));
  add("residents", residents_, service.resident_models());
  add("metrics", metrics_, service.metrics());
}

// ---- the other end ----

void ShownReader::read(const Json& changes) {
  const auto list = [&](const char* name, auto&& take) {
    if (!changes.contains(name)) return;
    for (const Json& entry : changes.at(name)) take(entry);
  };
  if (changes.contains("sessions") || changes.contains("trash")) {
    const auto infos = [&](const char* name, Snapshots::Infos now) {
      if (!changes.contains(name)) return now;
      return std::make_shared<const std::vector<SessionInfo>>(
          changes.at(name).get<std::vector<SessionInfo>>());
    };
    snapshots_.set_sessions(infos("sessions", snapshots_.sessions()), infos("trash", snapshots_.trash()));
  }
  list("views", [&](const Json& entry) { read_view(entry); });
  list("closed", [&](const Json& entry) { snapshots_.set_view(entry.get<std::string>(), nullptr); });
  list("lives", [&](const Json& entry) { read_live(entry); });
  list("ended", [&](const Json& entry) { snapshots_.set_live(entry.get<std::string>(), nullptr); });
  if (changes.contains("models"))
    for (Mode mode : {Mode::chat, Mode::story})
      snapshots_.set_model(mode, changes.at("models").at(static_cast<size_t>(mode)).get<ModelState>());
  if (changes.contains("residents")) snapshots_.set_residents(changes.at("residents").get<std::vector<ResidentModel>>());
  if (changes.contains("metrics")) {
    const auto now = changes.at("metrics").get<engine::Metrics>();
    const std::lock_guard lock(mutex_);
    metrics_ = now;
  }
}

engine::Metrics ShownReader::metrics() const {
  const std::lock_guard lock(mutex_);
  return metrics_;
}

void ShownReader::read_view(const Json& value) {
  auto view = std::make_shared<SessionView>(value.get<SessionView>());
  std::unordered_map<std::string, std::shared_ptr<const Message>> known;
  if (const auto before = snapshots_.view_or_null(view->info.id))
    for (const auto& message : before->path) known[message->id] = message;
  for (const Json& entry : value.at("messages")) {
    auto message = entry.get<std::shared_ptr<const Message>>();
    known[message->id] = std::move(message);
  }
  for (const Json& id : value.at("path")) {
    const auto found = known.find(id.get<std::string>());
    if (found == known.end()) return;
    view->path.push_back(found->second);
  }
  const std::string session = view->info.id;
  snapshots_.set_view(session, std::move(view));
}

void ShownReader::read_live(const Json& value) {
  auto live = std::make_shared<LiveReply>(value.get<LiveReply>());
  const auto kept = value.at("kept").get<size_t>();
  if (kept > 0) {
    const auto before = snapshots_.live_or_null(live->session);
    if (!before || before->text.size() < kept) throw WireError("a reply without its beginning");
    live->text.insert(0, before->text, 0, kept);
  }
  const std::string session = live->session;
  snapshots_.set_live(session, std::move(live));
}

}  // namespace fabula::session
