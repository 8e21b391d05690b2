// The Store's full text: looking for words, and forgetting them.
#include <sqlite3.h>

#include <algorithm>
#include <iterator>

#include "core/session/search_text.h"
#include "core/session/store_impl.h"

namespace fabula::session {

Status Store::purge(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  Database& database = impl_->database;
  {
    FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
    FABULA_ASSIGN(
        Query indexed,
        database.query("SELECT key, text FROM messages WHERE session = ?1 AND indexed = 1", found->key));
    for (;;) {
      FABULA_ASSIGN(const bool row, indexed.step());
      if (!row) break;
      FABULA_TRY(take_from_index(database, SearchIndex::messages, indexed.integer(0), indexed.text(1)));
    }
    FABULA_TRY(take_from_index(database, SearchIndex::titles, found->key, found->info.title));
    FABULA_TRY(database.run("UPDATE sessions SET current = NULL WHERE key = ?1", found->key));
    FABULA_TRY(database.run(
        "DELETE FROM message_alternatives WHERE message IN (SELECT key FROM messages WHERE session = ?1)",
        found->key));
    FABULA_TRY(database.run(
        "DELETE FROM message_tokens WHERE message IN (SELECT key FROM messages WHERE session = ?1)",
        found->key));
    FABULA_TRY(database.run("DELETE FROM operations WHERE session = ?1", found->key));
    FABULA_TRY(database.run("DELETE FROM messages WHERE session = ?1", found->key));
    FABULA_TRY(database.run("DELETE FROM sessions WHERE key = ?1", found->key));
    FABULA_TRY(database.run("INSERT INTO title_index(title_index) VALUES('optimize')"));
    FABULA_TRY(database.run("INSERT OR IGNORE INTO chores(name) VALUES('forget')"));
    FABULA_TRY(transaction.commit());
  }
  impl_->sessions.erase(std::string(session));
  impl_->forget = Impl::Forget::begin;
  return {};
}

// Terms that were taken away stay in old segments of the index until these are merged
// (https://www.sqlite.org/fts5.html#the_merge_command): a negative number makes one merge of all that is there, a
// positive one goes on with it. What is written meanwhile stands in segments of its own.
Result<bool> Store::tidy() {
  constexpr int pages_per_step = 64;  // of 4 KB that are written; about 10 ms
  FABULA_ASSIGN(const bool more, impl_->clear_left_behind());
  if (more) return true;
  if (impl_->forget == Impl::Forget::nothing) return false;
  Database& database = impl_->database;
  const int before = sqlite3_total_changes(database.handle());
  FABULA_TRY(database.run("INSERT INTO message_index(message_index, rank) VALUES('merge', ?1)",
                          impl_->forget == Impl::Forget::begin ? -pages_per_step : pages_per_step));
  // Fewer than two changes: there was nothing to merge (the same page).
  if (sqlite3_total_changes(database.handle()) - before >= 2) {
    impl_->forget = Impl::Forget::go_on;
    return true;
  }
  FABULA_TRY(database.run("DELETE FROM chores WHERE name = 'forget'"));
  impl_->forget = Impl::Forget::nothing;
  // The write-ahead log still holds the old pages.
  FABULA_ASSIGN(const int64_t blocked, database.integer_or(1, "PRAGMA wal_checkpoint(TRUNCATE)"));
  if (blocked)
    return Error{
        ErrorCode::busy,
        "the session is gone, but another program reads the database: its text leaves the file later"};
  return false;
}

// Every word of the index that begins so; none where there are none, or more than a look at each would pay for.
Result<std::vector<std::string>> Store::Impl::words_that_begin(std::string_view prefix) {
  constexpr size_t max_words = 64;  // 20 us each
  std::vector<std::string> words;
  for (std::string from(prefix);;) {
    FABULA_ASSIGN(Query row, database.query("SELECT term FROM temp.message_terms WHERE term >= ?1 ORDER BY term LIMIT 1", from));
    FABULA_ASSIGN(const bool found, row.step());
    if (!found || !row.text(0).starts_with(prefix)) return words;
    if (words.size() == max_words) return std::vector<std::string>();
    words.emplace_back(row.text(0));
    from = words.back() + '\x01';
  }
}

struct Store::Impl::Found {
  std::vector<Hit> hits;
  bool read_all = true;  // false: there are more messages than were looked at
};

// Newest first. wanted: only messages that have a word that begins so, of a bounded number that is looked at.
Result<Store::Impl::Found> Store::Impl::search_messages(std::string_view query, const std::string& expression, int limit,
                                                        std::string_view wanted) {
  constexpr int max_read = 500;
  Found found;
  FABULA_ASSIGN(Query rows,
                database.query("SELECT s.id, m.id, m.text FROM message_index CROSS JOIN messages m ON m.key = message_index.rowid"
                               " CROSS JOIN sessions s ON s.key = m.session"
                               " WHERE message_index MATCH ?1 AND m.deleted = 0 AND s.in_trash = 0"
                               " ORDER BY message_index.rowid DESC LIMIT ?2",
                               expression, wanted.empty() ? limit : max_read));
  for (int read = 0; static_cast<int>(found.hits.size()) < limit; ++read) {
    FABULA_ASSIGN(const bool row, rows.step());
    if (!row) {
      found.read_all = wanted.empty() || read < max_read;
      break;
    }
    if (!wanted.empty() && !has_word_beginning(rows.text(2), wanted)) continue;
    found.hits.push_back({std::string(rows.text(0)), std::string(rows.text(1)), search_snippet(rows.text(2), query)});
  }
  return found;
}

Result<std::vector<Store::Hit>> Store::search(std::string_view query, int limit) {
  std::vector<Hit> hits;
  const std::string expression = search_expression(query);
  if (expression.empty() || limit <= 0) return hits;
  {
    FABULA_ASSIGN(
        Query rows,
        impl_->database.query(
            "SELECT s.id, s.title FROM title_index CROSS JOIN sessions s ON s.key = title_index.rowid"
            " WHERE title_index MATCH ?1 AND s.in_trash = 0 ORDER BY title_index.rowid DESC LIMIT ?2",
            expression, limit));
    for (;;) {
      FABULA_ASSIGN(const bool row, rows.step());
      if (!row) break;
      hits.push_back({std::string(rows.text(0)), "", search_snippet(rows.text(1), query)});
    }
  }
  FABULA_ASSIGN(std::vector<Hit> in_messages, impl_->hits_in_messages(query, limit - static_cast<int>(hits.size())));
  std::move(in_messages.begin(), in_messages.end(), std::back_inserter(hits));
  return hits;
}

// A frequent word that is still being typed: through its few completions; through its first characters, where most of
// what begins so is asked for; and only then, when it cannot be frequent, as FTS5 does it.
Result<std::vector<Store::Hit>> Store::Impl::hits_in_messages(std::string_view query, int limit) {
  if (const std::string unfinished = unfinished_word(query); !unfinished.empty()) {
    FABULA_ASSIGN(const std::vector<std::string> words, words_that_begin(unfinished));
    if (!words.empty()) {
      FABULA_ASSIGN(Found found, search_messages(query, search_expression(query, LastWord::completed, words), limit, ""));
      return std::move(found.hits);
    }
    FABULA_ASSIGN(Found found, search_messages(query, search_expression(query, LastWord::short_prefix), limit, unfinished));
    if (found.read_all || static_cast<int>(found.hits.size()) == limit) return std::move(found.hits);
  }
  FABULA_ASSIGN(Found found, search_messages(query, search_expression(query), limit, ""));
  return std::move(found.hits);
}

}  // namespace fabula::session
