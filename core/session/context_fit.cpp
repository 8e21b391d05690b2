#include "core/session/context_fit.h"

#include <algorithm>

namespace fabula::session {

namespace {

constexpr size_t sentence_search = 128;  // tokens

// About what a message takes of the prompt. It must not depend on anything that changes later.
int64_t weight_of(const Message& message) {
  constexpr int64_t template_tokens = 4, bytes_per_token = 3;
  const auto own = message.tokens.empty() ? static_cast<int64_t>(message.text.size()) / bytes_per_token
                                          : static_cast<int64_t>(message.tokens.size());
  return own + template_tokens;
}

struct Cut {
  size_t first = 0;    // message that the prompt begins with
  int64_t before = 0;  // weight of what stands before it
};

// Where turns begin, the first one left out.
std::vector<Cut> cuts_of(const MessagePath& path) {
  std::vector<Cut> cuts;
  int64_t weight = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    if (i > 0 && path[i]->role == Role::user) cuts.push_back({i, weight});
    weight += weight_of(*path[i]);
  }
  return cuts;
}

}  // namespace

int64_t reply_room(const SessionSettings& settings, int64_t context) {
  const int64_t most = context / 4;
  return settings.max_tokens > 0 ? std::min(settings.max_tokens, most) : most;
}

Result<Context> fit_chat(const MessagePath& path, int64_t limit, const RenderFrom& render) {
  FABULA_ASSIGN(Context whole, render(0));
  const auto size = static_cast<int64_t>(whole.tokens.size());
  whole.whole_tokens = size;
  const std::vector<Cut> cuts = cuts_of(path);
  if (limit <= 0 || cuts.empty()) return whole;
  const int64_t step = std::max<int64_t>(limit / 4, 1);
  const auto cut_at = [&](int64_t weight) {
    const auto found = std::ranges::find_if(cuts, [weight](const Cut& cut) { return cut.before >= weight; });
    return found == cuts.end() ? cuts.back() : *found;
  };
  Cut now;
  for (int64_t weight = step; size > limit && now.first != cuts.back().first; weight += step) {
    now = cut_at(weight);
    const bool last = now.first == cuts.back().first;
    if (size - now.before > limit && !last) continue;
    FABULA_ASSIGN(Context shorter, render(now.first));
    if (static_cast<int64_t>(shorter.tokens.size()) > limit && !last) continue;
    shorter.whole_tokens = size;
    shorter.dropped_messages = static_cast<int64_t>(now.first);
    shorter.next_messages = static_cast<int64_t>(cut_at(weight + step).first) - shorter.dropped_messages;
    return shorter;
  }
  whole.next_messages = static_cast<int64_t>(cut_at(step).first);
  return whole;
}

void fit_story(Context& page, int64_t limit, const std::function<bool(int32_t token)>& ends_sentence) {
  const auto size = static_cast<int64_t>(page.tokens.size());
  page.whole_tokens = size;
  if (limit <= 0 || size <= limit) return;
  const int64_t step = std::max<int64_t>(limit / 4, 1), steps = (size - limit + step - 1) / step;
  const size_t earliest = std::min(page.n_front + static_cast<size_t>(steps * step), page.tokens.size() - 1);
  size_t cut = earliest;
  const size_t latest = std::min(earliest + sentence_search, page.tokens.size() - 1);
  while (cut < latest && !ends_sentence(page.tokens[cut - 1])) ++cut;
  if (cut == latest) cut = earliest;
  const auto place = [&page](size_t i) { return page.tokens.begin() + static_cast<std::ptrdiff_t>(i); };
  std::vector<int32_t> note;
  if (page.n_note > 0 && page.note < cut) {
    note.assign(place(page.note), place(page.note + page.n_note));
    cut = std::max(cut, page.note + page.n_note);
    page.note = page.n_front;
  } else if (page.n_note > 0) {
    page.note -= cut - page.n_front;
  }
  page.tokens.erase(place(page.n_front), place(cut));
  page.tokens.insert(place(page.n_front), note.begin(), note.end());
}

}  // namespace fabula::session
