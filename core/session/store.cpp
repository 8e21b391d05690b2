#include "core/session/store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/session/json_fields.h"
#include "core/session/store_impl.h"
#include "core/session/title.h"

namespace fabula::session {

namespace {

Error not_found(std::string_view what, std::string_view id) {
  return {ErrorCode::not_found, "there is no " + std::string(what) + " " + std::string(id.substr(0, 80))};
}

// Each kind of operation as the change it makes and the one that takes it back.
Change current_change(std::string_view message) {
  Change change;
  change.current = std::string(message);
  return change;
}

Change title_change(std::string_view title, bool is_manual) {
  Change change;
  change.title = Change::Title{std::string(title), is_manual};
  return change;
}

Change trash_change(bool in_trash) {
  Change change;
  change.in_trash = in_trash;
  return change;
}

}  // namespace

// ---- inside ----

Result<Store::Impl::Loaded*> Store::Impl::find(std::string_view session) {
  const auto found = sessions.find(std::string(session));
  if (found == sessions.end()) return not_found("session", session);
  if (found->second.damage) return *found->second.damage;
  return &found->second;
}

Result<Tree*> Store::Impl::tree_of(Loaded& session) {
  if (!session.tree) {
    FABULA_ASSIGN(session.tree, read_tree(session.key));
  }
  if (with_tree.empty() || with_tree.back() != session.info.id) {
    std::erase(with_tree, session.info.id);
    with_tree.push_back(session.info.id);
  }
  return &*session.tree;
}

Result<const Tree::Node*> Store::Impl::living(Loaded& session, std::string_view message) {
  FABULA_ASSIGN(Tree * tree, tree_of(session));
  const Tree::Node* node = tree->find_or_null(message);
  if (!node || node->deleted) return not_found("message", message);
  return node;
}

Result<bool> Store::Impl::can_redo(Loaded& session) {
  if (!session.can_redo) {
    FABULA_ASSIGN(
        const int64_t next,
        database.integer_or(0, "SELECT key FROM operations WHERE session = ?1 AND previous = ?2 LIMIT 1",
                            session.key, session.undo_op));
    session.can_redo = next != 0;
  }
  return *session.can_redo;
}

Result<bool> Store::Impl::is_untouched(Loaded& session) {
  FABULA_ASSIGN(const Tree* tree, tree_of(session));
  FABULA_ASSIGN(const bool redo, can_redo(session));
  return session.undo_op == 0 && tree->size() == 0 && !redo;
}

void Store::Impl::mirror_change(Loaded& session, const Change& change) {
  for (const Change::Content& content : change.contents) {
    const Tree::Node* node = session.tree ? session.tree->find_or_null(content.message) : nullptr;
    if (!node) continue;
    Message message = *node->message;
    apply_content(content, message);
    session.tree->replace(std::move(message));
  }
  if (change.deleted && session.tree)
    for (const std::string& message : change.deleted->messages)
      session.tree->set_deleted(message, change.deleted->deleted);
  if (change.current) {
    session.current = *change.current;
    const Tree::Node* node = session.tree ? session.tree->find_or_null(session.current) : nullptr;
    session.info.message_count = node ? node->depth : 0;
  }
  if (change.title) {
    session.info.title = change.title->text;
    session.info.title_is_manual = change.title->is_manual;
  }
  if (change.system) session.system = *change.system;
  if (change.settings) session.settings = *change.settings;
  if (change.labels) {
    session.info.folder = change.labels->folder;
    session.info.tags = change.labels->tags;
  }
  if (change.in_trash) session.info.in_trash = *change.in_trash;
  ++session.revision;
}

void Store::Impl::mirror_operation(Loaded& session, const Operation& operation, int64_t operation_key,
                                   int64_t now) {
  mirror_change(session, operation.after);
  session.undo_op = operation_key;
  session.can_redo = false;
  if (operation.reorders) session.info.updated_at = std::max(now, session.info.updated_at);
}

Status Store::Impl::perform(Loaded& session, const Operation& operation) {
  FABULA_TRY(tree_of(session));
  const int64_t now = unix_milliseconds();
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  FABULA_TRY(write_change(session, operation.after));
  FABULA_TRY(write_operation(session, operation, now));
  FABULA_ASSIGN(const int64_t key,
                database.integer_or(0, "SELECT undo_op FROM sessions WHERE key = ?1", session.key));
  FABULA_TRY(transaction.commit());
  mirror_operation(session, operation, key, now);
  return {};
}

Status Store::Impl::apply_quietly(Loaded& session, const Change& change) {
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  FABULA_TRY(write_change(session, change));
  FABULA_TRY(transaction.commit());
  mirror_change(session, change);
  return {};
}

Result<bool> Store::Impl::travel(Loaded& session, bool back) {
  constexpr const char* last_done =
      "SELECT key, previous, joined, before FROM operations WHERE key = ?2 AND session = ?1";
  constexpr const char* next_undone =
      "SELECT key, previous, joined, after FROM operations WHERE session = ?1 AND previous = ?2 ORDER BY key "
      "DESC LIMIT 1";
  FABULA_TRY(tree_of(session));
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(database));
  std::vector<Change> changes;
  int64_t at = session.undo_op;
  // Title changes in one step name the title that they replace: a scratch copy follows along.
  Loaded scratch;
  scratch.key = session.key;
  scratch.info.title = session.info.title;
  while (!back || at != 0) {
    FABULA_ASSIGN(Query row, database.query(back ? last_done : next_undone, session.key, at));
    FABULA_ASSIGN(const bool found, row.step());
    if (!found && back)
      return Error{ErrorCode::corrupt, "the undo log of session " + session.info.id + " is damaged"};
    const bool joined = found && row.integer(2) != 0;
    if (!found || (!back && !changes.empty() && !joined)) break;
    FABULA_ASSIGN(Change change, change_from_text(row.text(3)));
    FABULA_TRY(write_change(scratch, change));
    if (change.title) scratch.info.title = change.title->text;
    at = row.integer(back ? 1 : 0);
    changes.push_back(std::move(change));
    if (back && !joined) break;
  }
  if (changes.empty()) return false;
  FABULA_TRY(database.run("UPDATE sessions SET undo_op = ?2 WHERE key = ?1", session.key, at));
  FABULA_TRY(transaction.commit());
  for (const Change& change : changes) mirror_change(session, change);
  session.undo_op = at;
  session.can_redo = back ? std::optional(true) : std::nullopt;
  return true;
}

std::optional<Change::Title> Store::Impl::title_from(const Loaded& session, const Message& message) const {
  if (session.info.title_is_manual || !message.parent.empty()) return std::nullopt;
  std::string title = automatic_title(message.text);
  if (title.empty() || title == session.info.title) return std::nullopt;
  return Change::Title{std::move(title), false};
}

// ---- the Store ----

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& path, const char* vfs) {
  if (path.has_parent_path()) FABULA_TRY(fabula::create_directories(path.parent_path()));
  FABULA_ASSIGN(Database database, open_session_database(path, vfs));
  auto impl = std::make_unique<Impl>(std::move(database));
  FABULA_TRY(impl->mark_interrupted());
  FABULA_TRY(impl->load_sessions());
  FABULA_TRY(impl->look_for_what_was_left_behind());
  FABULA_ASSIGN(const int64_t forget, impl->database.integer_or(0, "SELECT count(*) FROM chores WHERE name = 'forget'"));
  if (forget != 0) impl->forget = Impl::Forget::begin;
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

std::vector<SessionInfo> Store::list(bool trash) const {
  std::vector<SessionInfo> out;
  for (const auto& [id, session] : impl_->sessions)
    if (session.info.in_trash == trash) out.push_back(session.info);
  std::sort(out.begin(), out.end(), [](const SessionInfo& a, const SessionInfo& b) {
    if (a.pinned != b.pinned) return a.pinned;
    return a.updated_at != b.updated_at ? a.updated_at > b.updated_at : a.id > b.id;
  });
  return out;
}

Result<SessionInfo> Store::info(std::string_view session) const {
  FABULA_ASSIGN(const Impl::Loaded* found, impl_->find(session));
  return found->info;
}

Result<SessionInfo> Store::create(Mode mode, std::string_view title, std::string_view system,
                                  const SessionSettings& settings) {
  Impl::Loaded loaded;
  loaded.info.id = make_uuid_v7();
  loaded.info.mode = mode;
  loaded.info.title = clean_title(title);
  loaded.info.title_is_manual = !loaded.info.title.empty();
  loaded.info.created_at = loaded.info.updated_at = unix_milliseconds();
  loaded.system = system;
  loaded.settings = settings;
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(impl_->database));
  FABULA_ASSIGN(loaded.key, impl_->insert_session(loaded.info, system, settings));
  FABULA_TRY(transaction.commit());
  SessionInfo info = loaded.info;
  impl_->sessions.emplace(info.id, std::move(loaded));
  return info;
}

Result<SessionView> Store::view(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree* tree, impl_->tree_of(*found));
  SessionView view;
  view.info = found->info;
  view.system = found->system;
  view.settings = found->settings;
  view.draft = found->draft;
  view.path = tree->path_to(found->current);
  view.current = found->current;
  view.revision = found->revision;
  view.can_undo = found->undo_op != 0;
  FABULA_ASSIGN(view.can_redo, impl_->can_redo(*found));
  return view;
}

Result<std::vector<std::shared_ptr<const Message>>> Store::tree(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree* tree, impl_->tree_of(*found));
  std::vector<std::shared_ptr<const Message>> out;
  for (const Tree::Node* node : tree->order())
    if (!node->deleted) out.push_back(node->message);
  return out;
}

Result<std::shared_ptr<const Message>> Store::message(std::string_view session, std::string_view message) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  return node->message;
}

Result<std::string> Store::branch_end(std::string_view session, std::string_view message, int step) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  const auto siblings = found->tree->siblings(*node);
  const int64_t wanted = node->message->sibling_index + int64_t{step};
  if (wanted < 0 || wanted >= static_cast<int64_t>(siblings.size()))
    return Error{ErrorCode::invalid_argument, "there is no further alternative on that side"};
  return found->tree->newest_leaf_below(*siblings[static_cast<size_t>(wanted)]).message->id;
}

Result<bool> Store::has_followers(std::string_view session, std::string_view message) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  return !node->children.empty();
}

void Store::forget(std::string_view session) {
  const auto found = impl_->sessions.find(std::string(session));
  if (found != impl_->sessions.end()) found->second.tree.reset();
}

void Store::forget_others(size_t most, const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::string>& ids = impl_->with_tree;
  size_t excess = ids.size() - std::min(most, ids.size());
  if (excess == 0) return;
  std::erase_if(ids, [&](const std::string& id) {
    if (excess == 0 || wanted(id)) return false;
    forget(id);
    --excess;
    return true;
  });
}

Status Store::rename(std::string_view session, std::string_view title) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  const std::string clean = clean_title(title);
  if (clean.empty()) return Error{ErrorCode::invalid_argument, "a title needs at least one character"};
  return impl_->perform(*found, {"rename", title_change(found->info.title, found->info.title_is_manual),
                                 title_change(clean, true)});
}

Status Store::set_labels(std::string_view session, std::string_view folder, std::span<const std::string> tags) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  Change before, after;
  before.labels = Change::Labels{found->info.folder, found->info.tags};
  Change::Labels& labels = after.labels.emplace();
  labels.folder = clean_title(folder);
  for (const std::string& tag : tags) {
    const std::string clean = clean_title(tag);
    if (!clean.empty() && std::find(labels.tags.begin(), labels.tags.end(), clean) == labels.tags.end())
      labels.tags.push_back(clean);
  }
  if (labels.folder == found->info.folder && labels.tags == found->info.tags) return {};
  return impl_->perform(*found, {"labels", before, after});
}

Status Store::set_system(std::string_view session, std::string_view system) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  Change before, after;
  before.system = found->system;
  after.system = std::string(system);
  if (system == found->system) return {};
  FABULA_ASSIGN(const bool untouched, impl_->is_untouched(*found));
  if (untouched) return impl_->apply_quietly(*found, after);
  return impl_->perform(*found, {"system", before, after});
}

Status Store::set_settings(std::string_view session, const SessionSettings& settings) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_TRY(engine::check(settings.sampler));
  Change before, after;
  before.settings = found->settings;
  after.settings = settings;
  if (settings_to_json(settings) == settings_to_json(found->settings)) return {};
  FABULA_ASSIGN(const bool untouched, impl_->is_untouched(*found));
  if (untouched) return impl_->apply_quietly(*found, after);
  return impl_->perform(*found, {"settings", before, after});
}

Status Store::append(std::string_view session, const Message& message, bool joined) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(Tree * tree, impl_->tree_of(*found));
  const Tree::Node* parent = nullptr;
  if (!message.parent.empty()) {
    FABULA_ASSIGN(parent, impl_->living(*found, message.parent));
  }
  if (message.id.empty() || tree->find_or_null(message.id))
    return Error{ErrorCode::already_exists, "a new message needs an id of its own"};
  Impl::Operation operation{"append", current_change(found->current), current_change(message.id), joined,
                            true};
  if (auto title = impl_->title_from(*found, message)) {
    operation.before.title = Change::Title{found->info.title, found->info.title_is_manual};
    operation.after.title = std::move(title);
  }
  const int64_t now = unix_milliseconds();
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(impl_->database));
  FABULA_ASSIGN(const int64_t key, impl_->insert_message(found->key, parent ? parent->key : 0,
                                                         parent ? parent->depth + 1 : 1, message));
  FABULA_TRY(impl_->write_change(*found, operation.after));
  FABULA_TRY(impl_->write_operation(*found, operation, now));
  FABULA_ASSIGN(const int64_t logged,
                impl_->database.integer_or(0, "SELECT undo_op FROM sessions WHERE key = ?1", found->key));
  FABULA_TRY(transaction.commit());
  tree->add(message, key);
  impl_->mirror_operation(*found, operation, logged, now);
  return {};
}

Status Store::set_current(std::string_view session, std::string_view message) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  if (!message.empty()) FABULA_TRY(impl_->living(*found, message));
  if (message == found->current) return {};
  return impl_->perform(*found,
                        {"move", current_change(found->current), current_change(message), false, true});
}

Status Store::remove_message(std::string_view session, std::string_view message) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_ASSIGN(const Tree::Node* node, impl_->living(*found, message));
  Impl::Operation operation{"delete", {}, {}, false, true};
  operation.after.deleted = decltype(operation.after.deleted)::value_type();
  operation.after.deleted->deleted = true;
  bool holds_current = false;
  for (const Tree::Node* gone : found->tree->living_below(*node)) {
    operation.after.deleted->messages.push_back(gone->message->id);
    holds_current = holds_current || gone->message->id == found->current;
  }
  operation.before.deleted = operation.after.deleted;
  operation.before.deleted->deleted = false;
  if (holds_current) {
    operation.before.current = found->current;
    operation.after.current = node->message->parent;
  }
  return impl_->perform(*found, operation);
}

Status Store::remove(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  if (found->info.in_trash) return {};
  return impl_->perform(*found, {"trash", trash_change(false), trash_change(true)});
}

Status Store::restore(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  if (!found->info.in_trash) return {};
  return impl_->perform(*found, {"restore", trash_change(true), trash_change(false)});
}

Result<bool> Store::undo(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  return impl_->travel(*found, true);
}

Result<bool> Store::redo(std::string_view session) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  return impl_->travel(*found, false);
}

Status Store::update_partial(std::string_view session, const Message& message) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_TRY(impl_->tree_of(*found));
  Change change;
  change.contents.push_back(content_of(message));
  return impl_->apply_quietly(*found, change);
}

Status Store::finish_message(std::string_view session, const Message& message, const Message* before) {
  FABULA_ASSIGN(Impl::Loaded * found, impl_->find(session));
  FABULA_TRY(impl_->tree_of(*found));
  Impl::Operation operation{"continue", {}, {}, false, true};
  operation.after.contents.push_back(content_of(message));
  operation.after.title = impl_->title_from(*found, message);
  if (before) operation.before.contents.push_back(content_of(*before));
  if (operation.after.title)
    operation.before.title = Change::Title{found->info.title, found->info.title_is_manual};
  const Change& change = operation.after;
  const int64_t now = std::max(unix_milliseconds(), found->info.updated_at);
  FABULA_ASSIGN(Transaction transaction, Transaction::begin(impl_->database));
  FABULA_TRY(impl_->write_change(*found, change));
  if (before)
    FABULA_TRY(impl_->write_operation(*found, operation, now));
  else
    FABULA_TRY(impl_->database.run("UPDATE sessions SET updated_at = ?2 WHERE key = ?1", found->key, now));
  FABULA_ASSIGN(const int64_t logged,
                impl_->database.integer_or(0, "SELECT undo_op FROM sessions WHERE key = ?1", found->key));
  FABULA_TRY(transaction.commit());
  impl_->mirror_change(*found, change);
  if (before) found->can_redo = false;
  found->undo_op = logged;
  found->info.updated_at = now;
  return {};
}

}  // namespace fabula::session
