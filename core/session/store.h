// Sessions in SQLite: an append-only history that survives kill -9 and power loss (WAL, synchronous=FULL per
// commit).
//
// Goals: nothing acknowledged is ever lost; delete is a trash; every change is an operation that can be
// undone, also after a restart; old database versions open for ever, a newer one is refused untouched.
// Thread: one Store, one thread (the session service's). Errors: io (disk full, read-only), busy, corrupt,
// not_found, invalid_argument. After an error the database and what this class shows are as before the call.
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

struct Document;
struct PageRevision;

class Store {
 public:
  // vfs: the name of a registered sqlite3_vfs, null for the system's own. Replies that a dead process left
  // "partial" are "interrupted" afterwards. Errors: io, busy, corrupt, unsupported (a newer version, another
  // program's database).
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& database,
                                             const char* vfs = nullptr);
  ~Store();

  // Sessions, pinned ones first, then newest change first. Trash: only deleted ones.
  std::vector<SessionInfo> list(bool trash = false) const;
  Result<SessionInfo> info(std::string_view session) const;
  Result<SessionInfo> create(Mode mode, std::string_view title, std::string_view system,
                             const SessionSettings& settings);
  Result<SessionView> view(std::string_view session);
  Result<std::vector<std::shared_ptr<const Message>>> tree(
      std::string_view session);  // not deleted ones, parents first
  Result<std::shared_ptr<const Message>> message(std::string_view session, std::string_view message);
  // The last message of the branch through `message` + step places among its alternatives (step 0: of its own
  // branch).
  Result<std::string> branch_end(std::string_view session, std::string_view message, int step);
  Result<bool> has_followers(std::string_view session, std::string_view message);  // on any branch
  // Gives the memory of a session's messages back; they are read again when needed.
  void forget(std::string_view session);
  // The same for all but the `most` used last and those that are wanted.
  void forget_others(size_t most, const std::function<bool(const std::string& session)>& wanted);

  // Operations (each one step of undo; `joined`: undone and redone together with the operation before it):
  Status rename(std::string_view session, std::string_view title);  // a manual title; does not reorder
  // Cleaned as titles are; a tag that stands twice stands once. Does not reorder.
  Status set_labels(std::string_view session, std::string_view folder, std::span<const std::string> tags);
  Status set_system(std::string_view session, std::string_view system);
  Status set_settings(std::string_view session, const SessionSettings& settings);
  Status append(std::string_view session, const Message& message,
                bool joined = false);  // becomes the current leaf
  Status set_current(std::string_view session,
                     std::string_view message);  // rollback, branch switch; "" for an empty path
  Status remove_message(std::string_view session,
                        std::string_view message);  // and all that follows it, on every branch
  // A page edited in place (page.h). grow: the same step as the edit before it, where that was the newest one
  // and of the same words (somebody is typing). true: a new step.
  Result<bool> revise(std::string_view session, const PageRevision& revision, bool grow = false);
  Result<bool> newest_is_page_edit(std::string_view session);  // of the steps that undo would take back
  Status remove(std::string_view session);          // to the trash
  Status restore(std::string_view session);
  Result<bool> undo(std::string_view session);  // false: nothing left
  Result<bool> redo(std::string_view session);

  // Not operations:
  Status update_partial(std::string_view session, const Message& message);  // a reply as it grows; same id
  // Its end; durable when this returns. `before`: the reply as it was before it was continued; makes this an
  // operation.
  Status finish_message(std::string_view session, const Message& message, const Message* before = nullptr);
  Status set_title_automatic(std::string_view session, std::string_view title);
  Status set_draft(std::string_view session, std::string_view draft);
  Status set_model(std::string_view session, std::string_view path, std::string_view name,
                   std::string_view fingerprint);
  Status set_pinned(std::string_view session, bool pinned);
  // Every message that the session has or had: deleted ones, and replies as they were before and after they were
  // continued.
  Result<std::vector<std::shared_ptr<const Message>>> all_versions(std::string_view session);
  // For good: messages and log are gone when this returns, their pages overwritten (secure_delete). The words leave
  // the search index step by step: tidy().
  Status purge(std::string_view session);
  // A step, of some milliseconds, towards a file without what never fully arrived and an index without the words of purged
  // sessions, also of those of an earlier run. true: there is more to do.
  Result<bool> tidy();

  // A message's ids under another tokenizer than its own, kept so that a session that changed its model reads
  // the same ids every time. Empty: not known.
  Result<std::vector<int32_t>> tokens_or_empty(std::string_view session, std::string_view message,
                                               std::string_view tokenizer);
  Status keep_tokens(std::string_view session, std::string_view message, std::string_view tokenizer,
                     std::span<const int32_t> tokens);

  // Full text over titles and contents, inactive branches too, newest first.
  struct Hit {
    std::string session, message,
        snippet;  // snippet marks matches with U+0002 ... U+0003; message "": the title matched
  };
  Result<std::vector<Hit>> search(std::string_view query, int limit = 50);

  Result<OrderedJson> export_session(std::string_view session);   // CONTRACT, Export
  Result<std::string> export_markdown(std::string_view session);  // the current path, to read
  Result<OrderedJson> export_all();  // every session that is not in the trash, in the order of list()
  Result<Document> document(std::string_view session);
  // The id it got; all or nothing. The same document again gives the session that is there (out of the
  // trash).
  Result<std::string> import_session(const Json& document);
  // One session or many (document.h): all of them or none. Their ids, in the document's order.
  Result<std::vector<std::string>> import_all(const Json& document);
  Result<std::vector<std::string>> import_documents(std::vector<Document> documents);
  // The same in steps of some milliseconds. Nothing of it is seen before the last one, which gives the ids; what a failed or
  // interrupted import leaves in the file is taken away by tidy(). One at a time (Errors: busy).
  Status begin_import(std::vector<Document> documents);
  Result<std::optional<std::vector<std::string>>> import_step();
  Status check_integrity();

 private:
  Status restore_if_in_trash(const std::vector<std::string>& sessions);
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::session
