#include "core/grammar/vocabulary.h"

#include <algorithm>
#include <numeric>

#include "core/grammar/grammar.h"

namespace fabula::grammar {

namespace {

constexpr size_t longest_token = 1024;      // bounds the depth of the tree; real vocabularies stay below 300
constexpr size_t worth_a_set = 8;           // tokens below a node
constexpr uint8_t first_never_utf8 = 0xF5;  // and 0xC0, 0xC1, which no grammar's set holds either

std::string bytes_in_grammar(const text::Tokenizer& tokenizer, int32_t token) {
  switch (tokenizer.kind(token)) {
    case text::TokenKind::control: return token_bytes_of(token);
    case text::TokenKind::unknown:
    case text::TokenKind::unused: return {};
    default: break;
  }
  std::string bytes = tokenizer.token_bytes(token, true);
  const bool foreign = std::ranges::any_of(
      bytes, [](char c) { return static_cast<unsigned char>(c) >= first_never_utf8; });
  return foreign || bytes.size() > longest_token ? std::string() : bytes;
}

}  // namespace

Vocabulary::Vocabulary(const text::Tokenizer& tokenizer) : size_(tokenizer.vocab_size()) {
  bytes_.resize(static_cast<size_t>(size_));
  for (int32_t id = 0; id < size_; ++id) {
    bytes_[static_cast<size_t>(id)] = bytes_in_grammar(tokenizer, id);
    if (!bytes_[static_cast<size_t>(id)].empty()) order_.push_back(id);
  }
  std::ranges::stable_sort(order_, {}, [this](int32_t id) -> const std::string& { return bytes_[static_cast<size_t>(id)]; });
  add_subtree(0, order_.size(), 0);
}

std::string_view Vocabulary::bytes_of(int32_t token) const {
  return token >= 0 && token < size_ ? std::string_view(bytes_[static_cast<size_t>(token)]) : std::string_view();
}

// order_[begin, end) share their first `depth` bytes. Returns the node's index.
int32_t Vocabulary::add_subtree(size_t begin, size_t end, size_t depth) {
  const auto bytes_at = [this](size_t place) -> const std::string& {
    return bytes_[static_cast<size_t>(order_[place])];
  };
  const auto index = nodes_.size();
  Node node;
  node.depth = static_cast<uint16_t>(depth);
  if (depth > 0) node.byte = static_cast<uint8_t>(bytes_at(begin)[depth - 1]);
  node.tokens = static_cast<int32_t>(begin);
  max_depth_ = std::max(max_depth_, static_cast<int>(depth));
  size_t at = begin;
  while (at < end && bytes_at(at).size() == depth) ++at;
  node.tokens_here = static_cast<int32_t>(at - begin);
  nodes_.push_back(node);
  if (end - begin >= worth_a_set) {
    ByteSet below;
    for (size_t i = at; i < end; ++i)
      for (size_t k = depth; k < bytes_at(i).size(); ++k) {
        const auto byte = static_cast<uint8_t>(bytes_at(i)[k]);
        below.add(byte, byte);
      }
    nodes_[index].below = static_cast<int32_t>(below_sets_.size());
    below_sets_.push_back(below);
  }
  while (at < end) {
    size_t behind = at + 1;
    while (behind < end && bytes_at(behind)[depth] == bytes_at(at)[depth]) ++behind;
    add_subtree(at, behind, depth + 1);
    at = behind;
  }
  nodes_[index].end = static_cast<int32_t>(nodes_.size());
  return static_cast<int32_t>(index);
}

std::shared_ptr<const Vocabulary> LazyVocabulary::get() {
  std::call_once(once_, [this] { vocabulary_ = std::make_shared<const Vocabulary>(*tokenizer_); });
  return vocabulary_;
}

}  // namespace fabula::grammar
