// A call of a function while it is still being written: its name as soon as it is sure, then its arguments piece by piece.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "app/server/tool_formats.h"

namespace fabula::server {

// A call up to its arguments, in the order in which models write it: the name, then one JSON object.
struct CallHead {
  enum class Outcome { begun, incomplete, other };  // other: no call, or one that has to be read as a whole
  Outcome outcome = Outcome::other;
  std::string name;
  size_t arguments = 0;  // where their object begins
  bool opens_list = false;
};
// text: what follows `open`, or in a list (in_list) what follows a call and its comma.
CallHead read_call_head(const ToolFormat& format, std::string_view text, bool in_list);

// Finds the end of a JSON object that comes in pieces.
class ObjectEnd {
 public:
  explicit ObjectEnd(int depth = 0) : depth_(depth) {}  // 1: its first brace was taken already

  size_t take(std::string_view text);  // how many of these bytes are the object's
  bool ended() const { return ended_; }

 private:
  int depth_;
  bool in_string_ = false, escaped_ = false, ended_ = false;
};

}  // namespace fabula::server
