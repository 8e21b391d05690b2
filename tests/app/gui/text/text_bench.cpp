// How much CPU time the text engine takes for a megabyte: printed, never asserted.   text_bench
#include <imgui.h>

#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "app/gui/text/editor.h"
#include "app/gui/text/markdown_view.h"
#include "app/gui/text/text_engine.h"

namespace {

using namespace fabula::text;

class NoTextures final : public TextureSink {
 public:
  TextureId create(int, int, TextureFormat) override { return ++last_; }
  void upload(TextureId, int, int, int, int, TextureFormat, const char*) override {}
  void destroy(TextureId) override {}

 private:
  TextureId last_ = 0;
};

// CPU time of this process: what the frame budget counts, whatever else the machine does.
double milliseconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) * 1000.0 / CLOCKS_PER_SEC;
}

std::string megabyte(size_t paragraph_bytes) {
  const std::string sentences[] = {
      "Once upon a time there was a little girl named Lily who loved to play outside. ",
      "She said \"hello\" to the old fox, and the fox said nothing at all. ",
      "从前有一个小女孩，名叫莉莉。她喜欢在阳光下玩耍。",
      "It was late; the stars were out (all 3,000 of them). "};
  std::string out;
  for (size_t i = 0, line = 0; out.size() < 1'000'000; ++i) {
    out += sentences[i % std::size(sentences)];
    if (out.size() - line > paragraph_bytes) out += '\n', line = out.size();
  }
  return out;
}

void bench(TextEngine& engine, const char* name, size_t paragraph_bytes) {
  const std::string text = megabyte(paragraph_bytes);
  Editor editor(engine);
  editor.flow().set_width(700);
  std::printf("%s, %zu bytes\n", name, text.size());
  std::printf("  set_text            %9.2f ms\n", milliseconds([&] { editor.set_text(text); }));
  std::printf("  first view          %9.2f ms\n", milliseconds([&] { editor.flow().prepare(0, 1000); }));
  std::printf("  view at the middle  %9.2f ms\n",
              milliseconds([&] { editor.flow().prepare(editor.flow().height() / 2, 1000); }));
  editor.selection().set_caret({text.size() / 2, false});
  editor.flow().caret_rect(editor.selection().caret());
  MemoryClipboard clipboard;
  const auto frame = [&] {
    const Rect caret = editor.flow().caret_rect(editor.selection().caret());
    editor.flow().prepare(caret.y - 500, 1000);
  };
  frame();
  const int keys = 50;
  std::printf("  a typed character   %9.3f ms\n", milliseconds([&] {
                                                    for (int i = 0; i < keys; ++i)
                                                      editor.character(U'x'), frame();
                                                  }) / keys);
  std::printf("  a streamed word     %9.3f ms\n",
              milliseconds([&] {
                for (int i = 0; i < keys; ++i)
                  editor.append(" word"), editor.flow().prepare(editor.flow().height() - 1000, 1000);
              }) / keys);
  ImDrawList list(ImGui::GetDrawListSharedData());
  const auto draw = [&] {
    engine.begin_frame();
    list._ResetForNewFrame();
    list.PushClipRect({0, 0}, {800, 1000});
    list.PushTextureID(nullptr);
    editor.flow().draw(list, {0, -editor.flow().height() / 2}, 0, 1000, {0xff000000, 0xffff0000, 0, 0});
  };
  draw();
  std::printf("  drawing a screen    %9.3f ms", milliseconds([&] {
                                                  for (int i = 0; i < keys; ++i) draw();
                                                }) / keys);
  std::printf("  (%d vertices)\n", list.VtxBuffer.Size);
  std::printf("  layout of all       %9.2f ms\n", milliseconds([&] { editor.flow().layout_all(); }));
}

void bench_markdown(TextEngine& engine) {
  const std::string message =
      "Here is what I would **change** in the second chapter:\n\n- the fox speaks too early\n- `Lily` is "
      "named *twice*\n\n从前有一个小女孩，名叫莉莉。\n\n"
      "```python\nfor page in story:\n    print(page)  # all of it\n```\n\nAnything else you would like me "
      "to look at, or shall I go on?";
  std::printf("Markdown, messages of %zu bytes\n", message.size());
  const int messages = 300;
  std::vector<MarkdownView> views;
  std::printf("  a message made      %9.3f ms\n", milliseconds([&] {
                                                    for (int i = 0; i < messages; ++i) {
                                                      views.emplace_back(engine);
                                                      views.back().set_text(message);
                                                      views.back().height(700);
                                                    }
                                                  }) / messages);
  std::string reply;
  for (int i = 0; i < 15; ++i) reply += message + "\n\n";
  MarkdownView view(engine);
  size_t tokens = 0;
  const double whole = milliseconds([&] {
    for (size_t size = 4; size < reply.size(); size += 4, ++tokens) {
      view.set_text(std::string_view(reply).substr(0, size));
      view.height(700);
    }
  });
  std::printf("  a streamed token    %9.3f ms  (%zu bytes in all)\n", whole / static_cast<double>(tokens),
              reply.size());
}

}  // namespace

int main() {
  NoTextures textures;
  std::unique_ptr<TextEngine> engine;
  std::printf("engine made         %9.2f ms\n", milliseconds([&] {
                if (auto made = TextEngine::create({}, textures)) engine = *std::move(made);
              }));
  if (!engine) return 1;
  std::printf("first label         %9.2f ms\n", milliseconds([&] { engine->measure("Send", {}); }));
  std::printf("first Chinese label %9.2f ms\n", milliseconds([&] { engine->measure("发送", {}); }));
  ImGui::CreateContext();
  bench(*engine, "paragraphs of 400 bytes", 400);
  bench(*engine, "paragraphs of 8,000 bytes", 8000);
  bench(*engine, "one paragraph", 2'000'000);
  bench_markdown(*engine);
  ImGui::DestroyContext();
  return 0;
}
