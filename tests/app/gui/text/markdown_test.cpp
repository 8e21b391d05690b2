#include "app/gui/text/markdown.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "app/gui/text/highlight.h"
#include "app/gui/text/markdown_view.h"
#include "app/gui/text/search.h"
#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

std::vector<std::string> texts(const Markdown& document) {
  std::vector<std::string> out;
  for (const MarkdownBlock& block : document.blocks) out.push_back(block.content.text);
  return out;
}

using Strings = std::vector<std::string>;

const char* const sample =
    "# A title\n\nSome *emphasis*, **strong**, ***both***, `code` and ~~gone~~.\nA second line.\n\n"
    "1. one\n2. two\n   - nested\n   - again\n3. three\n\n> quoted\n> text\n>\n> - in a quote\n\n"
    "```cpp\nint main() {\n\n  return 0;  // zero\n}\n```\n\n| a | b |\n|:--|--:|\n| 1 | **2** |\n| 3 | "
    "[x](https://x.org) |\n\n---\n\n"
    "- [x] done\n- [ ] open\n\nSee https://example.org/a?b=1&c and [a link](http://b.org), not "
    "[this](javascript:alert(1)).\n\n"
    "Setext\n======\n\nEnd with $x_1 + y$ & &amp; &#233; <b>tags</b>.\n\n中文**强调**文字。\n";

}  // namespace

TEST_CASE("blocks of a reply") {
  const Markdown d = parse_markdown(sample);
  REQUIRE(d.blocks.size() == 18);
  CHECK(d.blocks[0].kind == BlockKind::heading);
  CHECK(d.blocks[0].level == 1);
  CHECK(d.blocks[1].content.text == "Some emphasis, strong, both, code and gone.\nA second line.");
  CHECK(d.blocks[2].marker == "1.");
  CHECK(d.blocks[2].list_depth == 1);
  CHECK_FALSE(d.blocks[2].tight);
  CHECK(d.blocks[3].marker == "2.");
  CHECK(d.blocks[3].tight);
  CHECK(d.blocks[4].content.text == "nested");
  CHECK(d.blocks[4].list_depth == 2);
  CHECK(d.blocks[4].marker == "•");
  CHECK(d.blocks[4].tight);
  CHECK(d.blocks[6].marker == "3.");
  CHECK(d.blocks[7].quote_depth == 1);
  CHECK(d.blocks[7].content.text == "quoted\ntext");
  CHECK(d.blocks[8].quote_depth == 1);
  CHECK(d.blocks[8].list_depth == 1);
  CHECK(d.blocks[9].kind == BlockKind::code);
  CHECK(d.blocks[9].language == "cpp");
  CHECK(d.blocks[9].content.text == "int main() {\n\n  return 0;  // zero\n}");
  const MarkdownBlock& table = d.blocks[10];
  REQUIRE(table.kind == BlockKind::table);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.columns == std::vector<Align>{Align::left, Align::right});
  CHECK(table.rows[0][1].text == "b");
  CHECK(table.rows[1][1].fonts.at(0).style.weight == FontWeight::bold);
  CHECK(table.rows[2][1].marks.at(0).kind == InlineKind::link);
  CHECK(d.blocks[11].kind == BlockKind::rule);
  CHECK(d.blocks[12].marker == "☑");
  CHECK(d.blocks[13].marker == "☐");
  CHECK(d.blocks[15].kind == BlockKind::heading);
  CHECK(d.blocks[16].content.text == "End with $x_1 + y$ & & é <b>tags</b>.");
}

TEST_CASE("emphasis, code and links are spans of their own text") {
  const Markdown d = parse_markdown("a *b* **c** `d` [e](https://f.g)");
  REQUIRE(d.blocks.size() == 1);
  const InlineText& t = d.blocks[0].content;
  CHECK(t.text == "a b c d e");
  REQUIRE(t.fonts.size() == 3);
  CHECK(t.fonts[0].style.italic);
  CHECK((t.fonts[0].begin == 2 && t.fonts[0].end == 3));
  CHECK(t.fonts[1].style.weight == FontWeight::bold);
  CHECK(t.fonts[2].style.family == FontFamily::mono);
  CHECK(t.marks == std::vector<InlineMark>{{6, 7, InlineKind::code, 0}, {8, 9, InlineKind::link, 1}});
  CHECK(d.links == Strings{"https://f.g"});
}

TEST_CASE("only the web is linked") {
  for (const char* url : {"javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "//host/x",
                          "relative", "http://", "ftp://a.b"}) {
    const Markdown d = parse_markdown("[text](" + std::string(url) + ")");
    CHECK_MESSAGE(d.links.empty(), url);
    CHECK(texts(d) == Strings{"text"});
  }
  CHECK(parse_markdown("<HTTPS://A.b/c>").links == Strings{"HTTPS://A.b/c"});
}

TEST_CASE("any bytes give some document") {
  std::mt19937_64 random(test::seed());
  const std::string alphabet = "#*_`~[](){}<>|-+=!\\\n\n \t1a.:>\xff\xe4$&;";
  for (int round = 0; round < 2000; ++round) {
    std::string source;
    for (uint64_t i = random() % 80; i > 0; --i) source += alphabet[random() % alphabet.size()];
    const Markdown d = parse_markdown(source);
    const auto check = [&](const InlineText& t) {
      for (const FontSpan& span : t.fonts) REQUIRE((span.begin < span.end && span.end <= t.text.size()));
      for (const InlineMark& mark : t.marks)
        REQUIRE((mark.begin < mark.end && mark.end <= t.text.size() && mark.link <= d.links.size()));
    };
    for (const MarkdownBlock& block : d.blocks) {
      check(block.content);
      for (const auto& row : block.rows)
        for (const InlineText& cell : row) check(cell);
    }
  }
}

TEST_CASE("a streamed reply reads as the whole does, and only its end is read again") {
  const std::string whole(sample);
  StreamingMarkdown stream;
  for (size_t size = 1; size <= whole.size(); ++size) {
    stream.set_text(std::string_view(whole).substr(0, size));
    const Markdown expected = parse_markdown(std::string_view(whole).substr(0, size));
    REQUIRE(stream.blocks() == expected.blocks);
    REQUIRE(stream.links() == expected.links);
  }
  std::string story;
  StreamingMarkdown growing;
  for (int i = 0; i < 300; ++i) {
    story += "Paragraph " + std::to_string(i) + " of a long reply.\n\n";
    growing.set_text(story);
  }
  CHECK(growing.blocks().size() == 300);
  CHECK(growing.parsed_bytes() < story.size() * 4);
}

TEST_CASE("random Markdown streams as it reads") {
  std::mt19937_64 random(test::seed());
  const char* const lines[] = {"text",    "",           "",        "# head",       "- item",
                               "  more",  "1. one",     "```",     "```py",        "~~~",
                               "> quote", "| a | b |",  "|--|--|", "    indented", "***",
                               "===",     "**bold** x", "* b",     "\ttab",        "[a](http://b.c)",
                               "$x$",     "`` ` ``",    "```a`b"};
  for (int round = 0; round < 300; ++round) {
    std::string source;
    StreamingMarkdown stream;
    for (int i = 0; i < 25; ++i) {
      source += lines[random() % std::size(lines)];
      source += '\n';
      stream.set_text(source);
      REQUIRE_MESSAGE(stream.blocks() == parse_markdown(source).blocks, source);
    }
  }
}

TEST_CASE("code is coloured") {
  const std::string code = "int x = 42; // note\nauto s = \"a\\\"b\"; /* c */ return interned;";
  const auto spans = highlight(code, "cpp");
  const auto text_of = [&](CodeKind kind) {
    Strings out;
    for (const CodeSpan& span : spans)
      if (span.kind == kind) out.push_back(code.substr(span.begin, span.end - span.begin));
    return out;
  };
  CHECK(text_of(CodeKind::keyword) == Strings{"int", "auto", "return"});
  CHECK(text_of(CodeKind::comment) == Strings{"// note", "/* c */"});
  CHECK(text_of(CodeKind::string) == Strings{"\"a\\\"b\""});
  CHECK(text_of(CodeKind::number) == Strings{"42"});
  CHECK(highlight("SELECT a FROM b", "sql").size() == 2);
  CHECK(highlight("x = '''a\nb''' # c", "python").size() == 2);
  CHECK(highlight("int x", "klingon").empty());
  CHECK(highlight("\"open", "js").size() == 1);
}

TEST_CASE("a view: height, selection across blocks, links, code") {
  test::TextFixture f;
  if (!f.usable()) return;
  MarkdownView view(*f.engine);
  view.set_look(markdown_look(false, 16));
  view.set_text(sample);
  const float height = view.height(500);
  CHECK(height > 400);
  CHECK(view.height(250) > height);
  view.height(500);
  view.select_all();
  const std::string all = view.selected_text();
  CHECK(all.find("A title\n\nSome emphasis") == 0);
  CHECK(all.find("1. one\n2. two\n• nested") != std::string::npos);
  CHECK(all.find("a\tb\n1\t2\n") != std::string::npos);
  REQUIRE(view.code_blocks().size() == 1);
  CHECK(view.code_blocks()[0].language == "cpp");
  view.mouse_down({1, 5}, 1, false);
  CHECK_FALSE(view.has_selection());
  view.mouse_drag({400, 60});
  CHECK(view.selected_text().find("A title\n\nSome") == 0);
  view.mouse_down({5, 10}, 2, false);
  CHECK(view.selected_text() == "A");
  size_t links = 0;
  for (float y = 0; y < height; y += 4)
    for (float x = 0; x < 500; x += 10) links += view.link_at({x, y}).empty() ? 0 : 1;
  CHECK(links > 3);
}

TEST_CASE("the default colours can be read on bright and dark grounds (WCAG AA)") {
  const auto channel = [](Colour c, int shift) { return static_cast<double>(c >> shift & 0xFF) / 255; };
  const auto luminance = [&](double r, double g, double b) {
    const auto linear = [](double v) {
      return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  for (const bool dark : {false, true}) {
    const MarkdownLook look = markdown_look(dark, 16);
    const double alpha = channel(look.code_background, 24), tint = channel(look.code_background, 0);
    for (const double page : dark ? std::vector<double>{0.05, 0.12} : std::vector<double>{1.0, 0.95})
      for (const double ground : {page, page * (1 - alpha) + tint * alpha})
        for (const Colour c :
             {look.text, look.muted, look.link, look.keyword, look.string, look.comment, look.number}) {
          double a = luminance(channel(c, 0), channel(c, 8), channel(c, 16)),
                 b = luminance(ground, ground, ground);
          if (a < b) std::swap(a, b);
          CHECK((a + 0.05) / (b + 0.05) >= 4.5);
        }
  }
}

TEST_CASE("a streamed view equals one made of the whole") {
  test::TextFixture f;
  if (!f.usable()) return;
  MarkdownView stream(*f.engine), whole(*f.engine);
  const std::string source(sample);
  for (size_t size = 0; size <= source.size(); size += 7)
    stream.set_text(std::string_view(source).substr(0, size)), stream.height(400);
  stream.set_text(source);
  whole.set_text(source);
  CHECK(stream.height(400) == whole.height(400));
  stream.select_all();
  whole.select_all();
  CHECK(stream.selected_text() == whole.selected_text());
}

TEST_CASE("finding, in either case and in any script") {
  using Ranges = std::vector<std::pair<size_t, size_t>>;
  CHECK(find_all("The cat, the hat", "THE") == Ranges{{0, 3}, {9, 12}});
  CHECK(find_all("Größe und GRÖSSE", "grö") == Ranges{{0, 4}, {12, 16}});
  CHECK(find_all("中文和中文", "中文") == Ranges{{0, 6}, {9, 15}});
  CHECK(find_all("aaaa", "aa") == Ranges{{0, 2}, {2, 4}});
  CHECK(find_all("text", "").empty());
  CHECK(find_all("", "x").empty());
  CHECK(find_all("aaaa", "a", 2).size() == 2);
}

TEST_CASE("places are found across the blocks of a view, also in what streams in") {
  test::TextFixture f;
  if (!f.usable()) return;
  MarkdownView view(*f.engine);
  view.set_text("# One fox\n\nA **fox** in `code`.\n\n| fox |\n|--|\n| x |\n");
  view.height(400);
  CHECK(view.find("FOX", 1, 2) == 3);
  CHECK(view.hit_rect(0).y < view.hit_rect(1).y);
  CHECK(view.hit_rect(1).y < view.hit_rect(2).y);
  CHECK(view.hit_rect(2).width > 5);
  view.set_text(view.source() + "\nAnother fox.\n");
  view.height(400);
  CHECK(view.find("FOX", 1, 2) == 4);
  CHECK(view.find("", 1, 2) == 0);
}
