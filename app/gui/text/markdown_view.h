// A message of a model, laid out from its Markdown: headings, lists, quotes, tables, code with colours,
// links. Selectable as one text across its blocks. While a reply streams, only its last blocks are read and
// shaped again.
// Thread: the UI thread alone. The engine must outlive the view.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/gui/text/input.h"
#include "app/gui/text/markdown.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

struct MarkdownLook {
  float size_px = 16;
  float line_spacing = 1.5f;
  Colour text = 0xff000000;
  Colour muted = 0xff5a5a5a;  // markers, quoted text's bar, table lines, the language of a code block
  Colour link = 0xffb04800;
  Colour code_background = 0x14000000;
  Colour line = 0x30000000;  // rules, table lines, quote bars
  Colour selection = 0x50e09020;
  Colour keyword = 0xffa02060, string = 0xff207020, comment = 0xff5f5f5f, number = 0xff905010;

  bool operator==(const MarkdownLook&) const = default;
};

// Defaults that suit a bright or a dark ground (all contrasts at least 4.5:1, WCAG AA).
MarkdownLook markdown_look(bool dark, float size_px);

class MarkdownView {
 public:
  explicit MarkdownView(TextEngine& engine);

  void set_text(std::string_view markdown);
  const std::string& source() const { return document_.source(); }
  void set_look(const MarkdownLook& look);
  const MarkdownLook& look() const { return look_; }
  // Lays out what has changed since the last call; cheap when nothing has.
  float height(float width_px);
  void forget_glyphs();  // out of sight: heights stay known

  void draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom);

  // ---- points, relative to the view's corner
  std::string link_at(Point point);  // "" where there is none
  struct CodeBlock {
    Rect rect;         // the box
    Rect copy_button;  // a place for one at its top right
    std::string language;
    std::string_view code;  // valid until the next set_text
  };
  std::vector<CodeBlock> code_blocks() const;
  struct Link {
    size_t number;  // of all links of the text
    Rect rect;      // of its first line
    std::string address;
  };
  std::vector<Link> links(float top, float bottom);  // that stand between these heights; after height()

  // ---- finding: the places are painted, also while the text grows
  // Returns how many there are. An empty needle ends it. `current` is painted in its own colour.
  size_t find(std::string_view needle, Colour hit, Colour current_hit, size_t current = 0, bool match_case = false);
  Rect hit_rect(size_t index);  // of the first line of the place, to scroll to; after height()

  // ---- selection across blocks
  void mouse_down(Point point, int clicks, bool shift);
  void mouse_drag(Point point);
  void select_all();
  void clear_selection();
  bool has_selection() const;
  std::string selected_text() const;                      // blocks apart by an empty line, cells by a tab
  bool key(const KeyPress& press, Clipboard& clipboard);  // Ctrl+C, Ctrl+A

 private:
  struct Leaf {  // one flow: a paragraph, a code block, a table's cell
    explicit Leaf(TextEngine& engine) : flow(engine) {}
    TextFlow flow;
    Rect rect;
    size_t block = 0;
    size_t row = 0, column = 0;
    std::vector<PaintSpan> paint;                 // without the places found
    std::vector<std::pair<size_t, size_t>> hits;  // in its text
  };
  struct Place {
    size_t leaf = 0;
    size_t offset = 0;
    auto operator<=>(const Place&) const = default;
  };
  void rebuild(size_t from_block);
  void fill_leaf(Leaf& leaf, const MarkdownBlock& block, const InlineText& content);
  void paint_hits();
  void place_blocks();
  float place_table(size_t block, float x, float y, float width);
  Leaf& leaf_of(size_t block, size_t row, size_t column, size_t& next);
  Place place_at(Point point);
  std::pair<size_t, size_t> selected_in(size_t leaf) const;
  void draw_decoration(ImDrawList& list, Point origin, float clip_top, float clip_bottom);
  void draw_table_lines(ImDrawList& list, Point origin, size_t block);
  void unit_around(Place place, Place& begin, Place& end);

  TextEngine* engine_;
  StreamingMarkdown document_;
  MarkdownLook look_;
  std::vector<std::unique_ptr<Leaf>> leaves_;  // in the order of the text
  struct BlockBox {
    size_t first_leaf = 0, last_leaf = 0;  // [first, last)
    Rect rect;
    float indent = 0;
    std::vector<float> column_x, row_y;  // of a table: edges
  };
  std::vector<BlockBox> boxes_;  // one per block
  float width_ = 0;
  float height_ = 0;
  bool dirty_ = true;
  std::string needle_;
  bool match_case_ = false;
  Colour hit_colour_ = 0, current_colour_ = 0;
  size_t current_hit_ = 0;
  Place anchor_, caret_;
  int unit_ = 1;
  Place unit_begin_, unit_end_;
};

// About how high a text will be, before anything is laid out: for messages far from view.
float estimate_height(std::string_view text, float width_px, float size_px, float line_spacing);

}  // namespace fabula::text
