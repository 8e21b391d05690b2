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

// The places where a conversation may begin: a cut for each step of weight that is left out, the first one at its very beginning.
class Cuts {
 public:
  Cuts(const MessagePath& path, int64_t step) : step_(step) {
    for (size_t i = 0; i < path.size(); ++i) {
      if (i == 0 || path[i]->role == Role::user) turns_.push_back({i, total_});
      total_ += weight_of(*path[i]);
    }
    count_ = static_cast<size_t>((turns_.back().before + step - 1) / step) + 1;
  }

  size_t count() const { return count_; }
  size_t first_message(size_t cut) const { return turn_at(cut).first; }
  int64_t weight_before(size_t cut) const { return turn_at(cut).before; }
  // The first cut behind which no more than `limit` seems to stand.
  size_t guess(int64_t limit) const {
    size_t cut = 0;
    while (cut + 1 < count_ && total_ - weight_before(cut) > limit) ++cut;
    return cut;
  }

 private:
  struct Turn {
    size_t first = 0;    // its message
    int64_t before = 0;  // weight of all that stands before it
  };
  const Turn& turn_at(size_t cut) const {
    const auto found = std::ranges::lower_bound(turns_, static_cast<int64_t>(cut) * step_, {}, &Turn::before);
    return found == turns_.end() ? turns_.back() : *found;
  }

  int64_t step_, total_ = 0;
  std::vector<Turn> turns_;
  size_t count_ = 1;
};

// The first of `count` that fits, the last one where none does. What follows one that fits, fits too: from the guess on it is
// looked for in growing strides, then between the two that are known. `try_it` says whether one fits.
template <class Try>
Result<size_t> first_that_fits(size_t count, size_t guess, Try try_it) {
  size_t low = 0, high = count - 1;  // it is one of these
  size_t stride = 1, at = std::min(guess, high);
  bool below = false, above = false;  // whether an end has been looked at
  while (low < high || !above) {
    FABULA_ASSIGN(const bool fits, try_it(at));
    if (fits || at == count - 1) {
      high = at, above = true;
      if (low == high) break;
      at = below ? low + (high - low) / 2 : high - std::min(stride, high - low);
    } else {
      low = at + 1, below = true;
      at = above ? low + (high - low) / 2 : std::min(low + stride - 1, high);
    }
    stride *= 2;
  }
  return high;
}

}  // namespace

int64_t reply_room(const SessionSettings& settings, int64_t context) {
  const int64_t most = context / 4;
  return settings.max_tokens > 0 ? std::min(settings.max_tokens, most) : most;
}

// What is far too long is never rendered whole: a chat of 10,000 messages would take 80 ms each time.
Result<Context> fit_chat(const MessagePath& path, int64_t limit, const RenderFrom& render) {
  if (limit <= 0 || path.empty()) return render(0);
  const Cuts cuts(path, std::max<int64_t>(limit / 4, 1));
  Context kept;
  const auto try_it = [&](size_t cut) -> Result<bool> {
    FABULA_ASSIGN(Context context, render(cuts.first_message(cut)));
    const bool fits = static_cast<int64_t>(context.tokens.size()) <= limit;
    if (fits || cut + 1 == cuts.count()) kept = std::move(context);
    return fits;
  };
  FABULA_ASSIGN(const size_t cut, first_that_fits(cuts.count(), cuts.guess(limit), try_it));
  kept.whole_tokens = static_cast<int64_t>(kept.tokens.size()) + cuts.weight_before(cut);
  kept.dropped_messages = static_cast<int64_t>(cuts.first_message(cut));
  kept.next_messages = static_cast<int64_t>(cuts.first_message(cut + 1)) - kept.dropped_messages;
  return kept;
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
