// What the Store does beside operations: drafts and models, export.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/session/store_impl.h"
#include "core/session/title.h"

namespace fabula::session {

Status Store::set_title_automatic(std::string_view session, std::string_view title) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  Change change;
  change.title = Change::Title{clean_title(title), false};
  if (found->info.title_is_manual || change.title->text == found->info.title) return {};
  return impl_->apply_quietly(*found, change);
}

Status Store::set_draft(std::string_view session, std::string_view draft) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  if (found->draft == draft) return {};
  FABULA_TRY(impl_->database.run("UPDATE sessions SET draft = ?2 WHERE key = ?1", found->key, draft));
  found->draft = draft;
  return {};
}

Status Store::set_model(std::string_view session, std::string_view path, std::string_view name,
                        std::string_view fingerprint) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  SessionInfo& info = found->info;
  if (info.model_path == path && info.model_name == name && info.model_fingerprint == fingerprint) return {};
  FABULA_TRY(impl_->database.run(
      "UPDATE sessions SET model_path = ?2, model_name = ?3, model_fingerprint = ?4 WHERE key = ?1",
      found->key, path, name, fingerprint));
  info.model_path = path;
  info.model_name = name;
  info.model_fingerprint = fingerprint;
  ++found->revision;
  return {};
}

Status Store::set_pinned(std::string_view session, bool pinned) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_TRY(impl_->database.run("UPDATE sessions SET pinned = ?2 WHERE key = ?1", found->key, pinned));
  found->info.pinned = pinned;
  ++found->revision;
  return {};
}

Result<std::vector<int32_t>> Store::tokens_or_empty(std::string_view session, std::string_view message,
                                                    std::string_view tokenizer) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  if (node->message->tokenizer == tokenizer) return node->message->tokens;
  FABULA_ASSIGN(Query row,
                impl_->database.query("SELECT ids FROM message_tokens WHERE message = ?1 AND tokenizer = ?2",
                                      node->key, tokenizer));
  FABULA_ASSIGN(const bool there, row.step());
  const std::span<const std::byte> blob = there ? row.blob(0) : std::span<const std::byte>();
  std::vector<int32_t> tokens(blob.size() / sizeof(int32_t));
  std::copy_n(blob.begin(), tokens.size() * sizeof(int32_t),
              std::as_writable_bytes(std::span(tokens)).begin());
  return tokens;
}

Status Store::keep_tokens(std::string_view session, std::string_view message, std::string_view tokenizer,
                          std::span<const int32_t> tokens) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  if (node->message->tokenizer == tokenizer)
    return Error{ErrorCode::invalid_argument, "a message's own tokens change only with the message"};
  return impl_->write_tokens(node->key, tokenizer, tokens);
}

Result<std::vector<std::shared_ptr<const Message>>> Store::all_versions(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree* tree, impl_->tree_of(*found));
  std::vector<std::shared_ptr<const Message>> all;
  for (const Tree::Node* node : tree->order()) all.push_back(node->message);
  FABULA_ASSIGN(Query rows, impl_->database.query("SELECT before, after FROM operations WHERE session = ?1", found->key));
  for (;;) {
    FABULA_ASSIGN(const bool row, rows.step());
    if (!row) return all;
    for (int column : {0, 1}) {
      FABULA_ASSIGN(const Change change, change_from_text(rows.text(column)));
      for (const Change::Content& content : change.contents) {
        const Tree::Node* node = tree->find_or_null(content.message);
        if (!node) continue;
        auto version = std::make_shared<Message>(*node->message);
        apply_content(content, *version);
        all.push_back(std::move(version));
      }
    }
  }
}

Document Store::Impl::document_of(Loaded& session, const Tree& tree) const {
  Document document{session.info, session.system, session.settings, {}, session.current};
  for (const Tree::Node* node : tree.order())
    if (!node->deleted) document.messages.push_back(node->message);
  return document;
}

Result<Document> Store::document(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree* tree, impl_->tree_of(*found));
  return impl_->document_of(*found, *tree);
}

Result<OrderedJson> Store::export_session(std::string_view session) {
  FABULA_ASSIGN(const Document document, this->document(session));
  return document_to_json(document);
}

Result<std::string> Store::export_markdown(std::string_view session) {
  FABULA_ASSIGN(const Document document, this->document(session));
  return document_to_markdown(document);
}

Result<OrderedJson> Store::export_all() {
  std::vector<Document> documents;
  for (const SessionInfo& info : list()) {
    FABULA_ASSIGN(Document document, this->document(info.id));
    documents.push_back(std::move(document));
  }
  return documents_to_json(documents);
}

Status Store::check_integrity() {
  FABULA_ASSIGN(Query rows, impl_->database.query("PRAGMA integrity_check"));
  for (;;) {
    FABULA_ASSIGN(const bool row, rows.step());
    if (!row) break;
    if (rows.text(0) != "ok")
      return Error{ErrorCode::corrupt, "the database is damaged: " + std::string(rows.text(0))};
  }
  FABULA_ASSIGN(Query broken, impl_->database.query("PRAGMA foreign_key_check"));
  FABULA_ASSIGN(const bool any, broken.step());
  if (any)
    return Error{ErrorCode::corrupt,
                 "the database is damaged: a row of " + std::string(broken.text(0)) + " stands alone"};
  FABULA_TRY(impl_->database.run("INSERT INTO message_index(message_index) VALUES('integrity-check')"));
  return impl_->database.run("INSERT INTO title_index(title_index) VALUES('integrity-check')");
}

}  // namespace fabula::session
