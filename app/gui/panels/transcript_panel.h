// The turns of a chat. Only what is in view is laid out and drawn; layouts are cached per message.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "app/gui/panels/find_bar.h"
#include "app/gui/panels/reasoning.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"
#include "app/gui/text/text_view.h"
#include "app/gui/ui/scrollbar.h"
#include "app/gui/ui/virtual_list.h"

namespace fabula::gui {

class TranscriptPanel {
 public:
  explicit TranscriptPanel(text::TextEngine& engine) : engine_(engine), find_(engine), editor_(engine) {}
  void draw(Shell& shell, const ImRect& area);
  void jump_to_end() { rows_.jump_to_end(); }
  void forget_layouts() { blocks_.clear(); }  // fonts, scale or language have changed

 private:
  struct Block {
    text::TextView view;                            // of what people wrote: shown as it is
    std::unique_ptr<text::MarkdownView> markdown;  // of replies
    std::unique_ptr<text::TextView> thought;       // what the model thought before it answered
    bool thinking = false;
    uint64_t found = 0;                            // the search whose places are painted
    size_t bytes = 0;
    const session::Message* source = nullptr;
    uint64_t last_used = 0;
  };
  struct Item {
    const session::Message* message = nullptr;  // null: a reply whose message is not in the view yet
    std::string_view id, text;                  // of this frame's snapshot
    session::Role role = session::Role::user;
    bool live = false;
  };
  void collect(Shell& shell);
  Block& block(Shell& shell, const Item& item);
  float text_width(Shell& shell, Block& block) const;
  static float text_height(Block& block, float width);
  bool draw_text(Shell& shell, const Item& item, const std::string& id, Block& block, ImVec2 at, float width, bool& focused);
  bool thought_open(const Item& item, const Block& block) const;
  float thought_height(Shell& shell, const Item& item, Block& block) const;
  void draw_thought(Shell& shell, const Item& item, size_t index, Block& block, ImVec2 at);
  void draw_header(Shell& shell, const Item& item, ImVec2 at);
  void draw_find(Shell& shell, const ImRect& area);
  void search(Shell& shell);
  void go_to_hit(Shell& shell, size_t index);
  void paint_hits(Shell& shell, const Item& item, size_t index, Block& block);
  float measure(Shell& shell, size_t index);
  void draw_item(Shell& shell, const VirtualList::Placed& placed, const ImRect& area);
  void draw_footer(Shell& shell, const Item& item, size_t index, ImVec2 at, bool hovered);
  void draw_editing(Shell& shell, const Item& item, const ImRect& box);
  void drop_old_blocks();

  text::TextEngine& engine_;
  VirtualList rows_;
  FindBar find_;
  struct Found {  // one place of the words looked for
    size_t item = 0, number = 0;  // the how many-th in its message
  };
  std::vector<Found> hits_;
  size_t hit_ = 0, reveal_ = SIZE_MAX;  // reveal_: the item whose present place shall be scrolled into view
  uint64_t search_ = 1, searched_revision_ = 0;
  std::shared_ptr<uint64_t> asked_ = std::make_shared<uint64_t>(0);
  std::unordered_set<std::string> opened_, closed_;  // thoughts that were opened or closed by hand
  std::vector<Item> items_;
  std::unordered_map<std::string, Block> blocks_;
  text::Editor editor_;
  std::string session_, editing_;
  float edit_height_ = 120;  // pixels: the field with its buttons, grown with the words
  Scrollbar scrollbar_;
  float column_ = 0, scale_ = 0;
  bool take_focus_ = false, go_to_first_ = false;
  uint64_t serial_ = 0;
};

}  // namespace fabula::gui
