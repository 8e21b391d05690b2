// What a session is made of. Tokens are the truth; text is derived from them and kept beside them for search and display.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/choice.h"
#include "core/engine/sampler_settings.h"

namespace fabula::session {

enum class Mode : uint8_t { chat, story };
enum class Role : uint8_t { system, user, assistant, tool };
const char* mode_name(Mode mode);  // "chat", "story"
const char* role_name(Role role);
std::optional<Mode> mode_or_none(std::string_view name);
std::optional<Role> role_or_none(std::string_view name);

// What is needed to say the same words again (DESIGN 2); stored with every reply.
struct Receipt {
  std::string model_fingerprint, numerics_id, build;
  engine::SamplerSettings sampler;
  uint64_t seed = 0;
  int64_t max_tokens = 0;
  std::vector<std::string> stop;
  std::string grammar;          // that the reply was held to (SessionSettings::grammar), "" for none
  std::string prompt_hash;      // SHA-256 of the prompt's ids, 4 bytes little-endian each
  // The prompt itself, as what it adds to the context of an earlier reply on the same branch: the first `prompt_keep` ids of
  // (that reply's prompt, its tokens), then `prompt`. No base: `prompt` is all of it. So a receipt stays replayable when the
  // system text or the template has changed since, and a long chat is not stored once per turn.
  std::string prompt_base;      // id of that reply, "" for none
  int64_t prompt_keep = 0;
  std::vector<int32_t> prompt;
  int64_t given = 0;            // the reply's first ids that were chosen by a person or kept from another reply, not drawn
  // Where the reply was continued under another seed or other settings; ascending.
  struct Continuation {
    int64_t at = 0;             // index of the first token that it covers
    uint64_t seed = 0;
    engine::SamplerSettings sampler;
  };
  std::vector<Continuation> continuations;
};

struct MessageStats {
  int64_t prompt_tokens = 0, reused_tokens = 0, generated_tokens = 0;
  double prompt_seconds = 0, decode_seconds = 0, first_token_seconds = 0;
  // "remote:NAME/model" where a model elsewhere wrote it: no ids, no receipt, and the counts are those that the server told
  // (0: it told none).
  std::string remote;
};

struct Message {
  std::string id;       // UUIDv7
  std::string parent;   // "" for a root
  Role role = Role::user;
  std::string text;
  std::vector<int32_t> tokens;  // exact ids that the model read or wrote for this message's content
  std::string tokenizer;        // fingerprint of the tokenizer of `tokens`
  int64_t created_at = 0;       // Unix milliseconds
  // "" for what people wrote; "partial" while a reply is being written; "interrupted" where the process died meanwhile;
  // else the engine's "stop", "length", "cancelled", "error".
  std::string finish_reason;
  std::optional<Receipt> receipt;
  MessageStats stats;
  // The likeliest ids at each place of `tokens`, descending, with the log-probability each had; where they were asked for
  // (SessionSettings::alternatives). Maybe shorter or longer than `tokens`; empty: not kept for that place.
  std::vector<std::vector<engine::Choice>> alternatives;
  int siblings = 1, sibling_index = 0;  // alternatives at this place; filled in snapshots
};

// What happens when a text has outgrown the context: nothing is left out unless somebody said so.
enum class Overflow : uint8_t {
  ask,          // an error that names both numbers; the window asks before it comes to that
  drop_oldest,  // a chat's oldest turns, a story's oldest text are not read any more
};
const char* overflow_name(Overflow overflow);  // "ask", "drop_oldest"
std::optional<Overflow> overflow_or_none(std::string_view name);

using TemplateSwitches = std::map<std::string, bool>;  // variables of the chat template: enable_thinking

// Settings that a session keeps for itself; defaults come from the mode.
struct SessionSettings {
  engine::SamplerSettings sampler;
  std::optional<uint64_t> seed;   // none: drawn anew for each reply, and stored in its receipt
  int64_t max_tokens = 512;
  std::vector<std::string> stop;
  std::string grammar;            // replies are held to it: GBNF, or a JSON Schema (it begins with '{'); "": free
  int alternatives = 0;           // per token of new replies, kept with them; at most max_alternatives
  // Of a story: read in front of the page, and `note_depth` paragraphs before its end. Neither is part of the page.
  std::string memory, note;
  int64_t note_depth = 3;
  Overflow overflow = Overflow::ask;
  TemplateSwitches switches;      // what is not named is as the template has it
};

inline constexpr int max_alternatives = 20;

struct SessionInfo {
  std::string id, title;
  bool title_is_manual = false;
  Mode mode = Mode::chat;
  int64_t created_at = 0, updated_at = 0;
  int64_t message_count = 0;      // of the current path
  std::string model_path, model_name, model_fingerprint;
  bool in_trash = false, pinned = false;
  std::string folder;             // "" for none
  std::vector<std::string> tags;
  bool generating = false;
  bool operator==(const SessionInfo&) const = default;
};

// Immutable snapshot of one session's current path: what panels draw and the API answers.
struct SessionView {
  SessionInfo info;
  std::string system;
  SessionSettings settings;
  std::string draft;
  std::vector<std::shared_ptr<const Message>> path;  // root first
  std::string current;                               // id of the last message of the path, "" when empty
  uint64_t revision = 0;                             // grows with every change
  bool can_undo = false, can_redo = false;
};

}  // namespace fabula::session
