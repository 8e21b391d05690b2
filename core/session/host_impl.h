// Inside of the HostService: one thread that owns the store, the engine's consumer and every reply that is being
// written.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "core/base/long_calls.h"
#include "core/engine/remote_engine.h"
#include "core/session/context.h"
#include "core/session/document.h"
#include "core/session/host_service.h"
#include "core/session/snapshots.h"

namespace fabula::session {

inline bool is_reply(const Message& message) {
  return message.role == Role::assistant;
}

// Not ended by the model or a limit: it goes on with the words that would have come.
inline bool was_cut_short(const Message& message) {
  return message.finish_reason == "interrupted" || message.finish_reason == "cancelled" ||
         message.finish_reason == "error" || message.finish_reason == "partial";
}

inline Error nothing_there() {
  return {ErrorCode::invalid_argument, "there is nothing to go on from yet"};
}

class HostService::Impl {
 public:
  template <class T>
  using Promise = std::shared_ptr<AnswerPromise<T>>;
  using LoadedModel = engine::Engine::LoadedModel;
  // Replies of models elsewhere stand beside the engine's requests; its ids never reach these.
  static constexpr engine::RequestId first_remote_request = uint64_t{1} << 63;

  // A reply while it is being written.
  struct Running {
    std::string session;
    Message message;                // as it grows
    std::optional<Message> before;  // what it was, where it is being continued
    Promise<Message> answer;
    engine::ModelId model = 0;
    int64_t tokens_before = 0;  // that it had when this request began
    int alternatives = 0;       // to keep per token
    int64_t prompt_done = 0, prompt_total = 0;
    double asked_at = 0, first_token_at = 0, flushed_at = 0;  // monotonic seconds
    bool changed = false;                                     // since the last flush
    bool flush_failed = false;                                // said once
    LongCalls::Cancel remote;                                 // not null: a model elsewhere writes it
  };
  struct Loading {
    struct Waiter {
      Mode mode = Mode::chat;
      Promise<ModelState> answer;
    };
    engine::ModelLoad load;
    std::vector<Waiter> waiters;  // whoever asked for the same before it was there
  };
  struct Replay;
  // Answered when its KV files and its words in the search index are gone, whichever goes last.
  struct Purge {
    explicit Purge(Promise<void> asked) : answer(std::move(asked)) {}
    void end_part(const Status& status) {
      if (!status.ok()) error = status;  // written by the service's thread alone
      if (parts_left.fetch_sub(1) == 1) answer->set_value(error);
    }
    Promise<void> answer;
    Status error;
    std::atomic<int> parts_left{2};
  };
  struct Text {  // of another process, being written
    std::string id;
    engine::ModelId model = 0;
    TextReply reply;
    Promise<TextReply> answer;
  };

  Impl(Options given, HostLock lock, std::unique_ptr<Store> store);
  ~Impl();

  // ---- any thread ----
  void post(std::function<void()> job);
  template <class T, class Work>
  Answer<T> ask(Work work) {  // work(): Result<T>, on the service's thread
    auto promise = std::make_shared<AnswerPromise<T>>();
    Answer<T> answer = promise->answer();
    post([promise, work = std::move(work)]() mutable { promise->set_value(work()); });
    return answer;
  }
  template <class T, class Work>
  Answer<T> ask_later(Work work) {  // work(promise) keeps the promise until it is known
    auto promise = std::make_shared<AnswerPromise<T>>();
    Answer<T> answer = promise->answer();
    post([promise, work = std::move(work)]() mutable { work(std::move(promise)); });
    return answer;
  }

  // ---- the service's thread: the loop (service_loop.cpp) ----
  void run();
  void wait_for_work();
  bool handle_events();
  void on_token(Running& running, const engine::Event& event);
  void on_finished(engine::RequestId request, const engine::Event& event);
  void flush_partials(bool all);
  void retry_unsaved();
  bool tidy();
  void say(Notice::Kind kind, std::string text);

  // ---- snapshots ----
  void publish_sessions();
  Result<SessionView> view_of(const std::string& session);
  void publish_view(const std::string& session);
  void publish_live(const Running& running);
  void publish(const std::string& session);  // list and view
  Status open_view(uint64_t viewer, const std::string& session);
  void close_view(uint64_t viewer, const std::string& session);

  // ---- words (service_words.cpp, service_continue.cpp, service_moves.cpp) ----
  Status begin_send(const std::string& session, std::string text, const ReplyOptions& options,
                    const Promise<Message>& answer);
  Status begin_regenerate(const std::string& session, const ReplyOptions& options,
                          const Promise<Message>& answer);
  bool is_of_ready_model(const SessionView& view);
  Status begin_continue(const std::string& session, const ReplyOptions& options,
                        const Promise<Message>& answer);
  Status continue_message(const SessionView& view, const ReplyOptions& options,
                          const Promise<Message>& answer);
  Status begin_branch(const std::string& session, const std::string& message, int64_t keep, int32_t token,
                      const ReplyOptions& options, const Promise<Message>& answer);
  Status edit(const std::string& session, const std::string& message, const std::string& text);
  Result<bool> edit_page(const std::string& session, const std::string& current, const std::vector<PageEdit>& edits);
  Status rollback_last_exchange(const std::string& session);
  void purge(const std::string& session, const Promise<void>& answer);

  // ---- sessions that go out and come in (service_exchange.cpp)
  struct Gathering {  // for a document of all sessions
    std::vector<std::string> sessions;
    std::vector<Document> documents;
    Promise<OrderedJson> answer;
  };
  struct Import {
    using Done = std::function<void(Result<std::vector<std::string>> ids)>;
    std::vector<Document> documents;
    Done done;
    bool begun = false;
  };
  Result<Document> document_of(const std::string& session);
  void export_session(const std::string& session, const Promise<OrderedJson>& answer);
  void export_markdown(const std::string& session, const Promise<std::string>& answer);
  void export_all(const Promise<OrderedJson>& answer);
  void gather(const std::shared_ptr<Gathering>& gathering);
  void import_session(std::string text, const Promise<std::string>& answer);
  void import_all(std::string text, const Promise<std::vector<std::string>>& answer);
  void read_import(std::function<Result<std::vector<Document>>()> read, Import::Done done);
  bool go_on_with_imports();
  void replay_document(std::string text, const Promise<ReplayReport>& answer);
  // work() on a thread of its own; the answer is given on the service's.
  template <class T, class Work>
  void away(Work work, const Promise<T>& answer) {
    calls->run([this, work = std::move(work), answer](const std::atomic<bool>&) {
      auto value = std::make_shared<Result<T>>(work());
      post([value, answer] { answer->set_value(std::move(*value)); });
    });
  }

  struct Start {  // of one request
    std::vector<int32_t> prompt;
    Message message;
    std::optional<Message> before;
    uint64_t seed = 0;
    engine::SamplerSettings sampler;
    int64_t max_tokens = 0;
    bool joined = false;
  };
  Result<Start> new_reply(const SessionView& view, const MessagePath& path, std::vector<int32_t> prompt,
                          const ReplyOptions& options);
  Status start_reply(const SessionView& view, const MessagePath& path, std::vector<int32_t> prompt,
                     const ReplyOptions& options, bool joined, const Promise<Message>& answer);
  Status start(const SessionView& view, Start start, const Promise<Message>& answer);
  // As the session's choice of what to leave out makes it; whole_context() says nothing where it is too long.
  Result<Context> context_of(const LoadedModel& loaded, const SessionView& view, const MessagePath& path);
  // What the mode's model reads before a reply; empty where that model is elsewhere, which reads text.
  Result<Context> prompt_for(const SessionView& view, const MessagePath& path);
  Result<Context> whole_context(const LoadedModel& loaded, const SessionView& view, const MessagePath& path);
  // What an act would cost (service_context.cpp)
  Status begin_outlook(const std::string& session, const Act& act, const Promise<Outlook>& answer);
  Result<MessagePath> path_of(const SessionView& view, const std::string& leaf);
  Result<MessagePath> path_after(const SessionView& view, const Act& act);
  Result<std::shared_ptr<const LoadedModel>> ready_model(Mode mode) const;
  Status check_idle(const std::string& session) const;
  FindMessage finder(const std::string& session);
  // What nobody changed follows the model's own defaults.
  engine::SamplerSettings shown_sampler(Mode mode, const engine::SamplerSettings& chosen) const;
  Status set_settings(const std::string& session, SessionSettings settings);
  engine::SamplerSettings sampler_of(const SessionView& view, const ReplyOptions& options) const;

  Running* running_or_null(const std::string& session);
  void finish(Running running, engine::FinishReason reason, std::optional<Error> error);
  void stop_now(const std::string& session);

  // ---- models (service_models.cpp) ----
  void load_model(Mode mode, engine::ModelLoad load, Promise<ModelState> answer);
  void on_load_event(const engine::Event& event);
  void show_progress(Mode mode, float fraction);
  void on_model_lost(engine::ModelId model);
  void show_failed_load(Mode mode, const engine::ModelLoad& load, const Error& error, bool cpu_can_take_over);
  void use_model(Mode mode, engine::ModelId model, const engine::ModelLoad& load);
  void unload_model(Mode mode);
  void cancel_load(Mode mode);
  bool is_loading(Mode mode) const;

  // ---- which models stay in memory (service_residents.cpp) ----
  bool is_writing(engine::ModelId model) const;
  bool is_spoken_with(engine::ModelId model) const;
  void publish_residents();
  enum class RoomFor : uint8_t { memory, gpu, gpu_by_name };
  void retire_unwanted();
  void on_unloaded(engine::ModelId model);
  engine::ModelId least_missed(const std::set<engine::ModelId>& refused, RoomFor room) const;
  void make_room(const engine::Room& room, const std::atomic<bool>& cancel);  // the loader's thread
  std::optional<double> until_idle() const;
  void unload_idle();
  void unload_resident(const std::string& path);
  void wake_model(Mode mode, Promise<ModelState> answer);
  void when_awake(const std::string& session, const std::function<void(const Status&)>& then);

  // ---- models elsewhere (service_remote.cpp) ----
  bool is_remote(Mode mode) const { return models[static_cast<size_t>(mode)].remote; }
  void connect_remote(Mode mode, const engine::ModelLoad& load, engine::RemoteName name, Promise<ModelState> answer);
  void on_connected(Mode mode, engine::RequestId serial, const engine::ModelLoad& load, const Status& found,
                    const Promise<ModelState>& answer);
  Status start_remote(const SessionView& view, const MessagePath& path, const ReplyOptions& options, bool joined,
                      const Promise<Message>& answer);
  void on_remote_text(engine::RequestId request, std::string_view piece);
  void on_remote_end(engine::RequestId request, Result<engine::RemoteReply> ended);
  void cancel_reply(engine::RequestId request, const Running& reply);

  // ---- replay (service_replay.cpp) ----
  void begin_replay(std::vector<std::shared_ptr<const Message>> messages, Promise<ReplayReport> answer);
  bool on_replay_event(const engine::Event& event);
  void replay_next();
  Status submit_replay_part();
  void end_replay_reply(ReplayReport::Outcome outcome, std::string why);

  // ---- texts of no session (service_text.cpp) ----
  Status begin_text(TextRequest request, const Promise<TextReply>& answer);
  bool on_text_event(const engine::Event& event);
  void cancel_text(const std::string& id);

  // Runs `change` after stopping the session's reply, then shows the result.
  template <class Change>
  Status change(const std::string& session, Change work) {
    stop_now(session);
    Status status = work();
    publish(session);
    return status;
  }

  const Options options;
  HostLock lock;
  std::unique_ptr<Store> store;
  std::mutex room_mutex;  // held while the loader makes room, so that nothing goes under its feet
  std::atomic<bool> no_more_room{false};
  engine::Engine engine;
  std::unique_ptr<engine::Consumer> consumer;
  Snapshots snapshots;

  std::unordered_map<engine::RequestId, Running> running;
  std::unordered_map<engine::RequestId, Text> texts;
  std::unordered_map<engine::RequestId, Loading> loading;
  std::array<ModelState, 2> models;              // by mode
  std::array<engine::ModelLoad, 2> model_loads;  // what they were loaded with
  std::array<engine::RequestId, 2> newest_load{};
  std::array<LongCalls::Cancel, 2> connecting;  // the call that looks whether a model elsewhere is there
  std::map<engine::ModelId, engine::ModelLoad> loaded_models;
  std::set<engine::ModelId> unwanted;  // of them: given up while a reply was being written
  double idle_seconds = 0;             // after which models go to sleep; 0: never
  std::map<std::string, std::set<uint64_t>> open_views;  // who looks at them
  std::deque<Import> imports;                  // one at a time
  std::vector<std::shared_ptr<Purge>> purges;  // that wait for the search index
  std::vector<Running> unsaved;  // finished, but the disk refused
  double unsaved_tried_at = 0;
  std::unique_ptr<Replay> replay;
  engine::RequestId next_remote = first_remote_request;
  std::unique_ptr<LongCalls> calls = std::make_unique<LongCalls>();  // its threads post: ended before all else goes
  std::map<uint64_t, Follower> followers;
  Watcher watcher;
  std::unordered_map<std::string, double> page_edited_at;  // by session, monotonic seconds
  bool shown_changed = false;

  // ---- between the threads ----
  std::mutex mutex;
  std::condition_variable wakes;
  std::deque<std::function<void()>> jobs;
  bool closing = false;
  std::atomic<bool> engine_has_events{false};
  std::atomic<uint64_t> last_follower{0};
  std::thread thread;
};

}  // namespace fabula::session
