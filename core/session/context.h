// From a session's path to the exact ids that the model reads. Replies are never tokenised again: their own
// ids stand in the prompt. What stands between two replies (the template's text, the user's words) is
// tokenised as one piece that depends on nothing else, so that the ids of earlier turns never change.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/model/model.h"
#include "core/session/types.h"

namespace fabula::session {

using MessagePath = std::vector<std::shared_ptr<const Message>>;

struct Context {
  std::vector<int32_t> tokens;  // the prompt
  std::vector<int32_t>
      last_tokens;  // those of them that hold the words of the path's last message, where it is a user's
  struct Fresh {
    size_t message;  // index into the path
    std::vector<int32_t> tokens;
  };
  std::vector<Fresh> fresh;  // of a story: ids made for messages that another tokenizer's model wrote or read
  // Of a story: what stands before its page (BOS, memory), and where in `tokens` the author's note is.
  size_t n_front = 0, note = 0, n_note = 0;
  // Where the oldest was left out (context_fit.h):
  int64_t whole_tokens = 0;      // that the prompt would have with it (of a chat: about); 0: as `tokens`
  int64_t dropped_messages = 0;  // of a chat
  int64_t next_messages = 0;     // of a chat, that would be left out next
};

// The path rendered through the model's template, ready for a reply. `created_at`: of the session, Unix
// milliseconds; it is the date that templates show, so that a session reads the same tomorrow. Where the
// template shows a reply otherwise than it was written (old reasoning dropped), the template's version is
// read. Errors: unsupported (no template: says why), invalid_argument (the template's own words).
Result<Context> chat_context(const model::Model& model, std::string_view system, const MessagePath& path,
                             int64_t created_at, const TemplateSwitches& switches = {});

// What a story's author tells the model beside the page: `memory` in front of it, `note` as a paragraph of its own
// that `note_depth` paragraphs of the page follow (all of the page where it has fewer). The page's ids stay as they
// are; the note stands still while a paragraph is written, so that the cache holds up to it.
struct StoryNotes {
  std::string_view memory, note;
  int64_t note_depth = 0;
};

// The page: BOS where the tokenizer adds one, then every message's own ids. `known` answers for a message of another
// tokenizer with the ids that were read for it before, or nothing; then they are made, and stand in Context::fresh.
using KnownTokens = std::function<std::vector<int32_t>(const Message&)>;
Context story_context(const model::Model& model, const MessagePath& path, const KnownTokens& known,
                      const StoryNotes& notes = {});

// The same page as text, for models whose tokens are not known here.
std::string story_text(const MessagePath& path, const StoryNotes& notes);

// Words that follow on a text that is there already: no first-word rule of the tokenizer applies
// (SentencePiece's space), and nothing in it becomes a special token.
std::vector<int32_t> encode_continuing(const text::Tokenizer& tokenizer, std::string_view text,
                                       std::span<const text::TextRange> plain);

// New ids for a text that was edited: those of `old` are kept as far as the texts agree, from the front and
// from the end, up to a gap between words.
std::vector<int32_t> encode_edited(const text::Tokenizer& tokenizer, std::string_view text,
                                   const Message& old, bool at_start);

// What the ids say, behind `before`. A character that is not complete yet is left out.
std::string decode_continuing(const std::shared_ptr<const text::Tokenizer>& tokenizer,
                              std::span<const int32_t> before, std::span<const int32_t> tokens);

// ---- receipts ----

std::string prompt_hash(std::span<const int32_t> tokens);  // SHA-256 over 4 bytes little-endian each, hex

using FindMessage = std::function<const Message*(const std::string& id)>;

// The exact prompt that a receipt stands for. Errors: not_found (an earlier reply is missing), corrupt (hash
// differs).
Result<std::vector<int32_t>> prompt_of(const Receipt& receipt, const FindMessage& find);

// Fills prompt_base, prompt_keep, prompt and prompt_hash: the prompt as what it adds to the nearest earlier
// reply of `path`.
void describe_prompt(Receipt& receipt, std::span<const int32_t> prompt, const MessagePath& path,
                     const FindMessage& find);

}  // namespace fabula::session
