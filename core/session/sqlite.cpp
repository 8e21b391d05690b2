#include "core/session/sqlite.h"

#include <sqlite3.h>

#include <filesystem>
#include <utility>

#include "core/base/blocking.h"

namespace fabula::session {

namespace {

struct Meaning {
  ErrorCode code;
  const char* words;
};

Meaning meaning_of(int primary) {
  switch (primary) {
    case SQLITE_FULL: return {ErrorCode::io, "the disk is full"};
    case SQLITE_READONLY: return {ErrorCode::io, "the file or its folder is read-only"};
    case SQLITE_IOERR: return {ErrorCode::io, "the disk reports an error"};
    case SQLITE_PERM:
    case SQLITE_AUTH: return {ErrorCode::io, "permission denied"};
    case SQLITE_CANTOPEN: return {ErrorCode::io, "the file cannot be opened"};
    case SQLITE_CORRUPT:
    case SQLITE_SCHEMA: return {ErrorCode::corrupt, "the database is damaged"};
    case SQLITE_NOTADB: return {ErrorCode::corrupt, "the file is not a database"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {ErrorCode::busy, "another program holds the database"};
    case SQLITE_NOMEM: return {ErrorCode::out_of_memory, "out of memory"};
    case SQLITE_TOOBIG: return {ErrorCode::invalid_argument, "a text is too large for the database"};
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH: return {ErrorCode::corrupt, "the database holds something that its schema forbids"};
    // A damaged schema shows itself as a statement that cannot be compiled.
    case SQLITE_ERROR: return {ErrorCode::corrupt, "the database does not look as Fabula left it"};
    default: return {ErrorCode::internal, "the database reports an error"};
  }
}

// On a full disk SQLite cannot even make its shared memory file, and calls that an I/O error.
bool is_full(const char* file) {
  constexpr uintmax_t least_bytes = 128 << 10;
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path(file).parent_path(), error);
  return !error && space.available < least_bytes;
}

}  // namespace

Error sqlite_error(sqlite3* connection, int code) {
  const char* file = connection ? sqlite3_db_filename(connection, "main") : nullptr;
  const bool full = (code & 0xff) == SQLITE_IOERR && file && *file && is_full(file);
  const Meaning meaning = meaning_of(full ? SQLITE_FULL : code & 0xff);
  std::string message = std::string("sessions: ") + meaning.words;
  const char* detail = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if (detail && *detail) message += std::string(" (") + detail + ")";
  if (file && *file) message += std::string(": ") + file;
  return {meaning.code, message};
}

Query::Cached::~Cached() {
  sqlite3_finalize(statement);
}

Query::Query(Query&& other) noexcept : connection_(other.connection_), cached_(std::move(other.cached_)) {}

Query::~Query() {
  if (!cached_) return;
  sqlite3_reset(cached_->statement);
  sqlite3_clear_bindings(cached_->statement);
  cached_->in_use = false;
}

Result<bool> Query::step() {
  may_block("disk", "a query of the database");
  const int code = sqlite3_step(cached_->statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(connection_, code);
}

int64_t Query::integer(int column) const {
  return sqlite3_column_int64(cached_->statement, column);
}
double Query::real(int column) const {
  return sqlite3_column_double(cached_->statement, column);
}
bool Query::is_null(int column) const {
  return sqlite3_column_type(cached_->statement, column) == SQLITE_NULL;
}

std::string_view Query::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(cached_->statement, column));
  if (!bytes) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(cached_->statement, column))};
}

std::span<const std::byte> Query::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(cached_->statement, column));
  if (!bytes) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(cached_->statement, column))};
}

namespace {

Status bound(sqlite3* connection, int code) {
  if (code == SQLITE_OK) return {};
  return sqlite_error(connection, code);
}

}  // namespace

Status Query::bind(int index, std::nullptr_t) {
  return bound(connection_, sqlite3_bind_null(cached_->statement, index));
}

Status Query::bind(int index, int64_t value) {
  return bound(connection_, sqlite3_bind_int64(cached_->statement, index, value));
}

Status Query::bind(int index, std::string_view value) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* bytes = value.data() ? value.data() : "";
  return bound(connection_, sqlite3_bind_text64(cached_->statement, index, bytes, value.size(), SQLITE_STATIC,
                                                SQLITE_UTF8));
}

Status Query::bind(int index, std::span<const std::byte> value) {
  const void* bytes = value.data() ? static_cast<const void*>(value.data()) : "";
  return bound(connection_,
               sqlite3_bind_blob64(cached_->statement, index, bytes, value.size(), SQLITE_STATIC));
}

Result<Database> Database::open(const std::filesystem::path& path, const char* vfs) {
  may_block("disk", "open " + path.string());
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, vfs);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(connection, code);
    sqlite3_close_v2(connection);
    return error;
  }
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, 2000);
  return Database(connection);
}

Database::Database(Database&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), cache_(std::move(other.cache_)) {}

Database::~Database() {
  cache_.clear();
  if (connection_) sqlite3_close_v2(connection_);
}

Status Database::execute(const char* sql) {
  may_block("disk", "a statement of the database");
  const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_, code);
  return {};
}

Result<Query> Database::prepare(std::string_view sql) {
  std::shared_ptr<Query::Cached>& slot = cache_[std::string(sql)];
  // A statement that is already running (a nested use) gets a twin of its own outside the cache.
  if (slot && !slot->in_use) {
    slot->in_use = true;
    return Query(connection_, slot);
  }
  auto fresh = std::make_shared<Query::Cached>();
  const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &fresh->statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_, code);
  fresh->in_use = true;
  if (!slot) slot = fresh;
  return Query(connection_, std::move(fresh));
}

Status Database::finish(Query& query) {
  for (;;) {
    FABULA_ASSIGN(const bool row, query.step());
    if (!row) return {};
  }
}

int64_t Database::last_key() const {
  return sqlite3_last_insert_rowid(connection_);
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_) == 0;
}

Result<Transaction> Transaction::begin(Database& database) {
  FABULA_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite itself rolls back after some errors (full disk, out of memory).
  if (database_ && database_->in_transaction()) (void)database_->execute("ROLLBACK");
}

Status Transaction::commit() {
  FABULA_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace fabula::session
