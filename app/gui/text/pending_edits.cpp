#include "app/gui/text/pending_edits.h"

#include <algorithm>

#include "app/gui/text/editor.h"

namespace fabula::text {

namespace {

bool inside_character(const std::string& text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// Takes off what begins and ends alike, in whole characters.
void trim(PendingEdit& edit) {
  const auto [was, is] = std::mismatch(edit.removed.begin(), edit.removed.end(), edit.text.begin(), edit.text.end());
  auto front = static_cast<size_t>(was - edit.removed.begin());
  while (front > 0 && (inside_character(edit.removed, front) || inside_character(edit.text, front))) --front;
  edit.begin += front;
  edit.removed.erase(0, front);
  edit.text.erase(0, front);
  const auto [was_end, is_end] = std::mismatch(edit.removed.rbegin(), edit.removed.rend(), edit.text.rbegin(), edit.text.rend());
  auto back = static_cast<size_t>(was_end - edit.removed.rbegin());
  while (back > 0 && inside_character(edit.removed, edit.removed.size() - back)) --back;
  edit.removed.erase(edit.removed.size() - back);
  edit.text.erase(edit.text.size() - back);
}

}  // namespace

void PendingEdits::add(const EditorChange& change) {
  const size_t begin = change.begin, end = begin + change.removed.size();
  // The places that the change touches become one with it.
  auto first = std::find_if(places_.begin(), places_.end(), [&](const Place& p) { return p.end() >= begin; });
  auto last = first;
  std::ptrdiff_t before = 0;
  for (auto p = places_.begin(); p != first; ++p) before += p->growth();
  Place joined;
  joined.begin = first != places_.end() ? std::min(begin, first->begin) : begin;
  joined.saved_begin = static_cast<size_t>(static_cast<std::ptrdiff_t>(joined.begin) - before);
  size_t at = joined.begin;  // in the present text, as far as `removed` is known
  for (; last != places_.end() && last->begin <= end; ++last) {
    if (last->begin > at) joined.removed += change.removed.substr(at - begin, last->begin - at);
    joined.removed += last->removed;
    at = last->end();
  }
  if (end > at) joined.removed += change.removed.substr(at - begin, end - at), at = end;
  joined.size = at - joined.begin - change.removed.size() + change.inserted.size();
  const size_t n_removed = change.removed.size(), n_inserted = change.inserted.size();
  for (auto p = last; p != places_.end(); ++p) p->begin = p->begin - n_removed + n_inserted;
  places_.insert(places_.erase(first, last), std::move(joined));
}

std::vector<PendingEdit> PendingEdits::list(const std::function<std::string(size_t, size_t)>& now) const {
  std::vector<PendingEdit> out;
  for (const Place& place : places_) {
    PendingEdit edit{place.saved_begin, place.removed, now(place.begin, place.end())};
    trim(edit);
    if (!edit.removed.empty() || !edit.text.empty()) out.push_back(std::move(edit));
  }
  return out;
}

size_t PendingEdits::last_end() const {
  return places_.empty() ? 0 : places_.back().saved_begin + places_.back().removed.size();
}

std::ptrdiff_t PendingEdits::growth() const {
  std::ptrdiff_t sum = 0;
  for (const Place& place : places_) sum += place.growth();
  return sum;
}

std::vector<PendingEdit> difference(const std::string& saved, const std::string& now) {
  PendingEdit edit{0, saved, now};
  trim(edit);
  if (edit.removed.empty() && edit.text.empty()) return {};
  return {std::move(edit)};
}

}  // namespace fabula::text
