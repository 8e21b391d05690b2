#include "core/text/tokenizer.h"

namespace fabula::text {

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  const auto stream = open_stream(keep_special, false);
  std::string out;
  for (const TokenId id : ids) stream->push(id, out);
  stream->finish(out);
  return out;
}

struct TokenStream::State {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<DecodeStream> decode;
};

TokenStream::TokenStream(std::shared_ptr<const Tokenizer> tokenizer, bool keep_special, bool continues)
    : state_(std::make_unique<State>()) {
  state_->decode = tokenizer->open_stream(keep_special, continues);
  state_->tokenizer = std::move(tokenizer);
}
TokenStream::~TokenStream() = default;
TokenStream::TokenStream(TokenStream&&) noexcept = default;
TokenStream& TokenStream::operator=(TokenStream&&) noexcept = default;

std::string TokenStream::push(TokenId id) {
  std::string out;
  state_->decode->push(id, out);
  return out;
}

std::string TokenStream::finish() {
  std::string out;
  state_->decode->finish(out);
  return out;
}

}  // namespace fabula::text
