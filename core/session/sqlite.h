// SQLite with results instead of codes: a connection, its cached statements, and transactions that roll back
// by themselves. Goals: hostile or damaged files give clear errors; every commit is durable (WAL,
// synchronous=FULL); deleted text is overwritten (secure_delete). Non-goal: hiding SQL. Thread: a Database
// and what comes from it belong to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fabula::session {

// A statement that is being run. Its columns are valid until the next step(); destroying it gives it back to
// the cache.
class Query {
 public:
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  Result<bool> step();  // false: no row (any more)

  int64_t integer(int column) const;
  double real(int column) const;
  bool is_null(int column) const;
  std::string_view text(int column) const;            // "" for NULL
  std::span<const std::byte> blob(int column) const;  // empty for NULL

 private:
  friend class Database;
  struct Cached {
    sqlite3_stmt* statement = nullptr;
    bool in_use = false;
    ~Cached();
  };
  Query(sqlite3* connection, std::shared_ptr<Cached> cached)
      : connection_(connection), cached_(std::move(cached)) {}
  Status bind(int index, std::nullptr_t);
  Status bind(int index, int64_t value);
  Status bind(int index, std::string_view value);
  Status bind(int index, std::span<const std::byte> value);
  template <class T>
  Status bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind(index, nullptr);
  }
  Status bind(int index, int value) { return bind(index, static_cast<int64_t>(value)); }
  Status bind(int index, bool value) { return bind(index, static_cast<int64_t>(value)); }
  Status bind(int index, const char* value) { return bind(index, std::string_view(value)); }
  Status bind(int index, const std::string& value) { return bind(index, std::string_view(value)); }

  sqlite3* connection_;
  std::shared_ptr<Cached> cached_;
};

class Database {
 public:
  // vfs: the name of a registered sqlite3_vfs, null for the system's own.
  // Errors: not_found and io (folder absent, no permission), corrupt (not a database).
  static Result<Database> open(const std::filesystem::path& path, const char* vfs = nullptr);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  // One or more statements without parameters or results.
  Status execute(const char* sql);

  // Values are bound to ?1, ?2, ...; they must live until the query is gone.
  template <class... Values>
  Result<Query> query(std::string_view sql, const Values&... values) {
    FABULA_ASSIGN(Query found, prepare(sql));
    Status status;
    int index = 0;
    ((status.ok() ? void(status = found.bind(++index, values)) : void()), ...);
    if (!status.ok()) return std::move(status).error();
    return found;
  }
  // Runs to the end; rows are ignored.
  template <class... Values>
  Status run(std::string_view sql, const Values&... values) {
    FABULA_ASSIGN(Query running, query(sql, values...));
    return finish(running);
  }
  // The first column of the first row; `fallback` where there is none.
  template <class... Values>
  Result<int64_t> integer_or(int64_t fallback, std::string_view sql, const Values&... values) {
    FABULA_ASSIGN(Query running, query(sql, values...));
    FABULA_ASSIGN(const bool row, running.step());
    return row ? running.integer(0) : fallback;
  }

  int64_t last_key() const;  // of the last INSERT
  bool in_transaction() const;
  sqlite3* handle() const { return connection_; }

 private:
  explicit Database(sqlite3* connection) : connection_(connection) {}
  Result<Query> prepare(std::string_view sql);
  static Status finish(Query& query);

  sqlite3* connection_;
  std::unordered_map<std::string, std::shared_ptr<Query::Cached>> cache_;
};

// Everything or nothing. Without commit() the destructor rolls back.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Transaction();
  Status commit();  // durable when this returns

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

// What SQLite says, in the words and codes of the house.
Error sqlite_error(sqlite3* connection, int code);

}  // namespace fabula::session
