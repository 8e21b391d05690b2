// Text files that go with a message: read off the UI thread, shown as chips, and put into the message in fenced blocks.
#pragma once

#include <string>
#include <vector>

#include "app/gui/shell.h"

namespace fabula::gui {

struct Attachment {
  std::string name, text;
  int64_t tokens = -1;  // -1: not counted
};

// A file as an attachment. Errors: io, invalid_argument (not text: says so; too large).
Result<Attachment> read_attachment(const std::string& path);

// The message as it is sent: its words, then each file in a fence that its own text cannot close.
std::string with_attachments(const std::string& words, const std::vector<Attachment>& files);

class Attachments {
 public:
  void add(Shell& shell, const std::string& path);
  bool empty() const { return files_.empty(); }
  void clear() { files_.clear(); }
  const std::vector<Attachment>& files() const { return files_; }
  float height(const Ui& ui) const { return files_.empty() ? 0 : ui.px(34); }
  void draw(Shell& shell, ImVec2 at, float width);

 private:
  std::vector<Attachment> files_;
};

}  // namespace fabula::gui
