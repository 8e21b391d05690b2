// Sessions in SQLite: an append-only history that survives kill -9 and power loss (WAL, synchronous=FULL per commit).
//
// Goals: nothing acknowledged is ever lost; delete is a trash; every change is an operation that can be undone, also after a
// restart; old database versions open for ever, a newer one is refused untouched.
// Thread: one Store, one thread (the session service's). Errors: io (disk full, read-only), busy, corrupt, not_found.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/session/types.h"

namespace fabula::session {

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& database);
  ~Store();

  // Sessions, newest change first. Trash: only deleted ones.
  Result<std::vector<SessionInfo>> list(bool trash = false);
  Result<SessionInfo> create(Mode mode, std::string_view title, std::string_view system, const SessionSettings& settings);
  Result<SessionView> view(std::string_view session);
  Result<std::vector<std::shared_ptr<const Message>>> tree(std::string_view session);  // every message, parents first

  // Operations (each one step of undo):
  Status rename(std::string_view session, std::string_view title);  // a manual title; does not reorder
  Status set_system(std::string_view session, std::string_view system);
  Status set_settings(std::string_view session, const SessionSettings& settings);
  Status append(std::string_view session, const Message& message);           // becomes the current leaf
  Status set_current(std::string_view session, std::string_view message);    // rollback, branch switch; "" for an empty path
  Status remove(std::string_view session);   // to the trash
  Status restore(std::string_view session);
  Result<bool> undo(std::string_view session);  // false: nothing left
  Result<bool> redo(std::string_view session);

  // Not operations:
  Status update_partial(std::string_view session, const Message& message);   // a reply as it grows; same id
  Status finish_message(std::string_view session, const Message& message);   // its end; durable when this returns
  Status set_title_automatic(std::string_view session, std::string_view title);
  Status set_draft(std::string_view session, std::string_view draft);
  Status set_model(std::string_view session, std::string_view path, std::string_view name, std::string_view fingerprint);
  Status set_pinned(std::string_view session, bool pinned);
  Status purge(std::string_view session);    // for good: messages, log, search index; pages overwritten (secure_delete)

  // Full text over titles and contents, inactive branches too, newest first.
  struct Hit {
    std::string session, message, snippet;  // snippet marks matches with U+0002 ... U+0003
  };
  Result<std::vector<Hit>> search(std::string_view query, int limit = 50);

  Result<OrderedJson> export_session(std::string_view session);              // CONTRACT, Export
  Result<std::string> import_session(const Json& document);                  // the id it got; all or nothing
  Status check_integrity();

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::session
