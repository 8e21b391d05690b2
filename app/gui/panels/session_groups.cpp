#include "app/gui/panels/session_groups.h"

#include <algorithm>
#include <ctime>
#include <map>

#include "app/gui/shell.h"

namespace fabula::gui {
namespace {

using session::SessionInfo;

// "Today" ... "Previous 7 days", then a month each: "Mar 2025".
std::string day_label(const Strings& tr, int64_t then, int64_t now) {
  const int days = day_of(now) - day_of(then);
  if (days <= 0) return tr("sidebar.today");
  if (days == 1) return tr("sidebar.yesterday");
  if (days < 7) return tr("sidebar.week");
  const auto seconds = static_cast<std::time_t>(then / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  return tr.format("sidebar.month", {tr("month." + std::to_string(local.tm_mon + 1)), std::to_string(local.tm_year + 1900)});
}

}  // namespace

bool matches_query(const SessionInfo& info, const std::string& query) {
  if (query.empty()) return true;
  const bool tags_alone = query.starts_with('#');
  const std::string wanted = tags_alone ? query.substr(1) : query;
  const bool tagged = std::any_of(info.tags.begin(), info.tags.end(), [&](const std::string& tag) { return contains_folded(tag, wanted); });
  return tagged || (!tags_alone && (contains_folded(info.title, wanted) || contains_folded(info.folder, wanted)));
}

std::vector<std::string> folders_of(const std::vector<SessionInfo>& sessions) {
  std::vector<std::string> out;
  for (const SessionInfo& info : sessions) {
    if (!info.folder.empty()) out.push_back(info.folder);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<SessionGroup> group_sessions(const Strings& tr, const std::vector<SessionInfo>& sessions, session::Mode mode, const std::string& query,
                                         int64_t now) {
  SessionGroup pinned{tr("sidebar.pinned"), "", {}};
  std::map<std::string, SessionGroup> folders;
  std::vector<SessionGroup> days;
  for (const SessionInfo& info : sessions) {
    if (info.mode != mode || !matches_query(info, query)) continue;
    if (info.pinned) {
      pinned.sessions.push_back(&info);
    } else if (!info.folder.empty()) {
      SessionGroup& folder = folders[info.folder];
      folder.label = folder.folder = info.folder;
      folder.sessions.push_back(&info);
    } else {
      std::string label = day_label(tr, info.updated_at, now);
      if (days.empty() || days.back().label != label) days.push_back({std::move(label), "", {}});
      days.back().sessions.push_back(&info);
    }
  }
  std::vector<SessionGroup> out;
  if (!pinned.sessions.empty()) out.push_back(std::move(pinned));
  for (auto& [name, folder] : folders) out.push_back(std::move(folder));
  for (SessionGroup& day : days) out.push_back(std::move(day));
  return out;
}

}  // namespace fabula::gui
