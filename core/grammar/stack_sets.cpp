#include "core/grammar/stack_sets.h"

#include <algorithm>

namespace fabula::grammar {

namespace {

constexpr size_t max_work = 200'000;  // nodes followed in one step; real schemas need tens
constexpr SetId only_empty = 0;       // the set of the empty stack alone

size_t mix(size_t hash, int32_t value) {
  return (hash ^ static_cast<uint32_t>(value)) * 0x9E3779B97F4A7C15ull;
}

}  // namespace

size_t StackSets::SetHash::operator()(SetId id) const {
  const Set& set = (*sets)[static_cast<size_t>(id)];
  size_t hash = set.has_empty;
  for (const Item& item : set.items) hash = mix(mix(hash, item.node), item.below);
  return hash ^ (hash >> 29);
}

StackSets::StackSets(GrammarPtr grammar)
    : grammar_(std::move(grammar)),
      n_classes_(grammar_->class_bytes.size()),
      index_(16, SetHash{&sets_}, SetEqual{&sets_}),
      reached_in_(grammar_->nodes.size(), 0),
      reached_over_(grammar_->nodes.size(), none) {
  reset();
}

void StackSets::reset() {
  index_.clear();
  sets_.clear();
  moves_.clear();
  stays_.clear();
  joins_.clear();
  intern({{}, true});
}

SetId StackSets::intern(Set set) {
  const auto id = static_cast<SetId>(sets_.size());
  sets_.push_back(std::move(set));
  const auto [place, is_new] = index_.try_emplace(id, id);
  if (!is_new) {
    sets_.pop_back();
    return place->second;
  }
  moves_.resize(sets_.size() * n_classes_, unknown);
  return id;
}

SetId StackSets::push(NodeId node, SetId below) {
  if (node_at(node).kind == Node::Kind::end) return below;  // a call in the last place leaves nothing to do
  return intern({{{node, below}}, false});
}

SetId StackSets::join(SetId a, SetId b) {
  if (a == b || b == none) return a;
  if (a == none) return b;
  if (a > b) std::swap(a, b);
  const uint64_t key = static_cast<uint64_t>(a) << 32 | static_cast<uint32_t>(b);
  if (const auto known = joins_.find(key); known != joins_.end()) return known->second;
  work_ += sets_[static_cast<size_t>(a)].items.size() + sets_[static_cast<size_t>(b)].items.size();
  if (work_ > max_work) {
    exhausted_ = true;
    return a;
  }
  Set joined{{}, sets_[static_cast<size_t>(a)].has_empty || sets_[static_cast<size_t>(b)].has_empty};
  const std::vector<Item> first = sets_[static_cast<size_t>(a)].items, second = sets_[static_cast<size_t>(b)].items;
  size_t i = 0, k = 0;
  while (i < first.size() || k < second.size()) {
    if (k == second.size() || (i < first.size() && first[i].node < second[k].node)) {
      joined.items.push_back(first[i++]);
    } else if (i == first.size() || second[k].node < first[i].node) {
      joined.items.push_back(second[k++]);
    } else {
      joined.items.push_back({first[i].node, join(first[i].below, second[k].below)});
      ++i, ++k;
    }
  }
  return joins_[key] = intern(std::move(joined));
}

// Stacks with `node` on top of `below`; whoever comes again with more below is followed again.
void StackSets::reach(NodeId node, SetId below) {
  const auto at = static_cast<size_t>(node);
  if (node < 0 || grammar_->dead[at] || exhausted_) return;
  if (reached_in_[at] != step_) {
    reached_in_[at] = step_;
    reached_over_[at] = below;
    reached_.push_back(node);
  } else {
    const SetId joined = join(reached_over_[at], below);
    if (joined == reached_over_[at]) return;
    reached_over_[at] = joined;
  }
  todo_.push_back(node);
}

void StackSets::follow(NodeId id) {
  if (++work_ > max_work) exhausted_ = true;
  const Node& node = node_at(id);
  const SetId below = reached_over_[static_cast<size_t>(id)];
  switch (node.kind) {
    case Node::Kind::bytes: return;
    case Node::Kind::split:
      reach(node.next, below);
      reach(node.other, below);
      return;
    case Node::Kind::call: {
      const SetId pushed = push(node.next, below);
      reach(grammar_->starts[static_cast<size_t>(node.other)], pushed);
      return;
    }
    case Node::Kind::end: {
      if (sets_[static_cast<size_t>(below)].has_empty) empty_reached_ = true;
      const std::vector<Item> items = sets_[static_cast<size_t>(below)].items;
      for (const Item& item : items) reach(item.node, item.below);
      return;
    }
  }
}

SetId StackSets::finish() {
  while (!todo_.empty() && !exhausted_) {
    const NodeId id = todo_.back();
    todo_.pop_back();
    follow(id);
  }
  Set set{{}, empty_reached_};
  for (const NodeId node : reached_)
    if (node_at(node).kind == Node::Kind::bytes)
      set.items.push_back({node, reached_over_[static_cast<size_t>(node)]});
  std::ranges::sort(set.items, {}, &Item::node);
  reached_.clear();
  todo_.clear();
  if (set.items.empty() && !set.has_empty) return none;
  return intern(std::move(set));
}

SetId StackSets::start() {
  ++step_;
  work_ = 0;
  empty_reached_ = false;
  reach(grammar_->starts[static_cast<size_t>(grammar_->root)], only_empty);
  return finish();
}

SetId StackSets::compute_next(SetId state, uint8_t byte) {
  ++step_;
  work_ = 0;
  empty_reached_ = false;
  const std::vector<Item> items = sets_[static_cast<size_t>(state)].items;
  for (const Item& item : items) {
    const Node& node = node_at(item.node);
    if (grammar_->sets[static_cast<size_t>(node.set)].contains(byte)) reach(node.next, item.below);
  }
  const SetId result = finish();
  moves_[static_cast<size_t>(state) * n_classes_ + grammar_->classes[byte]] = result;
  return result;
}

const ByteSet& StackSets::stays(SetId state) {
  const auto known = stays_.find(state);
  if (known != stays_.end()) return known->second;
  std::vector<bool> stays(n_classes_);
  for (size_t i = 0; i < n_classes_; ++i) stays[i] = next(state, grammar_->class_bytes[i]) == state;
  ByteSet set;
  for (int byte = 0; byte < 256; ++byte)
    if (stays[grammar_->classes[static_cast<size_t>(byte)]]) set.add(byte, byte);
  return stays_[state] = set;
}

SetId StackSets::forget_all_but(SetId keep) {
  std::vector<Set> old = std::move(sets_);
  reset();
  // What a set stands on was numbered before it, except where a join came later: depth first, then.
  std::vector<SetId> renamed(old.size(), none);
  std::vector<SetId> todo = {keep};
  while (!todo.empty()) {
    const SetId id = todo.back();
    Set copy = old[static_cast<size_t>(id)];
    bool ready = true;
    for (Item& item : copy.items) {
      if (renamed[static_cast<size_t>(item.below)] == none) {
        if (ready) todo.push_back(item.below);
        ready = false;
      } else {
        item.below = renamed[static_cast<size_t>(item.below)];
      }
    }
    if (!ready) continue;
    todo.pop_back();
    renamed[static_cast<size_t>(id)] = intern(std::move(copy));
  }
  return renamed[static_cast<size_t>(keep)];
}

}  // namespace fabula::grammar
