// The message tree of one session in memory: what views are made of. A mirror of the database that changes
// only after a commit. Messages are immutable and shared with snapshots; a change replaces the pointer.
// Thread: the Store's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/session/types.h"

namespace fabula::session {

class Tree {
 public:
  struct Node {
    std::shared_ptr<const Message> message;
    int64_t key = 0;    // of its row
    int64_t depth = 1;  // of a root: 1
    Node* parent = nullptr;
    std::vector<Node*> children;  // in order of creation
    bool deleted = false;
  };

  // The parent must be there already ("" for a root); false where it is not, or where the id is taken.
  bool add(Message message, int64_t key, bool deleted = false);
  void replace(Message message);  // same id and place, new content
  void set_deleted(std::string_view id, bool deleted);

  const Node* find_or_null(std::string_view id) const;
  size_t size() const { return order_.size(); }
  const std::vector<const Node*>& order() const { return order_; }  // parents first

  // From the root to `id`; empty for "".
  std::vector<std::shared_ptr<const Message>> path_to(std::string_view id) const;
  // Alternatives at this place that are not deleted, in order of creation.
  std::vector<const Node*> siblings(const Node& node) const;
  // Down along the newest children.
  const Node& newest_leaf_below(const Node& node) const;
  // This message and everything below it that is not deleted yet.
  std::vector<const Node*> living_below(const Node& node) const;

 private:
  const std::vector<Node*>& family_of(const Node& node) const {
    return node.parent ? node.parent->children : roots_;
  }
  void renumber(const std::vector<Node*>& family);

  std::unordered_map<std::string, std::unique_ptr<Node>> nodes_;
  std::vector<Node*> roots_;
  std::vector<const Node*> order_;
};

}  // namespace fabula::session
