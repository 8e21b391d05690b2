#include "app/gui/text/text_flow.h"

#include <doctest/doctest.h>
#include <imgui.h>

#include <string>

#include "app/gui/text/selection.h"
#include "app/gui/text/text_view.h"
#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

// Equal in text, height and the place of every caret looked at.
void check_same(TextFlow& a, TextFlow& b, std::mt19937_64& random) {
  REQUIRE(a.text() == b.text());
  a.layout_all();
  b.layout_all();
  REQUIRE(a.height() == doctest::Approx(b.height()));
  for (int i = 0; i < 20; ++i) {
    const Caret caret{random() % (a.size_bytes() + 1), random() % 2 == 0};
    const Rect x = a.caret_rect(caret), y = b.caret_rect(caret);
    REQUIRE(x.x == doctest::Approx(y.x));
    REQUIRE(x.y == doctest::Approx(y.y));
  }
}

}  // namespace

TEST_CASE("an edited flow equals a flow made from the whole text") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 20; ++round) {
    TextFlow flow(*f.engine);
    flow.set_width(200);
    std::string model;
    for (int step = 0; step < 15; ++step) {
      const std::string piece = test::random_text(random, static_cast<int>(random() % 12));
      size_t begin = random() % (model.size() + 1), end = std::min(model.size(), begin + random() % 20);
      if (step % 3 == 0) begin = end = model.size();  // streaming appends
      flow.replace(begin, end, piece);
      model.replace(begin, end - begin, piece);
      if (step % 4 == 0) flow.layout_all();
      REQUIRE(flow.size_bytes() == model.size());
      const size_t from = random() % (model.size() + 1), to = from + random() % 30;
      REQUIRE(flow.text(from, to) == model.substr(from, to - from));
    }
    TextFlow whole(*f.engine);
    whole.set_width(200);
    whole.set_text(model);
    check_same(flow, whole, random);
  }
}

TEST_CASE("a paragraph too long for one piece is still one text") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::mt19937_64 random(test::seed());
  TextFlow flow(*f.engine);
  flow.set_width(400);
  std::string model;
  for (int step = 0; step < 120; ++step) {
    std::string piece = random() % 3 == 0 ? "\n" : "";
    for (uint64_t i = random() % 4000; i > 0; --i) piece += random() % 7 ? "w" : " ";
    if (random() % 4 == 0) piece = std::string(random() % 40000, 'x');
    const size_t begin = random() % (model.size() + 1);
    const size_t end = std::min(model.size(), begin + (random() % 3 == 0 ? random() % 30000 : random() % 10));
    flow.replace(begin, end, piece);
    model.replace(begin, end - begin, piece);
    REQUIRE(flow.size_bytes() == model.size());
    for (size_t i = 0; i < flow.paragraph_count(); ++i)
      REQUIRE(flow.paragraph_text(i).size() <= size_t{16} << 10);
    if (step % 10 == 0) REQUIRE(flow.text() == model);
    const size_t from = random() % (model.size() + 1);
    REQUIRE(flow.text(from, from + 100) == model.substr(from, 100));
  }
  REQUIRE(flow.text() == model);
  // The caret walks over the cuts as over any other place.
  flow.set_text(std::string(40000, 'y'));
  REQUIRE(flow.paragraph_count() > 1);
  Selection selection(flow);
  for (size_t i = 1; i <= 40000; ++i) {
    selection.set_caret({selection.step(true, false), false});
    REQUIRE(selection.caret().offset == i);
  }
  for (size_t i = 40000; i > 0; --i) {
    selection.set_caret({selection.step(false, false), false});
    REQUIRE(selection.caret().offset == i - 1);
  }
}

TEST_CASE("a cluster longer than a piece is cut all the same") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::string text = "a";
  for (int i = 0; i < 20000; ++i) text += "\u0301";
  TextFlow flow(*f.engine);
  flow.set_width(300);
  flow.set_text(text);
  flow.layout_all();
  CHECK(flow.text() == text);
  CHECK(flow.paragraph_count() > 1);
}

TEST_CASE("appending shapes the last paragraph alone") {
  test::TextFixture f;
  if (!f.usable()) return;
  TextFlow flow(*f.engine);
  flow.set_width(300);
  flow.set_text("one\ntwo\nthree");
  flow.layout_all();
  CHECK(flow.shaped_paragraphs() == 3);
  flow.append(" and more");
  flow.layout_all();
  CHECK(flow.shaped_paragraphs() == 4);
  flow.set_width(200);  // another width breaks lines anew, but shapes nothing
  flow.layout_all();
  CHECK(flow.shaped_paragraphs() == 4);
  flow.set_paint_spans({{0, 3, 0xff0000ff, 0, false, false, false, 1}});
  flow.layout_all();
  CHECK(flow.shaped_paragraphs() == 4);
  flow.set_font_spans({{4, 7, {FontFamily::ui, FontWeight::bold, false, 1}}});
  flow.layout_all();
  CHECK(flow.shaped_paragraphs() == 5);
}

TEST_CASE("a long text is laid out where it is looked at") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "Paragraph " + std::to_string(i) + " of a long story, with some words in it.\n";
  TextFlow flow(*f.engine);
  flow.set_width(400);
  flow.set_text(text);
  const float estimated = flow.height();
  flow.prepare(0, 600);
  CHECK(flow.shaped_paragraphs() < 40);
  flow.prepare(estimated / 2, 600);
  CHECK(flow.shaped_paragraphs() < 80);
  const Rect end = flow.caret_rect({flow.size_bytes(), false});
  CHECK(end.y + end.height == doctest::Approx(flow.height()));
}

TEST_CASE("what is looked at stays in place while estimates above become exact") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::string text;
  for (int i = 0; i < 400; ++i)
    text += std::string(static_cast<size_t>(20 + i * 37 % 600), 'x') + " end " + std::to_string(i) + "\n";
  TextFlow flow(*f.engine);
  flow.set_width(300);
  flow.set_text(text);
  float top = flow.height() / 2;
  top += flow.prepare(top, 500);
  for (int i = 0; i < 50; ++i) {
    const Caret seen = flow.hit({0, top + 250});
    const float before = flow.caret_rect(seen).y - top;
    top -= 40;
    top += flow.prepare(top, 500);
    CHECK(flow.caret_rect(seen).y - top == doctest::Approx(before + 40));
  }
}

TEST_CASE("selection rectangles cover exactly the width of what is selected") {
  test::TextFixture f;
  if (!f.usable()) return;
  TextFlow flow(*f.engine);
  flow.set_width(1000);
  flow.set_text("first line\nsecond line");
  const auto rects = flow.range_rects(2, 5, 0, 1000);
  REQUIRE(rects.size() == 1);
  CHECK(rects[0].x == doctest::Approx(flow.caret_rect({2, false}).x));
  CHECK(rects[0].x + rects[0].width == doctest::Approx(flow.caret_rect({5, false}).x));
  CHECK(flow.range_rects(2, 15, 0, 1000).size() == 3);  // with a sign of the selected line feed
  CHECK(flow.range_rects(5, 5, 0, 1000).empty());
}

TEST_CASE("tags under a point") {
  test::TextFixture f;
  if (!f.usable()) return;
  TextFlow flow(*f.engine);
  flow.set_width(1000);
  flow.set_text("see this link here");
  flow.set_paint_spans({{9, 13, 0, 0, true, false, false, 7}});
  const Rect at = flow.caret_rect({11, false});
  CHECK(flow.tag_at({at.x, at.y + 5}) == 7);
  CHECK(flow.tag_at({2, at.y + 5}) == 0);
}

TEST_CASE("a view that is given a longer text keeps what it has") {
  test::TextFixture f;
  if (!f.usable()) return;
  TextView view(*f.engine);
  view.set_text("one\ntwo");
  view.height(300);
  view.selection().select(0, 3);
  view.set_text("one\ntwo and three\nfour");
  CHECK(view.flow().text() == "one\ntwo and three\nfour");
  CHECK(view.selection().text() == "one");
  view.height(300);
  CHECK(view.flow().shaped_paragraphs() == 4);
  view.set_text("other");
  CHECK(view.flow().text() == "other");
  CHECK(view.selection().empty());
  MemoryClipboard clipboard;
  CHECK(view.key({Key::a, true}, clipboard));
  CHECK(view.key({Key::c, true}, clipboard));
  CHECK(clipboard.get() == "other");
}

TEST_CASE("only visible lines are drawn") {
  test::TextFixture f;
  if (!f.usable()) return;
  ImGui::CreateContext();
  {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "A line of the story, number " + std::to_string(i) + ".\n";
    TextFlow flow(*f.engine);
    flow.set_width(600);
    flow.set_text(text);
    ImDrawList list(ImGui::GetDrawListSharedData());
    list._ResetForNewFrame();
    list.PushClipRect({0, 0}, {800, 600});
    list.PushTextureID(nullptr);
    f.engine->begin_frame();
    flow.draw(list, {0, -20000}, 0, 600, {0xff000000, 0xffff0000, 0, SIZE_MAX});
    CHECK(list.VtxBuffer.Size > 500);
    CHECK(list.VtxBuffer.Size < 30 * 60 * 4);
  }
  ImGui::DestroyContext();
}
