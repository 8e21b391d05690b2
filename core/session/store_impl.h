// Inside of the Store: the sessions' rows kept in memory, and the statements that change them. Every method
// that writes either runs inside a caller's transaction (write_*) or opens its own; memory (mirror_*) changes
// only after the commit.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/session/change.h"
#include "core/session/document.h"
#include "core/session/schema.h"
#include "core/session/sqlite.h"
#include "core/session/store.h"
#include "core/session/tree.h"

namespace fabula::session {

class Store::Impl {
 public:
  // A session's row as it is in the database; its messages once they are needed.
  struct Loaded {
    int64_t key = 0;
    SessionInfo info;
    std::string system, draft, current;
    SessionSettings settings;
    int64_t undo_op = 0;
    uint64_t revision = 1;
    std::optional<bool> can_redo;  // none: not looked up yet
    std::optional<Tree> tree;
    std::optional<Error> damage;  // why this session cannot be used, though the others can
  };
  struct Operation {
    const char* kind;
    Change before, after;
    bool joined = false;
    bool reorders = false;  // counts as a change of the session in the list
  };

  explicit Impl(Database opened) : database(std::move(opened)) {}

  Status load_sessions();
  Status mark_interrupted();
  Result<Loaded*> find(std::string_view session);
  Result<Tree*> tree_of(Loaded& session);  // read where it is not there
  Result<bool> can_redo(Loaded& session);
  Result<bool> is_untouched(
      Loaded& session);  // what is set now belongs to its making, and is no step of undo
  Result<const Tree::Node*> living(Loaded& session, std::string_view message);

  // Rows (store_rows.cpp)
  Result<int64_t> insert_session(const SessionInfo& info, std::string_view system,
                                 const SessionSettings& settings);
  Result<int64_t> insert_message(int64_t session_key, int64_t parent_key, int64_t depth,
                                 const Message& message);
  Status write_content(int64_t session_key, const Change::Content& content);
  Status write_tokens(int64_t message_key, std::string_view tokenizer, std::span<const int32_t> tokens);
  Status write_alternatives(int64_t message_key, const std::vector<std::vector<engine::Choice>>& alternatives);
  Status write_title(const Loaded& session, const Change::Title& title);
  Status write_change(const Loaded& session, const Change& change);
  Status write_operation(const Loaded& session, const Operation& operation, int64_t now);
  Result<Tree> read_tree(int64_t session_key);

  void mirror_change(Loaded& session, const Change& change);
  void mirror_operation(Loaded& session, const Operation& operation, int64_t operation_key, int64_t now);

  // One transaction: `operation` applied and logged.
  Status perform(Loaded& session, const Operation& operation);
  // One transaction: `change` applied, nothing logged.
  Status apply_quietly(Loaded& session, const Change& change);
  // The step back or forth; false where there is none.
  Result<bool> travel(Loaded& session, bool back);
  // A page edited in place (store_page.cpp)
  Result<int64_t> newest_edit_of(const Loaded& session, const std::vector<Message>& messages);
  Status grow_edit(Loaded& session, const std::vector<Message>& messages, int64_t operation);
  Result<Operation> page_operation(Loaded& session, const PageRevision& revision);
  // The change of title that an unnamed session's first message asks for.
  std::optional<Change::Title> title_from(const Loaded& session, const Message& message) const;
  Document document_of(Loaded& session, const Tree& tree) const;

  // An import on its way (store_import.cpp).
  struct Arriving {
    enum class Stage : uint8_t { meet, compare, find_new_ids, insert };
    explicit Arriving(std::vector<Document> all) : documents(std::move(all)) {}
    void next_document(const std::string& id) {
      ids.push_back(id);
      ++at;
      stage = Stage::meet;
    }

    std::vector<Document> documents;
    size_t at = 0;  // of documents
    Stage stage = Stage::meet;
    size_t message = 0;               // of the document
    std::optional<Document> present;  // the session of the same id that is there
    std::vector<Loaded> fresh;
    std::vector<std::string> ids;
    bool complete = false;
  };
  Status go_on_with(Arriving& arriving);
  Status meet(Arriving& arriving, const Document& document);
  Status compare(Arriving& arriving, const Document& document);
  Status find_new_ids(Arriving& arriving, Document& document);
  Status insert_some(Arriving& arriving, const Document& document);
  Status show_arrived(Arriving& arriving);
  Status look_for_what_was_left_behind();
  Result<bool> clear_left_behind();

  // Full text (store_search.cpp)
  struct Found;
  Result<std::vector<std::string>> words_that_begin(std::string_view prefix);
  Result<Found> search_messages(std::string_view query, const std::string& expression, int limit, std::string_view wanted);
  Result<std::vector<Hit>> hits_in_messages(std::string_view query, int limit);

  Database database;
  enum class Forget : uint8_t { nothing, begin, go_on };
  Forget forget = Forget::nothing;  // how far tidy() has come
  std::optional<Arriving> arriving;
  bool left_behind = false;  // there may be sessions that never fully arrived
  std::unordered_map<std::string, Loaded> sessions;
  std::vector<std::string> with_tree;  // ids of sessions; the one used last at the end
};

}  // namespace fabula::session
