// Trees are bounded in height while they are built, so that they can be walked without asking.
#pragma once

#include <algorithm>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/parser.h"

namespace fabula::text::jinja {

// Sets the node's line and height from its children; an error where the tree gets too high to be walked.
template <class Node, class... Children>
ExprPtr finish(std::unique_ptr<Node> node, int line, const Children&... children) {
  node->line = line;
  [[maybe_unused]] const auto raise = [&](const ExprPtr& child) {
    if (child) node->height = std::max(node->height, child->height + 1);
  };
  (raise(children), ...);
  if (node->height > kMaxHeight) syntax_error("an expression is nested too deeply", line);
  return node;
}

template <class Node>
void raise_height(Node& node, const ExprPtr& child) {
  if (child) node.height = std::max(node.height, child->height + 1);
}

inline int height_of(const CallArguments& arguments) {
  int height = 0;
  const auto look = [&](const ExprPtr& e) { height = e ? std::max(height, e->height) : height; };
  for (const ExprPtr& e : arguments.positional) look(e);
  for (const auto& [name, e] : arguments.keyword) look(e);
  look(arguments.more_positional);
  look(arguments.more_keyword);
  return height;
}

}  // namespace fabula::text::jinja
