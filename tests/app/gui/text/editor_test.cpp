#include "app/gui/text/editor.h"

#include <doctest/doctest.h>

#include <string>

#include "app/gui/text/unicode.h"
#include "core/base/utf8.h"
#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

struct Setup : test::TextFixture {
  MemoryClipboard clipboard;
  Editor make(std::string_view text = {}, float width = 300) {
    Editor editor(*engine);
    editor.flow().set_width(width);
    editor.set_text(text);
    return editor;
  }
  void type(Editor& editor, std::u32string_view text) {
    for (const char32_t c : text) editor.character(c);
  }
  bool press(Editor& editor, Key key, bool ctrl = false, bool shift = false) {
    return editor.key({key, ctrl, shift, false}, clipboard);
  }
};

PaintSpan mark(size_t begin, size_t end, uint32_t tag) {
  return {begin, end, 0xff0000ff, 0, false, false, false, tag};
}

}  // namespace

TEST_CASE("typing, deleting, undo and redo") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make();
  s.type(e, U"Hello wörld 中文 👍🏽");
  CHECK(e.text() == "Hello wörld 中文 👍🏽");
  s.press(e, Key::backspace);
  CHECK(e.text() == "Hello wörld 中文 ");  // a whole emoji with its modifier
  s.press(e, Key::backspace, true);
  CHECK(e.text() == "Hello wörld 中");
  while (e.undo()) {
  }
  CHECK(e.text() == "");
  while (e.redo()) {
  }
  CHECK(e.text() == "Hello wörld 中");
  e.undo();
  s.type(e, U"!");
  CHECK_FALSE(e.can_redo());
}

TEST_CASE("typing is undone word by word") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make();
  s.type(e, U"one two three");
  e.undo();
  CHECK(e.text() == "one two ");
  e.undo();
  CHECK(e.text() == "one ");
  e.redo();
  CHECK(e.text() == "one two ");
}

TEST_CASE("keys move and select") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("first line\nsecond line\nthird");
  s.press(e, Key::home, true);
  CHECK(e.selection().caret().offset == 0);
  s.press(e, Key::right, true);
  CHECK(e.selection().caret().offset == 5);
  s.press(e, Key::down);
  CHECK(e.selection().caret().offset >= 13);
  CHECK(e.selection().caret().offset <= 17);
  s.press(e, Key::home);
  s.press(e, Key::end, false, true);
  CHECK(e.selection().text() == "second line");
  s.press(e, Key::x, true);
  CHECK(e.text() == "first line\n\nthird");
  CHECK(s.clipboard.get() == "second line");
  s.press(e, Key::v, true);
  CHECK(e.text() == "first line\nsecond line\nthird");
  s.press(e, Key::a, true);
  CHECK(e.selection().text() == e.text());
  s.press(e, Key::left);
  CHECK(e.selection().empty());
  CHECK(e.selection().caret().offset == 0);
  s.press(e, Key::end, true, true);
  s.press(e, Key::del);
  CHECK(e.empty());
  s.press(e, Key::z, true);
  CHECK(e.text() == "first line\nsecond line\nthird");
}

TEST_CASE("up and down keep the column over short lines") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("a long first line\nx\na long first line", 500);
  e.selection().set_caret({10, false});
  s.press(e, Key::down);
  CHECK(e.selection().caret().offset == 19);
  s.press(e, Key::down);
  CHECK(e.selection().caret().offset == 30);
  s.press(e, Key::down);
  CHECK(e.selection().caret().offset == e.size_bytes());
}

TEST_CASE("at a soft break End stays on its line") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("aaaa bbbb cccc dddd eeee ffff gggg", 90);
  e.selection().set_caret({0, false});
  const float y = e.flow().caret_rect(e.selection().caret()).y;
  s.press(e, Key::end);
  CHECK(e.selection().caret().offset > 4);
  CHECK(e.flow().caret_rect(e.selection().caret()).y == y);
  s.press(e, Key::home);
  CHECK(e.selection().caret().offset == 0);
}

TEST_CASE("mouse: caret, words, paragraphs, dragging") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("one two three\nfour five", 600);
  const auto at = [&](size_t offset) {
    const Rect r = e.flow().caret_rect({offset, false});
    return Point{r.x + 1, r.y + r.height / 2};
  };
  e.mouse_down(at(5), 1, false);
  CHECK(e.selection().caret().offset == 5);
  e.mouse_down(at(5), 2, false);
  CHECK(e.selection().text() == "two");
  e.mouse_drag(at(9));
  CHECK(e.selection().text() == "two three");
  e.mouse_drag(at(1));
  CHECK(e.selection().text() == "one two");
  e.mouse_down(at(5), 3, false);
  CHECK(e.selection().text() == "one two three");
  e.mouse_down(at(0), 1, false);
  e.mouse_drag(at(18));
  CHECK(e.selection().text() == "one two three\nfour");
  e.mouse_down(at(3), 1, true);
  CHECK(e.selection().text() == "one");
}

TEST_CASE("left then right comes back, and right reaches the end") {
  Setup s;
  if (!s.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 40; ++round) {
    Editor e = s.make(test::random_text(random, 20));
    e.selection().set_caret({random() % (e.size_bytes() + 1), false});
    const size_t start = e.selection().caret().offset;
    // Where the direction of two neighbouring paragraphs differs the two keys are not each other's inverse
    // across the edge.
    const size_t p = e.flow().paragraph_of(start), b = e.flow().paragraph_begin(p);
    if (start > b && start < b + e.flow().paragraph_text(p).size()) {
      s.press(e, Key::left);
      s.press(e, Key::right);
      REQUIRE(e.selection().caret().offset == start);
    }
    e.selection().set_caret({0, false});
    size_t steps = 0;
    for (size_t last = SIZE_MAX; e.selection().caret().offset != last && steps < 10000; ++steps) {
      last = e.selection().caret().offset;
      e.selection().set_caret({e.selection().step(true, false), false});
    }
    REQUIRE(e.selection().caret().offset == e.size_bytes());
    for (size_t last = SIZE_MAX; e.selection().caret().offset != last;) {
      last = e.selection().caret().offset;
      e.selection().set_caret({e.selection().step(false, false), false});
      if (steps > 0) --steps;
    }
    REQUIRE(e.selection().caret().offset == 0);
    REQUIRE(steps <= 1);
  }
}

TEST_CASE("the editor agrees with a plain string under random operations") {
  Setup s;
  if (!s.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 25; ++round) {
    const std::string start = test::random_text(random, 10);
    Editor e = s.make(start);
    REQUIRE(e.text() == start);
    std::string model = start;
    for (int step = 0; step < 60; ++step) {
      const size_t begin = e.selection().begin(), end = e.selection().end();
      const std::string piece = test::pieces()[random() % test::pieces().size()];
      switch (random() % 8) {
        case 0:
        case 1:
          e.insert(piece);
          model.replace(begin, end - begin, piece);
          break;
        case 2: {
          size_t at = 0;
          const char32_t c = decode_utf8(piece, at);
          if (c < 0x20) break;
          e.character(c);
          model.replace(begin, end - begin, piece.substr(0, at));
          break;
        }
        case 3:
          if (begin == end) {
            const size_t line = model.rfind('\n', begin == 0 ? 0 : begin - 1);
            const size_t from = begin == 0 ? 0 : line != std::string::npos && line < begin ? line + 1 : 0;
            const std::string paragraph = model.substr(from, begin - from);
            // Clusters look back at most to the beginning of the paragraph.
            const size_t before = begin == 0          ? 0
                                  : paragraph.empty() ? begin - 1
                                                      : from + previous_grapheme(paragraph, paragraph.size());
            e.key({Key::backspace}, s.clipboard);
            model.erase(before, begin - before);
          } else {
            e.key({Key::backspace}, s.clipboard);
            model.erase(begin, end - begin);
          }
          break;
        case 4: e.selection().select(random() % (model.size() + 1), random() % (model.size() + 1)); break;
        case 5:
          e.selection().motion({random() % 2 ? Key::left : Key::right, random() % 2 == 0, random() % 2 == 0},
                               100);
          break;
        case 6:
          e.selection().motion({random() % 2 ? Key::up : Key::down, false, random() % 2 == 0}, 100);
          break;
        case 7:
          if (e.undo()) REQUIRE(e.redo());
          break;
      }
      REQUIRE(e.text() == model);
      REQUIRE(e.selection().text() ==
              model.substr(e.selection().begin(), e.selection().end() - e.selection().begin()));
      REQUIRE(is_valid_utf8(model));
    }
    while (e.undo()) {
    }
    REQUIRE(e.text() == start);
    while (e.redo()) {
    }
    REQUIRE(e.text() == model);
  }
}

TEST_CASE("the changes it tells make the same text elsewhere") {
  Setup s;
  if (!s.usable()) return;
  std::mt19937_64 random(test::seed());
  Editor e = s.make("The story so far.");
  std::string copy = e.text();
  for (int step = 0; step < 200; ++step) {
    e.selection().select(random() % (e.size_bytes() + 1), random() % (e.size_bytes() + 1));
    switch (random() % 4) {
      case 0: e.insert("some text"); break;
      case 1: e.key({Key::del}, s.clipboard); break;
      case 2: e.undo(); break;
      case 3: e.redo(); break;
    }
    for (const EditorChange& change : e.take_changes()) {
      REQUIRE(copy.substr(change.begin, change.removed.size()) == change.removed);
      copy.replace(change.begin, change.removed.size(), change.inserted);
    }
    REQUIRE(copy == e.text());
  }
}

TEST_CASE("marks follow the text, own words inside are not part of them, undo brings them back") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("model text here");
  e.set_marks({mark(0, 10, 1)});
  e.selection().set_caret({5, false});
  e.insert(" own");
  CHECK(e.marks() == std::vector<PaintSpan>{mark(0, 5, 1), mark(9, 14, 1)});
  e.undo();
  CHECK(e.marks() == std::vector<PaintSpan>{mark(0, 10, 1)});
  e.replace(3, 12, {});
  CHECK(e.marks() == std::vector<PaintSpan>{mark(0, 3, 1)});
  e.undo();
  CHECK(e.marks() == std::vector<PaintSpan>{mark(0, 10, 1)});
  e.append(" more");
  CHECK(e.marks() == std::vector<PaintSpan>{mark(0, 10, 1)});
  CHECK(e.text() == "model text here more");
}

TEST_CASE("read-only ranges refuse, and shift with what stands before them") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make("own LOCKED own");
  e.set_read_only_ranges({{4, 10}});
  e.selection().set_caret({6, false});
  e.insert("x");
  s.press(e, Key::backspace);
  s.press(e, Key::a, true);
  s.press(e, Key::del);
  CHECK(e.text() == "own LOCKED own");
  e.selection().set_caret({0, false});
  e.insert("my ");
  CHECK(e.text() == "my own LOCKED own");
  e.selection().set_caret({9, false});
  e.insert("x");
  CHECK(e.text() == "my own LOCKED own");
}

TEST_CASE("what comes from outside is made clean") {
  Setup s;
  if (!s.usable()) return;
  Editor e = s.make();
  e.insert(
      "a\r\nb\rc\x01\xFF"
      "d\x7F");
  CHECK(e.text() == "a\nb\nc\uFFFDd");
  e.character(0xD83D);  // half of a surrogate pair
  CHECK(e.text() == "a\nb\nc\uFFFDd\uFFFD");
  e.character(0x1F600);
  CHECK(e.text() == "a\nb\nc\uFFFDd\uFFFD😀");
  e.character(8);
  CHECK(e.text() == "a\nb\nc\uFFFDd\uFFFD😀");
  Editor line = s.make();
  line.set_single_line(true);
  line.insert("one\ntwo");
  CHECK(line.text() == "one two");
  CHECK_FALSE(s.press(line, Key::enter));
}
