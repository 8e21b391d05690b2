// Boundaries of what a person takes for one character or one word (UAX #29), in UTF-8 that may be
// ill-formed.
#pragma once

#include <cstddef>
#include <string_view>

namespace fabula::text {

// The next or previous grapheme cluster boundary from `at`; the text's ends at most.
size_t next_grapheme(std::string_view text, size_t at);
size_t previous_grapheme(std::string_view text, size_t at);

// `at` itself if it is a boundary, else the boundary before.
size_t floor_grapheme(std::string_view text, size_t at);

size_t count_graphemes(std::string_view text);

// As Ctrl+arrow moves: forward to the end of the next word, backward to the beginning of the one before.
// Ideographs and kana count as words of one character or of one run of kana.
size_t next_word(std::string_view text, size_t at);
size_t previous_word(std::string_view text, size_t at);

struct WordRange {
  size_t begin = 0;
  size_t end = 0;
};
WordRange word_around(std::string_view text, size_t at);  // what a double click selects

// Emoji that are drawn in colour without a variation selector (Unicode 15, Emoji_Presentation).
bool has_emoji_presentation(char32_t c);

}  // namespace fabula::text
