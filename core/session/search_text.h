// How texts are cut for full-text search. Words are folded (case, diacritics, width) in scripts that put
// spaces between words; scripts that do not (Han, kana, Hangul, Thai ...) give single characters and pairs,
// so that a word of one or two characters is found as well as a long phrase.
//
// The index holds the terms in two columns, separated by spaces, and FTS5's built-in tokenizer only splits
// them again. A tokenizer registered with FTS5 would do the same, but then no other program (sqlite3, a
// backup check, PRAGMA integrity_check of SQLite 3.44 and later) could open the index in the database.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fabula::session {

// The columns' arguments of CREATE VIRTUAL TABLE ... USING fts5(...).
inline constexpr char search_index_columns[] =
    R"(words, pairs, content='', prefix='2 3', tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* Co S*'")";

struct SearchTerms {
  std::string words;  // words, and single characters of unspaced scripts
  std::string pairs;  // adjacent characters of unspaced scripts; "0" stands between runs
};
SearchTerms search_terms(std::string_view text);

// What a person types, as an FTS5 expression: all words must occur, the last one may be unfinished. "" where
// nothing in it can be searched for. Nothing that is typed can become syntax.
//
// FTS5 answers newest first without reading on, but for prefixes that it keeps no index of: of these it reads every
// place before the first answer. unfinished_word() says where that is so; there are two ways around it.
enum class LastWord : uint8_t {
  prefix,
  completed,    // any of `completions`, the words that the index has
  short_prefix  // only its first characters, which are indexed: more is found than was asked for
};
std::string search_expression(std::string_view typed, LastWord last = LastWord::prefix, std::span<const std::string> completions = {});

// The last word (folded) where it may be unfinished and is longer than the prefixes that the index keeps; else "".
std::string unfinished_word(std::string_view typed);
bool has_word_beginning(std::string_view text, std::string_view folded);

// A piece of `text` around the first match, matches between U+0002 and U+0003, line breaks as spaces.
std::string search_snippet(std::string_view text, std::string_view typed);

}  // namespace fabula::session
