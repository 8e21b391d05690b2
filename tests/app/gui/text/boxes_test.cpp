// The boxes in a Dear ImGui context without a window: focus, keys, mouse, growth, scrolling.
#include <doctest/doctest.h>
#include <imgui.h>

#include <functional>
#include <string>

#include "app/gui/text/widgets.h"
#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;
using namespace std::string_view_literals;

namespace {

struct Screen : test::TextFixture {
  Screen() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.DisplaySize = {800, 600};
    io.DeltaTime = 1.0f / 60;
    io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
#if IMGUI_VERSION_NUM < 18700
    for (int key = 0; key < ImGuiKey_COUNT; ++key)
      io.KeyMap[key] = key;  // ImGui asks for it with keyboard navigation
#endif
    unsigned char* pixels = nullptr;
    int width = 0, height = 0;
    io.Fonts->GetTexDataAsAlpha8(&pixels, &width, &height);
  }
  ~Screen() {
    ImGui::DestroyContext();
  }

  void frame(const std::function<void()>& contents) {
    ImGui::NewFrame();
    engine->begin_frame();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize({800, 600});
    ImGui::Begin("window", nullptr, ImGuiWindowFlags_NoDecoration);
    contents();
    ImGui::End();
    ImGui::Render();
    input.clear();
  }
  void mouse(float x, float y, bool down) {
    ImGui::GetIO().MousePos = {x, y};
    ImGui::GetIO().MouseDown[0] = down;
  }

  InputQueue input;
  MemoryClipboard clipboard;
};

}  // namespace

TEST_CASE("the edit box takes focus by mouse, then characters and keys in their order") {
  Screen s;
  if (!s.usable()) return;
  Editor editor(*s.engine);
  EditBox look;
  look.max_lines = 4;
  EditBoxResult result;
  bool other = false;
  const auto draw = [&] {
    result = edit_box(*s.engine, "composer", editor, s.input, s.clipboard, look, {400, 0});
    other = ImGui::Button("other");
  };
  s.frame(draw);
  s.input.push_character(U'x');
  s.frame(draw);
  CHECK(editor.empty());  // no focus, no text
  s.mouse(50, 20, true);
  s.frame(draw);
  s.mouse(50, 20, false);
  s.frame(draw);
  CHECK(result.focused);
  for (const char32_t c : U"Hé中😀"sv) s.input.push_character(c);
  s.input.push_key({Key::left});
  s.input.push_character(U'!');
  s.frame(draw);
  CHECK(editor.text() == "Hé中!😀");
  CHECK(result.changed);
  // The arrows stay in the box although keyboard navigation is on.
#if IMGUI_VERSION_NUM < 18700
  ImGui::GetIO().KeysDown[ImGuiKey_DownArrow] = true;
  s.frame(draw);
  s.frame(draw);
  CHECK(result.focused);
  ImGui::GetIO().KeysDown[ImGuiKey_DownArrow] = false;
  s.frame(draw);
#endif
  const float one_line = result.height;
  s.input.push_key({Key::end, true});
  for (int i = 0; i < 2; ++i) s.input.push_key({Key::enter});
  s.frame(draw);
  s.frame(draw);
  CHECK(result.height > one_line * 1.5f);
  for (int i = 0; i < 20; ++i) s.input.push_key({Key::enter});
  s.frame(draw);
  s.frame(draw);
  CHECK(result.height < one_line * 5);
  CHECK(editor.scroll() > 0);  // the caret is kept in view
  // A click elsewhere takes the focus away, and reaches what it is on.
  const ImVec2 at{20, result.height + 20};
  s.mouse(at.x, at.y, true);
  s.frame(draw);
  s.mouse(at.x, at.y, false);
  s.frame(draw);
  CHECK_FALSE(result.focused);
  CHECK(other);
}

TEST_CASE("the scrollbar is dragged, the caret stays") {
  Screen s;
  if (!s.usable()) return;
  Editor editor(*s.engine);
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
  editor.set_text(text);
  EditBox look;
  look.max_lines = 0;
  ImVec2 corner;
  const auto draw = [&] {
    corner = ImGui::GetCursorScreenPos();
    edit_box(*s.engine, "page", editor, s.input, s.clipboard, look, {400, 300});
  };
  s.frame(draw);
  s.frame(draw);
  const float end = editor.scroll();
  CHECK(end > 1000);  // the caret at the end is in view
  s.mouse(corner.x + 395, corner.y + 290, false);
  s.frame(draw);
  s.mouse(corner.x + 395, corner.y + 290, true);
  s.frame(draw);
  s.mouse(corner.x + 395, corner.y + 10, true);
  s.frame(draw);
  s.frame(draw);
  CHECK(editor.scroll() < end / 10);
  s.mouse(corner.x + 395, corner.y + 10, false);
  s.frame(draw);
  CHECK(editor.selection().caret().offset == text.size());
}

TEST_CASE("Enter submits where it is told to, Shift+Enter makes a line") {
  Screen s;
  if (!s.usable()) return;
  Editor editor(*s.engine);
  editor.set_text("text");
  EditBox look;
  look.take_focus = true;
  look.submit_on_enter = true;
  EditBoxResult result;
  const auto draw = [&] { result = edit_box(*s.engine, "composer", editor, s.input, s.clipboard, look); };
  s.frame(draw);
  s.input.push_key({Key::enter});
  s.frame(draw);
  CHECK(result.submitted);
  CHECK(editor.text() == "text");
  s.input.push_key({Key::enter, false, true});
  s.frame(draw);
  CHECK_FALSE(result.submitted);
  CHECK(editor.text() == "text\n");
  look.submit_on_enter = false;
  s.input.push_key({Key::enter, true});
  s.input.push_key({Key::escape});
  s.frame(draw);
  CHECK(result.submitted);
  CHECK(result.escaped);
  look.enabled = false;
  s.input.push_character(U'x');
  s.frame(draw);
  CHECK(editor.text() == "text\n");
}

TEST_CASE("selecting with the mouse in a view, and copying") {
  Screen s;
  if (!s.usable()) return;
  TextView view(*s.engine);
  view.set_text("some words to select\nand a second line");
  ImVec2 corner;
  ViewResult result;
  const auto draw = [&] {
    corner = ImGui::GetCursorScreenPos();
    result = view_box(*s.engine, "view", view, s.input, s.clipboard, 500);
  };
  s.frame(draw);
  s.frame(draw);
  const Rect from = view.flow().caret_rect({5, false}), to = view.flow().caret_rect({24, false});
  s.mouse(corner.x + from.x + 1, corner.y + from.y + 8, false);
  s.frame(draw);
  s.mouse(corner.x + from.x + 1, corner.y + from.y + 8, true);
  s.frame(draw);
  s.mouse(corner.x + to.x + 1, corner.y + to.y + 8, true);
  s.frame(draw);
  s.mouse(corner.x + to.x + 1, corner.y + to.y + 8, false);
  s.frame(draw);
  CHECK(view.selection().text() == "words to select\nand");
  CHECK(result.focused);
  CHECK_FALSE(result.clicked);
  s.input.push_key({Key::c, true});
  s.frame(draw);
  CHECK(s.clipboard.get() == "words to select\nand");
}

TEST_CASE("a Markdown box: links are reported, where they stand is known") {
  Screen s;
  if (!s.usable()) return;
  MarkdownView view(*s.engine);
  view.set_look(markdown_look(true, 16));
  view.set_text("[a link](https://example.org)\n\n```\nthe code\n```\n");
  ImVec2 corner;
  MarkdownResult result;
  const auto draw = [&] {
    corner = ImGui::GetCursorScreenPos();
    result = markdown_box("reply", view, s.input, s.clipboard, 500);
  };
  const auto click = [&](float x, float y) {
    for (const bool down : {false, true, false}) {
      s.mouse(corner.x + x, corner.y + y, down);
      s.frame(draw);
    }
  };
  s.frame(draw);
  click(10, 12);
  CHECK(result.clicked_link == "https://example.org");
  const auto links = view.links(0, 1000);
  REQUIRE(links.size() == 1);
  CHECK(links[0].address == "https://example.org");
  CHECK(links[0].rect.contains({10, 12}));
  CHECK(view.links(links[0].rect.y + 100, 1000).empty());
  const auto blocks = view.code_blocks();
  CHECK(blocks.at(0).code == "the code");
  CHECK(blocks.at(0).rect.contains({blocks[0].copy_button.x + 1, blocks[0].copy_button.y + 1}));
}

TEST_CASE("buttons and rows press, and say so by ImGui's own means") {
  Screen s;
  if (!s.usable()) return;
  bool pressed = false, disabled = false, row = false;
  ImVec2 button, off, third;
  const auto middle = [] {
    const ImVec2 a = ImGui::GetItemRectMin(), b = ImGui::GetItemRectMax();
    return ImVec2{(a.x + b.x) / 2, (a.y + b.y) / 2};
  };
  const auto draw = [&] {
    ButtonLook look;
    pressed |= text_button(*s.engine, "send", "发送", look);
    button = middle();
    look.enabled = false;
    disabled |= text_button(*s.engine, "off", "off", look);
    off = middle();
    look.enabled = true;
    row |= text_selectable(*s.engine, "row", "row", false, look);
    third = middle();
    text_label(*s.engine, "label", {});
  };
  s.frame(draw);
  for (const ImVec2 at : {button, off, third})
    for (const bool down : {false, true, false}) {
      s.mouse(at.x, at.y, down);
      s.frame(draw);
    }
  CHECK(pressed);
  CHECK_FALSE(disabled);
  CHECK(row);
}
