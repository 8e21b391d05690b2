#include "core/session/attached_service.h"

#include <poll.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/build_info.h"
#include "core/base/clock.h"
#include "core/session/snapshots.h"
#include "core/session/wire.h"
#include "core/session/wire_shown.h"
#include "core/session/wire_types.h"

namespace fabula::session {

class AttachedService::Impl {
 public:
  using Answered = std::function<void(Result<Json>)>;

  Impl(Options options, Descriptor socket)
      : options_(std::move(options)), stream_(std::move(socket)), reader_(snapshots) {
    stream_.limit(max_frame_bytes);
  }
  ~Impl() {
    closing_ = true;
    bell_.ring();
    if (thread_.joinable()) thread_.join();
    lose({ErrorCode::cancelled, "Fabula is closing"});
  }

  Status shake_hands(double until);
  void start() {
    thread_ = std::thread([this] { run(); });
  }

  // ---- any thread ----
  void post(Json frame) {
    const std::lock_guard lock(mutex_);
    outgoing_.push_back(std::move(frame));
    bell_.ring();
  }
  void call(const char* name, Json arguments, Answered answered);
  template <class T>
  Answer<T> ask(const char* name, Json arguments, std::function<Result<T>(const Json&)> read) {
    auto promise = std::make_shared<AnswerPromise<T>>();
    call(name, std::move(arguments), [promise, read = std::move(read)](Result<Json> value) {
      promise->set_value(value.ok() ? read(*value) : Result<T>(value.error()));
    });
    return promise->answer();
  }
  template <class T>
  Answer<T> ask(const char* name, Json arguments) {
    return ask<T>(name, std::move(arguments), [](const Json& value) -> Result<T> {
      if constexpr (std::is_void_v<T>)
        return {};
      else if constexpr (std::is_same_v<T, OrderedJson>)
        return parse_ordered_json(value.get_ref<const std::string&>(), "the answer");
      else
        return value.get<T>();
    });
  }
  std::string host_name() const { return host_; }  // does not change after shake_hands
  bool is_lost() const { return lost_; }
  engine::Metrics metrics() const { return reader_.metrics(); }
  uint64_t follow(Follower follower);
  void unfollow(uint64_t id);
  void set_log(ListenLog log) {
    const std::lock_guard lock(followers_mutex_);
    log_ = std::move(log);
  }

  Snapshots snapshots;

 private:
  void run();
  Status exchange(int longest_ms);
  void read(const std::string& text);
  void read_frame(const Json& frame);
  void answer(const Json& frame);
  void lose(Error error);

  const Options options_;
  FrameStream stream_;
  ShownReader reader_;
  Bell bell_;
  std::string host_;
  bool welcome_ = false, shown_ = false;
  std::optional<Error> refused_;
  std::atomic<bool> closing_{false}, lost_{false};

  std::mutex mutex_;
  std::vector<Json> outgoing_;
  std::map<uint64_t, Answered> waiting_;
  uint64_t last_call_ = 0;
  std::optional<Error> gone_;

  std::recursive_mutex followers_mutex_;  // a follower may take itself away
  std::map<uint64_t, Follower> followers_;
  uint64_t last_follower_ = 0;
  ListenLog log_;
  std::thread thread_;
};

void AttachedService::Impl::call(const char* name, Json arguments, Answered answered) {
  std::optional<Error> gone;
  {
    const std::lock_guard lock(mutex_);
    gone = gone_;
    if (!gone) {
      waiting_.emplace(++last_call_, std::move(answered));
      outgoing_.push_back(
          {{"kind", "call"}, {"id", last_call_}, {"name", name}, {"arguments", std::move(arguments)}});
      bell_.ring();
      return;
    }
  }
  answered(*gone);
}

// Sends what waits, waits for something to happen, takes what has come.
Status AttachedService::Impl::exchange(int longest_ms) {
  std::vector<Json> frames;
  {
    const std::lock_guard lock(mutex_);
    frames.swap(outgoing_);
  }
  for (const Json& frame : frames)
    if (const Status queued = stream_.queue(frame); !queued.ok())
      answer({{"id", frame.value("id", uint64_t{0})}, {"error", queued.error()}});
  FABULA_TRY(stream_.send());
  const bool sending = stream_.unsent_bytes() > 0;
  pollfd polled[] = {{bell_.descriptor(), POLLIN, 0},
                     {stream_.descriptor(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0}};
  ::poll(polled, 2, longest_ms);
  bell_.hear();
  const Status received = stream_.receive();
  while (const auto frame = stream_.next()) read(*frame);
  return received;
}

Status AttachedService::Impl::shake_hands(double until) {
  post({{"kind", "hello"},
        {"protocol", wire_protocol()},
        {"version", version()},
        {"program", options_.program}});
  while (!shown_ || !welcome_) {
    const double left = until - monotonic_seconds();
    if (left <= 0) return Error{ErrorCode::busy, "the process that holds the sessions does not answer"};
    const Status status = exchange(static_cast<int>(left * 1000) + 1);
    if (refused_) return *refused_;
    if (!status.ok()) return Error{ErrorCode::not_found, status.error().message};
  }
  return {};
}

void AttachedService::Impl::run() {
  Status status;
  while (!closing_ && status.ok()) {
    status = exchange(-1);
    if (status.ok() && refused_) status = *refused_;
  }
  // What was asked for last (a draft, the cancelling of a reply) is still handed over.
  if (status.ok()) {
    const std::lock_guard lock(mutex_);
    for (const Json& frame : outgoing_) (void)stream_.queue(frame);
    (void)stream_.send();
  }
  if (!status.ok()) lose({ErrorCode::io, host_ + ", which held the sessions, has ended"});
}

void AttachedService::Impl::lose(Error error) {
  std::map<uint64_t, Answered> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) gone_ = error;
    waiting.swap(waiting_);
  }
  lost_ = true;
  for (auto& [id, answered] : waiting) answered(error);
  if (!closing_ && options_.wake) options_.wake();
}

void AttachedService::Impl::read(const std::string& text) {
  const auto frame = parse_json(text, "a message of the host");
  try {
    if (frame.ok()) return read_frame(*frame);
  } catch (const std::exception&) {
    // Said below: a host of the same version sends nothing that cannot be read.
  }
  refused_ = Error{ErrorCode::corrupt, host_ + " sent something that cannot be read"};
}

void AttachedService::Impl::read_frame(const Json& frame) {
  const auto& kind = frame.at("kind").get_ref<const std::string&>();
  if (kind == "answer") {
    answer(frame);
  } else if (kind == "piece") {
    const std::lock_guard lock(followers_mutex_);
    const auto followers = followers_;
    for (const auto& [id, follower] : followers)
      follower(frame.at("session").get<std::string>(), frame.at("message").get<std::string>(),
               frame.at("text").get_ref<const std::string&>());
    return;
  } else if (kind == "shown") {
    reader_.read(frame);
    shown_ = true;
  } else if (kind == "notice") {
    snapshots.add_notice(frame.at("notice").get<Notice>());
  } else if (kind == "log") {
    const std::lock_guard lock(followers_mutex_);
    if (log_) log_(frame.at("line").get_ref<const std::string&>());
    return;
  } else if (kind == "welcome") {
    host_ = frame.at("program").get<std::string>();
    welcome_ = true;
  } else if (kind == "refused") {
    refused_ = Error{ErrorCode::unsupported, frame.at("message").get<std::string>()};
  }
  if (options_.wake) options_.wake();
}

void AttachedService::Impl::answer(const Json& frame) {
  Answered answered;
  {
    const std::lock_guard lock(mutex_);
    auto node = waiting_.extract(frame.at("id").get<uint64_t>());
    if (node.empty()) return;
    answered = std::move(node.mapped());
  }
  if (frame.contains("error"))
    answered(frame.at("error").get<Error>());
  else
    answered(frame.at("value"));
}

uint64_t AttachedService::Impl::follow(Follower follower) {
  const std::lock_guard lock(followers_mutex_);
  if (followers_.empty()) post({{"kind", "post"}, {"name", "follow"}, {"arguments", Json::array()}});
  followers_.emplace(++last_follower_, std::move(follower));
  return last_follower_;
}

void AttachedService::Impl::unfollow(uint64_t id) {
  const std::lock_guard lock(followers_mutex_);
  followers_.erase(id);
}

// ---- the door ----

AttachedService::AttachedService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttachedService::~AttachedService() = default;

Result<std::unique_ptr<AttachedService>> AttachedService::connect(Options options,
                                                                  std::chrono::milliseconds longest) {
  const double until = monotonic_seconds() + std::chrono::duration<double>(longest).count();
  FABULA_ASSIGN(Descriptor socket, connect_in(options.places.data));
  if (!is_own_peer(socket.get())) return Error{ErrorCode::busy, "the sessions are held by another user"};
  auto impl = std::make_unique<Impl>(std::move(options), std::move(socket));
  FABULA_TRY(impl->shake_hands(until));
  impl->start();
  return std::unique_ptr<AttachedService>(new AttachedService(std::move(impl)));
}

Answer<bool> AttachedService::raise(std::string argument) {
  return impl_->ask<bool>("raise", Json::array({std::move(argument)}));
}

std::string AttachedService::host_name() const {
  return impl_->host_name();
}
bool AttachedService::is_lost() const {
  return impl_->is_lost();
}
std::shared_ptr<const std::vector<SessionInfo>> AttachedService::sessions() const {
  return impl_->snapshots.sessions();
}
std::shared_ptr<const std::vector<SessionInfo>> AttachedService::trash() const {
  return impl_->snapshots.trash();
}
std::shared_ptr<const SessionView> AttachedService::view_or_null(const std::string& session) const {
  return impl_->snapshots.view_or_null(session);
}
std::shared_ptr<const LiveReply> AttachedService::live_or_null(const std::string& session) const {
  return impl_->snapshots.live_or_null(session);
}
ModelState AttachedService::model_state(Mode mode) const {
  return impl_->snapshots.model(mode);
}
std::vector<ResidentModel> AttachedService::resident_models() const {
  return impl_->snapshots.residents();
}
engine::Metrics AttachedService::metrics() const {
  return impl_->metrics();
}
std::vector<Notice> AttachedService::take_notices() {
  return impl_->snapshots.take_notices();
}

#define COMMAND(answer, name, parameters, ...)                    \
  Answer<answer> AttachedService::name parameters {               \
    return impl_->ask<answer>(#name, Json::array({__VA_ARGS__})); \
  }
#define POST(name, parameters, ...)                                                              \
  void AttachedService::name parameters {                                                        \
    impl_->post({{"kind", "post"}, {"name", #name}, {"arguments", Json::array({__VA_ARGS__})}}); \
  }
#include "core/session/service_commands.inc"
#undef COMMAND
#undef POST

// The view comes with the snapshots, which stand before the answer.
Answer<SessionView> AttachedService::open_session(std::string session) {
  return impl_->ask<SessionView>("open_session", Json::array({session}),
                                 [impl = impl_.get(), session](const Json&) -> Result<SessionView> {
                                   const auto view = impl->snapshots.view_or_null(session);
                                   if (view) return *view;
                                   return Error{ErrorCode::not_found, "the session was closed meanwhile"};
                                 });
}

void AttachedService::close_session(std::string session) {
  impl_->snapshots.set_view(session, nullptr);
  impl_->post(
      {{"kind", "post"}, {"name", "close_session"}, {"arguments", Json::array({std::move(session)})}});
}

Answer<int> AttachedService::listen(ListenRequest request, ListenLog log) {
  impl_->set_log(std::move(log));
  return impl_->ask<int>("listen", Json::array({std::move(request)}));
}

void AttachedService::stop_listening() {
  impl_->ask<void>("stop_listening", Json::array()).wait();
  impl_->set_log(nullptr);
}

uint64_t AttachedService::follow(Follower follower) {
  return impl_->follow(std::move(follower));
}
void AttachedService::unfollow(uint64_t id) {
  impl_->unfollow(id);
}

}  // namespace fabula::session
