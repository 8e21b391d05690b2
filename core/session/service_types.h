// What crosses the door to the sessions (service.h) besides sessions and messages. A type that is added here
// gets its row of fields in wire_types.h, so that an attached process sees it too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/engine/engine.h"
#include "core/session/types.h"

namespace fabula::session {

class Service;

// What a reply that is being written looks like now.
struct LiveReply {
  std::string session, message;
  std::string text;  // so far
  int64_t tokens = 0;
  int64_t prompt_done = 0, prompt_total = 0;
  double decode_tokens_per_second = 0;
  bool started = false;  // the first token has come
};

struct ModelState {
  // asleep: its memory was given back (idle, or for another model); whoever needs it next wakes it.
  enum class Phase : uint8_t { none, loading, ready, failed, asleep };
  Phase phase = Phase::none;
  float progress = 0;
  engine::ModelId id = 0;
  std::string path, name, error;
  bool has_chat_template = false;
  TemplateSwitches switches;  // that the chat template knows, as it has them
  std::string chat_template_error;
  int64_t context = 0;
  std::string precision, device;
  int64_t layers = 0, gpu_layers = 0;  // of the model; of them on a GPU
  bool cpu_can_take_over = false;      // failed because of a device: the same model would load on the CPU
  uint64_t weight_bytes = 0;
  bool remote = false;  // ready: a server elsewhere answers; there are no token ids, no receipts, no KV, and its context is not known
};

// A model in memory, whether a mode speaks with it now or it is kept for the next time.
struct ResidentModel {
  std::string path, name;
  uint64_t bytes = 0;    // weights
  bool in_use = false;   // a mode's, or a reply is being written by it
};

// Something that a person may do next, to ask what it would cost.
struct Act {
  enum class Kind : uint8_t {
    reply,       // writing on where the path ends
    send,        // `text`, then a reply
    regenerate,  // another last reply
    edit,        // `message` says `text`, then a reply
    go,          // to the branch through `message`, then writing on
    system,      // with the system text `text`
  };
  Kind kind = Kind::reply;
  std::string message, text;
};

// What the model would read for it.
struct Outlook {
  int64_t whole_tokens = 0;      // of everything there is
  int64_t prompt_tokens = 0;     // of what it would be given
  int64_t stored_tokens = 0;     // of them, read already
  double seconds = 0;            // to read the rest, at the rate measured last; 0: no rate is known yet
  int64_t context = 0;           // of the model
  int64_t dropped_messages = 0;  // the oldest ones, left out by the session's choice (Overflow)
  int64_t next_messages = 0;     // that would be left out next
  bool fits = true;              // false: an error, unless the session leaves the oldest out or gets a longer context
};

struct Notice {  // shown as a toast, returned as an error
  enum class Kind : uint8_t { info, warning, error };
  Kind kind = Kind::info;
  std::string text;
  std::string undo_session;  // not empty: offers "Undo" of the deletion of this session
};

struct ReplyOptions {  // of one reply; absent: the session's settings
  std::optional<int64_t> max_tokens;
  std::optional<uint64_t> seed;
  std::optional<engine::SamplerSettings> sampler;
  std::vector<std::string> stop;
  std::optional<std::string> rules;  // as SessionSettings::grammar. A reply that goes on keeps those that it began with
};

// What replaying the receipts of a session gave.
struct ReplayReport {
  enum class Outcome : uint8_t { equal, different, skipped };
  struct Reply {
    std::string message;
    Outcome outcome = Outcome::skipped;
    int64_t tokens = 0;               // that the reply has
    int64_t first_difference = -1;    // index of the token; `tokens` where only one of the two goes on
    int32_t expected = -1, got = -1;  // there; -1: ended
    std::string why;                  // skipped: in plain words
  };
  std::vector<Reply> replies;  // every branch, parents first
  int64_t equal = 0, different = 0, skipped = 0;
};

// The HTTP API as the service sees it: opened by the host, whoever asked for it, and closed with its owner.
struct ListenRequest {
  std::string host = "127.0.0.1";
  int port = 8642;  // 0: any free one
  std::string api_key;
  std::vector<std::string> allow_origins;
  bool log_text = false;  // what is asked, in the log; otherwise no word of any message is
};
class Listener {
 public:
  virtual ~Listener() = default;  // closes every connection
  virtual int port() const = 0;
};
using ListenLog = std::function<void(const std::string& line)>;  // any thread; must not block
using OpenListener =
    std::function<Result<std::unique_ptr<Listener>>(Service& service, const ListenRequest&, ListenLog)>;

}  // namespace fabula::session
