// What the grammar tests share: a whole text against a grammar, tokenizers of the test data, random replies.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "core/grammar/grammar.h"
#include "core/grammar/matcher.h"
#include "core/text/tokenizer.h"

namespace fabula::test {

bool accepts(const grammar::GrammarPtr& grammar, std::string_view text);
bool begins(const grammar::GrammarPtr& grammar, std::string_view text);  // some accepted text begins so

// null where the test data is absent. Name of a folder of tokenizers/hf.
std::shared_ptr<const text::Tokenizer> hf_tokenizer(const std::string& name);

struct RandomReply {
  std::string text;
  bool finished = false;
  size_t tokens = 0;
};
// Picks among the allowed tokens, short ones more often; behind `hurry_after` tokens whatever closes first.
RandomReply random_reply(const std::shared_ptr<const grammar::Constraint>& constraint, std::mt19937_64& random,
                         size_t hurry_after, size_t most);

}  // namespace fabula::test
