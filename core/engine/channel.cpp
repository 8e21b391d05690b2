#include "core/engine/channel.h"

#include <algorithm>
#include <cstring>

namespace fabula::engine {

namespace {

constexpr size_t text_capacity = sizeof(Event::text);

// The longest head of `text` that fits and does not cut a character (text is UTF-8).
size_t fitting_head(std::string_view text) {
  if (text.size() <= text_capacity) return text.size();
  size_t end = text_capacity;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end > 0 ? end : text_capacity;
}

void set_text(Event& event, std::string_view text) {
  std::memcpy(event.text, text.data(), text.size());
  event.text_bytes = static_cast<uint8_t>(text.size());
}

bool is_progress(const Event& event) {
  return event.kind == Event::Kind::prompt_progress || event.kind == Event::Kind::load_progress;
}

}  // namespace

void Channel::push(const Event& event) {
  fresh_ = true;
  if (overflow_.empty() && ring_.try_push(event)) return;
  if (!join_last(event)) overflow_.push_back(event);
  waiting_ = true;
}

bool Channel::join_last(const Event& event) {
  if (overflow_.empty()) return false;
  Event& last = overflow_.back();
  if (last.request != event.request) return false;
  if (last.kind == event.kind && is_progress(event)) {
    last = event;
    return true;
  }
  const bool text_follows_text = last.kind == Event::Kind::text && event.kind == Event::Kind::text;
  if (!text_follows_text || size_t{last.text_bytes} + event.text_bytes > text_capacity) return false;
  std::memcpy(last.text + last.text_bytes, event.text, event.text_bytes);
  last.text_bytes = static_cast<uint8_t>(last.text_bytes + event.text_bytes);
  return true;
}

void Channel::push_with_text(Event event, std::string_view text) {
  do {
    const size_t head = fitting_head(text);
    set_text(event, text.substr(0, head));
    text.remove_prefix(head);
    push(event);
    event.kind = Event::Kind::text;
  } while (!text.empty());
}

void Channel::put_error(RequestId request, Error error) {
  const std::lock_guard lock(side_mutex_);
  errors_.insert_or_assign(request, std::move(error));
}

void Channel::put_alternatives(RequestId request, int64_t index, std::vector<Choice> choices) {
  const std::lock_guard lock(side_mutex_);
  alternatives_.insert_or_assign({request, index}, std::move(choices));
}

void Channel::flush_and_wake() {
  while (!overflow_.empty() && ring_.try_push(overflow_.front())) {
    overflow_.pop_front();
    fresh_ = true;
  }
  waiting_ = !overflow_.empty();
  if (!std::exchange(fresh_, false)) return;
  const std::lock_guard lock(wake_mutex_);
  if (wake_) wake_();
}

bool Channel::poll(Event& event) {
  return ring_.try_pop(event);
}

Error Channel::take_error(RequestId request) {
  const std::lock_guard lock(side_mutex_);
  const auto found = errors_.extract(request);
  return found ? std::move(found.mapped()) : Error{ErrorCode::not_found, "no error is kept for this request"};
}

std::vector<Choice> Channel::take_alternatives(RequestId request, int64_t index) {
  const std::lock_guard lock(side_mutex_);
  const auto found = alternatives_.extract({request, index});
  return found ? std::move(found.mapped()) : std::vector<Choice>{};
}

void Channel::close() {
  const std::lock_guard lock(wake_mutex_);
  wake_ = nullptr;
}

}  // namespace fabula::engine
