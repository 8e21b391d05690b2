// Receipts: the exact prompt of a reply, written down as what it adds to an earlier one.
#include <algorithm>

#include "core/base/hash.h"
#include "core/session/context.h"

namespace fabula::session {

std::string prompt_hash(std::span<const int32_t> tokens) {
  Sha256 hash;
  hash.update(tokens.data(), tokens.size_bytes());
  return to_hex(hash.finish());
}

namespace {

// From the first reply of the chain to this one; each builds on the one before it.
Result<std::vector<const Receipt*>> chain_of(const Receipt& receipt, const FindMessage& find,
                                             std::vector<const Message*>& bases) {
  constexpr size_t longest = 1'000'000;  // bases of a damaged database may go in a circle
  std::vector<const Receipt*> chain{&receipt};
  while (!chain.back()->prompt_base.empty()) {
    const Message* base = find(chain.back()->prompt_base);
    if (!base || !base->receipt)
      return Error{ErrorCode::not_found, "the earlier reply that its prompt builds on is missing"};
    if (chain.size() > longest) return Error{ErrorCode::corrupt, "its receipt builds on itself"};
    bases.push_back(base);
    chain.push_back(&*base->receipt);
  }
  return chain;
}

}  // namespace

Result<std::vector<int32_t>> prompt_of(const Receipt& receipt, const FindMessage& find) {
  std::vector<const Message*> bases;
  FABULA_ASSIGN(const std::vector<const Receipt*> chain, chain_of(receipt, find, bases));
  std::vector<int32_t> context;
  for (size_t i = chain.size(); i-- > 0;) {
    if (i + 1 < chain.size()) context.insert(context.end(), bases[i]->tokens.begin(), bases[i]->tokens.end());
    const auto keep = static_cast<size_t>(std::max<int64_t>(chain[i]->prompt_keep, 0));
    if (keep > context.size())
      return Error{ErrorCode::corrupt, "its receipt keeps more than the earlier reply has"};
    context.resize(keep);
    context.insert(context.end(), chain[i]->prompt.begin(), chain[i]->prompt.end());
  }
  if (prompt_hash(context) != receipt.prompt_hash)
    return Error{ErrorCode::corrupt,
                 "its prompt is not the one that it was written for (an earlier reply was changed)"};
  return context;
}

void describe_prompt(Receipt& receipt, std::span<const int32_t> prompt, const MessagePath& path,
                     const FindMessage& find) {
  receipt.prompt_hash = prompt_hash(prompt);
  receipt.prompt_base.clear();
  receipt.prompt_keep = 0;
  const auto base = std::find_if(path.rbegin(), path.rend(),
                                 [](const auto& message) { return message->receipt.has_value(); });
  if (base != path.rend()) {
    if (auto context = prompt_of(*(*base)->receipt, find); context.ok()) {
      context->insert(context->end(), (*base)->tokens.begin(), (*base)->tokens.end());
      const auto same = std::mismatch(prompt.begin(), prompt.end(), context->begin(), context->end()).first;
      receipt.prompt_keep = same - prompt.begin();
      if (receipt.prompt_keep > 0) receipt.prompt_base = (*base)->id;
    }
  }
  receipt.prompt.assign(prompt.begin() + receipt.prompt_keep, prompt.end());
}

}  // namespace fabula::session
