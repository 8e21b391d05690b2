#include "core/session/wire.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/file.h"
#include "core/base/hash.h"

namespace fabula::session {

namespace {

constexpr const char* socket_name = "fabula.sock";
constexpr size_t read_bytes = size_t{64} << 10;

// Every command with its types, as text.
constexpr std::string_view command_list =
#define COMMAND(answer, name, parameters, ...) #answer " " #name #parameters ";"
#define POST(name, parameters, ...) #name #parameters ";"
#include "core/session/service_commands.inc"
#undef COMMAND
#undef POST
    ;

uint32_t length_at(const std::string& bytes, size_t at) {
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i)
    length |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return length;
}

// The folder itself stays open for as long as its socket is being reached.
struct Address {
  Descriptor folder;
  sockaddr_un name{};
};

Result<Address> address_in(const std::filesystem::path& folder) {
  Address address;
  address.folder = Descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!address.folder) return io_error("opening", folder, errno);
  const std::string path = "/proc/self/fd/" + std::to_string(address.folder.get()) + "/" + socket_name;
  address.name.sun_family = AF_UNIX;
  std::memcpy(address.name.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Descriptor new_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

const sockaddr* plain(const sockaddr_un& name) {
  return reinterpret_cast<const sockaddr*>(&name);  // NOLINT: the interface of sockets
}

}  // namespace

std::string wire_protocol() {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(fnv1a(command_list)));
  return text;
}

Bell::Bell() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
void Bell::ring() const {
  const uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}
void Bell::hear() const {
  uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
}

Status FrameStream::receive() {
  for (;;) {
    const size_t old = in_.size();
    in_.resize(old + read_bytes);
    const ssize_t got = ::recv(socket_.get(), in_.data() + old, read_bytes, 0);
    const int problem = errno;
    in_.resize(old + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return Error{ErrorCode::io, "the connection was closed"};
    if (got < 0 && problem == EINTR) continue;
    if (got < 0 && problem != EAGAIN) return Error{ErrorCode::io, std::strerror(problem)};
    if (in_.size() - taken_ >= 4 && length_at(in_, taken_) > limit_)
      return Error{ErrorCode::corrupt, "a message is longer than it may be"};
    if (got < 0 || static_cast<size_t>(got) < read_bytes) return {};
    if (in_.size() - taken_ > limit_) return {};  // whole frames first
  }
}

std::optional<std::string> FrameStream::next() {
  if (in_.size() - taken_ < 4) return std::nullopt;
  const size_t length = length_at(in_, taken_);
  if (length > limit_ || in_.size() - taken_ - 4 < length) return std::nullopt;
  std::string frame = in_.substr(taken_ + 4, length);
  taken_ += 4 + length;
  if (taken_ == in_.size() || taken_ > (size_t{1} << 20)) in_.erase(0, std::exchange(taken_, 0));
  return frame;
}

Status FrameStream::queue(const Json& frame) {
  const std::string text = dump_json(frame);
  if (text.size() > max_frame_bytes)
    return Error{ErrorCode::invalid_argument, "this is too large to be handed to another process"};
  for (size_t i = 0; i < 4; ++i) out_ += static_cast<char>(text.size() >> (8 * i));
  out_ += text;
  return {};
}

Status FrameStream::send() {
  while (sent_ < out_.size()) {
    const ssize_t count = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return {};
    if (count < 0) return Error{ErrorCode::io, std::strerror(errno)};
    sent_ += static_cast<size_t>(count);
  }
  out_.clear();
  sent_ = 0;
  return {};
}

Result<Descriptor> listen_in(const std::filesystem::path& folder) {
  constexpr int backlog = 512;
  FABULA_ASSIGN(const Address address, address_in(folder));
  Descriptor socket = new_socket();
  if (!socket) return io_error("opening a socket in", folder, errno);
  ::unlinkat(address.folder.get(), socket_name, 0);
  // The mode of the socket's inode before bind() becomes that of its name.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), plain(address.name), sizeof address.name) != 0 ||
      ::fchmodat(AT_FDCWD, address.name.sun_path, 0600, 0) != 0 || ::listen(socket.get(), backlog) != 0)
    return io_error("opening the socket in", folder, errno);
  return socket;
}

Result<Descriptor> connect_in(const std::filesystem::path& folder) {
  FABULA_ASSIGN(const Address address, address_in(folder));
  Descriptor socket = new_socket();
  if (!socket) return io_error("opening a socket for", folder, errno);
  if (::connect(socket.get(), plain(address.name), sizeof address.name) == 0) return socket;
  if (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN)
    return Error{ErrorCode::not_found, "nobody listens in " + folder.string()};
  return io_error("reaching the socket in", folder, errno);
}

void remove_socket(const std::filesystem::path& folder) {
  ::unlink((folder / socket_name).c_str());
}

bool is_own_peer(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace fabula::session
