// A context-free grammar over bytes, compiled to the nodes of a pushdown automaton: what a reply may say.
//
// Goals: any grammar without left recursion, UTF-8 by construction, small enough for hostile schemas to end in
// a clear error. Non-goals: parse trees, ambiguity reports.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/grammar/byte_sets.h"

namespace fabula::grammar {

using NodeId = int32_t;
using RuleId = int32_t;

struct Node {
  enum class Kind : uint8_t {
    bytes,  // reads one byte of `set`, goes to next
    call,   // enters rule `other`, comes back at next
    split,  // goes to next or to other, reading nothing
    end,    // of a rule
  };
  Kind kind = Kind::end;
  NodeId next = -1;
  int32_t other = -1;  // call: a RuleId; split: a NodeId
  int32_t set = -1;    // bytes: index into Grammar::sets
};

// Immutable. Nodes that can never reach the end of their rule are `dead`; the root is never dead.
struct Grammar {
  std::vector<Node> nodes;
  std::vector<bool> dead;       // by node
  std::vector<NodeId> starts;   // by rule
  std::vector<ByteSet> sets;
  std::vector<uint8_t> classes;      // by byte: bytes that no set tells apart share a class
  std::vector<uint8_t> class_bytes;  // one byte of each class
  RuleId root = 0;
};

using GrammarPtr = std::shared_ptr<const Grammar>;

// A token that is no text (a control token such as <|python_tag|>) is written in grammars as this byte, which
// no UTF-8 has, and its id.
inline constexpr uint8_t token_mark = 0xFF;
std::string token_bytes_of(int32_t token);

}  // namespace fabula::grammar
