// Sessions that speak: the store, the engine and the templates tied together. The window, the CLI and the server all stand on
// this one door, so that they show the same live sessions.
//
// One process per data directory is the host (HostService): a thread of its own owns the Store and talks with the engine.
// Every further process attaches to it over a local socket (AttachedService) and sees and does the same. Either way commands
// are posted and answered through snapshots: the caller never waits on disk, inference or the socket. Snapshots are immutable
// and swapped whole.
//
// Adding a command: a pure virtual function here, a row in service_commands.inc, its work in HostService. A type that no
// command used before gets a row of fields in wire_types.h.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/memory_info.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/engine/engine.h"
#include "core/session/answer.h"
#include "core/session/page.h"
#include "core/session/service_types.h"
#include "core/session/store.h"
#include "core/session/text_request.h"
#include "core/session/types.h"

namespace fabula::session {

using MessageList = std::vector<std::shared_ptr<const Message>>;
using ViewPtr = std::shared_ptr<const SessionView>;
using HitList = std::vector<Store::Hit>;

class Service {
 public:
  struct Options {
    Places places;
    engine::EngineOptions engine;
    LogSink* log = nullptr;              // outlives the service
    std::function<void()> wake;          // any thread; after a snapshot changed (glfwPostEmptyEvent)
    std::string program = "fabula";      // what other processes call the holder of the data directory
    OpenListener open_listener;          // what opens the HTTP API; empty: listen() says that this program cannot
    std::function<void(const std::string& argument)> raise;  // any thread; of a window: to the front, and open this file
    std::function<uint64_t()> available_memory = available_memory_bytes;  // any thread; what decides how many models stay
    std::function<uint64_t(int gpu)> available_gpu_memory;  // the same of a GPU; empty: as the driver says
    bool may_attach = true;              // false: be the host, or fail
  };
  // The host's service where nobody holds the data directory, else one attached to its host. Errors: io (read-only, full),
  // busy (held by a process that does not answer; says who), unsupported (held by another version), corrupt.
  static Result<std::unique_ptr<Service>> open(Options options);
  virtual ~Service() = default;  // finishes writing; partial replies stay

  // Not empty: the process that holds the data directory ("fabula-cli (process 123)"); this one is attached to it.
  virtual std::string host_name() const = 0;
  // Attached, and the host is gone: every command answers with this error. open() again finds the next host, or becomes it.
  virtual bool is_lost() const = 0;

  // ---- snapshots: any thread, never blocks on disk or inference ----
  virtual std::shared_ptr<const std::vector<SessionInfo>> sessions() const = 0;
  virtual std::shared_ptr<const std::vector<SessionInfo>> trash() const = 0;
  virtual std::shared_ptr<const SessionView> view_or_null(const std::string& session) const = 0;  // of opened sessions
  virtual std::shared_ptr<const LiveReply> live_or_null(const std::string& session) const = 0;
  virtual ModelState model_state(Mode mode) const = 0;   // each mode remembers its own model
  virtual std::vector<ResidentModel> resident_models() const = 0;  // last used first
  virtual engine::Metrics metrics() const = 0;
  // For requests that belong to no session (completions of the API, logits). null: attached, the engine is the host's.
  virtual engine::Engine* engine_or_null() = 0;
  virtual std::vector<Notice> take_notices() = 0;        // one consumer: the window

  // ---- models ----
  virtual Answer<ModelState> load_model(Mode mode, engine::ModelLoad load) = 0;  // both modes may share one loaded model
  virtual void cancel_load(Mode mode) = 0;               // the model that was there before stays
  virtual void unload_model(Mode mode) = 0;
  virtual void unload_resident(std::string path) = 0;    // whoever speaks with it wakes it when it is needed
  // Ready at once, unless it is asleep: then when it is there again. Errors: unsupported (no model), those of loading.
  virtual Answer<ModelState> wake_model(Mode mode) = 0;
  virtual void set_idle_unload(double minutes) = 0;      // without a request for so long, models go to sleep; 0: never
  virtual void set_threads(int threads) = 0;

  // ---- sessions ----
  virtual Answer<SessionInfo> create(Mode mode, std::string title = "", std::string system = "") = 0;
  virtual Answer<SessionView> open_session(std::string session) = 0;   // makes view_or_null answer
  virtual void close_session(std::string session) = 0;
  virtual Answer<ViewPtr> read_session(std::string session) = 0;       // the same view, of which nothing is kept
  virtual Answer<void> rename(std::string session, std::string title) = 0;
  virtual Answer<void> set_system(std::string session, std::string system) = 0;
  virtual Answer<void> set_settings(std::string session, SessionSettings settings) = 0;
  virtual Answer<void> set_pinned(std::string session, bool pinned) = 0;
  virtual Answer<void> set_labels(std::string session, std::string folder, std::vector<std::string> tags) = 0;
  virtual void set_draft(std::string session, std::string draft) = 0;
  virtual Answer<void> remove(std::string session) = 0;
  virtual Answer<void> restore(std::string session) = 0;
  virtual Answer<void> purge(std::string session) = 0;
  virtual Answer<bool> undo(std::string session) = 0;
  virtual Answer<bool> redo(std::string session) = 0;

  // ---- words ----
  // Rollback, edit, undo and the like stop a reply that is being written in this session; what was written of it stays.
  // Chat: appends a user message and writes the reply. Story: appends `text` to the page and continues it.
  // The answer is the finished reply; the user's message is durable before the first token is asked for.
  // Errors: not_found, busy (this session is generating), unsupported (no model, no template), context_overflow.
  virtual Answer<Message> send(std::string session, std::string text, ReplyOptions options = {}) = 0;
  virtual Answer<Message> regenerate(std::string session, ReplyOptions options = {}) = 0;       // a sibling of the last reply
  // Goes on in the same message with the same random numbers, exactly where it ended. A story whose last part is finished
  // goes on in a new message, so that each step can be taken back.
  virtual Answer<Message> continue_reply(std::string session, ReplyOptions options = {}) = 0;
  // Another reply beside a written one: its first `keep_tokens` ids, then `token` in the place of the one that was drawn, then
  // what the model writes on. Errors besides those of send: invalid_argument (not a model's reply, no such place or token).
  virtual Answer<Message> branch_at(std::string session, std::string message, int64_t keep_tokens, int32_t token,
                                    ReplyOptions options = {}) = 0;
  virtual void cancel(std::string session) = 0;
  virtual Answer<void> rollback(std::string session, std::string message) = 0;   // message becomes the last one; "" empties the path
  virtual Answer<void> rollback_last_exchange(std::string session) = 0;          // the last user message and what follows it
  virtual Answer<void> edit(std::string session, std::string message, std::string text) = 0;  // a sibling with the new text; later ones stay on their branch
  // A story's page edited in place (page.h); one step of undo, to which what is typed on within a moment belongs. `current`:
  // the leaf of the page that the edits were made on. The answer says whether it is a new step. While a reply is written the
  // person's own parts may change; other edits are refused as busy and wait for its end. Errors: invalid_argument (another
  // page), busy, not_found.
  virtual Answer<bool> edit_page(std::string session, std::string current, std::vector<PageEdit> edits) = 0;
  // Takes that many edits of the page back, as long as they are the newest steps. false: some other step came after them.
  virtual Answer<bool> undo_page_edits(std::string session, int steps) = 0;
  virtual Answer<void> select_sibling(std::string session, std::string message, int step) = 0;  // ‹ 2/3 ›
  virtual Answer<void> remove_message(std::string session, std::string message) = 0;  // and what follows it, on every branch; undo brings it back

  // What an act would make the model read, before it is done. Changes nothing. Errors: not_found, unsupported and busy (no
  // model), invalid_argument (nothing to go on from).
  virtual Answer<Outlook> outlook(std::string session, Act act) = 0;

  virtual Answer<MessageList> tree(std::string session) = 0;  // every branch, parents first
  virtual Answer<OrderedJson> export_session(std::string session) = 0;
  virtual Answer<std::string> export_markdown(std::string session) = 0;          // the current path
  virtual Answer<std::string> import_session(std::string document) = 0;
  // All sessions as one document, and such a document (or one session's) back: all of it or nothing. The answer: their ids.
  virtual Answer<OrderedJson> export_all() = 0;
  virtual Answer<std::vector<std::string>> import_all(std::string document) = 0;
  virtual Answer<HitList> search(std::string query, int limit = 50) = 0;

  // A text of no session (text_request.h), by a model that is loaded already. Errors: not_found (none fits), and the
  // engine's: context_overflow, invalid_argument, busy. Ends where the process that asked for it does.
  virtual Answer<TextReply> generate(TextRequest request) = 0;
  virtual void cancel_text(std::string id) = 0;

  // Every reply again from its receipt, compared token by token, on the loaded model that wrote it; replies of other models
  // and numerics are skipped and say so. Errors: not_found, corrupt (document), busy (a replay is running).
  virtual Answer<ReplayReport> replay(std::string session) = 0;
  virtual Answer<ReplayReport> replay_document(std::string document) = 0;

  // Opens the HTTP API where the sessions and the model are: here, or in the host, then closed when this process ends or
  // stop_listening() is called. The answer is the port. One listener per service. Errors: invalid_argument, io (address in
  // use), busy (already open), unsupported.
  virtual Answer<int> listen(ListenRequest request, ListenLog log) = 0;
  virtual void stop_listening() = 0;

  // Where the reply is going, as it comes: called on the service's thread with each piece of text; must not block.
  using Follower = std::function<void(const std::string& session, const std::string& message, std::string_view piece)>;
  virtual uint64_t follow(Follower follower) = 0;
  virtual void unfollow(uint64_t id) = 0;  // when this returns, the follower is not running and will not be called again
};

// For a window that was started once more: true where a window holds the data directory; it comes to the front and opens
// `argument` ("": nothing). Never waits longer than a second, never creates anything.
bool raise_running_window(const Places& places, const std::string& argument);

}  // namespace fabula::session
