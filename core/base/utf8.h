// UTF-8 (RFC 3629): validation, decoding, and the incremental form that streaming needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fabula {

bool is_valid_utf8(std::string_view bytes);

// Decodes the code point at `at` and moves `at` behind it. An ill-formed sequence gives U+FFFD and moves by the length of
// its maximal subpart (Unicode 15, 3.9), at least one byte. at < bytes.size().
char32_t decode_utf8(std::string_view bytes, size_t& at);

void append_utf8(std::string& out, char32_t code_point);  // surrogates and values above U+10FFFF become U+FFFD

// Every maximal ill-formed subpart replaced by U+FFFD, as Python's errors="replace" does.
std::string replace_invalid_utf8(std::string_view bytes);

// Bytes go in as tokens give them, whole characters come out. What could still become a character is held back.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  std::string finish();  // what is still held, as U+FFFD

 private:
  std::string held_;  // at most 3 bytes: the proper beginning of one sequence
};

}  // namespace fabula
