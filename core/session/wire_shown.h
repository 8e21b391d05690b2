// The snapshots of a service on their way to an attached process: what changed since it was last shown, and
// back into snapshots there. Snapshots are immutable, so a pointer that is the same has nothing new; of a
// view only those messages travel that the one before did not hold, of a reply's text only what came since.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/json.h"
#include "core/session/snapshots.h"

namespace fabula::session {

class HostService;

// Thread: one.
class ShownWriter {
 public:
  // null where nothing changed. `views`: the sessions whose views are wanted.
  Json changes(const HostService& service, const std::set<std::string>& views);
  void forget_view(const std::string& session) { views_.erase(session); }  // the reader has closed it

 private:
  void add_lists(const HostService& service, Json& out);
  void add_views(const HostService& service, const std::set<std::string>& views, Json& out);
  void add_replies(const HostService& service, Json& out);
  void add_numbers(const HostService& service, Json& out);

  Snapshots::Infos sessions_, trash_;
  std::unordered_map<std::string, std::shared_ptr<const SessionView>> views_;
  std::unordered_map<std::string, std::shared_ptr<const LiveReply>> lives_;
  std::string models_, residents_, metrics_;  // as they were written
};

// Throws what reading JSON throws (wire_types.h); what was read until then is shown. A view that builds on
// one that was closed here meanwhile is passed over: the whole one follows.
class ShownReader {
 public:
  explicit ShownReader(Snapshots& snapshots) : snapshots_(snapshots) {}
  void read(const Json& changes);
  engine::Metrics metrics() const;  // any thread

 private:
  void read_view(const Json& value);
  void read_live(const Json& value);

  Snapshots& snapshots_;
  mutable std::mutex mutex_;
  engine::Metrics metrics_;
};

}  // namespace fabula::session
