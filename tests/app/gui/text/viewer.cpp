// Draws a page of mixed scripts off screen and writes it as a picture, for a person to look at:
//   text_viewer OUT.ppm [light|dark] [scale] [reply]
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_opengl3.h>
#include <glad/gl.h>
#include <imgui.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/gui/text/gl_textures.h"
#include "app/gui/text/widgets.h"

namespace {

using namespace fabula::text;

constexpr int page_width = 900, page_height = 1180;

const char* const sample =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the sunshine with "
    "her "
    "dog -> and \"quotes\", fi ffi, 3.14 café naïve.\n"
    "从前有一个小女孩，名叫莉莉。她喜欢在阳光下和她的狗一起玩耍。“你好！”她说（真的）。\n"
    "昔々、あるところにリリーという小さな女の子がいました。옛날 옛적에 릴리라는 소녀가 살았습니다.\n"
    "كان يا ما كان، في قديم الزمان، فتاة صغيرة اسمها Lily تحب اللعب في الخارج 123.\n"
    "פעם אחת הייתה ילדה קטנה בשם Lily (בת 7) שאהבה לשחק בחוץ.\n"
    "Смешанный текст: Привет, κόσμε! नमस्ते สวัสดี. Combining: é ñ ạ̊ Z̤͔a̽l̂g̑ȯ.\n"
    "Emoji: 😀 👩‍👩‍👧‍👦 🇩🇪🇯🇵 👍🏽 ❤️ ☎ ☎️ 1️⃣ 🏳️‍🌈 in a line of text, Missing: "
    "\xF3\xB0\x80\x80 invalid: \xFF\xFE.\n"
    "Averyveryveryverylongwordwithoutanyspacesthatmustbesplitbecauseitdoesnotfitintoonelineofthepageatallnota"
    "tallreally!";

const char* const reply =
    "# A reply in Markdown\n\nSome *emphasis*, **strong words**, `inline_code()` and ~~gone~~, with a "
    "[link](https://example.org).\n\n"
    "1. First item\n2. Second, with `code`\n   - nested 中文\n   - again\n3. Third\n\n> To be, or not to "
    "be,\n> that is the question.\n\n"
    "```python\ndef tell(story: str, n=3):\n    # once upon a time\n    return [f\"{story}!\" for _ in "
    "range(n)]\n```\n\n"
    "| Model | Tokens/s | Note |\n|:--|--:|:-:|\n| SmolLM2-135M | 120.5 | fast |\n| Llama 3.2 1B | 21.0 | a "
    "much longer note that has to wrap somewhere in its cell |\n\n"
    "---\n\n- [x] done\n- [ ] still open\n\nThe formula $E = mc^2$ stays readable.\n";

struct Page {
  explicit Page(TextEngine& engine) : view(engine), editor(engine), code(engine), reply(engine) {}
  TextView view;
  Editor editor;
  TextView code;
  MarkdownView reply;
  InputQueue input;
  MemoryClipboard clipboard;
};

void fill_page(Page& page, float scale, bool dark) {
  page.view.set_style({{}, 16 * scale, 1.5f, 6 * scale, true});
  page.view.set_text(sample);
  page.view.flow().set_font_spans({{0, 4, {FontFamily::ui, FontWeight::bold, false, 1}},
                                   {5, 16, {FontFamily::ui, FontWeight::regular, true, 1}},
                                   {40, 54, {FontFamily::ui, FontWeight::semibold, false, 1.5f}}});
  page.view.flow().set_paint_spans({{55, 80, dark ? 0xffffb080u : 0xffb05000u, 0, true, false, false, 1},
                                    {81, 96, 0, dark ? 0xff205060u : 0xffa0f0ffu, false, false, false, 2},
                                    {97, 104, 0, 0, false, true, false, 3}});
  page.view.selection().select(110, 330);
  page.code.set_style({{FontFamily::mono, FontWeight::regular, false, 1}, 14 * scale, 1.45f, 0, true});
  page.code.set_text("for (int i = 0; i < n; ++i) {\n\tsum += x[i] * w[i];  // fi -> != 中文\n}");
  page.editor.set_text(
      "The editor: type here. 请输入。 שלום עולם and more, which wraps to a second line when it is long "
      "enough.");
}

void draw_reply(Page& page, float scale, bool dark) {
  page.reply.set_look(markdown_look(dark, 16 * scale));
  page.reply.set_text(reply);
  markdown_box("reply", page.reply, page.input, page.clipboard, 640 * scale);
}

void draw_page(TextEngine& engine, Page& page, float scale) {
  const LabelStyle title{28 * scale, {FontFamily::ui, FontWeight::bold, false, 1}, 0, 1.4f};
  text_label(engine, "Fabula — a title, 标题, 👋", title);
  const LabelStyle serif{18 * scale, {FontFamily::serif, FontWeight::regular, true, 1}, 0, 1.4f};
  text_label(engine, "A serif line, italic: The quick brown fox jumps over the lazy dog", serif);
  const LabelStyle small{12 * scale, {}, 0, 1.4f};
  text_label(engine,
             "Small text of twelve pixels: 5 minutes ago · 34.2 tokens/s · 模型已加载 · ellipsis follows "
             "when too long",
             small, 0, 420 * scale);
  for (const float size : {11.0f, 13.0f, 14.0f, 15.0f})
    text_label(engine,
               "Hamburgefonstiv ABC 0123456789 (" + std::to_string(static_cast<int>(size)) + " px) medium",
               {size * scale, {FontFamily::ui, FontWeight::medium, false, 1}, 0, 1.4f});
  ButtonLook look;
  look.label = {15 * scale, {FontFamily::ui, FontWeight::medium, false, 1}, 0, 1.4f};
  look.padding = {14 * scale, 6 * scale};
  text_button(engine, "##send", "Send", look);
  ImGui::SameLine();
  text_button(engine, "##send2", "发送消息", look);
  ImGui::SameLine();
  look.enabled = false;
  text_button(engine, "##off", "Disabled", look);
  look.enabled = true;
  look.align = 0;
  text_selectable(engine, "##row",
                  "A selected row of the sidebar with a title that is far too long to fit into this width",
                  true, look, {360 * scale, 0});
  view_box(engine, "##view", page.view, page.input, page.clipboard, 760 * scale);
  view_box(engine, "##code", page.code, page.input, page.clipboard, 760 * scale);
  EditBox box;
  box.size_px = 16 * scale;
  box.padding = 10 * scale;
  box.max_lines = 6;
  box.take_focus = true;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const EditBoxResult result =
      edit_box(engine, "##edit", page.editor, page.input, page.clipboard, box, {500 * scale, 0});
  ImGui::GetWindowDrawList()->AddRect({at.x, at.y}, {at.x + 500 * scale, at.y + result.height},
                                      ImGui::GetColorU32(ImGuiCol_Border), 6 * scale);
}

bool write_ppm(const char* path, int width, int height) {
  std::vector<unsigned char> pixels(static_cast<size_t>(width) * height * 3);
  glPixelStorei(GL_PACK_ALIGNMENT, 1);
  glReadPixels(0, 0, width, height, GL_RGB, GL_UNSIGNED_BYTE, pixels.data());
  std::FILE* file = std::fopen(path, "wb");
  if (!file) return false;
  std::fprintf(file, "P6\n%d %d\n255\n", width, height);
  for (int y = height - 1; y >= 0; --y)
    std::fwrite(&pixels[static_cast<size_t>(y) * width * 3], 1, static_cast<size_t>(width) * 3, file);
  return std::fclose(file) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || !glfwInit()) {
    std::fprintf(stderr, "text_viewer OUT.ppm [light|dark] [scale] [reply]   (needs a display)\n");
    return 1;
  }
  const bool dark = argc > 2 && std::string(argv[2]) == "dark";
  const bool reply_page = argc > 4 && std::string(argv[4]) == "reply";
  const float scale = argc > 3 ? std::strtof(argv[3], nullptr) : 1.0f;
  const int width = static_cast<int>(page_width * scale), height = static_cast<int>(page_height * scale);
  glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
  glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
  GLFWwindow* window = glfwCreateWindow(width, height, "text_viewer", nullptr, nullptr);
  if (!window) return 1;
  glfwMakeContextCurrent(window);
  if (!gladLoadGL(glfwGetProcAddress)) return 1;
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.DisplaySize = {static_cast<float>(width), static_cast<float>(height)};
  ImGui_ImplOpenGL3_Init("#version 330 core");
  dark ? ImGui::StyleColorsDark() : ImGui::StyleColorsLight();
  {
    GlTextures textures;
    auto engine = TextEngine::create({}, textures);
    if (!engine) {
      std::fprintf(stderr, "%s\n", engine.error().message.c_str());
      return 1;
    }
    Page page(**engine);
    fill_page(page, scale, dark);
    GLuint target = 0, colour = 0;
    glGenFramebuffers(1, &target);
    glGenTextures(1, &colour);
    glBindTexture(GL_TEXTURE_2D, colour);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
    glBindFramebuffer(GL_FRAMEBUFFER, target);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, colour, 0);
    for (int frame = 0; frame < 3; ++frame) {
      ImGui_ImplOpenGL3_NewFrame();
      ImGui::NewFrame();
      (*engine)->begin_frame();
      ImGui::SetNextWindowPos({0, 0});
      ImGui::SetNextWindowSize(io.DisplaySize);
      ImGui::Begin("page", nullptr, ImGuiWindowFlags_NoDecoration);
      ImGui::SetCursorPos({30 * scale, 20 * scale});
      ImGui::BeginGroup();
      reply_page ? draw_reply(page, scale, dark) : draw_page(**engine, page, scale);
      ImGui::EndGroup();
      ImGui::End();
      ImGui::Render();
      glViewport(0, 0, width, height);
      const ImVec4 back = ImGui::GetStyle().Colors[ImGuiCol_WindowBg];
      glClearColor(back.x, back.y, back.z, 1);
      glClear(GL_COLOR_BUFFER_BIT);
      ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    }
    const ImDrawData& drawn = *ImGui::GetDrawData();
    std::printf("%d vertices, %zu pages, %zu faces opened\n", drawn.TotalVtxCount,
                (*engine)->pages().page_count(), (*engine)->fonts().opened_faces());
    if (!write_ppm(argv[1], width, height)) return 1;
  }
  ImGui_ImplOpenGL3_Shutdown();
  ImGui::DestroyContext();
  glfwTerminate();
  return 0;
}
