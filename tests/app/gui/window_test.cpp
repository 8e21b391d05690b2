// The parts of the window that need no display.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "app/gui/arguments.h"
#include "app/gui/assets.h"
#include "app/gui/automation.h"
#include "app/gui/background.h"
#include "app/gui/compose_guard.h"
#include "app/gui/model_paths.h"
#include "app/gui/panels/file_dialog.h"
#include "app/gui/replay_words.h"
#include "app/gui/settings.h"
#include "app/gui/strings.h"
#include "app/gui/ui/theme.h"
#include "app/gui/ui/virtual_list.h"
#include "app/gui/window_icon.h"
#include "core/base/file.h"
#include "core/model/library.h"
#include "tests/support/support.h"

namespace fabula::gui {
namespace {

TEST_CASE("every language has the same keys and the same places for arguments") {
  const auto english = parse_json(Strings::languages().front().words(), "en");
  REQUIRE(english.ok());
  for (const Language& language : Strings::languages()) {
    CAPTURE(language.code);
    const auto other = parse_json(language.words(), language.code);
    REQUIRE(other.ok());
    CHECK(english->size() == other->size());
    CHECK(english->contains("command." + std::string(language.command)));
    for (const auto& [key, value] : english->items()) {
      CAPTURE(key);
      REQUIRE(other->contains(key));
      const std::string here = value.get<std::string>(), there = (*other)[key].get<std::string>();
      CHECK(!here.empty());
      CHECK(!there.empty());
      for (const char* place : {"{0}", "{1}", "{2}"}) CHECK((here.find(place) == std::string::npos) == (there.find(place) == std::string::npos));
    }
  }
}

TEST_CASE("strings: languages switch at once, arguments and counts are put in") {
  Strings tr("en");
  CHECK(tr("action.cancel") == "Cancel");
  tr.set_language("zh-Hans");
  CHECK(tr("action.cancel") == "取消");
  tr.set_language("xx");
  CHECK(tr.language() == "en");
  CHECK(tr("no.such.key") == "no.such.key");
  CHECK(tr.format("status.context", {"12", "512"}) == "12 of 512 tokens");
  CHECK(tr.count("status.words", 1) == "1 word");
  CHECK(tr.count("status.words", 2) == "2 words");
}

TEST_CASE("a replay's outcome in words: all equal, the first difference, what was left out") {
  const Strings tr("en");
  const auto words_of = [](const std::string& id) { return "words of " + id; };
  using Outcome = session::ReplayReport::Outcome;
  session::ReplayReport report;
  CHECK(replay_words(tr, report, words_of) == "No reply could be written again.");
  report.replies = {{"a", Outcome::equal, 9, -1, -1, -1, ""}};
  report.equal = 1;
  CHECK(replay_words(tr, report, words_of) == "The reply came out word for word.");
  report.replies.push_back({"b", Outcome::different, 9, 4, 17, -1, ""});
  report.replies.push_back({"c", Outcome::skipped, 9, -1, -1, -1, "it has no words"});
  report.different = report.skipped = 1;
  CHECK(replay_words(tr, report, words_of) ==
        "1 of 2 replies came out differently. The first, “words of b”: token 5 was 17, now it is its end. 1 left out: it has no words.");
}

TEST_CASE("text has a contrast of at least 4.5:1 on every surface it stands on, in both themes") {
  CHECK(contrast(IM_COL32(255, 255, 255, 255), IM_COL32(0, 0, 0, 255)) == doctest::Approx(21.0));
  for (const bool dark : {false, true}) {
    CAPTURE(dark);
    const Palette c = make_theme(dark).color;
    for (const ImU32 ground : {c.window, c.sidebar, c.raised, c.accent_soft}) {
      for (const ImU32 ink : {c.text, c.text_soft, c.text_faint}) CHECK(contrast(ink, ground) >= 4.5);
    }
    for (const ImU32 ground : {c.window, c.sidebar, c.raised}) {
      for (const ImU32 ink : {c.accent, c.danger, c.warning, c.own_tint}) CHECK(contrast(ink, ground) >= 4.5);
      CHECK(contrast(c.outline, ground) >= 3.0);
    }
    for (const ImU32 ground : {c.found, c.found_now}) CHECK(contrast(c.text, ground) >= 4.5);
    for (const ImU32 ink : {c.own_tint, c.accent}) CHECK(contrast(ink, c.found) >= 4.5);
    CHECK(contrast(c.on_accent, c.accent) >= 4.5);
    CHECK(contrast(c.on_danger, c.danger) >= 4.5);
  }
}

TEST_CASE("an input method's Enter is not taken for Send") {
  ComposeGuard guard;
  guard.printable_key(), guard.character();  // a plain letter
  CHECK_FALSE(guard.take_enter());
  guard.printable_key(), guard.printable_key();  // n, i: swallowed by the input method
  CHECK(guard.composing());
  CHECK(guard.take_enter());        // commits what was composed
  guard.character();
  CHECK_FALSE(guard.take_enter());  // sends
  guard.printable_key(), guard.backspace();  // composed and taken back
  CHECK_FALSE(guard.take_enter());
  guard.printable_key(), guard.escape();
  CHECK_FALSE(guard.take_enter());
}

TEST_CASE("settings: what is written is read back, unknown keys stay, a broken file is kept") {
  test::TemporaryFolder folder;
  const auto file = folder.path() / "config" / "settings.json";
  CHECK(load_settings(file).warning.empty());  // absent: defaults
  Settings settings;
  settings.theme = "dark";
  settings.zoom = 1.5f;
  settings.mode = "chat";
  settings.recent_models = {"/a b/ü.gguf"};
  settings.story.threads = 3;
  settings.story.sampler.temperature = 0.25f;
  settings.chat.stop = {"END", "\n\n"};
  REQUIRE(save_settings(file, settings, R"({"future": [1, 2], "chat": {"colour": "red"}})").ok());
  const LoadedSettings read = load_settings(file);
  CHECK(read.warning.empty());
  CHECK(write_settings(read.settings, read.unknown) == write_settings(settings, read.unknown));
  CHECK(read.settings.story.sampler.temperature == doctest::Approx(0.25f));
  CHECK(read.unknown.find("future") != std::string::npos);
  CHECK(read.unknown.find("colour") != std::string::npos);

  REQUIRE(write_file_atomically(file, R"({"theme": 7, "zoom": 1e99, "window_width": -5, "story": {"temperature": "hot", "top_p": 3}})").ok());
  const LoadedSettings odd = load_settings(file);
  CHECK_FALSE(odd.warning.empty());
  CHECK(odd.settings.theme == "system");
  CHECK(odd.settings.zoom == 1.0f);
  CHECK(odd.settings.window_width == 480);
  CHECK(odd.settings.story.sampler.top_p == doctest::Approx(0.95f));

  REQUIRE(write_file_atomically(file, "{\"theme\": \"dark\", ").ok());
  const LoadedSettings broken = load_settings(file);
  CHECK_FALSE(broken.warning.empty());
  CHECK(broken.settings.theme == "system");
  CHECK(test::read_text(file.string() + ".broken") == "{\"theme\": \"dark\", ");
}

TEST_CASE("the command line") {
  const auto parsed = parse_arguments({"--data-dir", "/tmp/x", "--model=a=b.gguf", "--mode", "chat"});
  REQUIRE(parsed.ok());
  CHECK(parsed->data_dir == "/tmp/x");
  CHECK(parsed->model == "a=b.gguf");
  CHECK(parsed->mode == "chat");
  const auto file = parse_arguments({"story.json", "--new-window"});
  REQUIRE(file.ok());
  CHECK(file->file == "story.json");
  CHECK(file->new_window);
  for (const auto& wrong : std::vector<std::vector<std::string>>{{"--mode", "poem"}, {"--model"}, {"--data-dir="}, {"a.gguf", "b.gguf"}, {"--what"}}) {
    CHECK_FALSE(parse_arguments(wrong).ok());
  }
}

TEST_CASE("automation answers what it was asked, and survives what is no question") {
  FrameRecord record;
  record.widgets.push_back({"composer.send", "Send \"now\"", 10.4f, 20.6f, 30, 40, false, true});
  record.mode = "story";
  record.toasts = {"Saved"};
  record.frames = 7;
  const auto widgets = parse_json(automation_answer(R"({"cmd":"widgets"})", record), "answer");
  REQUIRE(widgets.ok());
  const Json expected = {{"id", "composer.send"}, {"label", "Send \"now\""}, {"rect", {10, 21, 30, 40}}, {"enabled", false}, {"focused", true}};
  CHECK((*widgets)["widgets"] == Json::array({expected}));
  const auto state = parse_json(automation_answer(R"({"cmd":"state"})", record), "answer");
  REQUIRE(state.ok());
  for (const char* key : {"mode", "session", "messages", "generating", "model", "toasts", "frames", "first_frame_ms", "slowest_frame_ms"}) {
    CAPTURE(key);
    CHECK(state->contains(key));
  }
  for (const char* line : {"", "{", "[]", "7", R"({"cmd":7})", R"({"cmd":"quit"})", "\xff\xfe"}) {
    const auto answer = parse_json(automation_answer(line, record), "answer");
    REQUIRE(answer.ok());
    CHECK(answer->contains("error"));
  }
}

TEST_CASE("a long list measures what is in view only, and does not jump when heights become known") {
  VirtualList list;
  list.set_count(10'000, 50);
  size_t measured = 0;
  const auto measure = [&](size_t i) { ++measured; return 20.0f + static_cast<float>(i % 7) * 30; };
  const auto at_end = list.layout(600, measure);
  REQUIRE_FALSE(at_end.empty());
  CHECK(at_end.back().index == 9'999);
  CHECK(at_end.back().y + at_end.back().height == doctest::Approx(600));
  CHECK(measured < 100);
  CHECK(list.at_end());

  const auto before = list.layout(600, measure).front();
  list.scroll_by(-250);
  const auto scrolled = list.layout(600, measure);
  CHECK_FALSE(list.at_end());
  bool found = false;
  for (const auto& placed : scrolled) {
    if (placed.index != before.index) continue;
    CHECK(placed.y == doctest::Approx(before.y + 250));
    found = true;
  }
  CHECK(found);
  list.set_count(10'001, 50);  // what comes in at the end does not move what is read
  CHECK(list.layout(600, measure).front().y == doctest::Approx(scrolled.front().y));
  list.scroll_by(1e6f);
  list.layout(600, measure);
  CHECK(list.at_end());
  list.scroll_to(0);
  CHECK(list.layout(600, measure).front().index == 0);
  CHECK(list.layout(600, measure).front().y == 0);

  VirtualList few;
  few.set_count(2, 50);
  CHECK(few.layout(600, [](size_t) { return 40.0f; }).front().y == 0);  // a short list begins at the top
}

TEST_CASE("models are known by their paths") {
  test::TemporaryFolder folder;
  const auto directory = folder.path() / "tiny";
  REQUIRE(fabula::create_directories(directory).ok());
  REQUIRE(write_file_atomically(folder.path() / "a.gguf", "GGUF").ok());
  REQUIRE(write_file_atomically(folder.path() / "notes.txt", "x").ok());
  REQUIRE(write_file_atomically(folder.path() / ".hidden.gguf", "x").ok());
  CHECK(looks_like_model(folder.path() / "a.gguf"));
  CHECK_FALSE(looks_like_model(folder.path() / "notes.txt"));
  CHECK_FALSE(looks_like_model(directory));
  REQUIRE(write_file_atomically(directory / "config.json", "{}").ok());
  REQUIRE(write_file_atomically(directory / "model.safetensors", "x").ok());
  CHECK(looks_like_model(directory));
  CHECK(model::model_name("/m/Big-00001-of-00003.gguf") == "Big");
  CHECK(model::model_name("/m/dir/") == "dir");
  const auto entries = read_folder(folder.path(), true, ".json");
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 2);
  CHECK((*entries)[0].name == "tiny");
  CHECK((*entries)[0].model);
  CHECK((*entries)[1].name == "a.gguf");
  CHECK_FALSE(read_folder(folder.path() / "absent", true, ".json").ok());
}

TEST_CASE("jobs run in order, and their words come back on the thread that asks for them") {
  std::vector<int> said;
  {
    Background background({});
    for (int i = 0; i < 100; ++i) background.run([&, i] { background.post([&said, i] { said.push_back(i); }); });
    while (said.size() < 100) background.drain();
  }
  for (int i = 0; i < 100; ++i) CHECK(said[static_cast<size_t>(i)] == i);
}

TEST_CASE("the window's icon is a rounded square with a page in it") {
  const auto pixels = rasterize_icon(32);
  REQUIRE(pixels.size() == 32 * 32 * 4);
  const auto pixel = [&](int x, int y) { return &pixels[static_cast<size_t>(y * 32 + x) * 4]; };
  CHECK(pixel(0, 0)[3] == 0);      // the corner is cut
  CHECK(pixel(16, 1)[3] == 255);   // the ground
  CHECK(pixel(16, 1)[1] == 110);
  CHECK(pixel(9, 9)[0] > 240);     // the left page
}

}  // namespace
}  // namespace fabula::gui
