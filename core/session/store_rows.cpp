// The statements behind the Store: rows in, rows out.
#include <bit>
#include <cstring>

#include "core/base/clock.h"
#include "core/session/json_fields.h"
#include "core/session/object_reader.h"
#include "core/session/store_impl.h"

namespace fabula::session {

namespace {

static_assert(std::endian::native == std::endian::little,
              "token ids are stored little-endian as they stand in memory");

std::optional<std::string> receipt_text(const std::optional<Receipt>& receipt) {
  if (!receipt) return std::nullopt;
  return dump_json(receipt_to_json(*receipt));
}

Result<std::vector<int32_t>> tokens_of(std::span<const std::byte> blob, std::string_view message) {
  if (blob.size() % sizeof(int32_t) != 0)
    return Error{ErrorCode::corrupt, "the tokens of message " + std::string(message) + " are damaged"};
  std::vector<int32_t> tokens(blob.size() / sizeof(int32_t));
  if (!tokens.empty()) std::memcpy(tokens.data(), blob.data(), blob.size());
  return tokens;
}

static_assert(sizeof(engine::Choice) == 8, "stored as it stands in memory");

std::vector<std::byte> bytes_of(const Alternatives& alternatives) {
  std::vector<std::byte> out;
  for (const auto& choices : alternatives) {
    const size_t count = std::min<size_t>(choices.size(), max_alternatives), at = out.size();
    out.push_back(static_cast<std::byte>(count));
    out.resize(at + 1 + count * sizeof(engine::Choice));
    if (count > 0) std::memcpy(&out[at + 1], choices.data(), count * sizeof(engine::Choice));
  }
  return out;
}

Result<Alternatives> alternatives_of(std::span<const std::byte> blob, std::string_view message) {
  Alternatives out;
  for (size_t at = 0; at < blob.size();) {
    const auto count = std::to_integer<size_t>(blob[at++]);
    if ((blob.size() - at) / sizeof(engine::Choice) < count)
      return Error{ErrorCode::corrupt, "the alternatives of message " + std::string(message) + " are damaged"};
    auto& choices = out.emplace_back(count);
    if (count > 0) std::memcpy(choices.data(), &blob[at], count * sizeof(engine::Choice));
    at += count * sizeof(engine::Choice);
  }
  return out;
}

Result<Message> read_message_row(const Query& row) {
  Message message;
  message.id = row.text(1);
  message.parent = row.text(2);
  const auto role = role_or_none(row.text(3));
  if (!role) return Error{ErrorCode::corrupt, "message " + message.id + " has an unknown role"};
  message.role = *role;
  message.text = row.text(4);
  message.tokenizer = row.text(5);
  message.created_at = row.integer(6);
  message.finish_reason = row.text(7);
  if (!row.is_null(8)) {
    FABULA_ASSIGN(const Json receipt, parse_json(row.text(8), "a receipt in the database"));
    FABULA_ASSIGN(message.receipt, receipt_from_json(receipt, "receipt of " + message.id));
  }
  if (!row.is_null(9)) {
    FABULA_ASSIGN(const Json stats, parse_json(row.text(9), "statistics in the database"));
    FABULA_ASSIGN(message.stats, stats_from_json(stats, "stats of " + message.id));
  }
  FABULA_ASSIGN(message.tokens, tokens_of(row.blob(11), message.id));
  FABULA_ASSIGN(message.alternatives, alternatives_of(row.blob(12), message.id));
  return message;
}

}  // namespace

Result<int64_t> Store::Impl::insert_session(const SessionInfo& info, std::string_view system,
                                            const SessionSettings& settings) {
  const std::string settings_text = dump_json(settings_to_json(settings)), tags = dump_json(OrderedJson(info.tags));
  FABULA_TRY(database.run(
      "INSERT INTO sessions(id, mode, title, title_is_manual, created_at, updated_at, model_path, model_name,"
      " model_fingerprint, system, settings, folder, tags) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
      info.id, mode_name(info.mode), info.title, info.title_is_manual, info.created_at, info.updated_at,
      info.model_path, info.model_name, info.model_fingerprint, system, settings_text, info.folder, tags));
  const int64_t key = database.last_key();
  FABULA_TRY(add_to_index(database, SearchIndex::titles, key, info.title));
  return key;
}

Result<int64_t> Store::Impl::insert_message(int64_t session_key, int64_t parent_key, int64_t depth,
                                            const Message& message) {
  const std::optional<int64_t> parent = parent_key ? std::optional(parent_key) : std::nullopt;
  const std::optional<std::string> receipt = receipt_text(message.receipt);
  const std::string stats = dump_json(stats_to_json(message.stats));
  const bool indexed = message.finish_reason != "partial";
  FABULA_TRY(
      database.run("INSERT INTO messages(id, session, parent, depth, role, text, tokenizer, created_at, "
                   "finish_reason, receipt, stats,"
                   " indexed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                   message.id, session_key, parent, depth, role_name(message.role), message.text,
                   message.tokenizer, message.created_at, message.finish_reason, receipt, stats, indexed));
  const int64_t key = database.last_key();
  FABULA_TRY(write_tokens(key, message.tokenizer, message.tokens));
  FABULA_TRY(write_alternatives(key, message.alternatives));
  if (indexed) FABULA_TRY(add_to_index(database, SearchIndex::messages, key, message.text));
  return key;
}

Status Store::Impl::write_tokens(int64_t message_key, std::string_view tokenizer,
                                 std::span<const int32_t> tokens) {
  if (tokenizer.empty()) return {};
  return database.run("INSERT OR REPLACE INTO message_tokens(message, tokenizer, ids) VALUES(?1, ?2, ?3)",
                      message_key, tokenizer, std::as_bytes(tokens));
}

Status Store::Impl::write_alternatives(int64_t message_key, const Alternatives& alternatives) {
  if (alternatives.empty()) return {};
  const std::vector<std::byte> bytes = bytes_of(alternatives);
  return database.run("INSERT OR REPLACE INTO message_alternatives(message, choices) VALUES(?1, ?2)", message_key,
                      std::span<const std::byte>(bytes));
}

Status Store::Impl::write_content(int64_t session_key, const Change::Content& content) {
  int64_t key = 0;
  bool indexed = false;
  std::string old_text;
  {
    FABULA_ASSIGN(Query row,
                  database.query("SELECT key, text, indexed FROM messages WHERE id = ?1 AND session = ?2",
                                 content.message, session_key));
    FABULA_ASSIGN(const bool found, row.step());
    if (!found)
      return Error{ErrorCode::not_found, "there is no message " + content.message + " in this session"};
    key = row.integer(0);
    old_text = row.text(1);
    indexed = row.integer(2) != 0;
  }
  const bool wants_index = content.finish_reason != "partial";
  const bool same_text = indexed && wants_index && old_text == content.text;
  if (indexed && !same_text) FABULA_TRY(take_from_index(database, SearchIndex::messages, key, old_text));
  const std::optional<std::string> receipt = receipt_text(content.receipt);
  const std::string stats = dump_json(stats_to_json(content.stats));
  FABULA_TRY(
      database.run("UPDATE messages SET text = ?2, tokenizer = ?3, finish_reason = ?4, receipt = ?5, stats = "
                   "?6, indexed = ?7"
                   " WHERE key = ?1",
                   key, content.text, content.tokenizer, content.finish_reason, receipt, stats, wants_index));
  FABULA_TRY(database.run("DELETE FROM message_tokens WHERE message = ?1 AND tokenizer <> ?2", key,
                          content.tokenizer));
  FABULA_TRY(write_tokens(key, content.tokenizer, content.tokens));
  FABULA_TRY(write_alternatives(key, content.alternatives));
  if (wants_index && !same_text) FABULA_TRY(add_to_index(database, SearchIndex::messages, key, content.text));
  return {};
}

Status Store::Impl::write_title(const Loaded& session, const Change::Title& title) {
  FABULA_TRY(take_from_index(database, SearchIndex::titles, session.key, session.info.title));
  FABULA_TRY(database.run("UPDATE sessions SET title = ?2, title_is_manual = ?3 WHERE key = ?1", session.key,
                          title.text, title.is_manual));
  return add_to_index(database, SearchIndex::titles, session.key, title.text);
}

Status Store::Impl::write_change(const Loaded& session, const Change& change) {
  for (const Change::Content& content : change.contents) FABULA_TRY(write_content(session.key, content));
  if (change.deleted) {
    for (const std::string& message : change.deleted->messages)
      FABULA_TRY(database.run("UPDATE messages SET deleted = ?3 WHERE id = ?1 AND session = ?2", message,
                              session.key, change.deleted->deleted));
  }
  if (change.current)
    FABULA_TRY(
        database.run("UPDATE sessions SET current = (SELECT key FROM messages WHERE id = ?2 AND session = "
                     "?1) WHERE key = ?1",
                     session.key, *change.current));
  if (change.title) FABULA_TRY(write_title(session, *change.title));
  if (change.system)
    FABULA_TRY(database.run("UPDATE sessions SET system = ?2 WHERE key = ?1", session.key, *change.system));
  if (change.settings) {
    const std::string text = dump_json(settings_to_json(*change.settings));
    FABULA_TRY(database.run("UPDATE sessions SET settings = ?2 WHERE key = ?1", session.key, text));
  }
  if (change.labels) {
    const std::string tags = dump_json(OrderedJson(change.labels->tags));
    FABULA_TRY(database.run("UPDATE sessions SET folder = ?2, tags = ?3 WHERE key = ?1", session.key,
                            change.labels->folder, tags));
  }
  if (change.in_trash)
    FABULA_TRY(
        database.run("UPDATE sessions SET in_trash = ?2 WHERE key = ?1", session.key, *change.in_trash));
  return {};
}

Status Store::Impl::write_operation(const Loaded& session, const Operation& operation, int64_t now) {
  const std::string before = change_to_text(operation.before), after = change_to_text(operation.after);
  FABULA_TRY(
      database.run("INSERT INTO operations(session, previous, kind, joined, before, after, created_at) "
                   "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   session.key, session.undo_op, operation.kind, operation.joined, before, after, now));
  return database.run("UPDATE sessions SET undo_op = last_insert_rowid(), updated_at = ?2 WHERE key = ?1",
                      session.key,
                      operation.reorders ? std::max(now, session.info.updated_at) : session.info.updated_at);
}

Result<Tree> Store::Impl::read_tree(int64_t session_key) {
  Tree tree;
  FABULA_ASSIGN(
      Query rows,
      database.query("SELECT m.key, m.id, p.id, m.role, m.text, m.tokenizer, m.created_at, m.finish_reason, "
                     "m.receipt, m.stats,"
                     " m.deleted, t.ids, a.choices FROM messages m LEFT JOIN messages p ON p.key = m.parent"
                     " LEFT JOIN message_tokens t ON t.message = m.key AND t.tokenizer = m.tokenizer"
                     " LEFT JOIN message_alternatives a ON a.message = m.key"
                     " WHERE m.session = ?1 ORDER BY m.key",
                     session_key));
  for (;;) {
    FABULA_ASSIGN(const bool found, rows.step());
    if (!found) return tree;
    FABULA_ASSIGN(Message message, read_message_row(rows));
    const std::string id = message.id;
    if (!tree.add(std::move(message), rows.integer(0), rows.integer(10) != 0))
      return Error{ErrorCode::corrupt,
                   "message " + id + " stands nowhere in its session's tree: the database is damaged"};
  }
}

Status Store::Impl::load_sessions() {
  FABULA_ASSIGN(
      Query rows,
      database.query(
          "SELECT s.key, s.id, s.mode, s.title, s.title_is_manual, s.created_at, s.updated_at, s.model_path,"
          " s.model_name, s.model_fingerprint, s.system, s.settings, s.draft, m.id, m.depth, s.in_trash, "
          "s.pinned,"
          " s.undo_op, s.folder, s.tags FROM sessions s LEFT JOIN messages m ON m.key = s.current"
          " WHERE s.in_trash < 2"));  // what has fully arrived
  for (;;) {
    FABULA_ASSIGN(const bool found, rows.step());
    if (!found) return {};
    Loaded loaded;
    loaded.key = rows.integer(0);
    loaded.info.id = rows.text(1);
    const auto mode = mode_or_none(rows.text(2));
    if (!mode)
      loaded.damage = Error{ErrorCode::corrupt, "session " + loaded.info.id + " has an unknown mode"};
    loaded.info.mode = mode.value_or(Mode::chat);
    loaded.info.title = rows.text(3);
    loaded.info.title_is_manual = rows.integer(4) != 0;
    loaded.info.created_at = rows.integer(5);
    loaded.info.updated_at = rows.integer(6);
    loaded.info.model_path = rows.text(7);
    loaded.info.model_name = rows.text(8);
    loaded.info.model_fingerprint = rows.text(9);
    loaded.system = rows.text(10);
    const auto settings = parse_json(rows.text(11), "a session's settings in the database");
    auto parsed = settings.ok() ? settings_from_json(*settings, "settings of session " + loaded.info.id)
                                : Result<SessionSettings>(settings.error());
    if (parsed.ok())
      loaded.settings = *std::move(parsed);
    else
      loaded.damage = parsed.error();
    loaded.draft = rows.text(12);
    loaded.current = rows.text(13);
    loaded.info.message_count = rows.integer(14);
    loaded.info.in_trash = rows.integer(15) != 0;
    loaded.info.pinned = rows.integer(16) != 0;
    loaded.undo_op = rows.integer(17);
    loaded.info.folder = rows.text(18);
    const auto tags = parse_json(rows.text(19), "a session's tags in the database");
    if (tags.ok() && tags->is_array())
      for (const Json& tag : *tags)
        if (tag.is_string()) loaded.info.tags.push_back(tag.get<std::string>());
    sessions.emplace(loaded.info.id, std::move(loaded));
  }
}

Status Store::Impl::mark_interrupted() {
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  FABULA_ASSIGN(Query rows,
                database.query("SELECT key, text, indexed FROM messages WHERE finish_reason = 'partial'"));
  bool any = false;
  for (;;) {
    FABULA_ASSIGN(const bool found, rows.step());
    if (!found) break;
    any = true;
    if (rows.integer(2) == 0)
      FABULA_TRY(add_to_index(database, SearchIndex::messages, rows.integer(0), rows.text(1)));
  }
  if (!any) return {};
  FABULA_TRY(database.run(
      "UPDATE messages SET finish_reason = 'interrupted', indexed = 1 WHERE finish_reason = 'partial'"));
  return transaction.commit();
}

}  // namespace fabula::session
