// Sessions that are brought in, step by step: rows that are marked as still arriving, until the last step shows them all at once.
#include <nlohmann/json.hpp>

#include "core/session/object_reader.h"
#include "core/session/store_impl.h"
#include "core/session/title.h"

namespace fabula::session {

namespace {

// A step is some milliseconds of work and one commit.
constexpr size_t messages_per_step = 128, bytes_per_step = size_t{1} << 18;

// sessions.in_trash of what no list and no search shows: a session that is not there yet.
constexpr int still_arriving = 2;

// What the rest of the document has to say is in the messages.
bool same_but_for_messages(Document a, Document b) {
  a.messages.clear(), b.messages.clear();
  a.info.updated_at = b.info.updated_at;
  return document_to_json(a) == document_to_json(b);
}

}  // namespace

Status Store::begin_import(std::vector<Document> documents) {
  if (impl_->arriving) return Error{ErrorCode::busy, "other sessions are being brought in"};
  for (const Document& document : documents) FABULA_TRY(engine::check(document.settings.sampler));
  impl_->arriving.emplace(std::move(documents));
  return {};
}

Result<std::optional<std::vector<std::string>>> Store::import_step() {
  Impl::Arriving& arriving = *impl_->arriving;
  const Status done = arriving.at < arriving.documents.size() ? impl_->go_on_with(arriving) : impl_->show_arrived(arriving);
  if (!done.ok()) {
    impl_->arriving.reset();
    impl_->left_behind = true;
    return done.error();
  }
  if (!arriving.complete) return std::optional<std::vector<std::string>>();
  std::vector<std::string> ids = std::move(arriving.ids);
  impl_->arriving.reset();
  FABULA_TRY(restore_if_in_trash(ids));
  return std::optional(std::move(ids));
}

Result<std::vector<std::string>> Store::import_documents(std::vector<Document> documents) {
  FABULA_TRY(begin_import(std::move(documents)));
  for (;;) {
    FABULA_ASSIGN(auto ids, import_step());
    if (ids) return *std::move(ids);
  }
}

Result<std::string> Store::import_session(const Json& value) {
  FABULA_ASSIGN(Document document, document_from_json(value));
  std::vector<Document> one;
  one.push_back(std::move(document));
  FABULA_ASSIGN(const std::vector<std::string> ids, import_documents(std::move(one)));
  return ids.front();
}

Result<std::vector<std::string>> Store::import_all(const Json& value) {
  FABULA_ASSIGN(std::vector<Document> documents, documents_from_json(value));
  return import_documents(std::move(documents));
}

// A session that is imported again comes out of the trash.
Status Store::restore_if_in_trash(const std::vector<std::string>& sessions) {
  for (const std::string& session : sessions) {
    FABULA_ASSIGN(const SessionInfo known, info(session));
    if (known.in_trash) FABULA_TRY(restore(session));
  }
  return {};
}

Status Store::Impl::go_on_with(Arriving& arriving) {
  Document& document = arriving.documents[arriving.at];
  switch (arriving.stage) {
    case Arriving::Stage::meet: return meet(arriving, document);
    case Arriving::Stage::compare: return compare(arriving, document);
    case Arriving::Stage::find_new_ids: return find_new_ids(arriving, document);
    case Arriving::Stage::insert: return insert_some(arriving, document);
  }
  return {};
}

// Whether this very session is there already; one that is damaged is another one.
Status Store::Impl::meet(Arriving& arriving, const Document& document) {
  arriving.message = 0;
  arriving.stage = Arriving::Stage::find_new_ids;
  const auto found = sessions.contains(document.info.id) ? find(document.info.id) : Result<Loaded*>(Error{ErrorCode::not_found, ""});
  if (!found.ok()) return {};
  FABULA_ASSIGN(const Tree* tree, tree_of(**found));
  arriving.present = document_of(**found, *tree);
  const bool alike = arriving.present->messages.size() == document.messages.size() && same_but_for_messages(*arriving.present, document);
  if (alike) arriving.stage = Arriving::Stage::compare;
  return {};
}

Status Store::Impl::compare(Arriving& arriving, const Document& document) {
  const size_t end = std::min(arriving.message + messages_per_step, document.messages.size());
  for (; arriving.message < end; ++arriving.message) {
    if (same_message(*arriving.present->messages[arriving.message], *document.messages[arriving.message])) continue;
    arriving.message = 0;
    arriving.stage = Arriving::Stage::find_new_ids;
    return {};
  }
  if (end == document.messages.size()) arriving.next_document(document.info.id);
  return {};
}

Status Store::Impl::find_new_ids(Arriving& arriving, Document& document) {
  const auto exists = [this](const char* statement, const std::string& id) { return database.integer_or(0, statement, id); };
  FABULA_ASSIGN(int64_t taken, exists("SELECT key FROM sessions WHERE id = ?1", document.info.id));
  const size_t end = std::min(arriving.message + messages_per_step, document.messages.size());
  for (; arriving.message < end && taken == 0; ++arriving.message) {
    FABULA_ASSIGN(taken, exists("SELECT key FROM messages WHERE id = ?1", document.messages[arriving.message]->id));
  }
  if (taken != 0) give_new_ids(document);
  if (taken == 0 && end < document.messages.size()) return {};
  arriving.message = 0;
  arriving.stage = Arriving::Stage::insert;
  return {};
}

Status Store::Impl::insert_some(Arriving& arriving, const Document& document) {
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  if (arriving.message == 0) {
    Loaded& loaded = arriving.fresh.emplace_back();
    loaded.info = document.info;
    loaded.info.title = clean_title(document.info.title);
    loaded.system = document.system;
    loaded.settings = document.settings;
    loaded.current = document.current;
    loaded.tree.emplace();
    FABULA_ASSIGN(loaded.key, insert_session(loaded.info, loaded.system, loaded.settings));
    FABULA_TRY(database.run("UPDATE sessions SET in_trash = ?2 WHERE key = ?1", loaded.key, still_arriving));
  }
  Loaded& loaded = arriving.fresh.back();
  size_t& at = arriving.message;
  for (size_t n = 0, bytes = 0; at < document.messages.size() && n < messages_per_step && bytes < bytes_per_step; ++at, ++n) {
    const Message& message = *document.messages[at];
    bytes += message.text.size();
    const Tree::Node* parent = loaded.tree->find_or_null(message.parent);
    FABULA_ASSIGN(const int64_t key, insert_message(loaded.key, parent ? parent->key : 0, parent ? parent->depth + 1 : 1, message));
    if (!loaded.tree->add(message, key)) return Error{ErrorCode::internal, "message " + message.id + " could not be placed"};
  }
  FABULA_TRY(transaction.commit());
  if (at == document.messages.size()) arriving.next_document(document.info.id);
  return {};
}

// All that is new becomes visible in one commit.
Status Store::Impl::show_arrived(Arriving& arriving) {
  const auto shown = [](const Loaded& loaded) {
    Change change;
    change.current = loaded.current;
    change.in_trash = false;
    return change;
  };
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  for (const Loaded& loaded : arriving.fresh) FABULA_TRY(write_change(loaded, shown(loaded)));
  FABULA_TRY(transaction.commit());
  for (Loaded& loaded : arriving.fresh) {
    mirror_change(loaded, shown(loaded));
    loaded.tree.reset();  // read when somebody looks at it
    const std::string id = loaded.info.id;
    sessions.insert_or_assign(id, std::move(loaded));
  }
  arriving.complete = true;
  return {};
}

Status Store::Impl::look_for_what_was_left_behind() {
  FABULA_ASSIGN(const int64_t count, database.integer_or(0, "SELECT count(*) FROM sessions WHERE in_trash = ?1", still_arriving));
  left_behind = count > 0;
  return {};
}

// A step towards a file without the sessions that never fully arrived. true: there is more to do.
Result<bool> Store::Impl::clear_left_behind() {
  if (!left_behind || arriving) return false;
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  int64_t session = 0;
  std::string title;
  {
    FABULA_ASSIGN(Query row, database.query("SELECT key, title FROM sessions WHERE in_trash = ?1 LIMIT 1", still_arriving));
    FABULA_ASSIGN(left_behind, row.step());
    if (!left_behind) return false;
    session = row.integer(0);
    title = row.text(1);
  }
  std::vector<std::pair<int64_t, std::string>> messages;  // children before their parents
  {
    FABULA_ASSIGN(Query rows, database.query("SELECT key, text FROM messages WHERE session = ?1 ORDER BY key DESC LIMIT ?2", session,
                                             static_cast<int64_t>(messages_per_step)));
    for (;;) {
      FABULA_ASSIGN(const bool row, rows.step());
      if (!row) break;
      messages.emplace_back(rows.integer(0), rows.text(1));
    }
  }
  for (const auto& [key, text] : messages) {
    FABULA_TRY(take_from_index(database, SearchIndex::messages, key, text));
    FABULA_TRY(database.run("DELETE FROM message_alternatives WHERE message = ?1", key));
    FABULA_TRY(database.run("DELETE FROM message_tokens WHERE message = ?1", key));
    FABULA_TRY(database.run("DELETE FROM messages WHERE key = ?1", key));
  }
  if (messages.empty()) {
    FABULA_TRY(take_from_index(database, SearchIndex::titles, session, title));
    FABULA_TRY(database.run("DELETE FROM sessions WHERE key = ?1", session));
  }
  FABULA_TRY(transaction.commit());
  return true;
}

}  // namespace fabula::session
