#include "core/session/context.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/json.h"

namespace fabula::session {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_end_token(const model::Model& model, int32_t token) {
  return std::find(model.end_tokens.begin(), model.end_tokens.end(), token) != model.end_tokens.end();
}

// The ids of a message as they stand in a prompt, and the end of its text that they do not cover: of a reply
// that ended with a stop string, the stop string is not part of the text.
struct Own {
  std::span<const int32_t> tokens;  // without an end token
  int32_t end_token = -1;
  std::string_view rest;
};

Own own_tokens(const model::Model& model, const Message& message) {
  Own own{message.tokens, -1, {}};
  if (!own.tokens.empty() && is_end_token(model, own.tokens.back())) {
    own.end_token = own.tokens.back();
    own.tokens = own.tokens.first(own.tokens.size() - 1);
    return own;
  }
  if (message.finish_reason != "stop" || !message.receipt || message.receipt->stop.empty()) return own;
  size_t n_tokens = 0, n_bytes = 0;
  const std::string_view text = message.text;
  for (; n_tokens < own.tokens.size(); ++n_tokens) {
    const std::string bytes = model.tokenizer->token_bytes(own.tokens[n_tokens], false);
    if (text.substr(n_bytes, bytes.size()) != bytes) break;
    n_bytes += bytes.size();
  }
  own.tokens = own.tokens.first(n_tokens);
  own.rest = text.substr(n_bytes);
  return own;
}

void append(std::vector<int32_t>& out, std::span<const int32_t> more) {
  out.insert(out.end(), more.begin(), more.end());
}

// SentencePiece puts a space before the first word of a text.
bool adds_space(const text::Tokenizer& tokenizer) {
  const auto ids = tokenizer.encode("x", {false, false});
  return !ids.empty() && tokenizer.token_bytes(ids.front(), true).starts_with(' ');
}

std::vector<text::TextRange> shifted(std::span<const text::TextRange> ranges, size_t by) {
  std::vector<text::TextRange> out;
  for (const text::TextRange& range : ranges) out.push_back({range.begin + by, range.end + by});
  return out;
}

// ---- the rendered conversation, cut at the replies ----

// Where the template wrote the words of each message, whole. Spaces at the ends may be missing. In a chat of thousands of messages
// nothing may be looked through once per message.
class WrittenWords {
 public:
  explicit WrittenWords(const text::Rendered& rendered) : text_(rendered.text) {
    const auto& ranges = rendered.from_input;
    for (size_t i = 0; i < ranges.size();) {
      text::TextRange range{ranges[i].begin, ranges[i].end};
      const int32_t owner = ranges[i++].message;
      while (i < ranges.size() && ranges[i].message == owner && ranges[i].begin == range.end) range.end = ranges[i++].end;
      if (owner < 0) continue;
      const auto place = static_cast<size_t>(owner);
      if (place >= of_message_.size()) of_message_.resize(place + 1);
      of_message_[place].push_back(range);
    }
  }
  std::optional<text::TextRange> find(size_t message, std::string_view words) const {
    if (message >= of_message_.size()) return std::nullopt;
    const auto& ranges = of_message_[message];
    const auto found = std::find_if(ranges.rbegin(), ranges.rend(), [&](const text::TextRange& range) {
      return trimmed(text_.substr(range.begin, range.end - range.begin)) == trimmed(words);
    });
    return found == ranges.rend() ? std::nullopt : std::optional(*found);
  }

 private:
  std::string_view text_;
  std::vector<std::vector<text::TextRange>> of_message_;
};

class ChatWriter {
 public:
  ChatWriter(const model::Model& model, const text::Rendered& rendered)
      : model_(model), rendered_(rendered) {}

  // The piece up to the reply, then the reply's own ids.
  void reply(const text::TextRange& words, const Message& message) {
    const Own own = own_tokens(model_, message);
    const std::string_view shown =
        std::string_view(rendered_.text).substr(words.begin, words.end - words.begin);
    piece_until(words.begin - spaces_written_twice(words, message.text));
    append(out_, own.tokens);
    at_ = words.end;
    // What the ids do not cover is read as plain text together with the piece that follows.
    if (!own.rest.empty() && shown.ends_with(own.rest)) at_ = words.end - own.rest.size();
    if (own.end_token < 0) return;
    const std::string end_text = model_.tokenizer->token_bytes(own.end_token, true);
    if (end_text.empty() || !std::string_view(rendered_.text).substr(at_).starts_with(end_text)) return;
    out_.push_back(own.end_token);
    at_ += end_text.size();
  }

  // The last piece. The ids that hold `words`, if any: what is left when the piece's ids before and after it
  // are taken away.
  Context finish(const std::optional<text::TextRange>& words) {
    Context context;
    const size_t before_piece = out_.size(), begin = at_;
    piece_until(rendered_.text.size());
    context.tokens = std::move(out_);
    if (!words || words->begin < begin) return context;
    const std::span<const int32_t> piece = std::span(context.tokens).subspan(before_piece);
    const auto before = encode(begin, words->begin), after = encode(words->end, rendered_.text.size());
    const size_t head = static_cast<size_t>(
        std::mismatch(piece.begin(), piece.end(), before.begin(), before.end()).first - piece.begin());
    const size_t tail =
        static_cast<size_t>(std::mismatch(piece.rbegin(), piece.rend() - static_cast<std::ptrdiff_t>(head),
                                          after.rbegin(), after.rend())
                                .first -
                            piece.rbegin());
    context.last_tokens.assign(piece.begin() + static_cast<std::ptrdiff_t>(head),
                               piece.end() - static_cast<std::ptrdiff_t>(tail));
    return context;
  }

 private:
  std::vector<int32_t> encode(size_t begin, size_t end) const {
    std::vector<text::TextRange> plain;
    const auto& ranges = rendered_.from_input;
    const auto first = std::ranges::lower_bound(ranges, begin, std::less_equal(), &text::Provenance::end);
    for (auto range = first; range != ranges.end() && range->begin < end; ++range) {
      if (range->message < 0) continue;  // other variables (bos_token) are the template's own words
      plain.push_back({std::max(range->begin, begin) - begin, std::min(range->end, end) - begin});
    }
    const std::string_view text = std::string_view(rendered_.text).substr(begin, end - begin);
    if (begin == 0) return model_.tokenizer->encode_with_plain_ranges(text, plain, /*add_special=*/false);
    return encode_continuing(*model_.tokenizer, text, plain);
  }
  // "[/INST]" is answered with " Hello", and shown later as "[/INST]" + " " + "Hello": the space that the
  // template takes off the reply and writes itself is in the reply's ids already.
  size_t spaces_written_twice(const text::TextRange& words, std::string_view reply) const {
    size_t n_spaces = 0;
    while (n_spaces < reply.size() && is_space(reply[n_spaces])) ++n_spaces;
    const std::string_view text = rendered_.text;
    const bool was_taken_off = n_spaces > 0 && words.begin < words.end && !is_space(text[words.begin]);
    if (!was_taken_off || words.begin < at_ + n_spaces) return 0;
    return text.substr(words.begin - n_spaces, n_spaces) == reply.substr(0, n_spaces) ? n_spaces : 0;
  }
  void piece_until(size_t end) {
    if (end > at_) append(out_, encode(at_, end));
    at_ = end;
  }

  const model::Model& model_;
  const text::Rendered& rendered_;
  std::vector<int32_t> out_;
  size_t at_ = 0;
};

OrderedJson template_variables(const text::Tokenizer& tokenizer, std::string_view system,
                               const MessagePath& path, const TemplateSwitches& switches) {
  const auto token_text = [&](int32_t id) {
    return id < 0 ? std::string() : std::string(tokenizer.token_text_or_empty(id));
  };
  const auto entry = [](const char* role, std::string_view content) {
    OrderedJson out = OrderedJson::object();
    out["role"] = role;
    out["content"] = std::string(content);
    return out;
  };
  OrderedJson messages = OrderedJson::array();
  if (!system.empty()) messages.push_back(entry("system", system));
  for (const auto& message : path) messages.push_back(entry(role_name(message->role), message->text));
  OrderedJson out = OrderedJson::object();
  for (const auto& [name, on] : switches) out[name] = on;
  out["bos_token"] = token_text(tokenizer.bos_or_negative());
  out["eos_token"] = token_text(tokenizer.eos_or_negative());
  out["add_generation_prompt"] = true;
  out["messages"] = std::move(messages);
  return out;
}

}  // namespace

std::vector<int32_t> encode_continuing(const text::Tokenizer& tokenizer, std::string_view text,
                                       std::span<const text::TextRange> plain) {
  const auto alone = tokenizer.encode_with_plain_ranges(text, plain, false);
  if (alone.empty() || tokenizer.is_special(alone.front()) || !adds_space(tokenizer)) return alone;
  // The first-word rule is spent on a word in front, whose ids are then taken away again.
  for (std::string_view front : {"\n", "x", "."}) {
    const auto front_ids = tokenizer.encode(front, {false, false});
    auto ids = tokenizer.encode_with_plain_ranges(std::string(front) + std::string(text),
                                                  shifted(plain, front.size()), false);
    if (ids.size() <= front_ids.size() || !std::equal(front_ids.begin(), front_ids.end(), ids.begin()))
      continue;
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(front_ids.size()));
    return ids;
  }
  return alone;
}

std::vector<int32_t> encode_edited(const text::Tokenizer& tokenizer, std::string_view text,
                                   const Message& old, bool at_start) {
  size_t n_bytes = 0, kept = 0, kept_bytes = 0, tail = 0, tail_end = 0, tail_bytes = 0;
  if (old.tokenizer == tokenizer.fingerprint()) {
    for (size_t i = 0; i < old.tokens.size(); ++i) {
      std::string bytes = tokenizer.token_bytes(old.tokens[i], false);
      if (i == 0 && at_start && bytes.starts_with(' ') && !text.starts_with(' ')) bytes.erase(0, 1);
      if (bytes.empty() || text.substr(n_bytes, bytes.size()) != bytes) break;
      n_bytes += bytes.size();
      if (n_bytes == text.size() || is_space(text[n_bytes])) kept = i + 1, kept_bytes = n_bytes;
    }
    // The same from the end: a tail that begins with a space, or that is all that is left.
    const auto bytes_of = [&](size_t i) { return tokenizer.token_bytes(old.tokens[i], false); };
    tail = tail_end = old.tokens.size();
    if (tail_end > kept && bytes_of(tail_end - 1).empty()) tail = --tail_end;  // an end token
    std::string_view rest = text.substr(kept_bytes);
    for (size_t i = tail_end; i > kept && !rest.empty(); --i) {
      const std::string bytes = bytes_of(i - 1);
      if (bytes.empty() || !rest.ends_with(bytes)) break;
      rest.remove_suffix(bytes.size());
      const size_t cut = kept_bytes + rest.size();
      if (rest.empty() || is_space(text[cut])) tail = i - 1, tail_bytes = text.size() - cut;
    }
  }
  std::vector<int32_t> out(old.tokens.begin(), old.tokens.begin() + static_cast<std::ptrdiff_t>(kept));
  const std::string_view changed = text.substr(kept_bytes, text.size() - kept_bytes - tail_bytes);
  if (!changed.empty()) {
    const text::TextRange all{0, changed.size()};
    append(out, at_start && kept == 0 ? tokenizer.encode_with_plain_ranges(changed, {&all, 1}, false)
                                      : encode_continuing(tokenizer, changed, {&all, 1}));
  }
  append(out, std::span(old.tokens).subspan(tail, tail_end - tail));
  return out;
}

Result<Context> chat_context(const model::Model& model, std::string_view system, const MessagePath& path,
                             int64_t created_at, const TemplateSwitches& switches) {
  if (!model.chat_template) {
    const std::string why = model.chat_template_error.empty() ? "it has none" : model.chat_template_error;
    return Error{ErrorCode::unsupported, model.info.name + " cannot chat: " + why};
  }
  const OrderedJson variables = template_variables(*model.tokenizer, system, path, switches);
  FABULA_ASSIGN(const text::Rendered rendered, model.chat_template->render(variables, created_at / 1000));
  ChatWriter writer(model, rendered);
  const WrittenWords written(rendered);
  const size_t first = system.empty() ? 0 : 1;
  size_t end_of_last = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    const Message& message = *path[i];
    if (message.role != Role::assistant || message.tokens.empty() ||
        message.tokenizer != model.tokenizer->fingerprint())
      continue;
    const auto words = written.find(first + i, message.text);
    if (!words || words->begin < end_of_last) continue;
    writer.reply(*words, message);
    end_of_last = words->end;
  }
  std::optional<text::TextRange> last_words;
  if (!path.empty() && path.back()->role == Role::user)
    last_words = written.find(first + path.size() - 1, path.back()->text);
  return writer.finish(last_words);
}

namespace {

// Where the last `depth` paragraphs of the page begin.
size_t paragraphs_from_end(std::string_view page, int64_t depth) {
  size_t at = page.find_last_not_of("\n");
  at = at == std::string_view::npos ? 0 : at + 1;
  if (depth <= 0) return page.size();
  while (depth > 0 && at > 0) {
    const size_t feed = page.rfind('\n', at - 1);
    if (feed == std::string_view::npos) return 0;
    if (--depth == 0) return feed + 1;
    at = page.find_last_not_of("\n", feed);
    at = at == std::string_view::npos ? 0 : at + 1;
  }
  return 0;
}

// The note as a paragraph of its own at byte `at` of the page.
std::string note_between(std::string_view page, size_t at, std::string_view note) {
  std::string paragraph;
  if (at > 0 && page[at - 1] != '\n') paragraph += '\n';
  paragraph += note;
  if (at == page.size() || page[at] != '\n') paragraph += '\n';
  return paragraph;
}

// The page's ids with where each message's begin.
struct PageTokens {
  std::vector<int32_t> tokens;
  std::vector<size_t> begins;
};

// Where the note stands among the page's ids: its first, and how many.
std::pair<size_t, size_t> insert_note(const text::Tokenizer& tokenizer, const MessagePath& path, const StoryNotes& notes, PageTokens& page) {
  std::string words;
  for (const auto& message : path) words += message->text;
  const size_t wanted = paragraphs_from_end(words, notes.note_depth);
  // The last gap between two ids that is not behind the wanted place.
  size_t at = 0, bytes = 0, message_end = 0;
  for (size_t i = 0; i < path.size() && bytes < wanted; ++i) {
    bytes = message_end;
    message_end += path[i]->text.size();
    const size_t end = i + 1 < page.begins.size() ? page.begins[i + 1] : page.tokens.size();
    if (message_end <= wanted) {
      at = end, bytes = message_end;
      continue;
    }
    for (size_t k = page.begins[i]; k < end; ++k) {
      std::string token = tokenizer.token_bytes(page.tokens[k], false);
      if (bytes == 0 && token.starts_with(' ') && !words.starts_with(' ')) token.erase(0, 1);  // the first word's space
      if (bytes + token.size() > wanted || words.compare(bytes, token.size(), token) != 0) break;
      bytes += token.size();
      at = k + 1;
    }
    break;
  }
  const std::string note = note_between(words, bytes, notes.note);
  const text::TextRange all{0, note.size()};
  const auto ids = encode_continuing(tokenizer, note, {&all, 1});
  page.tokens.insert(page.tokens.begin() + static_cast<std::ptrdiff_t>(at), ids.begin(), ids.end());
  return {at, ids.size()};
}

}  // namespace

Context story_context(const model::Model& model, const MessagePath& path, const KnownTokens& known, const StoryNotes& notes) {
  const text::Tokenizer& tokenizer = *model.tokenizer;
  Context context;
  if (tokenizer.adds_bos() && tokenizer.bos_or_negative() >= 0) context.tokens.push_back(tokenizer.bos_or_negative());
  bool at_start = true;
  const auto write_plain = [&](std::vector<int32_t>& out, std::string_view text) {
    const text::TextRange all{0, text.size()};
    append(out, at_start ? tokenizer.encode_with_plain_ranges(text, {&all, 1}, false) : encode_continuing(tokenizer, text, {&all, 1}));
  };
  if (!notes.memory.empty()) {
    std::string memory(notes.memory);
    memory += '\n';
    write_plain(context.tokens, memory);
    at_start = false;
  }
  context.n_front = context.tokens.size();
  PageTokens page;
  for (const auto& message : path) {
    page.begins.push_back(page.tokens.size());
    if (message->tokenizer == tokenizer.fingerprint() && !message->tokens.empty()) {
      const Own own = own_tokens(model, *message);
      append(page.tokens, own.tokens);
      at_start = at_start && own.tokens.empty();
      if (!own.rest.empty()) write_plain(page.tokens, own.rest);
    } else if (const auto ids = known(*message); !ids.empty()) {
      append(page.tokens, ids);
    } else if (!message->text.empty()) {
      write_plain(page.tokens, message->text);
      const auto first = page.tokens.begin() + static_cast<std::ptrdiff_t>(page.begins.back());
      if (!message->tokens.empty()) context.fresh.push_back({page.begins.size() - 1, {first, page.tokens.end()}});
    }
    at_start = at_start && message->text.empty();
    context.last_tokens.assign(page.tokens.begin() + static_cast<std::ptrdiff_t>(page.begins.back()), page.tokens.end());
  }
  if (!notes.note.empty() && !path.empty()) {
    const auto [at, n] = insert_note(tokenizer, path, notes, page);
    context.note = context.n_front + at;
    context.n_note = n;
  }
  append(context.tokens, page.tokens);
  return context;
}

std::string story_text(const MessagePath& path, const StoryNotes& notes) {
  std::string page;
  for (const auto& message : path) page += message->text;
  if (!notes.note.empty() && !page.empty()) {
    const size_t at = paragraphs_from_end(page, notes.note_depth);
    page.insert(at, note_between(page, at, notes.note));
  }
  if (notes.memory.empty()) return page;
  std::string text(notes.memory);
  text += '\n';
  return text += page;
}

std::string decode_continuing(const std::shared_ptr<const text::Tokenizer>& tokenizer,
                              std::span<const int32_t> before, std::span<const int32_t> tokens) {
  text::TokenStream stream(tokenizer, /*keep_special=*/false);
  for (int32_t token : before) (void)stream.push(token);
  std::string out;
  for (int32_t token : tokens) out += stream.push(token);
  return out;
}

}  // namespace fabula::session
