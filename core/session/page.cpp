#include "core/session/page.h"

#include <algorithm>

#include "core/base/clock.h"

namespace fabula::session {

namespace {

using Path = std::vector<std::shared_ptr<const Message>>;

struct Part {
  const Message* source = nullptr;  // null: new words of the person's
  std::string text;

  bool is_own() const { return source == nullptr || source->role == Role::user; }
  bool is_whole() const { return source != nullptr && text == source->text; }
};

// The page as parts, with the edits made.
class Parts {
 public:
  explicit Parts(const Path& path) : path_(path) {
    for (const auto& message : path) begins_.push_back(begins_.back() + message->text.size());
  }

  void keep(size_t begin, size_t end) {
    size_t i = message_at(begin);
    for (; i < path_.size() && begins_[i] < end; ++i) {
      const size_t from = std::max(begin, begins_[i]), to = std::min(end, begins_[i + 1]);
      if (from < to) add(path_[i].get(), path_[i]->text.substr(from - begins_[i], to - from));
    }
  }

  // New words join what the person wrote in front of them, or right behind.
  void write(const PageEdit& edit) {
    if (edit.text.empty()) return;
    if (!parts_.empty() && parts_.back().is_own()) {
      parts_.back().text += edit.text;
      return;
    }
    add(own_touched(edit), edit.text);
  }

  std::string_view text_at(size_t begin, size_t size) const {
    page_.clear();
    for (size_t i = message_at(begin); i < path_.size() && begins_[i] < begin + size; ++i) page_ += path_[i]->text;
    const size_t first = begins_[std::min(message_at(begin), path_.size())];
    return begin - first <= page_.size() ? std::string_view(page_).substr(begin - first, size) : std::string_view();
  }

  size_t size() const { return begins_.back(); }
  std::vector<Part>& list() { return parts_; }

 private:
  void add(const Message* source, std::string text) {
    if (source != nullptr && !parts_.empty() && parts_.back().source == source) {
      parts_.back().text += text;
    } else {
      parts_.push_back({source, std::move(text)});
    }
  }
  size_t message_at(size_t offset) const {  // the last one that begins at or before it
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), offset);
    return static_cast<size_t>(after - begins_.begin()) - 1;
  }
  const Message* own_touched(const PageEdit& edit) const {
    for (size_t i = 0; i < path_.size() && begins_[i] <= edit.end(); ++i) {
      const Message& message = *path_[i];
      if (message.role != Role::user || message.text.empty()) continue;
      const bool covered = edit.begin <= begins_[i] && begins_[i + 1] <= edit.end();
      const bool goes_on = edit.end() >= begins_[i] && edit.end() < begins_[i + 1];
      if (covered || goes_on) return &message;
    }
    return nullptr;
  }

  const Path& path_;
  std::vector<size_t> begins_ = {0};  // of each message, and the end
  std::vector<Part> parts_;
  mutable std::string page_;
};

Message message_of(const Part& part, const std::string& parent, const EncodePart& encode, std::string_view tokenizer,
                   int64_t now, bool at_start) {
  Message out;
  if (part.is_whole()) {
    out = *part.source;
  } else {
    out.role = part.is_own() ? Role::user : Role::assistant;
    out.text = part.text;
    out.tokens = encode(part.text, part.source, at_start);
    out.tokenizer = out.tokens.empty() ? "" : std::string(tokenizer);
    out.created_at = now;
  }
  out.id = make_uuid_v7();
  out.parent = parent;
  out.siblings = 1;
  out.sibling_index = 0;
  return out;
}

}  // namespace

Result<PageRevision> revise_page(const Path& path, std::span<const PageEdit> edits, const EncodePart& encode,
                                 std::string_view tokenizer, int64_t now) {
  Parts parts(path);
  size_t at = 0;
  for (const PageEdit& edit : edits) {
    if (edit.begin < at || edit.end() > parts.size() || parts.text_at(edit.begin, edit.removed.size()) != edit.removed)
      return Error{ErrorCode::invalid_argument, "the page has changed meanwhile"};
    parts.keep(at, edit.begin);
    parts.write(edit);
    at = edit.end();
  }
  parts.keep(at, parts.size());

  PageRevision out;
  const std::vector<Part>& list = parts.list();
  size_t kept = 0;  // parts that stay where they are, as path[0, places)
  size_t places = 0;
  while (kept < list.size()) {
    size_t place = places;
    while (place < path.size() && path[place]->text.empty()) ++place;  // replies that said nothing
    const Part& part = list[kept];
    if (place == path.size() || part.source != path[place].get() || !(part.is_whole() || part.is_own())) break;
    if (!part.is_whole()) {
      Message changed = *part.source;
      changed.text = part.text;
      changed.tokens = encode(part.text, part.source, kept == 0);
      changed.tokenizer = changed.tokens.empty() ? "" : std::string(tokenizer);
      out.changed.push_back(std::move(changed));
    }
    ++kept, places = place + 1;
  }
  const bool nothing_behind =
      std::all_of(path.begin() + static_cast<std::ptrdiff_t>(places), path.end(), [](const auto& m) { return m->text.empty(); });
  if (nothing_behind) places = path.size();
  out.current = places > 0 ? path[places - 1]->id : "";
  for (; kept < list.size(); ++kept) {
    out.added.push_back(message_of(list[kept], out.current, encode, tokenizer, now, kept == 0));
    out.current = out.added.back().id;
  }
  return out;
}

}  // namespace fabula::session
