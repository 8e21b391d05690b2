#include "core/session/search_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "core/base/utf8.h"

namespace fabula::session {

namespace {

struct Range {
  char32_t first, last;
};

// Scripts without spaces between words (Unicode blocks), and Hangul, whose particles cling to the word.
constexpr std::array unspaced{
    Range{0x0E00, 0x0EFF},    // Thai, Lao
    Range{0x1000, 0x109F},    // Myanmar
    Range{0x1100, 0x11FF},    // Hangul Jamo
    Range{0x1780, 0x17FF},    // Khmer
    Range{0x2E80, 0x2FDF},    // CJK radicals
    Range{0x3005, 0x3007},    // 々 〆 〇
    Range{0x3040, 0x318F},    // kana, Bopomofo, Hangul compatibility Jamo
    Range{0x31A0, 0x31FF},    // Bopomofo extended, kana extensions
    Range{0x3400, 0x4DBF},    // Han, extension A
    Range{0x4E00, 0x9FFF},    // Han
    Range{0xA960, 0xA97F},    // Hangul Jamo extended A
    Range{0xAC00, 0xD7FF},    // Hangul
    Range{0xF900, 0xFAFF},    // Han, compatibility
    Range{0xFF66, 0xFF9F},    // halfwidth kana
    Range{0x1B000, 0x1B16F},  // kana supplements
    Range{0x20000, 0x3FFFF},  // Han, extensions B and later
};

bool is_unspaced(char32_t c) {
  for (const Range& range : unspaced)
    if (c >= range.first && c <= range.last) return true;
  return false;
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_CO: return true;
    case UTF8PROC_CATEGORY_SO: return c >= 0x1F000;  // emoji are looked for too
    default: return false;
  }
}

// Case, width and ligatures folded; marks dropped (é is found as e). Characters of unspaced scripts keep
// their marks: they tell apart letters there.
void append_folded(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return;
  }
  constexpr int max_parts = 32;  // the longest compatibility decomposition has 18
  std::array<utf8proc_int32_t, max_parts> parts{};
  int boundary = UTF8PROC_BOUNDCLASS_START;
  auto options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD;
  if (!is_unspaced(c)) options |= UTF8PROC_STRIPMARK;
  const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), max_parts,
                                             static_cast<utf8proc_option_t>(options), &boundary);
  if (count < 0 || count > max_parts) return append_utf8(out, c);
  for (int i = 0; i < count; ++i) append_utf8(out, static_cast<char32_t>(parts[static_cast<size_t>(i)]));
}

enum class Term : uint8_t { word, single, pair, run_end };

// Bytes of the text that the term stands for: [begin, end).
using Visit = std::function<void(Term kind, std::string_view term, size_t begin, size_t end)>;

// A run of characters of unspaced scripts, text[begin, end).
void visit_run(std::string_view text, size_t begin, size_t end, const Visit& visit) {
  std::string single, pair;
  for (size_t at = begin; at < end;) {
    const size_t first = at;
    const char32_t c = decode_utf8(text, at);
    const size_t second = at;
    single.clear();
    append_folded(single, c);
    visit(Term::single, single, first, second);
    if (second >= end) break;
    size_t after = second;
    pair = single;
    append_folded(pair, decode_utf8(text, after));
    visit(Term::pair, pair, first, after);
  }
  visit(Term::run_end, "0", end, end);
}

void visit_terms(std::string_view text, const Visit& visit) {
  std::string word;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t first = decode_utf8(text, at);
    const bool in_run = is_unspaced(first);
    if (!in_run && !is_word(first)) continue;
    word.clear();
    if (!in_run) append_folded(word, first);
    size_t end = at;
    while (at < text.size()) {
      const char32_t next = decode_utf8(text, at);
      if (is_unspaced(next) != in_run || (!in_run && !is_word(next))) break;
      if (!in_run) append_folded(word, next);
      end = at;
    }
    at = end;
    if (in_run)
      visit_run(text, begin, end, visit);
    else if (!word.empty())
      visit(Term::word, word, begin, end);
  }
}

void append_term(std::string& out, std::string_view term) {
  if (!out.empty()) out += ' ';
  out += term;
}

bool ends_in_word(std::string_view typed) {
  return !typed.empty() && std::string_view(" \t\r\n\f\v").find(typed.back()) == std::string_view::npos;
}

// A single letter as a prefix would match nearly everything, slowly.
constexpr size_t min_prefix_bytes = 2;
constexpr size_t longest_indexed_prefix = 3;  // characters: prefix='2 3' of search_index_columns

std::string_view first_characters(std::string_view text, size_t count) {
  size_t end = 0;
  for (; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && count-- == 0) break;
  return text.substr(0, end);
}

std::string word_part(std::string_view word) {
  return "words : \"" + std::string(word) + "\"";
}

}  // namespace

SearchTerms search_terms(std::string_view text) {
  SearchTerms out;
  visit_terms(text, [&](Term kind, std::string_view term, size_t, size_t) {
    append_term(kind == Term::pair || kind == Term::run_end ? out.pairs : out.words, term);
  });
  return out;
}

std::string unfinished_word(std::string_view typed) {
  std::string last;
  if (!ends_in_word(typed)) return last;
  visit_terms(typed, [&](Term kind, std::string_view term, size_t, size_t) { last = kind == Term::word ? term : std::string_view(); });
  return first_characters(last, longest_indexed_prefix).size() < last.size() ? last : std::string();
}

bool has_word_beginning(std::string_view text, std::string_view folded) {
  bool found = false;
  visit_terms(text, [&](Term kind, std::string_view term, size_t, size_t) { found |= kind == Term::word && term.starts_with(folded); });
  return found;
}

std::string search_expression(std::string_view typed, LastWord last, std::span<const std::string> completions) {
  constexpr size_t max_parts = 64;
  std::vector<std::string> parts;
  std::string run, last_single, last_word;
  visit_terms(typed, [&](Term kind, std::string_view term, size_t, size_t) {
    last_word.clear();
    switch (kind) {
      case Term::word:
        last_word = term;
        parts.push_back(word_part(term));
        break;
      case Term::single: last_single = term; break;
      case Term::pair: append_term(run, term); break;
      case Term::run_end:
        parts.push_back(run.empty() ? word_part(last_single) : "pairs : \"" + run + "\"");
        run.clear();
        break;
    }
  });
  if (last_word.size() >= min_prefix_bytes && ends_in_word(typed)) {
    if (last == LastWord::short_prefix) parts.back() = word_part(first_characters(last_word, longest_indexed_prefix));
    if (last != LastWord::completed) parts.back() += " *";
    for (const std::string& word : completions) parts.back() += " OR " + word_part(word);
  }
  if (parts.size() > max_parts) parts.resize(max_parts);
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "(" : " AND (") + part + ")";
  return out;
}

namespace {

struct Span {
  size_t begin, end;
};

// Where the terms of the query stand in the text, in order, not overlapping.
std::vector<Span> find_matches(std::string_view text, std::string_view typed, size_t max_matches) {
  std::vector<std::string> wanted;
  std::string unfinished, lone;
  bool run_is_new = true;
  visit_terms(typed, [&](Term kind, std::string_view term, size_t, size_t) {
    unfinished.clear();
    switch (kind) {
      case Term::word:
        wanted.emplace_back(term);
        if (term.size() >= min_prefix_bytes) unfinished = term;
        break;
      case Term::single:
        if (run_is_new) lone = term;
        run_is_new = false;
        break;
      case Term::pair:  // of a longer run the pairs are looked for, not the characters
        lone.clear();
        wanted.emplace_back(term);
        break;
      case Term::run_end:
        if (!lone.empty()) wanted.push_back(lone);
        lone.clear();
        run_is_new = true;
        break;
    }
  });
  if (!ends_in_word(typed)) unfinished.clear();
  std::vector<Span> out;
  visit_terms(text, [&](Term, std::string_view term, size_t begin, size_t end) {
    if (out.size() >= max_matches) return;
    const bool matches = std::find(wanted.begin(), wanted.end(), term) != wanted.end() ||
                         (!unfinished.empty() && term.starts_with(unfinished));
    if (!matches || begin == end) return;
    if (!out.empty() && begin <= out.back().end)
      out.back().end = std::max(out.back().end, end);
    else
      out.push_back({begin, end});
  });
  return out;
}

size_t to_character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

}  // namespace

std::string search_snippet(std::string_view text, std::string_view typed) {
  constexpr size_t before_bytes = 48, after_bytes = 144, max_matches = 64;
  const std::vector<Span> matches = find_matches(text, typed, max_matches);
  const size_t center = matches.empty() ? 0 : matches.front().begin;
  const size_t begin = to_character_start(text, center > before_bytes ? center - before_bytes : 0);
  const size_t end = to_character_start(text, std::min(text.size(), center + after_bytes));
  std::string out = begin > 0 ? "…" : "";
  size_t at = begin;
  const auto copy_to = [&](size_t until) {
    for (; at < until; ++at) out += static_cast<unsigned char>(text[at]) < 0x20 ? ' ' : text[at];
  };
  for (const Span& match : matches) {
    if (match.end > end) break;
    copy_to(match.begin);
    out += '\x02';
    copy_to(match.end);
    out += '\x03';
  }
  copy_to(end);
  if (end < text.size()) out += "…";
  return out;
}

}  // namespace fabula::session
