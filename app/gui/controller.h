// Between the panels and the session service: which session is open in which mode, what may be done now, and the answers of
// posted commands. Panels read the snapshots taken at the start of the frame and call the commands here; nothing waits.
// Thread: the UI thread alone.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "app/gui/background.h"
#include "app/gui/settings.h"
#include "app/gui/strings.h"
#include "app/gui/watchdog.h"
#include "core/base/paths.h"
#include "core/model/library.h"
#include "core/session/service.h"
#include "core/text/tokenizer.h"

namespace fabula::gui {

struct Toast {
  session::Notice::Kind kind = session::Notice::Kind::info;
  std::string text;
  std::string undo_session;  // not empty: "Undo" brings this session back
  double until = 0;          // monotonic seconds
  uint64_t serial = 0;       // its name for as long as it is shown
};

// What the frame shows; taken once per frame, and what is of the current session once more where that changes within it, so
// that one frame never mixes two states.
struct Frame {
  std::shared_ptr<const std::vector<session::SessionInfo>> sessions, trash;
  std::shared_ptr<const session::SessionView> view;  // of the current session; null: none, or not read yet
  std::shared_ptr<const session::LiveReply> live;    // of the current session
  session::ModelState model;                         // of the current mode
  std::vector<session::ResidentModel> residents;     // models in memory, last used first
  engine::Metrics metrics;
};

class Controller {
 public:
  struct Options {
    Places places;
    std::string isa;                 // FABULA_ISA
    std::string model;               // --model: for the mode that is shown first
    std::string file;                // to open once the sessions are there
    std::function<void()> wake;
    LogSink* log = nullptr;          // outlives the controller
  };
  Controller(Options options, Settings& settings, const Strings& strings, Background& background, Watchdog& watchdog);
  ~Controller();

  void start();             // after the first frame: opens the database and the model, off this thread
  void begin_frame();       // answers, notices, snapshots
  void stop_all();          // before the window closes
  bool ready() const { return service_ != nullptr; }
  // Fabula was started once more, with this file ("": none): the window comes to the front. Once each time.
  std::optional<std::string> take_raised() { return service_ ? std::exchange(raised_with_, std::nullopt) : std::nullopt; }
  const std::string& open_error() const { return open_error_; }
  bool waiting() const { return !pending_.empty(); }
  const Frame& frame() const { return frame_; }
  Settings& settings() { return settings_; }
  const Places& places() const { return options_.places; }
  Background& background() { return background_; }

  // ---- modes and sessions
  session::Mode mode() const { return mode_; }
  void set_mode(session::Mode mode);
  const std::string& current() const { return current_[index(mode_)]; }
  void select(const std::string& session);
  // When the session that is in the frame was chosen (monotonic seconds); once each time.
  std::optional<double> take_opened() {
    const bool shown = frame_.view && frame_.view->info.id == current();
    return shown ? std::exchange(chosen_at_, std::nullopt) : std::nullopt;
  }
  void new_session();       // an empty page; the session is made with its first words
  void rename(const std::string& session, const std::string& title);
  void remove(const std::string& session);
  void restore(const std::string& session);
  void purge(const std::string& session);
  void set_pinned(const std::string& session, bool pinned);
  void set_labels(const std::string& session, const std::string& folder, std::vector<std::string> tags);
  void duplicate(const std::string& session);
  void export_to(const std::string& session, const std::string& path);  // JSON, Markdown (.md) or plain text (.txt)
  void export_all_to(const std::string& path);  // every session that is not in the trash, as one document
  void import_from(const std::string& path);    // one session's document, or such a one
  void branch(const std::string& message);  // a new session that ends with this message
  void undo();
  void redo();
  void set_draft(const std::string& session, const std::string& text);
  // The session that was made from this mode's empty page, until another one is chosen: it takes over what that page holds.
  const std::string& born() const { return born_[index(mode_)]; }
  void set_system(const std::string& text);

  // ---- words
  bool generating() const;
  enum class Obstacle { none, starting, no_database, no_model, loading, model_failed, no_template, generating };
  Obstacle obstacle() const;  // why nothing can be sent now
  void send(const std::string& text);
  void continue_reply();
  void regenerate();
  void stop();

  // ---- what an act costs (controller_cost.cpp)
  // An act that makes the model read for long, or that does not fit the context any more, waits for an answer.
  struct CostQuestion {
    session::Act act;
    session::Outlook outlook;
    std::function<void()> go_on, drop;  // drop: nothing was done
  };
  enum class CostAnswer { cancel, go_on, drop_oldest, longer_context };
  const std::optional<CostQuestion>& cost_question() const { return cost_question_; }
  void answer_cost(CostAnswer answer);
  // The open session's context as it is now; null until it is known. Asked anew where the session has changed.
  const session::Outlook* outlook();

  void rollback(const std::string& session, const std::string& message);
  void rollback_last_exchange(const std::string& session);
  void edit(const std::string& message, const std::string& text, bool then_reply);
  void select_sibling(const std::string& message, int step);
  void replay();  // every reply again from its receipt; a toast says how they compare
  // Another reply with `token` in the place of the one at `keep_tokens`, and what the model writes on.
  void branch_at(const std::string& message, int64_t keep_tokens, int32_t token);
  void remove_message(const std::string& message);  // and what follows it; undo brings it back
  void tree(const std::string& session, std::function<void(session::MessageList)> then, std::function<void()> failed);
  void go_to(const std::string& message);  // it becomes the last one of the path: another branch, or further up
  void go_to_branch_of(const std::string& message);  // with what was written last below it
  void set_memory(const std::string& memory, const std::string& note, int64_t note_depth);
  // As the model of this mode reads them; -1 where none is at hand here.
  std::shared_ptr<const text::Tokenizer> tokenizer_or_null(const std::string& fingerprint) const;  // of this mode's model
  void count_tokens(std::string text, std::function<void(int64_t)> then);

  // ---- the page of a story
  // Edits of the page whose leaf is `current`. The answer as Service::edit_page gives it.
  void edit_page(const std::string& session, const std::string& current, std::vector<session::PageEdit> edits,
                 std::function<void(Result<bool>)> then);
  // A story that begins with words typed on the page: `made` gets its id, `then` the answer to the edits. select: it becomes
  // the current session.
  void begin_story(std::vector<session::PageEdit> edits, bool select, std::function<void(const std::string& id)> made,
                   std::function<void(Result<bool>)> then);
  void undo_page_edits(const std::string& session, int steps, std::function<void(Result<bool>)> then);
  // Called before anything happens to the current session, so that what was typed on its page comes first.
  void set_before_change(std::function<void()> before) { before_change_ = std::move(before); }
  void save_page() const { before_change(); }

  // Words that could not be sent come back once, for the composer.
  std::optional<std::string> take_returned_words() { return std::exchange(returned_words_, std::nullopt); }

  // ---- models
  void load_model(const std::string& path);
  engine::ModelLoad load_of(const std::string& path) const;  // as load_model asks for it
  void cancel_load();       // the model that was there before stays
  void unload_resident(const std::string& path);
  void set_idle_unload(int64_t minutes);
  void reload_model();      // after precision, device or context changed
  void continue_on_cpu();   // the same model, without the GPU that failed; the setting stays
  void unload_model();
  void set_threads(int threads);
  void set_found(const std::vector<model::LibraryEntry>& models);  // what the library holds, when all of it was read

  // ---- the local API
  void listen(session::ListenRequest request, session::ListenLog log, std::function<void(Result<int>)> then);
  void stop_listening();
  const std::function<void()>& waker() const { return options_.wake; }  // any thread

  // ---- settings of replies
  session::SessionSettings reply_settings() const;  // of the session, or of the mode where none is open
  void set_reply_settings(session::SessionSettings settings);  // but what has setters of its own; of the mode where no session is open
  void set_mode_reply_settings(const session::SessionSettings& settings);  // of new sessions
  void set_context_choice(session::Overflow overflow, session::TemplateSwitches switches);
  std::string system_prompt() const;
  void save_settings(std::function<void()> then = {});  // written a moment later, off this thread; then: when it is there
  void keep_unknown_settings(std::string unknown) { unknown_settings_ = std::move(unknown); }

  // ---- search
  void search(const std::string& query);
  const std::vector<session::Store::Hit>& hits() const { return hits_; }

  void open_link(const std::string& link);  // http and https only, in the person's browser

  // ---- toasts
  void say(session::Notice::Kind kind, std::string text, std::string undo_session = "");
  std::vector<Toast>& toasts() { return toasts_; }

 private:
  static size_t index(session::Mode mode) { return static_cast<size_t>(mode); }
  template <class T>
  void when(session::Answer<T> answer, std::function<void(Result<T>)> then);
  void write_document(const std::string& path, OrderedJson document);
  void write_export(const std::string& path, std::function<std::string()> text);
  void show(const std::string& session);
  void look_at_current();
  void take_born(session::Mode mode, const std::string& session);
  bool being_read() const { return !current().empty() && !frame_.view; }  // its settings are not known yet
  void copy_session(const std::string& session, const std::string& current, const char* title, const char* toast);
  template <class T>
  void when_or_say(session::Answer<T> answer, std::function<void(T)> then);
  void when_done(session::Answer<void> answer, std::function<void()> then);
  void open_service();
  void opened(Result<std::unique_ptr<session::Service>> service);
  void ensure_model();
  void remember_models();  // of a host that is gone: this process loads them itself
  void load_now(engine::ModelLoad load);
  void send_to(const std::string& session, const std::string& text);
  void weigh(session::Act act, std::function<void()> go_on, std::function<void()> drop = {});
  bool surely_fits(size_t more_bytes) const;
  void say_cost(const session::Outlook& outlook);
  void tell_other_model(const std::string& path);  // what the open session costs it
  void expect_reply(const std::string& session, session::Answer<session::Message> answer, const std::string& words);
  session::SessionSettings defaults(session::Mode mode) const;

  void before_change() const {
    if (before_change_) before_change_();
  }

  Options options_;
  Settings& settings_;
  const Strings& tr_;
  Background& background_;
  Watchdog& watchdog_;
  std::unique_ptr<session::Service> service_;
  std::string open_error_;
  std::string unknown_settings_;
  Frame frame_;
  session::Mode mode_ = session::Mode::story;
  std::array<std::string, 2> current_, born_;
  std::vector<std::function<bool()>> pending_;  // true: answered
  std::unordered_set<std::string> replying_;    // sessions whose reply was asked for here
  bool creating_ = false;                       // a first message waits for its session
  std::optional<std::string> returned_words_, raised_with_;
  // A mode whose model was sent away by hand, or whose loading was, takes none by itself.
  std::array<bool, 2> declined_{};
  std::array<std::string, 2> spoken_with_;  // the model of each mode as it was last ready, whoever chose it
  std::optional<double> chosen_at_;
  std::string found_chat_, found_story_;  // what a mode without a model takes; "": nothing
  std::optional<CostQuestion> cost_question_;
  bool weighing_ = false;                       // an act waits for what it costs
  std::optional<session::Outlook> outlook_;
  std::string outlook_of_;                      // session, revision, model and context that it was asked for
  bool asking_outlook_ = false;
  bool found_once_ = false;
  std::vector<session::Store::Hit> hits_;
  uint64_t search_serial_ = 0;
  std::function<void()> before_change_;
  std::array<session::SessionSettings, 2> unborn_;  // what sessions that are not made yet were given besides ModeSettings
  std::vector<Toast> toasts_;
  uint64_t next_toast_ = 0;
};

}  // namespace fabula::gui
