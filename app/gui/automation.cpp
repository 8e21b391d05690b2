#include "app/gui/automation.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json.h"

namespace fabula::gui {
namespace {

constexpr size_t max_request_bytes = 64 * 1024;
constexpr int patience_ms = 2000;  // for a client that connects and says nothing

OrderedJson widgets_json(const FrameRecord& record) {
  OrderedJson list = OrderedJson::array();
  for (const WidgetRecord& w : record.widgets) {
    const auto round = [](float v) { return static_cast<int>(std::lround(v)); };
    list.push_back({{"id", w.id},
                    {"label", w.label},
                    {"rect", {round(w.x), round(w.y), round(w.width), round(w.height)}},
                    {"enabled", w.enabled},
                    {"focused", w.focused}});
  }
  return OrderedJson{{"widgets", std::move(list)}};
}

OrderedJson state_json(const FrameRecord& r) {
  return OrderedJson{{"mode", r.mode},         {"session", r.session},
                     {"messages", r.messages}, {"generating", r.generating},
                     {"model", r.model},       {"toasts", r.toasts},
                     {"frames", r.frames},     {"first_frame_ms", r.first_frame_ms},
                     {"slowest_frame_ms", r.slowest_frame_ms},
                     {"frame_p99_ms", r.frame_p99_ms},
                     {"opened_ms", r.opened_ms},
                     {"blocking", r.blocking}, {"text", r.text},
                     {"draft", r.draft}};
}

void send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// One line, or nothing where the client leaves, says too much, or stays silent; `stop` ends the wait.
bool receive_line(int client, int stop, std::string& line) {
  line.clear();
  char buffer[4096];
  while (line.size() < max_request_bytes) {
    pollfd waits[2] = {{client, POLLIN, 0}, {stop, POLLIN, 0}};
    if (::poll(waits, 2, patience_ms) <= 0 || waits[1].revents != 0) return false;
    const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
    if (n <= 0) return !line.empty();
    line.append(buffer, static_cast<size_t>(n));
    if (const size_t end = line.find('\n'); end != std::string::npos) {
      line.resize(end);
      return true;
    }
  }
  return false;
}

}  // namespace

std::string automation_answer(const std::string& line, const FrameRecord& record) {
  auto request = parse_json(line, "request");
  std::string command;
  if (request && request->is_object()) {
    if (const auto found = request->find("cmd"); found != request->end() && found->is_string()) command = found->get<std::string>();
  }
  if (command == "widgets") return dump_json(widgets_json(record)) + "\n";
  if (command == "state") return dump_json(state_json(record)) + "\n";
  return "{\"error\":\"unknown cmd: widgets and state are known\"}\n";
}

Result<std::unique_ptr<Automation>> Automation::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::invalid_argument, "the path of the automation socket is too long: " + path};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  std::unique_ptr<Automation> self(new Automation());
  self->path_ = path;
  self->listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (self->listener_ < 0) return io_error("making the automation socket", path, errno);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  const mode_t old_mask = ::umask(0177);  // born with 0600: no moment in which others may connect
  const int bound = ::bind(self->listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old_mask);
  if (bound != 0) {
    self->path_.clear();
    return io_error("making the automation socket", path, error);
  }
  if (::listen(self->listener_, 8) != 0 || ::pipe(self->stop_pipe_) != 0) {
    return io_error("listening at the automation socket", path, errno);
  }
  self->record_ = std::make_shared<const FrameRecord>();
  self->thread_ = std::thread([raw = self.get()] { raw->loop(); });
  return self;
}

Automation::~Automation() {
  if (thread_.joinable()) {
    const char byte = 0;
    while (::write(stop_pipe_[1], &byte, 1) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  for (int descriptor : {listener_, stop_pipe_[0], stop_pipe_[1]}) {
    if (descriptor >= 0) ::close(descriptor);
  }
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Automation::publish(std::shared_ptr<const FrameRecord> record) {
  std::lock_guard lock(mutex_);
  record_.swap(record);
}

std::shared_ptr<const FrameRecord> Automation::last() const {
  std::lock_guard lock(mutex_);
  return record_;
}

void Automation::loop() {
  for (;;) {
    pollfd waits[2] = {{listener_, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    std::string line;
    if (receive_line(client, stop_pipe_[0], line)) send_all(client, automation_answer(line, *last()));
    ::close(client);
  }
}

}  // namespace fabula::gui
