#include "core/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "core/text/byte_alphabet.h"
#include "core/text/char_class.h"
#include "core/text/hf_json.h"
#include "core/text/hf_pretokenizer.h"

namespace fabula::text {

namespace {

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// NFC, NFD, NFKC, NFKD (Unicode Standard Annex 15), through utf8proc.
class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(int options) : options_(static_cast<utf8proc_option_t>(options)) {}

  // ASCII is normalised as it stands and is always a starter: only runs of other characters, with the
  // character that they may combine with before them, go through the library.
  void normalize(std::string& text, bool) const override {
    if (is_ascii(text)) return;
    std::string out;
    out.reserve(text.size());
    const auto wide = [&](size_t i) { return static_cast<unsigned char>(text[i]) >= 0x80; };
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && !wide(end)) ++end;
      size_t begin = end > at && end < text.size() ? end - 1 : end;
      out.append(text, at, begin - at);
      while (end < text.size() && wide(end)) ++end;
      append_normalized(std::string_view(text).substr(begin, end - begin), out);
      at = end;
    }
    text = std::move(out);
  }

 private:
  void append_normalized(std::string_view part, std::string& out) const {
    if (part.empty()) return;
    utf8proc_uint8_t* made = nullptr;
    const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(part.data()),
                                     static_cast<utf8proc_ssize_t>(part.size()), &made, options_);
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(made, &std::free);
    if (length < 0)
      out.append(part);
    else
      out.append(reinterpret_cast<const char*>(made), static_cast<size_t>(length));
  }
  utf8proc_option_t options_;
};

template <class F>
void map_characters(std::string& text, F&& write) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) write(decode_utf8(text, at), out);
  text = std::move(out);
}

void append_lower(char32_t c, std::string& out) {
  if (c == 0x130) {  // the one character whose lower case is two
    out += "i\xcc\x87";
    return;
  }
  append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

class Lowercase final : public Normalizer {
 public:
  void normalize(std::string& text, bool) const override { map_characters(text, append_lower); }
};

class StripAccents final : public Normalizer {
 public:
  void normalize(std::string& text, bool) const override {
    map_characters(text, [](char32_t c, std::string& out) {
      if ((char_class(c) & kMark) == 0) append_utf8(out, c);
    });
  }
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void normalize(std::string& text, bool) const override {
    size_t first = text.size(), behind = 0;
    for (size_t at = 0; at < text.size();) {
      const CharAt c = char_at(text, at);
      if (!c.is(kWhitespace)) {
        first = std::min(first, at);
        behind = at + c.length;
      }
      at += c.length;
    }
    if (right_) text.resize(behind);
    if (left_) text.erase(0, std::min(first, text.size()));
  }

 private:
  bool left_, right_;
};

class Replace final : public Normalizer {
 public:
  Replace(std::unique_ptr<Splitter> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void normalize(std::string& text, bool) const override {
    std::vector<Match> matches;
    pattern_->find_all(text, matches);
    if (matches.empty()) return;
    std::string out;
    out.reserve(text.size() + matches.size() * content_.size());
    size_t at = 0;
    for (const Match& match : matches) {
      out.append(text, at, match.begin - at).append(content_);
      at = match.end;
    }
    text = std::move(out.append(text, at));
  }

 private:
  std::unique_ptr<Splitter> pattern_;
  std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string what) : what_(std::move(what)) {}
  void normalize(std::string& text, bool continues) const override {
    if (!text.empty() && !continues) text.insert(0, what_);
  }

 private:
  std::string what_;
};

class ByteLevel final : public Normalizer {
 public:
  void normalize(std::string& text, bool) const override { text = to_byte_alphabet(text); }
};

bool is_han(char32_t c) {  // BERT's "Chinese characters", with the reference's own 2B920
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

class Bert final : public Normalizer {
 public:
  bool clean = true, han = true, strip_accents = true, lower = true;

  void normalize(std::string& text, bool) const override {
    if (clean)
      map_characters(text, [](char32_t c, std::string& out) {
        const uint8_t cls = char_class(c);
        const bool assigned = utf8proc_category(static_cast<utf8proc_int32_t>(c)) != UTF8PROC_CATEGORY_CN;
        const bool control = (cls & kControl) && assigned && c != '\t' && c != '\n' && c != '\r';
        if (c == 0 || c == 0xfffd || control) return;
        append_utf8(out, cls & kWhitespace ? U' ' : c);
      });
    if (han)
      map_characters(text, [](char32_t c, std::string& out) {
        if (is_han(c)) out += ' ';
        append_utf8(out, c);
        if (is_han(c)) out += ' ';
      });
    if (strip_accents) {
      UnicodeForm(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE).normalize(text, false);
      map_characters(text, [](char32_t c, std::string& out) {
        if (utf8proc_category(static_cast<utf8proc_int32_t>(c)) != UTF8PROC_CATEGORY_MN) append_utf8(out, c);
      });
    }
    if (lower) map_characters(text, append_lower);
  }
};

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  void normalize(std::string& text, bool continues) const override {
    for (const auto& part : parts_) part->normalize(text, continues);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

using Made = Result<std::unique_ptr<Normalizer>>;

template <class T, class... Arguments>
std::unique_ptr<Normalizer> make(Arguments&&... arguments) {
  return std::make_unique<T>(std::forward<Arguments>(arguments)...);
}

Made make_sequence(const Json& json) {
  const Json& list = field_or_null(json, "normalizers");
  if (!list.is_array()) return wrong_field("normalizer", "normalizers", "a list");
  std::vector<std::unique_ptr<Normalizer>> parts;
  for (const Json& item : list) {
    FABULA_ASSIGN(auto part, make_normalizer(item));
    if (part) parts.push_back(std::move(part));
  }
  return make<Sequence>(std::move(parts));
}

Made make_bert(const Json& json) {
  auto made = std::make_unique<Bert>();
  FABULA_ASSIGN(made->clean, bool_field_or(json, "BertNormalizer", "clean_text", true));
  FABULA_ASSIGN(made->han, bool_field_or(json, "BertNormalizer", "handle_chinese_chars", true));
  FABULA_ASSIGN(made->lower, bool_field_or(json, "BertNormalizer", "lowercase", true));
  FABULA_ASSIGN(made->strip_accents, bool_field_or(json, "BertNormalizer", "strip_accents", made->lower));
  return std::unique_ptr<Normalizer>(std::move(made));
}

Made make_replace(const Json& json) {
  FABULA_ASSIGN(auto pattern, make_pattern(field_or_null(json, "pattern"), "Replace"));
  FABULA_ASSIGN(std::string content, string_field(json, "Replace", "content"));
  return make<Replace>(std::move(pattern), std::move(content));
}

Made make_precompiled(const Json& json) {
  FABULA_ASSIGN(const std::string encoded, string_field(json, "Precompiled", "precompiled_charsmap"));
  std::string bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : encoded) {
    if (c == '=') break;
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) return wrong_field("Precompiled", "precompiled_charsmap", "Base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xff));
  }
  return make_precompiled_normalizer(std::move(bytes));
}

}  // namespace

Made make_normalizer(const Json& json) {
  if (json.is_null()) return std::unique_ptr<Normalizer>();
  FABULA_ASSIGN(const std::string type, type_of(json, "normalizer"));
  if (type == "Sequence") return make_sequence(json);
  if (type == "NFC") return make<UnicodeForm>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (type == "NFD") return make<UnicodeForm>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  if (type == "NFKC") return make<UnicodeForm>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
  if (type == "NFKD") return make<UnicodeForm>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  if (type == "Lowercase") return make<Lowercase>();
  if (type == "StripAccents") return make<StripAccents>();
  if (type == "ByteLevel") return make<ByteLevel>();
  if (type == "BertNormalizer") return make_bert(json);
  if (type == "Replace") return make_replace(json);
  if (type == "Precompiled") return make_precompiled(json);
  if (type == "Prepend") {
    FABULA_ASSIGN(std::string what, string_field(json, "Prepend", "prepend"));
    return make<Prepend>(std::move(what));
  }
  if (type == "Strip") {
    FABULA_ASSIGN(const bool left, bool_field_or(json, "Strip", "strip_left", true));
    FABULA_ASSIGN(const bool right, bool_field_or(json, "Strip", "strip_right", true));
    return make<Strip>(left, right);
  }
  return unknown_type("normalizer", type);
}

}  // namespace fabula::text
