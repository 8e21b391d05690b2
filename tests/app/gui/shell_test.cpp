// What stands behind the panels without a window: keys, presets, the sidebar's groups, the fields of the reply section.
#include <GLFW/glfw3.h>
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "app/gui/commands.h"
#include "app/gui/panels/marked_text.h"
#include "app/gui/panels/reply_section.h"
#include "app/gui/panels/session_groups.h"
#include "app/gui/presets.h"

using namespace fabula;
using namespace fabula::gui;

TEST_CASE("keys: what is written is read back, and only keys that belong to nobody may be bound") {
  const int ctrl = GLFW_MOD_CONTROL, shift = GLFW_MOD_SHIFT, alt = GLFW_MOD_ALT;
  for (const Shortcut& s : {Shortcut{GLFW_KEY_Z, ctrl | shift}, {GLFW_KEY_F11, 0}, {GLFW_KEY_EQUAL, ctrl}, {GLFW_KEY_MINUS, ctrl | alt},
                            {GLFW_KEY_COMMA, ctrl}, {GLFW_KEY_END, ctrl}, {GLFW_KEY_0, ctrl}, {0, 0}}) {
    CAPTURE(shortcut_text(s));
    REQUIRE(shortcut_from_text(shortcut_text(s)).has_value());
    CHECK(*shortcut_from_text(shortcut_text(s)) == s);
  }
  CHECK(shortcut_text({GLFW_KEY_Z, ctrl | shift}) == "Ctrl+Shift+Z");
  for (const char* bad : {"Ctrl+", "Hyper+X", "Ctrl+xx", "z", "F26"}) CHECK(!shortcut_from_text(bad));
  CHECK(shortcut_text({GLFW_KEY_LEFT_CONTROL, ctrl}).empty());
  CHECK(!may_be_bound({GLFW_KEY_DELETE, 0}));
  CHECK(!may_be_bound({GLFW_KEY_A, shift}));
  CHECK(!may_be_bound({GLFW_KEY_LEFT_CONTROL, ctrl}));
  CHECK(may_be_bound({GLFW_KEY_F5, 0}));
  CHECK(may_be_bound({GLFW_KEY_A, alt}));
}

TEST_CASE("keys: a binding takes the place of both standard keys, conflicts are known, reset brings them back") {
  Commands commands;
  std::string ran;
  commands.add({"redo", Menu::edit, 0, {GLFW_KEY_Y, GLFW_MOD_CONTROL}, [&ran] { ran = "redo"; }, {}, {}, {GLFW_KEY_R, GLFW_MOD_ALT}});
  commands.add({"new", Menu::file, 0, {GLFW_KEY_N, GLFW_MOD_CONTROL}, [&ran] { ran = "new"; }});
  CHECK(commands.press(GLFW_KEY_R, GLFW_MOD_ALT));
  commands.bind({{"redo", "F7"}, {"unknown", "F8"}, {"new", "not a key"}});
  CHECK(!commands.press(GLFW_KEY_Y, GLFW_MOD_CONTROL));
  CHECK(!commands.press(GLFW_KEY_R, GLFW_MOD_ALT));
  CHECK(commands.press(GLFW_KEY_F7, 0));
  CHECK(ran == "redo");
  CHECK(commands.press(GLFW_KEY_N, GLFW_MOD_CONTROL));  // a binding that cannot be read changes nothing
  CHECK(shortcut_text(commands.standard("redo")) == "Ctrl+Y");
  commands.bind({{"redo", "Ctrl+N"}});
  REQUIRE(commands.rival_or_null(*commands.find_or_null("redo")) != nullptr);
  CHECK(commands.rival_or_null(*commands.find_or_null("redo"))->id == "new");
  commands.bind({{"redo", ""}});
  CHECK(commands.find_or_null("redo")->shortcut.key == 0);
  commands.bind({});
  CHECK(commands.press(GLFW_KEY_Y, GLFW_MOD_CONTROL));
}

TEST_CASE("presets: every one that comes with Fabula can be read in every language; own ones survive a restart") {
  Presets presets("en");
  CHECK(presets.sampling().size() >= 5);
  CHECK(presets.prompts().size() >= 5);
  std::set<std::string> names;
  for (const auto& p : presets.sampling()) {
    CHECK(engine::check(p.settings.sampler).ok());
    CHECK(names.insert(p.name).second);
  }
  const std::string english = presets.prompts().front().text;
  presets.set_language("zh-Hans");
  CHECK(presets.prompts().front().text != english);
  const size_t built_in = presets.sampling().size();

  SamplingPreset mine{"Mine", {}, false};
  mine.settings.sampler.xtc_probability = 0.25f;
  mine.settings.max_tokens = 99;
  presets.save(mine);
  mine.settings.max_tokens = 77;
  presets.save(mine);  // the same name: replaced
  presets.save(PromptPreset{"Pirate", "Talk like a pirate.", false});
  Presets other("en");
  CHECK(other.read_own(presets.write_own()));
  REQUIRE(other.sampling().size() == built_in + 1);
  CHECK(other.sampling().back().settings.max_tokens == 77);
  CHECK(other.sampling().back().settings.sampler == mine.settings.sampler);
  CHECK(other.prompts().back().text == "Talk like a pirate.");
  other.remove_sampling(other.sampling().front().name);  // not an own one
  CHECK(other.sampling().size() == built_in + 1);
  other.remove_sampling("Mine");
  CHECK(other.sampling().size() == built_in);

  for (const char* broken : {"[", "[]", R"({"sampling":[{"name":"x"}]})", R"({"prompts":[{"name":"","text":"a"}]})",
                             R"({"sampling":[{"name":"x","settings":{"sampler":{"temperature":-4}}}]})"}) {
    CAPTURE(broken);
    CHECK(!other.read_own(broken));
    CHECK(other.sampling().size() == built_in);
  }
  CHECK(other.read_own(""));
}

TEST_CASE("the sidebar: pinned ones, folders by name, then days and months; searching looks at titles, folders and tags") {
  const Strings tr("en");
  const int64_t day = 86'400'000, now = 1'760'000'000'000;
  std::vector<session::SessionInfo> sessions(6);
  const char* titles[] = {"Fox", "Bear", "Crow", "Dove", "Elk", "Gnu"};
  for (size_t i = 0; i < sessions.size(); ++i) {
    sessions[i].id = titles[i];
    sessions[i].title = titles[i];
    sessions[i].updated_at = now - static_cast<int64_t>(i) * 20 * day;
  }
  sessions[2].pinned = true;
  sessions[3].folder = "Work";
  sessions[4].folder = "Art";
  sessions[4].tags = {"draft"};
  sessions[5].mode = session::Mode::story;
  const auto groups = group_sessions(tr, sessions, session::Mode::chat, "", now);
  REQUIRE(groups.size() == 5);
  CHECK(groups[0].sessions[0]->title == "Crow");
  CHECK(groups[1].folder == "Art");
  CHECK(groups[2].folder == "Work");
  CHECK(groups[3].label == tr("sidebar.today"));
  CHECK(groups[4].label == "Sep 2025");
  CHECK(group_sessions(tr, sessions, session::Mode::chat, "#DRA", now).size() == 1);
  CHECK(group_sessions(tr, sessions, session::Mode::chat, "wor", now)[0].sessions[0]->title == "Dove");
  CHECK(group_sessions(tr, sessions, session::Mode::chat, "#wor", now).empty());
  CHECK(folders_of(sessions) == std::vector<std::string>{"Art", "Work"});
}

TEST_CASE("stop strings and biases: what is shown is read back") {
  for (const std::vector<std::string>& texts : {std::vector<std::string>{"END", "\n\n"}, {"a|b", "c\\n"}, {}}) CHECK(split_texts(joined_texts(texts)) == texts);
  CHECK(split_texts(" END |  | \\n").size() == 2);
  bool all = false;
  const std::vector<std::pair<int32_t, float>> biases = {{13, -2.5f}, {40, 100.0f}};
  CHECK(split_biases(joined_biases(biases), all) == biases);
  CHECK(all);
  CHECK(split_biases("13=x, 7:1, -2=3", all).size() == 1);
  CHECK(!all);
}

TEST_CASE("found words are marked, in either case, as often as they stand there") {
  CHECK(marked("A fox, a Fox", "fox") == "A \x02"
                                         "fox\x03, a \x02"
                                         "Fox\x03");
  CHECK(without_marks(marked("A fox, a Fox", "a")) == "A fox, a Fox");
  CHECK(marked("words", "") == "words");
}
