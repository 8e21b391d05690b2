#include "core/engine/reply_text.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fabula::engine {

TextGate::TextGate(std::vector<std::string> stops, std::vector<std::string> hidden)
    : marks_(std::move(stops)) {
  const auto is_empty = [](const std::string& mark) { return mark.empty(); };
  std::erase_if(marks_, is_empty);
  std::erase_if(hidden, is_empty);
  n_stops_ = marks_.size();
  std::move(hidden.begin(), hidden.end(), std::back_inserter(marks_));
}

std::string TextGate::push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  std::string safe;
  for (;;) {
    size_t at = std::string::npos, which = 0;
    for (size_t i = 0; i < marks_.size(); ++i)
      if (const size_t found = held_.find(marks_[i]); found < at) at = found, which = i;
    if (at == std::string::npos) break;
    safe.append(held_, 0, at);
    if (which < n_stops_) {
      stopped_ = true;
      held_.clear();
      return safe;
    }
    held_.erase(0, at + marks_[which].size());
  }
  size_t keep = 0;
  for (const std::string& mark : marks_) {
    size_t n = std::min(mark.size() - 1, held_.size());
    while (n > keep && !std::string_view(held_).ends_with(std::string_view(mark).substr(0, n))) --n;
    keep = std::max(keep, n);
  }
  safe.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return safe;
}

std::string TextGate::finish() {
  return std::exchange(held_, {});
}

ReplyText::ReplyText(std::shared_ptr<const text::Tokenizer> tokenizer, std::span<const int32_t> prompt,
                     std::vector<std::string> stops, std::vector<std::string> hidden)
    : stream_(std::move(tokenizer), /*keep_special=*/false), gate_(std::move(stops), std::move(hidden)) {
  for (int32_t token : prompt) (void)stream_.push(token);
}

std::string ReplyText::push(int32_t token) {
  return gate_.push(stream_.push(token));
}

std::string ReplyText::finish() {
  std::string rest = gate_.push(stream_.finish());
  if (!gate_.stopped()) rest += gate_.finish();
  return rest;
}

}  // namespace fabula::engine
