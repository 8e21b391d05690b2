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

// The newest step, where it is an edit of a page that covers all of `messages`: it changed their words, or added them. Else 0.
Result<int64_t> Store::Impl::newest_edit_of(const Loaded& session, const std::vector<Message>& messages) {
  FABULA_ASSIGN(Query row, database.query("SELECT kind, joined, before, after FROM operations WHERE key = ?1", session.undo_op));
  FABULA_ASSIGN(const bool found, row.step());
  if (!found || row.text(0) != page_kind || row.integer(1) != 0) return 0;
  FABULA_ASSIGN(const Change before, change_from_text(row.text(2)));
  FABULA_ASSIGN(const Change after, change_from_text(row.text(3)));
  std::set<std::string_view> covered;
  for (const Change::Content& content : after.contents) covered.insert(content.message);
  if (after.current) {
    for (const auto& message : session.tree->path_to(*after.current)) covered.insert(message->id);
    for (const auto& message : session.tree->path_to(before.current.value_or(""))) covered.erase(message->id);
  }
  const bool all = std::ranges::all_of(messages, [&](const Message& message) { return covered.contains(message.id); });
  return all ? session.undo_op : 0;
}

// A changed message that the step itself added needs no old words: undo takes the whole message away.
Status Store::Impl::grow_edit(Loaded& session, const std::vector<Message>& messages, int64_t operation) {
  Change change;
  for (const Message& message : messages) {
    change.contents.push_back(content_of(message));
    if (!change.title) change.title = title_from(session, message);
  }
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  FABULA_TRY(write_change(session, change));
  std::string after;
  {
    FABULA_ASSIGN(Query row, database.query("SELECT after FROM operations WHERE key = ?1", operation));
    FABULA_TRY(row.step());
    after = row.text(0);
  }
  FABULA_ASSIGN(Change logged, change_from_text(after));
  for (Change::Content& old : logged.contents)
    for (const Change::Content& grown : change.contents)
      if (old.message == grown.message) old = grown;
  if (logged.title && change.title) logged.title = change.title;
  FABULA_TRY(database.run("UPDATE operations SET after = ?2 WHERE key = ?1", operation, change_to_text(logged)));
  FABULA_TRY(transaction.commit());
  mirror_change(session, change);
  return {};
}

Result<bool> Store::newest_is_page_edit(std::string_view id) {
  FABULA_ASSIGN(const Impl::Loaded* session, impl_->find(id));
  FABULA_ASSIGN(Query row, impl_->database.query("SELECT kind FROM operations WHERE key = ?1", session->undo_op));
  FABULA_ASSIGN(const bool found, row.step());
  return found && row.text(0) == page_kind;
}

// What the log keeps of it, but for the messages that are added.
Result<Store::Impl::Operation> Store::Impl::page_operation(Loaded& session, const PageRevision& revision) {
  Operation operation{page_kind, {}, {}, false, true};
  const auto name_after = [&](const Message& message) {
    if (operation.after.title) return;
    operation.after.title = title_from(session, message);
    if (operation.after.title) operation.before.title = Change::Title{session.info.title, session.info.title_is_manual};
  };
  for (const Message& message : revision.changed) {
    FABULA_ASSIGN(const Tree::Node* node, living(session, message.id));
    operation.before.contents.push_back(content_of(*node->message));
    operation.after.contents.push_back(content_of(message));
    name_after(message);
  }
  for (const Message& message : revision.added) name_after(message);
  if (session.current != revision.current) {
    operation.before.current = session.current;
    operation.after.current = revision.current;
  }
  return operation;
}

// All of it, whatever the number of places, is one operation.
Result<bool> Store::revise(std::string_view id, const PageRevision& revision, bool grow) {
  FABULA_ASSIGN(Impl::Loaded * session, impl_->find(id));
  FABULA_ASSIGN(Tree * tree, impl_->tree_of(*session));
  if (revision.changed.empty() && revision.added.empty() && revision.current == session->current) return false;
  if (grow && revision.added.empty() && revision.current == session->current) {
    FABULA_ASSIGN(const int64_t newest, impl_->newest_edit_of(*session, revision.changed));
    if (newest != 0) {
      FABULA_TRY(impl_->grow_edit(*session, revision.changed, newest));
      return false;
    }
  }
  FABULA_ASSIGN(const Impl::Operation operation, impl_->page_operation(*session, revision));
  int64_t parent_key = 0, depth = 0;
  if (!revision.added.empty() && !revision.added.front().parent.empty()) {
    FABULA_ASSIGN(const Tree::Node* node, impl_->living(*session, revision.added.front().parent));
    parent_key = node->key, depth = node->depth;
  }
  const int64_t now = unix_milliseconds();
  std::vector<int64_t> keys;
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(impl_->database));
  for (const Message& message : revision.added) {
    FABULA_ASSIGN(parent_key, impl_->insert_message(session->key, parent_key, ++depth, message));
    keys.push_back(parent_key);
  }
  FABULA_TRY(impl_->write_change(*session, operation.after));
  FABULA_TRY(impl_->write_operation(*session, operation, now));
  FABULA_ASSIGN(const int64_t logged, impl_->database.integer_or(0, "SELECT undo_op FROM sessions WHERE key = ?1", session->key));
  FABULA_TRY(transaction.commit());
  for (size_t i = 0; i < keys.size(); ++i) tree->add(revision.added[i], keys[i]);
  impl_->mirror_operation(*session, operation, logged, now);
  return true;
}

}  // namespace fabula::session
