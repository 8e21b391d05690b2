// The pre-tokenizers that GGUF files name in tokenizer.ggml.pre. The names, expressions and flags are
// llama.cpp's (src/llama-vocab.cpp).
#pragma once

#include <string_view>
#include <vector>

namespace fabula::text {

struct PreTokenizer {
  std::vector<std::string_view> expressions;  // each cuts the pieces of the one before
  bool clean_spaces = true;                   // decoding removes the space before . , ? ! 's 'm 're 've
  bool ignore_merges = false;                 // a word that is a token is that token
  bool adds_bos = false;                      // unless tokenizer.ggml.add_bos_token says otherwise
  bool spaces_as_blocks =
      false;  // SentencePiece-like: U+2581 for spaces, merges over characters instead of bytes
  bool newline_runs_are_tokens = false;  // Gemma 4
};

const PreTokenizer* find_pretokenizer_or_null(std::string_view name);

}  // namespace fabula::text
