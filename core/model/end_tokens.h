// Which tokens end a reply.
#pragma once

#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace fabula::model {

// The ids a model's files name, and those tokens of the vocabulary whose text is a well-known end
// ("<|im_end|>",
// "<end_of_turn>", ...; as llama.cpp does, because files often name only one of several). Sorted, each once;
// ids that are not in the vocabulary are left out.
std::vector<text::TokenId> collect_end_tokens(const text::Tokenizer& tokenizer,
                                              std::vector<text::TokenId> named);

}  // namespace fabula::model
