// tokenizer.json as the vocabulary that a GGUF file holds.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/formats/gguf_value.h"
#include "core/text/tokenizer.h"

namespace fabula::model {

// `reference` is the same tokenizer.json, opened: of the pre-tokenizers that GGUF has names for, the one is
// taken under which the vocabulary gives the reference's ids for a text made to tell them apart. n_rows: of
// the embedding; ids that the tokenizer leaves out become unused tokens. Errors: unsupported (no name fits,
// or not a BPE), corrupt.
Result<text::VocabSpec> vocabulary_from_hf(std::string_view tokenizer_json, const text::Tokenizer& reference,
                                           int64_t n_rows);

// The tokenizer.ggml.* keys of a vocabulary.
void export_vocabulary(const text::VocabSpec& vocabulary, formats::GgufMetadata& metadata);

}  // namespace fabula::model
