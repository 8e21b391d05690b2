// JSON Schemas and GBNF grammars as clients send them: read, and then followed for some bytes. What a schema's grammar lets
// through whole has to be JSON.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/grammar/gbnf.h"
#include "core/grammar/json_schema.h"
#include "core/grammar/stack_sets.h"

using namespace fabula;

namespace {

constexpr int steps = 48;
constexpr size_t max_input_bytes = 4096;  // the time of reading a larger one is measured elsewhere

// Goes where the input's bytes point, among those that the grammar lets through. `choices`: not empty.
void follow(const grammar::GrammarPtr& grammar, std::string_view choices, bool is_json) {
  grammar::StackSets sets(grammar);
  grammar::SetId state = sets.start();
  std::string text;
  for (int step = 0; step < steps && state != grammar::StackSets::none && !sets.exhausted(); ++step) {
    if (is_json && sets.accepting(state) && !parse_json(text, "the text").ok()) __builtin_trap();
    grammar::SetId next = grammar::StackSets::none;
    const auto first = static_cast<uint8_t>(choices[static_cast<size_t>(step) % choices.size()]);
    for (int turn = 0; turn < 256 && next == grammar::StackSets::none; ++turn) {
      const auto byte = static_cast<uint8_t>(first + turn);
      next = sets.next(state, byte);
      if (next != grammar::StackSets::none) text += static_cast<char>(byte);
    }
    if (next == grammar::StackSets::none) return;
    state = next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > max_input_bytes) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto schema = parse_ordered_json(text, "schema"); schema.ok()) {
    if (const auto grammar = grammar::read_json_schema(*schema); grammar.ok()) follow(*grammar, text, true);
  } else if (const auto grammar = grammar::read_gbnf(text); grammar.ok()) {
    follow(*grammar, text, false);
  }
  return 0;
}
