// What a reply must look like: a grammar, and the vocabulary that has to write it. Immutable, shared.
#pragma once

#include <memory>

#include "core/grammar/grammar.h"
#include "core/grammar/vocabulary.h"

namespace fabula::grammar {

struct Constraint {
  GrammarPtr grammar;
  std::shared_ptr<const Vocabulary> vocabulary;
};

}  // namespace fabula::grammar
