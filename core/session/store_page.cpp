// The Store's part in editing a page in place.
#include <algorithm>
#include <set>

#include "core/base/clock.h"
#include "core/session/page.h"
#include "core/session/store_impl.h"

namespace fabula::session {

namespace {

constexpr const char* page_kind = "page";

}  // namespace

// The newest step, where it is an edit of a page that covers all of `messages`: the operations whose content is
// theirs, by message ("" and 0 of a message that the step itself added).
Result<std::optional<std::vector<int64_t>>> Store::Impl::operations_of_newest_edit(const Loaded& session,
                                                                                   const std::vector<Message>& messages) {
  std::set<std::string_view> missing;
  for (const Message& message : messages) missing.insert(message.id);
  std::vector<int64_t> operations;
  for (int64_t at = session.undo_op; at != 0;) {
    FABULA_ASSIGN(Query row, database.query("SELECT kind, joined, previous, after FROM operations WHERE key = ?1", at));
    FABULA_ASSIGN(const bool found, row.step());
    if (!found || row.text(0) != page_kind) break;
    FABULA_ASSIGN(const Change after, change_from_text(row.text(3)));
    if (after.content) {
      missing.erase(after.content->message);
      operations.push_back(at);
    } else if (after.current) {
      missing.erase(*after.current);
    }
    if (row.integer(1) == 0) break;
    at = row.integer(2);
  }
  if (!missing.empty()) return std::optional<std::vector<int64_t>>();
  return std::optional(std::move(operations));
}

Status Store::Impl::grow_edit(Loaded& session, const std::vector<Message>& messages, const std::vector<int64_t>& operations) {
  std::vector<Change> changes;
  for (const Message& message : messages) {
    Change& change = changes.emplace_back();
    change.content = content_of(message);
    change.title = title_from(session, message);
  }
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  for (const Change& change : changes) FABULA_TRY(write_change(session, change));
  for (const int64_t key : operations) {
    std::string after;
    {
      FABULA_ASSIGN(Query row, database.query("SELECT after FROM operations WHERE key = ?1", key));
      FABULA_TRY(row.step());
      after = row.text(0);
    }
    FABULA_ASSIGN(Change logged, change_from_text(after));
    for (const Change& change : changes) {
      if (!logged.content || logged.content->message != change.content->message) continue;
      logged.content = change.content;
      if (logged.title && change.title) logged.title = change.title;
    }
    FABULA_TRY(database.run("UPDATE operations SET after = ?2 WHERE key = ?1", key, change_to_text(logged)));
  }
  FABULA_TRY(transaction.commit());
  for (const Change& change : changes) mirror_change(session, change);
  return {};
}

Result<bool> Store::newest_is_page_edit(std::string_view id) {
  FABULA_ASSIGN(const Impl::Loaded* session, impl_->find(id));
  FABULA_ASSIGN(Query row, impl_->database.query("SELECT kind FROM operations WHERE key = ?1", session->undo_op));
  FABULA_ASSIGN(const bool found, row.step());
  return found && row.text(0) == page_kind;
}

Result<bool> Store::revise(std::string_view id, const PageRevision& revision, bool grow) {
  FABULA_ASSIGN(Impl::Loaded * session, impl_->find(id));
  FABULA_ASSIGN(Tree * tree, impl_->tree_of(*session));
  Impl& impl = *impl_;
  if (revision.changed.empty() && revision.added.empty() && revision.current == session->current) return false;
  if (grow && revision.added.empty() && revision.current == session->current) {
    FABULA_ASSIGN(const auto operations, impl.operations_of_newest_edit(*session, revision.changed));
    if (operations) {
      FABULA_TRY(impl.grow_edit(*session, revision.changed, *operations));
      return false;
    }
  }
  const int64_t now = unix_milliseconds();
  // What the operations are written against, step by step; the session itself changes after the commit.
  Impl::Loaded scratch;
  scratch.key = session->key;
  scratch.info = session->info;
  scratch.undo_op = session->undo_op;
  std::string current = session->current;
  std::vector<std::pair<Impl::Operation, int64_t>> done;
  std::vector<int64_t> keys;
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(impl.database));
  const auto log = [&](Impl::Operation operation) -> Status {
    operation.joined = !done.empty();
    FABULA_TRY(impl.write_change(scratch, operation.after));
    FABULA_TRY(impl.write_operation(scratch, operation, now));
    FABULA_ASSIGN(scratch.undo_op, impl.database.integer_or(0, "SELECT undo_op FROM sessions WHERE key = ?1", scratch.key));
    if (operation.after.title) scratch.info.title = operation.after.title->text;
    done.emplace_back(std::move(operation), scratch.undo_op);
    return {};
  };
  const auto name_after = [&](Impl::Operation& operation, const Message& message) {
    operation.after.title = impl.title_from(scratch, message);
    if (operation.after.title) operation.before.title = Change::Title{scratch.info.title, scratch.info.title_is_manual};
  };
  for (const Message& message : revision.changed) {
    FABULA_ASSIGN(const Tree::Node* node, impl.living(*session, message.id));
    Impl::Operation operation{page_kind, {}, {}, false, true};
    operation.before.content = content_of(*node->message);
    operation.after.content = content_of(message);
    name_after(operation, message);
    FABULA_TRY(log(std::move(operation)));
  }
  int64_t parent_key = 0, depth = 0;
  if (!revision.added.empty() && !revision.added.front().parent.empty()) {
    FABULA_ASSIGN(const Tree::Node* node, impl.living(*session, revision.added.front().parent));
    parent_key = node->key, depth = node->depth;
  }
  const auto move = [&](const std::string& to) {
    Impl::Operation operation{page_kind, {}, {}, false, true};
    operation.before.current = current;
    operation.after.current = current = to;
    return operation;
  };
  for (const Message& message : revision.added) {
    FABULA_ASSIGN(parent_key, impl.insert_message(session->key, parent_key, ++depth, message));
    keys.push_back(parent_key);
    Impl::Operation operation = move(message.id);
    name_after(operation, message);
    FABULA_TRY(log(std::move(operation)));
  }
  if (current != revision.current) FABULA_TRY(log(move(revision.current)));
  FABULA_TRY(transaction.commit());
  for (size_t i = 0; i < keys.size(); ++i) tree->add(revision.added[i], keys[i]);
  for (const auto& [operation, key] : done) impl.mirror_operation(*session, operation, key, now);
  return true;
}

}  // namespace fabula::session
