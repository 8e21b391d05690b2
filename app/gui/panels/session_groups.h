// Which sessions the sidebar shows, in which order and under which headings: pinned ones, folders, then days and months.
#pragma once

#include <string>
#include <vector>

#include "app/gui/strings.h"
#include "core/session/types.h"

namespace fabula::gui {

struct SessionGroup {
  std::string label;
  std::string folder;  // not empty: this group is a folder and can be folded
  std::vector<const session::SessionInfo*> sessions;
};

// Title, folder or a tag holds the query (ASCII letters in either case); "#tag" asks for tags alone.
bool matches_query(const session::SessionInfo& info, const std::string& query);

// `sessions` outlives the groups; its order (newest first) is kept within each group, folders stand by name.
std::vector<SessionGroup> group_sessions(const Strings& tr, const std::vector<session::SessionInfo>& sessions, session::Mode mode,
                                         const std::string& query, int64_t now_milliseconds);

// Every folder that has a session, by name.
std::vector<std::string> folders_of(const std::vector<session::SessionInfo>& sessions);

}  // namespace fabula::gui
