#include "app/gui/text/lines.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "app/gui/text/unicode.h"
#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

std::shared_ptr<const ShapedParagraph> shaped(test::TextFixture& f, std::string_view text,
                                              float size_px = 16) {
  return std::make_shared<const ShapedParagraph>(shape_paragraph(f.engine->fonts(), text, {}, {}, size_px));
}

ParagraphLayout laid_out(test::TextFixture& f, std::string_view text, float width) {
  LineOptions options;
  options.width = width;
  return ParagraphLayout(shaped(f, text), options);
}

std::vector<std::string> lines_of(const ParagraphLayout& layout) {
  std::vector<std::string> out;
  for (const Line& line : layout.lines())
    out.push_back(layout.shaped().text.substr(line.begin, line.end - line.begin));
  return out;
}

std::string without_line_feeds(std::string text) {
  std::erase(text, '\n');
  return text;
}

bool has_glyphs(const ShapedParagraph& p) {
  for (const Glyph& glyph : p.glyphs)
    if (glyph.id == 0) return false;
  return !p.glyphs.empty();
}

}  // namespace

TEST_CASE("lines break where UAX #14 allows it, and spaces hang") {
  test::TextFixture f;
  if (!f.usable()) return;
  const float word = shaped(f, "hello")->clusters.size() == 5 ? laid_out(f, "hello", 0).width() : 0;
  REQUIRE(word > 10);
  CHECK(lines_of(laid_out(f, "hello hello hello", word * 1.2f)) ==
        std::vector<std::string>{"hello ", "hello ", "hello"});
  CHECK(lines_of(laid_out(f, "hello     hello", word * 1.01f)) ==
        std::vector<std::string>{"hello     ", "hello"});
  CHECK(lines_of(laid_out(f, "hello hello", 0)) == std::vector<std::string>{"hello hello"});
  CHECK(lines_of(laid_out(f, "a\u00a0b", 1)).size() == 3);  // nothing else fits: split between clusters
  CHECK(lines_of(laid_out(f, "one\u2028two", 0)) == std::vector<std::string>{"one\u2028", "two"});
  CHECK(lines_of(laid_out(f, "", 100)) == std::vector<std::string>{""});
}

TEST_CASE("closing marks never begin a line of Chinese, opening ones never end one") {
  test::TextFixture f;
  if (!f.usable()) return;
  const std::string text =
      "从前有一个小女孩，名叫莉莉。“你好！”她说（真的）。她喜欢在阳光下玩耍，也喜欢「读书」、唱歌。";
  for (float width = 85; width < 300; width += 7)  // room for "读书」、" at least
    for (const std::string& line : lines_of(laid_out(f, text, width))) {
      size_t at = 0;
      const std::string first = line.substr(0, next_grapheme(line, at));
      const std::string last = line.substr(previous_grapheme(line, line.size()));
      for (const char* mark : {"，", "。", "！", "）", "」", "、"}) CHECK_MESSAGE(first != mark, line);
      for (const char* mark : {"（", "「"}) CHECK_MESSAGE(last != mark, line);
    }
}

TEST_CASE("lines cover the text without gap or overlap and keep to the width") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 150; ++round) {
    const std::string text = without_line_feeds(test::random_text(random, 40, round % 3 == 2));
    const float width = 30.0f + static_cast<float>(random() % 400);
    const ParagraphLayout layout = laid_out(f, text, width);
    uint32_t at = 0;
    float y = 0;
    for (const Line& line : layout.lines()) {
      REQUIRE(line.begin == at);
      REQUIRE(line.y == y);
      at = line.end;
      y += line.height;
      uint32_t inked = line.cluster_end;
      while (inked > line.cluster_begin && layout.shaped().clusters[inked - 1].space) --inked;
      if (inked - line.cluster_begin > 1) REQUIRE(line.width <= width + 0.1f);
    }
    REQUIRE(at == text.size());
    REQUIRE(layout.height() == y);
  }
}

TEST_CASE("a point on a grapheme hits one of its two sides, whatever the direction") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 100; ++round) {
    const std::string text = without_line_feeds(test::random_text(random, 25));
    const ParagraphLayout layout = laid_out(f, text, 50.0f + static_cast<float>(random() % 300));
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = next_grapheme(text, begin);
      for (size_t k = 0; k < layout.lines().size(); ++k)
        for (const auto& [left, right] :
             layout.ranges(k, static_cast<uint32_t>(begin), static_cast<uint32_t>(end))) {
          if (right - left < 1.0f) continue;
          for (const float part : {0.1f, 0.4f, 0.6f, 0.9f}) {
            const size_t hit = layout.hit(k, left + (right - left) * part).offset;
            REQUIRE((hit == begin || hit == end));
          }
        }
      begin = end;
    }
  }
}

TEST_CASE("in text of one direction the caret stands where it was hit") {
  test::TextFixture f;
  if (!f.usable()) return;
  for (const char* text :
       {"The quick brown fox jumps over the lazy dog, office affine.", "从前有一个小女孩，名叫莉莉。",
        "שלום עולם ועוד", "e\u0301a\u0300 👍🏽👩‍👩‍👧 x"}) {
    const ParagraphLayout layout = laid_out(f, text, 120);
    const std::string_view all(text);
    for (size_t at = 0; at < all.size(); at = next_grapheme(all, at)) {
      const Caret caret{at, false};
      const size_t line = layout.line_of(caret);
      const Caret hit = layout.hit(line, layout.caret_x(caret));
      CHECK(hit.offset == at);
    }
  }
}

TEST_CASE("right-to-left text") {
  test::TextFixture f;
  if (!f.usable()) return;
  const auto hebrew = shaped(f, "שלום abc");
  CHECK(hebrew->right_to_left);
  CHECK_FALSE(shaped(f, "abc שלום")->right_to_left);
  const ParagraphLayout layout = laid_out(f, "שלום abc", 400);
  // The first letter stands at the right edge, the Latin word at the left of the line but in its own order.
  CHECK(layout.caret_x({0, false}) == doctest::Approx(400));
  const float a = layout.caret_x({9, false}), b = layout.caret_x({10, false}),
              shin = layout.caret_x({2, false});
  CHECK(a < b);
  CHECK(b < shin);
}

TEST_CASE("every script that a font of this machine has gets glyphs") {
  test::TextFixture f;
  if (!f.usable()) return;
  const std::pair<const char*, const char*> samples[] = {
      {"Latin", "Hello"}, {"Chinese", "你好"}, {"Japanese", "こんにちは"}, {"Arabic", "مرحبا"},
      {"Hebrew", "שלום"}, {"Greek", "κόσμε"},  {"Cyrillic", "Привет"},     {"emoji", "😀"}};
  for (const auto& [script, text] : samples) {
    if (!has_glyphs(*shaped(f, text)))
      MESSAGE("skipped: no font for " << script);
    else
      CHECK(shaped(f, text)->clusters.front().width > 0);
  }
  CHECK(has_glyphs(*shaped(f, "Hello")));
  // An emoji sequence is one cluster; a colour font draws it as one glyph.
  const auto family = shaped(f, "👩‍👩‍👧‍👦");
  CHECK(family->clusters.size() == 1);
  if (has_glyphs(*family) && f.engine->fonts().is_colour(family->runs[0].face))
    CHECK(family->glyphs.size() == 1);
}

TEST_CASE("ill-formed bytes are shown, never lost") {
  test::TextFixture f;
  if (!f.usable()) return;
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    for (uint64_t i = random() % 60; i > 0; --i) bytes += static_cast<char>(random());
    const ParagraphLayout layout = laid_out(f, bytes, 100);
    CHECK(layout.shaped().text == bytes);
    if (!bytes.empty()) CHECK(layout.lines().back().end == bytes.size());
  }
}

TEST_CASE("styles change the shapes of their own range only") {
  test::TextFixture f;
  if (!f.usable()) return;
  const std::vector<FontSpan> spans = {{6, 10, {FontFamily::mono, FontWeight::bold, false, 2.0f}}};
  const ShapedParagraph p = shape_paragraph(f.engine->fonts(), "plain mono plain", {}, spans, 10);
  REQUIRE(p.runs.size() == 3);
  CHECK(p.runs[0].size_px == 10);
  CHECK(p.runs[1].size_px == 20);
  CHECK(p.runs[2].size_px == 10);
  CHECK(p.runs[0].face == p.runs[2].face);
  CHECK(p.runs[1].face != p.runs[0].face);
  // A fixed-width face: four equal cells.
  for (size_t i = 7; i < 10; ++i) CHECK(p.clusters[i].width == doctest::Approx(p.clusters[6].width));
}

TEST_CASE("another language: new faces, and the old ones still draw") {
  test::TextFixture f;
  if (!f.usable()) return;
  FontStack& fonts = f.engine->fonts();
  const FaceId before = fonts.face_for({}, std::u32string_view(U"中"));
  const std::string name = fonts.face_name(before);
  f.engine->set_language("ja");
  CHECK(fonts.language() == "ja");
  CHECK(f.engine->measure("中文", {}).width > 0);
  CHECK(fonts.face_name(before) == name);
  f.engine->set_language("en");
  CHECK(fonts.face_for({}, std::u32string_view(U"中")) == before);
}

TEST_CASE("the language chooses shapes of ideographs, never the family of the window") {
  test::MemoryTextures textures;
  for (const char* language : {"en", "zh-cn", "ja", "ko"}) {
    FontOptions options;
    options.language = language;
    auto engine = TextEngine::create(options, textures);
    if (!engine) return;
    FontStack& fonts = (*engine)->fonts();
    const std::string latin = fonts.face_name(fonts.face_for({}, std::u32string_view(U"a")));
    if (latin.rfind("Inter", 0) != 0) {
      MESSAGE("skipped: Inter is not installed");
      return;
    }
    CHECK(latin == "Inter Regular");
    FontStyle bold;
    bold.weight = FontWeight::bold;
    CHECK(fonts.face_name(fonts.face_for(bold, std::u32string_view(U"a"))) == "Inter Bold");
  }
}
