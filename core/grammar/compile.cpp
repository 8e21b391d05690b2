#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "core/grammar/builder.h"

namespace fabula::grammar {

// From expressions to nodes, back to front: each expression is compiled towards the node that follows it.
class Compiler {
 public:
  explicit Compiler(const Builder& builder) : builder_(builder), grammar_(std::make_shared<Grammar>()) {}

  Result<GrammarPtr> run(RuleId root) {
    Grammar& grammar = *grammar_;
    grammar.root = root;
    // Long repetitions add rules while this runs; they are compiled by then.
    for (const Builder::Rule& rule : builder_.rules_) {
      const NodeId end = node({.kind = Node::Kind::end});
      grammar.starts.push_back(compile(rule.body, end));
    }
    for (size_t i = 0; i < inner_.size(); ++i) {  // their calls name rules behind the builder's own
      const NodeId end = node({.kind = Node::Kind::end});
      grammar.starts.push_back(compile(inner_[i], end));
    }
    if (full_) return Error{ErrorCode::invalid_argument, "the grammar is too large"};
    find_productive();
    FABULA_TRY(refuse_left_recursion());
    if (grammar.dead[static_cast<size_t>(grammar.starts[static_cast<size_t>(root)])])
      return Error{ErrorCode::invalid_argument, "no finite text fits the grammar"};
    number_classes();
    return GrammarPtr(grammar_);
  }

 private:
  using Expression = Builder::Expression;
  using Kind = Builder::Kind;

  NodeId node(Node node) {
    full_ = full_ || grammar_->nodes.size() >= builder_.limits_.max_nodes;
    if (!full_) grammar_->nodes.push_back(node);
    return static_cast<NodeId>(grammar_->nodes.size() - 1);
  }

  NodeId reading(int first, int last, NodeId next) {
    ByteSet set;
    set.add(first, last);
    return reading(set, next);
  }

  NodeId reading(const ByteSet& set, NodeId next) {
    const auto [place, is_new] = set_indices_.try_emplace(set, static_cast<int32_t>(grammar_->sets.size()));
    if (is_new) grammar_->sets.push_back(set);
    return node({.kind = Node::Kind::bytes, .next = next, .set = place->second});
  }

  NodeId split(std::vector<NodeId> ways) {
    if (ways.empty()) return node({.kind = Node::Kind::split});  // no way on: never
    NodeId rest = ways.back();
    for (size_t i = ways.size() - 1; i-- > 0;)
      rest = node({.kind = Node::Kind::split, .next = ways[i], .other = rest});
    return rest;
  }

  NodeId compile(Expr id, NodeId next) {
    if (full_) return next;
    const Expression& e = builder_.expressions_[static_cast<size_t>(id)];
    switch (e.kind) {
      case Kind::literal:
        for (size_t i = e.bytes.size(); i-- > 0;) {
          const auto byte = static_cast<uint8_t>(e.bytes[i]);
          next = reading(byte, byte, next);
        }
        return next;
      case Kind::chars: return compile_chars(e.set, next);
      case Kind::sequence:
        for (size_t i = e.parts.size(); i-- > 0;) next = compile(e.parts[i], next);
        return next;
      case Kind::choice: {
        std::vector<NodeId> ways;
        for (const Expr part : e.parts) ways.push_back(compile(part, next));
        return split(std::move(ways));
      }
      case Kind::repeat: return compile_repeat(e, next);
      case Kind::call: return node({.kind = Node::Kind::call, .next = next, .other = e.rule});
    }
    return next;
  }

  // Characters of several bytes share the nodes of their endings.
  NodeId compile_chars(const CodePoints& set, NodeId next) {
    ByteSet single;
    bool has_single = false;
    std::map<std::tuple<int, int, NodeId>, NodeId> endings;
    std::map<NodeId, ByteSet> heads;  // first bytes by what follows them
    for (const ByteSequence& sequence : utf8_sequences(set)) {
      if (sequence.length == 1) {
        single.add(sequence.first[0], sequence.last[0]);
        has_single = true;
        continue;
      }
      NodeId at = next;
      for (int i = sequence.length - 1; i >= 1; --i) {
        const auto index = static_cast<size_t>(i);
        const std::tuple key(int{sequence.first[index]}, int{sequence.last[index]}, at);
        const auto found = endings.find(key);
        at = found != endings.end() ? found->second
                                    : endings[key] = reading(std::get<0>(key), std::get<1>(key), at);
      }
      heads[at].add(sequence.first[0], sequence.last[0]);
    }
    std::vector<NodeId> ways;
    if (has_single) ways.push_back(reading(single, next));
    for (const auto& [rest, bytes] : heads) ways.push_back(reading(bytes, rest));
    return split(std::move(ways));
  }

  NodeId compile_repeat(const Expression& e, NodeId next) {
    Expr body = e.parts[0];
    std::optional<RuleId> rule;  // copies of anything but a call or a letter would grow the grammar
    const Kind kind = builder_.expressions_[static_cast<size_t>(body)].kind;
    if (e.least + std::max<int64_t>(e.most, 1) > 2 && kind != Kind::call) rule = inner_rule(body);
    const auto once = [&](NodeId then) {
      return rule ? node({.kind = Node::Kind::call, .next = then, .other = *rule}) : compile(body, then);
    };
    NodeId at = next;
    if (e.most == Builder::unbounded) {
      at = node({.kind = Node::Kind::split, .next = next});
      const NodeId loop = compile(body, at);  // not a call: a long text stays in one state
      if (!full_) grammar_->nodes[static_cast<size_t>(at)].other = loop;
    } else {
      for (int64_t i = e.least; i < e.most && !full_; ++i)
        at = node({.kind = Node::Kind::split, .next = next, .other = once(at)});
    }
    for (int64_t i = 0; i < e.least && !full_; ++i) at = once(at);
    return at;
  }

  RuleId inner_rule(Expr body) {
    const auto [place, is_new] = inner_rules_.try_emplace(
        body, static_cast<RuleId>(builder_.rules_.size() + inner_.size()));
    if (is_new) inner_.push_back(body);
    return place->second;
  }

  // A node is alive where the end of its rule can be reached from it; a call only where its rule is.
  void find_productive() {
    Grammar& grammar = *grammar_;
    grammar.dead.assign(grammar.nodes.size(), true);
    std::vector<std::vector<NodeId>> waiting(grammar.nodes.size());  // for this node to come alive
    std::vector<NodeId> alive;
    const auto revive = [&](NodeId id) {
      if (!grammar.dead[static_cast<size_t>(id)]) return;
      grammar.dead[static_cast<size_t>(id)] = false;
      alive.push_back(id);
    };
    for (size_t i = 0; i < grammar.nodes.size(); ++i) {
      const Node& node = grammar.nodes[i];
      const auto id = static_cast<NodeId>(i);
      if (node.next >= 0) waiting[static_cast<size_t>(node.next)].push_back(id);
      if (node.kind == Node::Kind::split && node.other >= 0)
        waiting[static_cast<size_t>(node.other)].push_back(id);
      if (node.kind == Node::Kind::call) waiting[static_cast<size_t>(start(node.other))].push_back(id);
      if (node.kind == Node::Kind::end) revive(id);
    }
    while (!alive.empty()) {
      const NodeId id = alive.back();
      alive.pop_back();
      for (const NodeId before : waiting[static_cast<size_t>(id)]) {
        const Node& node = grammar.nodes[static_cast<size_t>(before)];
        const bool called = node.kind != Node::Kind::call ||
                            (!grammar.dead[static_cast<size_t>(start(node.other))] &&
                             !grammar.dead[static_cast<size_t>(node.next)]);
        if (called) revive(before);
      }
    }
  }

  NodeId start(RuleId rule) const { return grammar_->starts[static_cast<size_t>(rule)]; }

  // Which rules a rule may enter before it reads anything; a cycle would push for ever.
  Status refuse_left_recursion() {
    const size_t n_rules = grammar_->starts.size();
    std::vector<bool> nullable(n_rules, false);
    std::vector<std::vector<RuleId>> entered(n_rules);
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t rule = 0; rule < n_rules; ++rule) {
        if (nullable[rule]) continue;
        if (!(nullable[rule] = explore(static_cast<RuleId>(rule), nullable, nullptr))) continue;
        changed = true;
      }
    }
    for (size_t rule = 0; rule < n_rules; ++rule)
      explore(static_cast<RuleId>(rule), nullable, &entered[rule]);
    // Rules leave once all that they enter have left; what stays is in a cycle or above one.
    std::vector<size_t> left_to_wait(n_rules, 0);
    std::vector<std::vector<size_t>> entered_by(n_rules);
    std::vector<size_t> free;
    for (size_t rule = 0; rule < n_rules; ++rule) {
      left_to_wait[rule] = entered[rule].size();
      for (const RuleId other : entered[rule]) entered_by[static_cast<size_t>(other)].push_back(rule);
      if (entered[rule].empty()) free.push_back(rule);
    }
    size_t gone = 0;
    for (; gone < free.size(); ++gone)
      for (const size_t above : entered_by[free[gone]])
        if (--left_to_wait[above] == 0) free.push_back(above);
    if (gone == n_rules) return {};
    const auto stuck = std::ranges::find_if(left_to_wait, [](size_t n) { return n > 0; });
    const auto rule = static_cast<size_t>(stuck - left_to_wait.begin());
    const std::string name = rule < builder_.rules_.size() ? builder_.rules_[rule].name : "a repetition";
    return Error{ErrorCode::invalid_argument, name + " begins with itself: such a grammar cannot be followed"};
  }

  // Walks what `rule` can reach without reading; true where that is its end.
  bool explore(RuleId rule, const std::vector<bool>& nullable, std::vector<RuleId>* entered) {
    if (seen_.size() != grammar_->nodes.size()) seen_.assign(grammar_->nodes.size(), 0);
    ++round_;
    bool at_end = false;
    std::vector<NodeId> todo = {start(rule)};
    while (!todo.empty()) {
      const NodeId id = todo.back();
      todo.pop_back();
      if (id < 0 || seen_[static_cast<size_t>(id)] == round_) continue;
      seen_[static_cast<size_t>(id)] = round_;
      const Node& node = grammar_->nodes[static_cast<size_t>(id)];
      if (grammar_->dead[static_cast<size_t>(id)] || node.kind == Node::Kind::bytes) continue;
      if (node.kind == Node::Kind::end) at_end = true;
      if (node.kind == Node::Kind::split) todo.insert(todo.end(), {node.next, node.other});
      if (node.kind != Node::Kind::call) continue;
      if (entered && std::ranges::find(*entered, node.other) == entered->end()) entered->push_back(node.other);
      if (nullable[static_cast<size_t>(node.other)]) todo.push_back(node.next);
    }
    return at_end;
  }

  void number_classes() {
    Grammar& grammar = *grammar_;
    grammar.classes.assign(256, 0);
    std::map<std::vector<bool>, uint8_t> by_membership;
    for (int byte = 0; byte < 256; ++byte) {
      std::vector<bool> membership;
      for (const ByteSet& set : grammar.sets) membership.push_back(set.contains(static_cast<uint8_t>(byte)));
      const auto [place, is_new] =
          by_membership.try_emplace(std::move(membership), static_cast<uint8_t>(by_membership.size()));
      if (is_new) grammar.class_bytes.push_back(static_cast<uint8_t>(byte));
      grammar.classes[static_cast<size_t>(byte)] = place->second;
    }
  }

  const Builder& builder_;
  std::shared_ptr<Grammar> grammar_;
  std::map<ByteSet, int32_t> set_indices_;
  std::vector<Expr> inner_;
  std::map<Expr, RuleId> inner_rules_;
  std::vector<uint32_t> seen_;
  uint32_t round_ = 0;
  bool full_ = false;
};

Result<GrammarPtr> Builder::build(RuleId root) const {
  if (too_large()) return Error{ErrorCode::invalid_argument, "the grammar is too large"};
  return Compiler(*this).run(root);
}

}  // namespace fabula::grammar
