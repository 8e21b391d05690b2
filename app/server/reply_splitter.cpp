#include "app/server/reply_splitter.h"

#include <algorithm>

namespace fabula::server {

namespace {

constexpr std::string_view think = "<think>", end_of_thought = "</think>", blanks = " \t\r\n";
constexpr std::string_view python_tag = "<|python_tag|>";  // Llama 3 puts it before some calls

// How many bytes at the end of `text` may be the beginning of `mark`.
size_t held_for(std::string_view text, std::string_view mark) {
  for (size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n)
    if (text.ends_with(mark.substr(0, n))) return n;
  return 0;
}

}  // namespace

ReplySplitter::ReplySplitter(Options options)
    : options_(std::move(options)),
      stage_(options_.starts_in_reasoning ? Stage::reasoning
             : options_.split_reasoning   ? Stage::start
                                          : Stage::content) {}

std::vector<ReplyPart> ReplySplitter::push(std::string_view piece) {
  held_ += piece;
  std::vector<ReplyPart> out;
  while (step(out, false)) {
  }
  return out;
}

std::vector<ReplyPart> ReplySplitter::finish() {
  std::vector<ReplyPart> out;
  while (!held_.empty() && step(out, true)) {
  }
  return out;
}

bool ReplySplitter::step(std::vector<ReplyPart>& out, bool at_end) {
  switch (stage_) {
    case Stage::start: return step_start(out, at_end);
    case Stage::reasoning: return step_reasoning(out, at_end);
    case Stage::behind_reasoning: {
      held_.erase(0, std::min(held_.find_first_not_of(blanks), held_.size()));
      if (held_.empty()) return false;
      stage_ = Stage::content;
      return true;
    }
    case Stage::content: return step_content(out, at_end);
    case Stage::calls: return step_calls(out, at_end);
    case Stage::arguments: return step_arguments(out);
    case Stage::behind_arguments: return step_behind_arguments(at_end);
  }
  return false;
}

void ReplySplitter::emit(std::vector<ReplyPart>& out, ReplyPart::Kind kind, size_t bytes) {
  if (bytes == 0) return;
  if (!out.empty() && out.back().kind == kind)
    out.back().text.append(held_, 0, bytes);
  else
    out.push_back({kind, held_.substr(0, bytes)});
  held_.erase(0, bytes);
}

bool ReplySplitter::step_start(std::vector<ReplyPart>&, bool at_end) {
  const std::string_view rest = std::string_view(held_).substr(std::min(held_.find_first_not_of(blanks), held_.size()));
  if (rest.starts_with(think)) {
    held_.erase(0, held_.size() - rest.size() + think.size());
    stage_ = Stage::reasoning;
  } else if (!at_end && think.starts_with(rest)) {
    return false;
  } else {
    stage_ = Stage::content;
  }
  return true;
}

// White space around the thoughts belongs to nobody.
bool ReplySplitter::step_reasoning(std::vector<ReplyPart>& out, bool at_end) {
  if (!said_something_) held_.erase(0, std::min(held_.find_first_not_of(blanks), held_.size()));
  const size_t end = held_.find(end_of_thought);
  size_t sure = end != std::string::npos ? end : held_.size() - (at_end ? 0 : held_for(held_, end_of_thought));
  const size_t last = held_.find_last_not_of(blanks, sure == 0 ? std::string::npos : sure - 1);
  const size_t words = sure == 0 || last == std::string::npos || last >= sure ? 0 : last + 1;
  said_something_ = said_something_ || words > 0;
  emit(out, ReplyPart::Kind::reasoning, words);
  if (end == std::string::npos) {
    if (at_end) held_.clear();
    return false;
  }
  held_.erase(0, end - words + end_of_thought.size());
  said_something_ = false;
  stage_ = Stage::behind_reasoning;
  return true;
}

bool ReplySplitter::step_content(std::vector<ReplyPart>& out, bool at_end) {
  const ToolFormat* format = options_.format;
  if (!format) {
    emit(out, ReplyPart::Kind::content, held_.size());
    return false;
  }
  const std::string_view open = format->open;
  if (open.empty()) {
    const size_t first = std::min(held_.find_first_not_of(" \t\r\n;,"), held_.size());
    const std::string_view rest = std::string_view(held_).substr(first);
    if (!said_something_ && rest.starts_with(python_tag)) {
      held_.erase(0, first + python_tag.size());
      return true;
    }
    if (!said_something_ && !at_end && (rest.empty() || python_tag.starts_with(rest))) return false;
    if (!said_something_ && rest.starts_with("{")) {
      if (had_calls_) held_.erase(0, first);  // what parts one call from the next
      stage_ = Stage::calls;
      return true;
    }
    said_something_ = said_something_ || !rest.empty();
    if (had_calls_ && !said_something_) held_.clear();
    emit(out, ReplyPart::Kind::content, held_.size());
    return false;
  }
  const size_t at = held_.find(open);
  const size_t sure = at != std::string::npos ? at : held_.size() - (at_end ? 0 : held_for(held_, open));
  // Blanks before, between and behind calls are no content.
  const size_t last = held_.find_last_not_of(blanks, sure == 0 ? std::string::npos : sure - 1);
  const size_t words = sure == 0 || last == std::string::npos || last >= sure ? 0 : last + 1;
  const bool blank_end = at != std::string::npos || (had_calls_ && words == 0);
  emit(out, ReplyPart::Kind::content, at_end && !blank_end ? sure : words);
  if (at == std::string::npos) {
    if (at_end) held_.clear();
    return false;
  }
  held_.erase(0, at - words + open.size());
  stage_ = Stage::calls;
  return true;
}

bool ReplySplitter::is_known(const std::string& name) const {
  return *options_.format->open || std::ranges::find(options_.names, name) != options_.names.end();
}

bool ReplySplitter::step_calls(std::vector<ReplyPart>& out, bool at_end) {
  CallHead head = read_call_head(*options_.format, held_, in_list_);
  if (head.outcome == CallHead::Outcome::incomplete && !at_end) return false;
  if (head.outcome != CallHead::Outcome::begun || !is_known(head.name)) return take_whole_calls(out, at_end);
  held_.erase(0, head.arguments);
  out.push_back({ReplyPart::Kind::call, std::move(head.name)});
  in_list_ = in_list_ || head.opens_list;
  had_calls_ = true;
  arguments_ = ObjectEnd();
  rest_ = ObjectEnd(1);
  stage_ = Stage::arguments;
  return true;
}

bool ReplySplitter::take_whole_calls(std::vector<ReplyPart>& out, bool at_end) {
  const ToolFormat& format = *options_.format;
  const ParsedCalls parsed = parse_calls(format, held_, at_end);
  if (parsed.outcome == ParsedCalls::Outcome::incomplete) return false;
  const bool bare = !*format.open;
  stage_ = Stage::content;
  if (parsed.outcome == ParsedCalls::Outcome::calls && std::ranges::all_of(parsed.calls, [this](const ToolCall& call) { return is_known(call.name); })) {
    for (const ToolCall& call : parsed.calls) {
      out.push_back({ReplyPart::Kind::call, call.name});
      out.push_back({ReplyPart::Kind::arguments, call.arguments});
    }
    held_.erase(0, parsed.bytes);
    had_calls_ = true;
    rest_.take("}");
    if (in_list_) stage_ = Stage::behind_arguments;
  } else {  // no call after all: text, its announcement included
    const std::string_view open = in_list_ ? "" : format.open;
    held_.insert(0, open);
    said_something_ = true;
    emit(out, ReplyPart::Kind::content, std::max(open.size(), bare ? held_.size() : 0));
    in_list_ = false;
  }
  return !held_.empty();
}

bool ReplySplitter::step_arguments(std::vector<ReplyPart>& out) {
  emit(out, ReplyPart::Kind::arguments, arguments_.take(held_));
  if (!arguments_.ended()) return false;
  stage_ = Stage::behind_arguments;
  return !held_.empty();
}

// What is left of the call's object, what parts it from the next one in a list, the mark behind all of them.
bool ReplySplitter::step_behind_arguments(bool at_end) {
  const ToolFormat& format = *options_.format;
  if (!format.between && !rest_.ended()) {
    held_.erase(0, rest_.take(held_));
    if (!rest_.ended()) return false;
  }
  const auto past_blanks = [this] { return std::min(held_.find_first_not_of(blanks), held_.size()); };
  if (in_list_) {
    held_.erase(0, past_blanks());
    if (held_.empty()) return false;
    if (held_[0] == ',') {
      held_.erase(0, 1);
      stage_ = Stage::calls;
      return true;
    }
    if (held_[0] == ']') held_.erase(0, 1);
    in_list_ = false;
  }
  const std::string_view close = format.close, rest = std::string_view(held_).substr(past_blanks());
  if (!close.empty() && rest.starts_with(close))
    held_.erase(0, held_.size() - rest.size() + close.size());
  else if (!close.empty() && !at_end && close.starts_with(rest))
    return false;
  stage_ = Stage::content;
  return !held_.empty();
}

}  // namespace fabula::server
