#include "core/session/attach_host.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/build_info.h"
#include "core/base/clock.h"
#include "core/session/wire.h"
#include "core/session/wire_shown.h"
#include "core/session/wire_types.h"

namespace fabula::session {

namespace {

constexpr size_t most_peers = 64;
constexpr double shown_every_seconds = 0.016;  // while something moves; an answer is never held up
constexpr double silence_seconds = 10;         // for saying hello, and for taking what was sent
constexpr size_t most_waiting_bytes = size_t{64}
                                      << 20;  // of pieces and notices for a peer that does not read
constexpr size_t enough_unsent_bytes = size_t{1} << 20;

// What waits to be sent to one peer, from any thread, in its order.
class Outbox {
 public:
  using Make = std::function<Json()>;  // on the attach thread: large answers are written there

  explicit Outbox(std::shared_ptr<const Bell> bell) : bell_(std::move(bell)) {}
  void add(Make make, size_t bytes = 0) {
    const std::lock_guard lock(mutex_);
    if (bytes_ > most_waiting_bytes) return;  // its peer is about to be let go
    bytes_ += bytes;
    items_.push_back({std::move(make), "", "", ""});
    bell_->ring();
  }
  void add_piece(const std::string& session, const std::string& message, std::string_view piece) {
    const std::lock_guard lock(mutex_);
    if (bytes_ > most_waiting_bytes) return;
    bytes_ += piece.size();
    if (!items_.empty() && !items_.back().make && items_.back().message == message) {
      items_.back().text += piece;
      return;  // the bell has been rung for it
    }
    items_.push_back({nullptr, session, message, std::string(piece)});
    bell_->ring();
  }
  bool is_overfull() const {
    const std::lock_guard lock(mutex_);
    return bytes_ > most_waiting_bytes;
  }
  bool is_empty() const {
    const std::lock_guard lock(mutex_);
    return items_.empty();
  }
  std::vector<Json> take() {
    std::deque<Item> taken;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(items_);
      bytes_ = 0;
    }
    std::vector<Json> frames;
    for (Item& item : taken)
      frames.push_back(item.make ? item.make()
                                 : Json{{"kind", "piece"},
                                        {"session", std::move(item.session)},
                                        {"message", std::move(item.message)},
                                        {"text", std::move(item.text)}});
    return frames;
  }

 private:
  struct Item {
    Make make;  // empty: a piece of a reply
    std::string session, message, text;
  };
  const std::shared_ptr<const Bell> bell_;
  mutable std::mutex mutex_;
  std::deque<Item> items_;
  size_t bytes_ = 0;
};

// How a command's answer goes back.
struct Respond {
  std::shared_ptr<Outbox> outbox;
  uint64_t id = 0;

  template <class T>
  void operator()(Result<T> result) const {
    auto kept = std::make_shared<Result<T>>(std::move(result));
    outbox->add([kept, id = id] {
      Json frame = {{"kind", "answer"}, {"id", id}};
      if (!kept->ok())
        frame["error"] = kept->error();
      else if constexpr (std::is_void_v<T>)
        frame["value"] = nullptr;
      else if constexpr (std::is_same_v<T, OrderedJson>)
        frame["value"] = dump_json(**kept);  // as text: its order is part of it
      else
        frame["value"] = **kept;
      return frame;
    });
  }
};

// A row of service_commands.inc: arguments from JSON, the call, the answer back.
template <auto member>
struct Command;
template <class T, class... Parameters, Answer<T> (HostService::*member)(Parameters...)>
struct Command<member> {
  static void run(HostService& service, const Json& arguments, Respond respond) {
    auto values = arguments.get<std::tuple<std::decay_t<Parameters>...>>();
    std::apply([&](auto&&... value) { return (service.*member)(std::move(value)...); }, std::move(values))
        .then([respond](Result<T> result) { respond(std::move(result)); });
  }
};
template <class... Parameters, void (HostService::*member)(Parameters...)>
struct Command<member> {
  static void run(HostService& service, const Json& arguments, Respond) {
    auto values = arguments.get<std::tuple<std::decay_t<Parameters>...>>();
    std::apply([&](auto&&... value) { (service.*member)(std::move(value)...); }, std::move(values));
  }
};

using Run = void (*)(HostService&, const Json&, Respond);
constexpr std::pair<std::string_view, Run> commands[] = {
#define COMMAND(answer, name, parameters, ...) {#name, &Command<&HostService::name>::run},
#define POST(name, parameters, ...) {#name, &Command<&HostService::name>::run},
#include "core/session/service_commands.inc"
#undef COMMAND
#undef POST
};

struct Peer {
  Peer(Descriptor socket, std::shared_ptr<const Bell> bell)
      : stream(std::move(socket)), outbox(std::make_shared<Outbox>(std::move(bell))) {}
  FrameStream stream;
  std::shared_ptr<Outbox> outbox;
  uint64_t id = 0;
  std::string program;
  bool greeted = false, leaving = false;           // leaving: once what is queued has been sent
  double heard_at = 0, sent_at = 0, shown_at = 0;  // monotonic seconds
  ShownWriter shown;
  std::set<std::string> views, texts;  // texts: ids that it asked for (text_request.h)
  uint64_t follower = 0;
  std::unique_ptr<Listener> listener;
};

}  // namespace

class AttachHost::Impl {
 public:
  Impl(HostService& service, const Service::Options& options, Descriptor listener)
      : service_(service), options_(options), listener_(std::move(listener)) {
    name_ = options_.program + " (process " + std::to_string(::getpid()) + ")";
    service_.set_watcher({[this] {
                            if (n_peers_ > 0) bell_->ring();
                          },
                          [this](const Notice& notice) { pass_on(notice); }});
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    closing_ = true;
    bell_->ring();
    thread_.join();
    service_.set_watcher({});
    while (!peers_.empty()) let_go(peers_.begin());
    remove_socket(options_.places.data);
  }

 private:
  using Peers = std::map<uint64_t, std::unique_ptr<Peer>>;

  void run();
  void wait(double now);
  void accept_peers();
  Peers::iterator let_go(Peers::iterator peer);
  bool serve(Peer& peer, double now);
  bool read(Peer& peer, const std::string& frame);
  bool greet(Peer& peer, const Json& hello);
  void call(Peer& peer, const Json& frame);
  bool call_special(Peer& peer, const std::string& name, const Json& arguments, Respond respond);
  bool show(Peer& peer, double now);
  void pass_on(const Notice& notice);

  HostService& service_;
  const Service::Options& options_;
  Descriptor listener_;
  std::string name_;
  std::shared_ptr<const Bell> bell_ = std::make_shared<const Bell>();
  std::atomic<bool> closing_{false};
  std::atomic<size_t> n_peers_{0};
  Peers peers_;
  uint64_t last_peer_ = 0;
  std::mutex outboxes_mutex_;
  std::map<uint64_t, std::shared_ptr<Outbox>> outboxes_;  // of greeted peers, for notices
  std::thread thread_;
};

void AttachHost::Impl::pass_on(const Notice& notice) {
  const std::lock_guard lock(outboxes_mutex_);
  for (const auto& [id, outbox] : outboxes_)
    outbox->add([notice] { return Json{{"kind", "notice"}, {"notice", notice}}; }, notice.text.size());
}

void AttachHost::Impl::run() {
  while (!closing_) {
    wait(monotonic_seconds());
    bell_->hear();
    accept_peers();
    const double now = monotonic_seconds();
    for (auto peer = peers_.begin(); peer != peers_.end();)
      peer = serve(*peer->second, now) ? std::next(peer) : let_go(peer);
  }
}

void AttachHost::Impl::wait(double now) {
  std::vector<pollfd> polled = {{bell_->descriptor(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  int longest_ms = -1;
  for (const auto& [id, peer] : peers_) {
    const bool sending = peer->stream.unsent_bytes() > 0;
    polled.push_back({peer->stream.descriptor(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0});
    if (sending || !peer->greeted) longest_ms = 1000;
  }
  // What was not shown because it was shown a moment ago is shown a moment later; the metrics settle then,
  // too.
  for (const auto& [id, peer] : peers_)
    if (peer->greeted && now - peer->shown_at < 2 * shown_every_seconds)
      longest_ms = static_cast<int>(shown_every_seconds * 1000) + 1;
  ::poll(polled.data(), polled.size(), longest_ms);
}

void AttachHost::Impl::accept_peers() {
  for (;;) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    if (!is_own_peer(socket.get()) || peers_.size() >= most_peers) continue;
    auto peer = std::make_unique<Peer>(std::move(socket), bell_);
    peer->id = ++last_peer_;
    peer->heard_at = peer->sent_at = monotonic_seconds();
    peers_.emplace(peer->id, std::move(peer));
    n_peers_ = peers_.size();
  }
}

AttachHost::Impl::Peers::iterator AttachHost::Impl::let_go(Peers::iterator place) {
  Peer& peer = *place->second;
  {
    const std::lock_guard lock(outboxes_mutex_);
    outboxes_.erase(peer.id);
  }
  if (peer.follower) service_.unfollow(peer.follower);
  service_.close_views(peer.id);
  for (const std::string& text : peer.texts) service_.cancel_text(text);
  auto next = peers_.erase(place);
  n_peers_ = peers_.size();
  return next;
}

// false: it has left, or must.
bool AttachHost::Impl::serve(Peer& peer, double now) {
  const bool there = peer.stream.receive().ok();
  while (const auto frame = peer.stream.next()) {
    if (!read(peer, *frame)) return false;
  }
  if (!there || peer.outbox->is_overfull()) return false;
  if (!peer.greeted && now - peer.heard_at > silence_seconds) return false;
  if (peer.greeted && !peer.leaving && !show(peer, now)) return false;
  const size_t before = peer.stream.unsent_bytes();
  if (!peer.stream.send().ok()) return false;
  const size_t after = peer.stream.unsent_bytes();
  if (after == 0 || after < before) peer.sent_at = now;
  if (peer.leaving && after == 0) return false;
  return now - peer.sent_at <= silence_seconds;
}

bool AttachHost::Impl::read(Peer& peer, const std::string& frame) {
  if (peer.leaving) return true;
  const auto parsed = parse_json(frame, "a message");
  if (!parsed.ok()) return false;
  try {
    const auto& kind = parsed->at("kind").get_ref<const std::string&>();
    if (!peer.greeted) return kind == "hello" && greet(peer, *parsed);
    if (kind == "call" || kind == "post") {
      call(peer, *parsed);
      return true;
    }
  } catch (const std::exception&) {
    // Not of our making: what a peer of the same version sends can be read.
  }
  return false;
}

bool AttachHost::Impl::greet(Peer& peer, const Json& hello) {
  peer.greeted = true;
  peer.program = hello.at("program").get<std::string>().substr(0, 200);
  const std::string own(version()), other = hello.at("version").get<std::string>().substr(0, 100);
  if (other != own || hello.at("protocol") != wire_protocol()) {
    peer.leaving = true;
    return peer.stream
        .queue({{"kind", "refused"},
                {"message", "the sessions are held by " + name_ + ", Fabula " + own + "; this is " +
                                (other == own ? "another build of it" : other) + ": close that one first"}})
        .ok();
  }
  peer.stream.limit(max_frame_bytes);
  {
    const std::lock_guard lock(outboxes_mutex_);
    outboxes_.emplace(peer.id, peer.outbox);
  }
  return peer.stream.queue({{"kind", "welcome"}, {"program", name_}}).ok();
}

void AttachHost::Impl::call(Peer& peer, const Json& frame) {
  const Respond respond{peer.outbox, frame.value("id", uint64_t{0})};
  const auto& name = frame.at("name").get_ref<const std::string&>();
  const Json& arguments = frame.at("arguments");
  if (call_special(peer, name, arguments, respond)) return;
  const auto found = std::find_if(std::begin(commands), std::end(commands),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == std::end(commands)) throw WireError("an unknown command");
  found->second(service_, arguments, respond);
}

bool AttachHost::Impl::call_special(Peer& peer, const std::string& name, const Json& arguments,
                                    Respond respond) {
  if (name == "open_session") {
    const auto session = arguments.at(0).get<std::string>();
    peer.views.insert(session);
    service_.open_view(peer.id, session).then([respond](Result<void> done) { respond(std::move(done)); });
  } else if (name == "close_session") {
    const auto session = arguments.at(0).get<std::string>();
    peer.views.erase(session);
    peer.shown.forget_view(session);
    service_.close_view(peer.id, session);
  } else if (name == "generate") {
    peer.texts.insert(arguments.at(0).at("id").get<std::string>());
    return false;
  } else if (name == "follow") {
    if (!peer.follower)
      peer.follower = service_.follow(
          [outbox = peer.outbox](const std::string& session, const std::string& message,
                                 std::string_view piece) { outbox->add_piece(session, message, piece); });
  } else if (name == "listen") {
    if (peer.listener) {
      respond(Result<int>(Error{ErrorCode::busy, "the API is open already"}));
      return true;
    }
    auto opened = service_.open_listener(
        arguments.at(0).get<ListenRequest>(), [outbox = peer.outbox](const std::string& line) {
          outbox->add([line] { return Json{{"kind", "log"}, {"line", line}}; }, line.size());
        });
    if (opened.ok()) peer.listener = *std::move(opened);
    respond(opened.ok() ? Result<int>(peer.listener->port()) : Result<int>(opened.error()));
  } else if (name == "stop_listening") {
    peer.listener.reset();
    respond(Result<void>());
  } else if (name == "raise") {
    if (options_.raise) options_.raise(arguments.at(0).get<std::string>());
    respond(Result<bool>(options_.raise != nullptr));
  } else {
    return false;
  }
  return true;
}

// Snapshots first, then answers: whoever has an answer finds its effect in the snapshots.
bool AttachHost::Impl::show(Peer& peer, double now) {
  const bool answers = !peer.outbox->is_empty();
  if (!answers &&
      (now - peer.shown_at < shown_every_seconds || peer.stream.unsent_bytes() > enough_unsent_bytes))
    return true;
  std::vector<Json> frames = peer.outbox->take();
  if (Json changes = peer.shown.changes(service_, peer.views); !changes.is_null()) {
    peer.shown_at = now;
    if (!peer.stream.queue(changes).ok()) return false;
  }
  for (const Json& frame : frames) {
    const Status queued = peer.stream.queue(frame);
    if (queued.ok()) continue;
    if (!frame.contains("id")) return false;
    const Json instead = {{"kind", "answer"}, {"id", frame.at("id")}, {"error", queued.error()}};
    if (!peer.stream.queue(instead).ok()) return false;
  }
  return true;
}

AttachHost::AttachHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttachHost::~AttachHost() = default;

Result<std::unique_ptr<AttachHost>> AttachHost::start(HostService& service, const Service::Options& options) {
  FABULA_ASSIGN(Descriptor listener, listen_in(options.places.data));
  auto impl = std::make_unique<Impl>(service, options, std::move(listener));
  return std::unique_ptr<AttachHost>(new AttachHost(std::move(impl)));
}

}  // namespace fabula::session
