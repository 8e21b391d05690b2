#include "core/session/tree.h"

#include <algorithm>

namespace fabula::session {

bool Tree::add(Message message, int64_t key, bool deleted) {
  Node* parent = nullptr;
  if (!message.parent.empty()) {
    const auto found = nodes_.find(message.parent);
    if (found == nodes_.end()) return false;
    parent = found->second.get();
  }
  auto [place, fresh] = nodes_.try_emplace(message.id);
  if (!fresh) return false;
  place->second = std::make_unique<Node>();
  Node& node = *place->second;
  node.key = key;
  node.parent = parent;
  node.depth = parent ? parent->depth + 1 : 1;
  node.deleted = deleted;
  message.siblings = 1;
  message.sibling_index = 0;
  node.message = std::make_shared<const Message>(std::move(message));
  std::vector<Node*>& family = parent ? parent->children : roots_;
  family.push_back(&node);
  order_.push_back(&node);
  if (family.size() > 1) renumber(family);
  return true;
}

void Tree::replace(Message message) {
  const auto found = nodes_.find(message.id);
  if (found == nodes_.end()) return;
  const Message& old = *found->second->message;
  message.parent = old.parent;
  message.siblings = old.siblings;
  message.sibling_index = old.sibling_index;
  found->second->message = std::make_shared<const Message>(std::move(message));
}

void Tree::set_deleted(std::string_view id, bool deleted) {
  const auto found = nodes_.find(std::string(id));
  if (found == nodes_.end() || found->second->deleted == deleted) return;
  found->second->deleted = deleted;
  renumber(family_of(*found->second));
}

void Tree::renumber(const std::vector<Node*>& family) {
  const auto living = static_cast<int>(
      std::count_if(family.begin(), family.end(), [](Node* node) { return !node->deleted; }));
  int index = 0;
  for (Node* node : family) {
    if (node->deleted) continue;
    if (node->message->siblings != living || node->message->sibling_index != index) {
      Message copy = *node->message;
      copy.siblings = living;
      copy.sibling_index = index;
      node->message = std::make_shared<const Message>(std::move(copy));
    }
    ++index;
  }
}

const Tree::Node* Tree::find_or_null(std::string_view id) const {
  const auto found = nodes_.find(std::string(id));
  return found == nodes_.end() ? nullptr : found->second.get();
}

std::vector<std::shared_ptr<const Message>> Tree::path_to(std::string_view id) const {
  const Node* node = find_or_null(id);
  std::vector<std::shared_ptr<const Message>> path(node ? static_cast<size_t>(node->depth) : 0);
  for (size_t i = path.size(); node; node = node->parent) path[--i] = node->message;
  return path;
}

std::vector<const Tree::Node*> Tree::siblings(const Node& node) const {
  std::vector<const Node*> out;
  for (const Node* sibling : family_of(node))
    if (!sibling->deleted) out.push_back(sibling);
  return out;
}

const Tree::Node& Tree::newest_leaf_below(const Node& node) const {
  const Node* at = &node;
  for (;;) {
    const auto newest =
        std::find_if(at->children.rbegin(), at->children.rend(), [](Node* child) { return !child->deleted; });
    if (newest == at->children.rend()) return *at;
    at = *newest;
  }
}

std::vector<const Tree::Node*> Tree::living_below(const Node& node) const {
  std::vector<const Node*> out;
  std::vector<const Node*> waiting{&node};
  while (!waiting.empty()) {
    const Node* next = waiting.back();
    waiting.pop_back();
    if (next->deleted) continue;  // what stands below was deleted with it
    out.push_back(next);
    waiting.insert(waiting.end(), next->children.begin(), next->children.end());
  }
  return out;
}

}  // namespace fabula::session
