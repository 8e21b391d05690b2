// What Python's str knows about characters: classes, case mappings with special casing (Unicode,
// SpecialCasing.txt).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fabula::text::jinja {

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);
bool is_cased(char32_t c);
bool is_case_ignorable(char32_t c);
bool is_printable(char32_t c);
bool is_word(char32_t c);                // \w of Python's re
bool is_identifier(std::string_view s);  // str.isidentifier
inline bool is_alnum(char32_t c) {
  return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c);
}
int decimal_value(char32_t c);  // -1 where it is no decimal digit

void append_upper(std::string& out, char32_t c);
void append_lower(std::string& out, char32_t c);  // without the rule of the final sigma
void append_title(std::string& out, char32_t c);
void append_fold(std::string& out, char32_t c);

size_t count_chars(std::string_view utf8);
size_t skip_chars(std::string_view utf8, size_t from, size_t n);  // byte position n characters behind `from`
std::string_view strip_spaces_right(std::string_view utf8);

}  // namespace fabula::text::jinja
