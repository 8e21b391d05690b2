#include "core/model/end_tokens.h"

#include <algorithm>
#include <array>

namespace fabula::model {

namespace {

constexpr std::array<std::string_view, 19> end_texts = {"</s>",
                                                        "<eos>",
                                                        "<|eot_id|>",
                                                        "<|eom_id|>",
                                                        "<|im_end|>",
                                                        "<|end|>",
                                                        "<|return|>",
                                                        "<|call|>",
                                                        "<|flush|>",
                                                        "<end_of_turn>",
                                                        "<|endoftext|>",
                                                        "<|end_of_text|>",
                                                        "<EOT>",
                                                        "_<EOT>",
                                                        "[EOT]",
                                                        "[EOS]",
                                                        "<|end_story|>",
                                                        "<end_of_utterance>",
                                                        "<|end▁of▁sentence|>"};

bool ends_by_text(const text::Tokenizer& tokenizer, text::TokenId id) {
  const text::TokenKind kind = tokenizer.kind(id);
  return kind == text::TokenKind::control || kind == text::TokenKind::user_defined;
}

}  // namespace

std::vector<text::TokenId> collect_end_tokens(const text::Tokenizer& tokenizer,
                                              std::vector<text::TokenId> named) {
  for (const std::string_view text : end_texts)
    if (const text::TokenId id = tokenizer.find_or_negative(text); id >= 0 && ends_by_text(tokenizer, id))
      named.push_back(id);
  if (const text::TokenId eos = tokenizer.eos_or_negative(); eos >= 0) named.push_back(eos);
  std::erase_if(named, [&](text::TokenId id) { return id < 0 || id >= tokenizer.vocab_size(); });
  std::sort(named.begin(), named.end());
  named.erase(std::unique(named.begin(), named.end()), named.end());
  return named;
}

}  // namespace fabula::model
