// Which of many texts begin at a place: special and added tokens, and the pieces of a unigram model.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/bpe.h"

namespace fabula::text {

class TokenTrie {
 public:
  void insert(std::string_view text,
              int32_t value) {  // value >= 0; an empty text is ignored, a known one gets the new value
    if (text.empty()) return;
    starts_.set(static_cast<unsigned char>(text[0]));
    int32_t node = 0;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (const auto* edge = edges_.find_or_null(node, byte)) {
        node = edge->result;
        continue;
      }
      const auto fresh = static_cast<int32_t>(values_.size());
      edges_.insert(node, byte, {0, fresh}, true);
      values_.push_back(-1);
      node = fresh;
    }
    values_[static_cast<size_t>(node)] = value;
  }

  bool empty() const { return values_.size() == 1; }
  bool may_start_with(char c) const { return starts_.test(static_cast<unsigned char>(c)); }

  // report(length, value) for every text that begins at `at`, shortest first.
  template <class Report>
  void matches_at(std::string_view text, size_t at, Report&& report) const {
    if (at >= text.size() || !may_start_with(text[at])) return;
    int32_t node = 0;
    for (size_t i = at; i < text.size(); ++i) {
      const auto* edge = edges_.find_or_null(node, static_cast<unsigned char>(text[i]));
      if (!edge) return;
      node = edge->result;
      if (values_[static_cast<size_t>(node)] >= 0) report(i + 1 - at, values_[static_cast<size_t>(node)]);
    }
  }

 private:
  MergeTable edges_;  // (node, byte) -> node
  std::vector<int32_t> values_{-1};
  std::bitset<256> starts_;
};

}  // namespace fabula::text
