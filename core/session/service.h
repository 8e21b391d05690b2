// Sessions that speak: the store, the engine and the templates tied together. The window, the CLI and the server all stand on
// this one class, so that they show the same live sessions.
//
// A thread of its own owns the Store and talks with the engine. Commands are posted and answered through snapshots: the caller
// never waits on disk or inference. Snapshots are immutable and swapped whole.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/engine/engine.h"
#include "core/session/page.h"
#include "core/session/store.h"
#include "core/session/types.h"

namespace fabula::session {

// What a reply that is being written looks like now.
struct LiveReply {
  std::string session, message;
  std::string text;             // so far
  int64_t tokens = 0;
  int64_t prompt_done = 0, prompt_total = 0;
  double decode_tokens_per_second = 0;
  bool started = false;         // the first token has come
};

struct ModelState {
  enum class Phase : uint8_t { none, loading, ready, failed };
  Phase phase = Phase::none;
  float progress = 0;
  engine::ModelId id = 0;
  std::string path, name, error;
  bool has_chat_template = false;
  std::string chat_template_error;
  int64_t context = 0;
  std::string precision, device;
  uint64_t weight_bytes = 0;
};

struct Notice {  // shown as a toast, returned as an error
  enum class Kind : uint8_t { info, warning, error };
  Kind kind = Kind::info;
  std::string text;
  std::string undo_session;  // not empty: offers "Undo" of the deletion of this session
};

struct ReplyOptions {            // of one reply; absent: the session's settings
  std::optional<int64_t> max_tokens;
  std::optional<uint64_t> seed;
  std::optional<engine::SamplerSettings> sampler;
  std::vector<std::string> stop;
};

// What replaying the receipts of a session gave.
struct ReplayReport {
  enum class Outcome : uint8_t { equal, different, skipped };
  struct Reply {
    std::string message;
    Outcome outcome = Outcome::skipped;
    int64_t tokens = 0;             // that the reply has
    int64_t first_difference = -1;  // index of the token; `tokens` where only one of the two goes on
    int32_t expected = -1, got = -1;  // there; -1: ended
    std::string why;                // skipped: in plain words
  };
  std::vector<Reply> replies;       // every branch, parents first
  int64_t equal = 0, different = 0, skipped = 0;
};

// Posted commands return a future that the caller may ignore (the window) or wait for (CLI, server).
template <class T>
using Answer = std::future<Result<T>>;

class Service {
 public:
  struct Options {
    Places places;
    engine::EngineOptions engine;
    LogSink* log = nullptr;              // outlives the service
    std::function<void()> wake;          // any thread; after a snapshot changed (glfwPostEmptyEvent)
  };
  // Opens (or makes) the database. Errors: io (read-only, full), busy (another host holds it; says who), corrupt.
  static Result<std::unique_ptr<Service>> open(Options options);
  ~Service();  // finishes writing; partial replies stay

  // ---- snapshots: any thread, never blocks on disk or inference ----
  std::shared_ptr<const std::vector<SessionInfo>> sessions() const;
  std::shared_ptr<const std::vector<SessionInfo>> trash() const;
  std::shared_ptr<const SessionView> view_or_null(const std::string& session) const;  // of opened sessions
  std::shared_ptr<const LiveReply> live_or_null(const std::string& session) const;
  ModelState model_state(Mode mode) const;   // each mode remembers its own model
  engine::Metrics metrics() const;
  engine::Engine& engine();   // for requests that belong to no session (completions of the API, logits)
  std::vector<Notice> take_notices();        // one consumer: the window

  // ---- models ----
  Answer<ModelState> load_model(Mode mode, engine::ModelLoad load);  // both modes may share one loaded model
  void unload_model(Mode mode);
  void set_threads(int threads);

  // ---- sessions ----
  Answer<SessionInfo> create(Mode mode, std::string title = "", std::string system = "");
  Answer<SessionView> open_session(std::string session);   // makes view_or_null answer
  void close_session(std::string session);
  Answer<void> rename(std::string session, std::string title);
  Answer<void> set_system(std::string session, std::string system);
  Answer<void> set_settings(std::string session, SessionSettings settings);
  Answer<void> set_pinned(std::string session, bool pinned);
  void set_draft(std::string session, std::string draft);
  Answer<void> remove(std::string session);
  Answer<void> restore(std::string session);
  Answer<void> purge(std::string session);
  Answer<bool> undo(std::string session);
  Answer<bool> redo(std::string session);

  // ---- words ----
  // Rollback, edit, undo and the like stop a reply that is being written in this session; what was written of it stays.
  // Chat: appends a user message and writes the reply. Story: appends `text` to the page and continues it.
  // The answer is the finished reply; the user's message is durable before the first token is asked for.
  // Errors: not_found, busy (this session is generating), unsupported (no model, no template), context_overflow.
  Answer<Message> send(std::string session, std::string text, ReplyOptions options = {});
  Answer<Message> regenerate(std::string session, ReplyOptions options = {});       // a sibling of the last reply
  // Goes on in the same message with the same random numbers, exactly where it ended. A story whose last part is finished
  // goes on in a new message, so that each step can be taken back.
  Answer<Message> continue_reply(std::string session, ReplyOptions options = {});
  void cancel(const std::string& session);
  Answer<void> rollback(std::string session, std::string message);   // message becomes the last one; "" empties the path
  Answer<void> rollback_last_exchange(std::string session);          // the last user message and what follows it
  Answer<void> edit(std::string session, std::string message, std::string text);  // a sibling with the new text; later ones stay on their branch
  // A story's page edited in place (page.h); one step of undo, to which what is typed on within a moment belongs. `current`:
  // the leaf of the page that the edits were made on. The answer says whether it is a new step. While a reply is written the
  // person's own parts may change; other edits are refused as busy and wait for its end. Errors: invalid_argument (another
  // page), busy, not_found.
  Answer<bool> edit_page(std::string session, std::string current, std::vector<PageEdit> edits);
  Answer<void> select_sibling(std::string session, std::string message, int step);  // ‹ 2/3 ›
  Answer<void> remove_message(std::string session, std::string message);  // and what follows it, on every branch; undo brings it back

  Answer<std::vector<std::shared_ptr<const Message>>> tree(std::string session);  // every branch, parents first
  Answer<OrderedJson> export_session(std::string session);
  Answer<std::string> export_markdown(std::string session);          // the current path
  Answer<std::string> import_session(std::string document);
  Answer<std::vector<Store::Hit>> search(std::string query, int limit = 50);

  // Every reply again from its receipt, compared token by token, on the loaded model that wrote it; replies of other models
  // and numerics are skipped and say so. Errors: not_found, corrupt (document), busy (a replay is running).
  Answer<ReplayReport> replay(std::string session);
  Answer<ReplayReport> replay_document(std::string document);

  // Where the reply is going, as it comes: called on the service's thread with each piece of text; must not block.
  using Follower = std::function<void(const std::string& session, const std::string& message, std::string_view piece)>;
  uint64_t follow(Follower follower);
  void unfollow(uint64_t id);

 private:
  class Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::session
