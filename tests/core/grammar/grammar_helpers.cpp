#include "tests/core/grammar/grammar_helpers.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/support/support.h"

namespace fabula::test {

namespace {

grammar::SetId after(grammar::StackSets& sets, std::string_view text) {
  grammar::SetId state = sets.start();
  for (const char byte : text) {
    if (state == grammar::StackSets::none) break;
    state = sets.next(state, static_cast<uint8_t>(byte));
  }
  return state;
}

}  // namespace

bool accepts(const grammar::GrammarPtr& grammar, std::string_view text) {
  grammar::StackSets sets(grammar);
  const grammar::SetId state = after(sets, text);
  return state != grammar::StackSets::none && sets.accepting(state);
}

bool begins(const grammar::GrammarPtr& grammar, std::string_view text) {
  grammar::StackSets sets(grammar);
  return after(sets, text) != grammar::StackSets::none;
}

std::shared_ptr<const text::Tokenizer> hf_tokenizer(const std::string& name) {
  const std::string folder = "tokenizers/hf/" + name;
  const auto path = testdata_file(folder + "/tokenizer.json");
  if (!path) return nullptr;
  const auto config = testdata_file(folder + "/tokenizer_config.json");
  auto made = text::make_tokenizer_from_hf_json(read_text(*path), config ? read_text(*config) : "");
  return made.ok() ? *std::move(made) : nullptr;
}

RandomReply random_reply(const std::shared_ptr<const grammar::Constraint>& constraint, std::mt19937_64& random,
                         size_t hurry_after, size_t most) {
  const int32_t end = constraint->vocabulary->size();  // an id of its own
  grammar::Matcher matcher(constraint, std::span(&end, 1), static_cast<size_t>(end) + 1);
  RandomReply reply;
  std::vector<int32_t> all, bytes;
  while (reply.tokens < most) {
    const grammar::TokenMask& mask = matcher.allowed();
    const bool hurry = reply.tokens > hurry_after;
    if (mask.allows(end) && (hurry || random() % 4 == 0 || mask.count() == 1)) {
      reply.finished = true;
      return reply;
    }
    all.clear(), bytes.clear();
    int32_t closing = -1;
    for (int32_t id = 0; id < end; ++id) {
      if (!mask.allows(id)) continue;
      const std::string_view text = constraint->vocabulary->bytes_of(id);
      all.push_back(id);
      if (text.size() == 1) bytes.push_back(id);
      if (text == "\"" || text == "}" || text == "]") closing = id;
    }
    if (all.empty()) return reply;
    const bool close = closing >= 0 && (hurry || random() % 8 == 0);
    const auto& from = !bytes.empty() && random() % 2 == 0 ? bytes : all;
    const int32_t token = close ? closing : from[random() % from.size()];
    if (!matcher.advance(token).ok()) return reply;
    reply.text += constraint->vocabulary->bytes_of(token);
    ++reply.tokens;
  }
  return reply;
}

}  // namespace fabula::test
