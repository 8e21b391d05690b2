// What travels between a host and the processes attached to it: frames over a Unix stream socket, a u32
// length (little-endian) and that many bytes of JSON, an object with its "kind".
//
//   attached -> host   {"kind":"hello","protocol":..,"version":..,"program":..}
//                      {"kind":"call","id":7,"name":"rename","arguments":[..]}, {"kind":"post",...} (no
//                      answer)
//   host -> attached   {"kind":"welcome","program":..} or {"kind":"refused","message":..}, then
//                      {"kind":"answer","id":7,"value":..} or {...,"error":{..}}
//                      {"kind":"shown",...}: what changed of sessions, views, replies, models, metrics
//                      {"kind":"notice"|"piece"|"log",...}
//
// hello and refused keep their form for ever, so that any two versions can tell each other who they are; all
// else may change with every build: both sides must be of one version and know the same commands (protocol).
// Goals: bounded, whatever arrives; nothing blocks. Non-goals: other users, other machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/descriptor.h"
#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::session {

// Of the commands of this build: digest of their list.
std::string wire_protocol();

constexpr size_t max_hello_bytes = 4096;               // until a peer has said who it is
constexpr size_t max_frame_bytes = size_t{256} << 20;  // as parse_json takes them

// Wakes a poll() from any thread.
class Bell {
 public:
  Bell();
  void ring() const;
  void hear() const;  // quiet again
  int descriptor() const { return event_.get(); }

 private:
  Descriptor event_;
};

// Both directions of one connection. Thread: one.
class FrameStream {
 public:
  explicit FrameStream(Descriptor socket) : socket_(std::move(socket)) {}
  int descriptor() const { return socket_.get(); }

  void limit(size_t frame_bytes) { limit_ = frame_bytes; }
  // Takes what has arrived. Errors: io (closed, or broken), corrupt (a frame beyond the limit).
  Status receive();
  std::optional<std::string> next();  // a whole frame, or none yet

  // Errors: invalid_argument (too large; nothing of it is sent).
  Status queue(const Json& frame);
  Status send();  // as far as the socket takes it. Errors: io
  size_t unsent_bytes() const { return out_.size() - sent_; }

 private:
  Descriptor socket_;
  size_t limit_ = max_hello_bytes;
  std::string in_, out_;
  size_t taken_ = 0, sent_ = 0;
};

// `folder`/fabula.sock, however long the folder's name is (a socket address holds 107 bytes; it is reached
// through the folder's descriptor). A socket that is left of a dead host is replaced: the caller holds the
// lock. Mode 0600. Errors: io.
Result<Descriptor> listen_in(const std::filesystem::path& folder);
// Errors: not_found (nobody listens), io.
Result<Descriptor> connect_in(const std::filesystem::path& folder);
void remove_socket(const std::filesystem::path& folder);
// Whether the other end belongs to the same user.
bool is_own_peer(int socket);

}  // namespace fabula::session
