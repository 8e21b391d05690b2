// A story edited in place: bytes of the page replaced, and what that makes of the messages it consists of.
// Goals: words that nobody touched keep their exact tokens; who wrote what stays known (a part is the person's
// or the model's, a change inside a model's part cuts it in three); the parts before the first change keep
// their ids. Non-goals: formatting; chats.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/session/types.h"

namespace fabula::session {

// The page is the texts of the path's messages, one after the other. Offsets are bytes of it as it was before
// all edits; edits are sorted and disjoint.
struct PageEdit {
  size_t begin = 0;
  std::string removed;  // what stands there; another text refuses the edit
  std::string text;     // what shall stand there

  size_t end() const { return begin + removed.size(); }
};

struct PageRevision {
  std::vector<Message> changed;  // of the path, the person's own: new words in place
  std::vector<Message> added;    // each the parent of the next
  std::string current;           // the new leaf, "" for an empty page
};

// The ids of a part. `old`: the message whose words it had, or null; at_start: it opens the page.
using EncodePart =
    std::function<std::vector<int32_t>(std::string_view text, const Message* old, bool at_start)>;

// The person's own parts change in place (the log of operations keeps the old words). From the first part of
// the model's that changes, the page goes on as a new branch: later parts are copied with their tokens and
// receipts, and the old branch stays. `tokenizer`: fingerprint of what `encode` gives, "" where no model is
// loaded. Errors: invalid_argument (the page is not what the edits were made on).
Result<PageRevision> revise_page(const std::vector<std::shared_ptr<const Message>>& path,
                                 std::span<const PageEdit> edits, const EncodePart& encode,
                                 std::string_view tokenizer, int64_t now_unix_milliseconds);

}  // namespace fabula::session
