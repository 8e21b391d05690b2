// Judges a SentencePiece .model before the library sees it. Version 0.1.97 trusts the trie of the character
// map and some fields (CVE-2026-1260); what passes here is bounded, and every offset the library will follow
// stays within its array.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/text/tokenizer.h"

namespace fabula::text {

struct SentencePieceFile {
  std::vector<std::string> pieces;  // by id
  std::vector<TokenKind> kinds;
  std::string unknown_surface = " \xe2\x81\x87 ";  // what the unknown piece decodes to
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, denormalizes = false;
};

// Errors: corrupt (what is wrong, and at which piece or byte), unsupported (a model type by number).
Result<SentencePieceFile> check_sentencepiece(std::string_view bytes);

}  // namespace fabula::text
