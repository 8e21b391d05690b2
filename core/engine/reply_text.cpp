#include "core/engine/reply_text.h"

#include <algorithm>
#include <utility>

namespace fabula::engine {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::push(std::string_view text) {
  if (matched_) return {};
  held_ += text;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    matched_ = true;
    held_.resize(first);
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    size_t n = std::min(stop.size() - 1, held_.size());
    while (n > keep && !std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) --n;
    keep = std::max(keep, n);
  }
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::finish() {
  return std::exchange(held_, {});
}

ReplyText::ReplyText(std::shared_ptr<const text::Tokenizer> tokenizer, std::span<const int32_t> prompt,
                     std::vector<std::string> stops)
    : stream_(std::move(tokenizer), /*keep_special=*/false), stops_(std::move(stops)) {
  for (int32_t token : prompt) (void)stream_.push(token);
}

std::string ReplyText::push(int32_t token) {
  return stops_.push(stream_.push(token));
}

std::string ReplyText::finish() {
  std::string rest = stops_.push(stream_.finish());
  if (!stops_.matched()) rest += stops_.finish();
  return rest;
}

}  // namespace fabula::engine
