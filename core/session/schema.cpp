#include "core/session/schema.h"

#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <string>

#include "core/base/file.h"
#include "core/session/search_text.h"

namespace fabula::session {

namespace {

// Each migration leads from its index to the next version. What has shipped is never edited, only followed by
// another.
//
// sessions.in_trash: 1 in the trash; 2 still arriving: no list and no search shows it (store_import.cpp).
// messages: a tree; rows are added and grow while a reply is written, their place never changes.
// message_tokens: exact ids, int32 little-endian, one row per tokenizer that has read the message.
// operations: the log behind undo; `previous` chains it, sessions.undo_op points at the last one that is in
// force, and the newest operation that follows it is what redo does. before/after are changes as JSON
// (change.h). A joined operation is undone and redone together with its previous one.
constexpr std::array<const char*, schema_version> migrations{
    R"sql(
CREATE TABLE sessions(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  mode TEXT NOT NULL,
  title TEXT NOT NULL,
  title_is_manual INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  model_path TEXT NOT NULL DEFAULT '',
  model_name TEXT NOT NULL DEFAULT '',
  model_fingerprint TEXT NOT NULL DEFAULT '',
  system TEXT NOT NULL,
  settings TEXT NOT NULL,
  draft TEXT NOT NULL DEFAULT '',
  current INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED,
  in_trash INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0,
  undo_op INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE messages(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session INTEGER NOT NULL REFERENCES sessions(key),
  parent INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED,
  depth INTEGER NOT NULL,
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  tokenizer TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  finish_reason TEXT NOT NULL,
  receipt TEXT,
  stats TEXT,
  deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX messages_of_session ON messages(session, key);
CREATE INDEX messages_of_parent ON messages(parent);
CREATE INDEX messages_unfinished ON messages(key) WHERE finish_reason = 'partial';
CREATE TABLE message_tokens(
  message INTEGER NOT NULL REFERENCES messages(key),
  tokenizer TEXT NOT NULL,
  ids BLOB NOT NULL,
  PRIMARY KEY(message, tokenizer)
) STRICT, WITHOUT ROWID;
CREATE TABLE operations(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  session INTEGER NOT NULL REFERENCES sessions(key),
  previous INTEGER NOT NULL,
  kind TEXT NOT NULL,
  joined INTEGER NOT NULL DEFAULT 0,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_of_session ON operations(session, previous, key);
)sql",
    // Full text (search_text.h): contentless, filled by index_everything() below. `indexed` says whether a
    // row's present text is in the index: a reply gets there when it is finished.
    R"sql(
ALTER TABLE messages ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
)sql",
    // What else could have stood at each place of a reply: per token a count (one byte), then that many pairs of
    // id (int32) and log-probability (float), little-endian, the likeliest first.
    R"sql(
CREATE TABLE message_alternatives(
  message INTEGER PRIMARY KEY REFERENCES messages(key),
  choices BLOB NOT NULL
) STRICT;
)sql",
    // tags: a list of texts as JSON.
    R"sql(
ALTER TABLE sessions ADD COLUMN folder TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
)sql",
    // What is still to be done: 'forget' while words that were taken out of the index stand in its old segments.
    R"sql(
CREATE TABLE chores(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
)sql"};

Error refused(const std::filesystem::path& path, int64_t version) {
  return {ErrorCode::unsupported, path.string() + " was written by a newer Fabula (database version " +
                                      std::to_string(version) + ", this one knows up to " +
                                      std::to_string(schema_version) + "). It was left untouched."};
}

Error foreign(const std::filesystem::path& path) {
  return {ErrorCode::unsupported,
          path.string() + " is a database, but not one of Fabula. It was left untouched."};
}

int64_t big_endian(const std::array<std::byte, 100>& header, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(header[at + i]);
  return static_cast<int32_t>(value);
}

// Looks at the header (https://www.sqlite.org/fileformat.html#the_database_header) before SQLite may touch
// the file.
Status judge_header(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  FABULA_ASSIGN(const File file, File::open(path));
  if (file.size_bytes() == 0) return {};
  std::array<std::byte, 100> header{};
  if (file.size_bytes() < header.size())
    return Error{ErrorCode::corrupt, path.string() + " is too short to be a database"};
  FABULA_TRY(file.read_at(0, header));
  if (std::string_view(reinterpret_cast<const char*>(header.data()), 16) !=
      std::string_view("SQLite format 3\0", 16))
    return Error{ErrorCode::corrupt, path.string() + " is not a database"};
  const int64_t version = big_endian(header, 60), application = big_endian(header, 68);
  if (application != 0 && application != database_application_id) return foreign(path);
  if (version > schema_version) return refused(path, version);
  return {};
}

Status write_index(Database& database, std::string_view sql, int64_t key, std::string_view text) {
  const SearchTerms terms = search_terms(text);
  return database.run(sql, key, terms.words, terms.pairs);
}

}  // namespace

Status add_to_index(Database& database, SearchIndex index, int64_t key, std::string_view text) {
  return write_index(database,
                     index == SearchIndex::messages
                         ? "INSERT INTO message_index(rowid, words, pairs) VALUES(?1, ?2, ?3)"
                         : "INSERT INTO title_index(rowid, words, pairs) VALUES(?1, ?2, ?3)",
                     key, text);
}

Status take_from_index(Database& database, SearchIndex index, int64_t key, std::string_view text) {
  return write_index(
      database,
      index == SearchIndex::messages
          ? "INSERT INTO message_index(message_index, rowid, words, pairs) VALUES('delete', ?1, ?2, ?3)"
          : "INSERT INTO title_index(title_index, rowid, words, pairs) VALUES('delete', ?1, ?2, ?3)",
      key, text);
}

namespace {

Status configure(Database& database) {
  // Whoever made this file, its schema runs no code of its own, and a strange page is an error rather than a
  // guess.
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_limit(database.handle(), SQLITE_LIMIT_ATTACHED, 0);
  return database.execute(
      "PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=4194304;");
}

Status index_everything(Database& database) {
  for (const char* table : {"message_index", "title_index"})
    FABULA_TRY(database.execute(
        ("CREATE VIRTUAL TABLE " + std::string(table) + " USING fts5(" + search_index_columns + ")")
            .c_str()));
  FABULA_ASSIGN(Query messages,
                database.query("SELECT key, text FROM messages WHERE finish_reason <> 'partial'"));
  for (;;) {
    FABULA_ASSIGN(const bool row, messages.step());
    if (!row) break;
    FABULA_TRY(add_to_index(database, SearchIndex::messages, messages.integer(0), messages.text(1)));
  }
  FABULA_ASSIGN(Query titles, database.query("SELECT key, title FROM sessions"));
  for (;;) {
    FABULA_ASSIGN(const bool row, titles.step());
    if (!row) break;
    FABULA_TRY(add_to_index(database, SearchIndex::titles, titles.integer(0), titles.text(1)));
  }
  return database.execute("UPDATE messages SET indexed = 1 WHERE finish_reason <> 'partial'");
}

Status migrate(Database& database, int64_t from) {
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  for (int64_t version = from; version < schema_version; ++version)
    FABULA_TRY(database.execute(migrations[static_cast<size_t>(version)]));
  if (from < 2) FABULA_TRY(index_everything(database));
  const std::string mark = "PRAGMA application_id=" + std::to_string(database_application_id) +
                           "; PRAGMA user_version=" + std::to_string(schema_version);
  FABULA_TRY(database.execute(mark.c_str()));
  return transaction.commit();
}

}  // namespace

Result<Database> open_session_database(const std::filesystem::path& path, const char* vfs) {
  FABULA_TRY(judge_header(path));
  FABULA_ASSIGN(Database database, Database::open(path, vfs));
  // The write-ahead log may hold a newer header than the file: asked again before anything is written, and
  // the log is left as it is in that case.
  FABULA_ASSIGN(const int64_t version, database.integer_or(0, "PRAGMA user_version"));
  FABULA_ASSIGN(const int64_t application, database.integer_or(0, "PRAGMA application_id"));
  FABULA_ASSIGN(const int64_t tables, database.integer_or(0, "SELECT count(*) FROM sqlite_schema"));
  const bool is_new = version == 0 && application == 0 && tables == 0;
  const bool is_ours = application == database_application_id && version >= 1;
  if (version > schema_version || (!is_new && !is_ours)) {
    sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return is_ours ? refused(path, version) : foreign(path);
  }
  FABULA_TRY(configure(database));
  if (version < schema_version) FABULA_TRY(migrate(database, version));
  // The words of the index, one row per place where each stands; lives as long as the connection.
  FABULA_TRY(database.execute("CREATE VIRTUAL TABLE temp.message_terms USING fts5vocab(main, message_index, instance)"));
  return database;
}

}  // namespace fabula::session
