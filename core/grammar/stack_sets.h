// The configurations of a grammar's pushdown automaton: sets of stacks, shared and numbered, so that a set is
// known again when it comes back and what follows from it is computed once.
//
// A set of stacks is kept by their topmost nodes, each with the set of stacks below it. Sets with the same
// topmost node are joined, so that ambiguity costs no more than its depth (Tomita 1985, graph-structured
// stacks).
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/grammar/grammar.h"

namespace fabula::grammar {

using SetId = int32_t;

class StackSets {
 public:
  static constexpr SetId none = -1;   // no stack at all: the text does not fit
  static constexpr SetId unknown = -2;  // of next(): not computed yet

  explicit StackSets(GrammarPtr grammar);

  SetId start();  // before the first byte
  // After one more byte; none where it does not fit.
  SetId next(SetId state, uint8_t byte) {
    const SetId known = moves_[static_cast<size_t>(state) * n_classes_ + grammar_->classes[byte]];
    return known != unknown ? known : compute_next(state, byte);
  }
  bool accepting(SetId state) const { return sets_[static_cast<size_t>(state)].has_empty; }
  // The bytes that lead from the state to itself.
  const ByteSet& stays(SetId state);

  size_t size() const { return sets_.size(); }
  // Forgets everything but `keep`, which is returned under its new number.
  SetId forget_all_but(SetId keep);
  // A step that needs more work than any sensible grammar: the answers are not to be used any more.
  bool exhausted() const { return exhausted_; }

 private:
  struct Item {
    NodeId node;
    SetId below;
    bool operator==(const Item&) const = default;
  };
  struct Set {
    std::vector<Item> items;  // by node, each once
    bool has_empty = false;   // the empty stack is one of them: the text may end
    bool operator==(const Set&) const = default;
  };
  struct SetHash {
    const std::vector<Set>* sets;
    size_t operator()(SetId id) const;
  };
  struct SetEqual {
    const std::vector<Set>* sets;
    bool operator()(SetId a, SetId b) const {
      return (*sets)[static_cast<size_t>(a)] == (*sets)[static_cast<size_t>(b)];
    }
  };

  SetId intern(Set set);
  SetId join(SetId a, SetId b);
  SetId push(NodeId node, SetId below);
  SetId compute_next(SetId state, uint8_t byte);
  void reach(NodeId node, SetId below);
  void follow(NodeId node);
  SetId finish();  // the set of all that was reached
  const Node& node_at(NodeId id) const { return grammar_->nodes[static_cast<size_t>(id)]; }
  void reset();

  GrammarPtr grammar_;
  size_t n_classes_;
  std::vector<Set> sets_;
  std::unordered_map<SetId, SetId, SetHash, SetEqual> index_;
  std::vector<SetId> moves_;  // (sets, classes)
  std::unordered_map<SetId, ByteSet> stays_;
  std::unordered_map<uint64_t, SetId> joins_;
  bool exhausted_ = false;

  // Of the step in progress: what was reached without reading, and over which stacks.
  std::vector<uint32_t> reached_in_;  // by node: the step
  std::vector<SetId> reached_over_;   // by node
  std::vector<NodeId> reached_, todo_;
  uint32_t step_ = 0;
  bool empty_reached_ = false;
  size_t work_ = 0;
};

}  // namespace fabula::grammar
