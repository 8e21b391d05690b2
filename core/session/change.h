// What an operation changed in a session, forwards or backwards: the log stores two of these as JSON (before,
// after), and doing, undoing and redoing are one function that applies one of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/session/types.h"

namespace fabula::session {

struct Change {
  struct Title {
    std::string text;
    bool is_manual = false;
  };
  struct Deleted {
    std::vector<std::string> messages;
    bool deleted = false;
  };
  struct Content {  // of one message, all of it
    std::string message, text, tokenizer, finish_reason;
    std::vector<int32_t> tokens;
    std::optional<Receipt> receipt;
    MessageStats stats;
    // Not part of the log: what stood to choose at a place depends on the ids before it alone, so that the same list is true
    // before and after. Empty: as they were.
    std::vector<std::vector<engine::Choice>> alternatives;
  };

  struct Labels {
    std::string folder;
    std::vector<std::string> tags;
  };

  std::optional<std::string> current;  // "" for an empty path
  std::optional<Title> title;
  std::optional<std::string> system;
  std::optional<SessionSettings> settings;
  std::optional<Labels> labels;
  std::optional<bool> in_trash;
  std::optional<Deleted> deleted;
  std::vector<Content> contents;  // each of another message
};

Change::Content content_of(const Message& message);
void apply_content(const Change::Content& content, Message& message);

std::string change_to_text(const Change& change);        // JSON
Result<Change> change_from_text(std::string_view text);  // Errors: corrupt

}  // namespace fabula::session
