// A tokenizer's vocabulary as a tree of bytes, so that one walk tells which tokens a grammar lets through.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/grammar/byte_sets.h"
#include "core/text/tokenizer.h"

namespace fabula::grammar {

// Nodes in depth-first order; node 0 is the root. Tokens are numbered by `order`, in the order of their bytes,
// so that the tokens below a node are one run. Immutable; const calls from any thread.
//
// In: tokens that write text, and control tokens as token_mark and id. Out: tokens that write nothing, unused
// ones, bytes that no UTF-8 has.
class Vocabulary {
 public:
  explicit Vocabulary(const text::Tokenizer& tokenizer);

  struct Node {
    uint8_t byte = 0;
    uint16_t depth = 0;     // bytes from the root
    int32_t end = 0;        // the first node behind this one's subtree
    int32_t tokens = 0;     // order of the first token at or below it
    int32_t tokens_here = 0;  // how many tokens end exactly here
    int32_t below = -1;     // index into `below_sets`, for subtrees that are worth it
  };
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int32_t>& order() const { return order_; }  // ids
  const ByteSet& bytes_below(const Node& node) const { return below_sets_[static_cast<size_t>(node.below)]; }
  int32_t size() const { return size_; }  // ids are below it
  int max_depth() const { return max_depth_; }
  std::string_view bytes_of(int32_t token) const;  // empty: the token is not in the tree

 private:
  int32_t add_subtree(size_t begin, size_t end, size_t depth);

  int32_t size_ = 0;
  int max_depth_ = 0;
  std::vector<std::string> bytes_;  // by id
  std::vector<int32_t> order_;
  std::vector<Node> nodes_;
  std::vector<ByteSet> below_sets_;
};

// Built when first asked for; most models never are. Thread: any.
class LazyVocabulary {
 public:
  explicit LazyVocabulary(std::shared_ptr<const text::Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}
  std::shared_ptr<const Vocabulary> get();

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::once_flag once_;
  std::shared_ptr<const Vocabulary> vocabulary_;
};

}  // namespace fabula::grammar
