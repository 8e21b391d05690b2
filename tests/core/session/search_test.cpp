#include <doctest/doctest.h>

#include "core/base/utf8.h"
#include "core/session/search_text.h"
#include "tests/core/session/support.h"

using namespace fabula;
using namespace fabula::session;
using namespace fabula::session::test;

TEST_CASE("words are found whatever their case, accents and script, newest first") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  const std::string id = store->create(Mode::chat, "Journal of Zoë", "", {})->id;
  const auto add = [&](std::string text) {
    const Message message = make_message(Role::user, std::move(text));
    require_ok(store->append(id, message));
    return message.id;
  };
  const std::string cafe = add("The Café was closed. straße");
  const std::string capital = add("我住在北京大学旁边。上海也很好");
  const std::string japanese = add("東京タワーに行きました");
  const std::string korean = add("안녕하세요 세계");
  const std::string russian = add("Ёлка и Мёд");
  const std::string thai = add("สวัสดีชาวโลก");
  const std::string full = add("ＡＢＣ wide");
  const std::string newest = add("the cafe opens again 😀");

  const auto found = [&](std::string_view query) {
    std::vector<std::string> out;
    const auto hits = store->search(query);
    require_ok(hits);
    for (const auto& hit : *hits) out.push_back(hit.message);
    return out;
  };
  using Ids = std::vector<std::string>;
  CHECK(found("cafe") == Ids{newest, cafe});
  CHECK(found("CAFÉ closed") == Ids{cafe});
  CHECK(found("clos") == Ids{cafe});
  CHECK(found("clos ").empty());
  CHECK(found("strasse") == Ids{cafe});
  CHECK(found("京") == Ids{japanese, capital});
  CHECK(found("北京") == Ids{capital});
  CHECK(found("北京大学") == Ids{capital});
  CHECK(found("大学上海").empty());
  CHECK(found("边上").empty());
  CHECK(found("東京タワー") == Ids{japanese});
  CHECK(found("세계") == Ids{korean});
  CHECK(found("елка") == Ids{russian});
  CHECK(found("ชาวโลก") == Ids{thai});
  CHECK(found("abc") == Ids{full});
  CHECK(found("😀") == Ids{newest});
  CHECK(found("zoe") == Ids{""});
  CHECK(found("nothing").empty());
  for (const char* hostile : {"", " ", "\"", "a\" OR \"b", "*", "^", "words:", "NEAR(", "(", "AND", "-",
                              "\xFF\xFE", "{words}:x", "'"})
    CHECK(store->search(hostile).ok());
  CHECK(store->search(std::string(100'000, 'x') + " " + std::string(50'000, '(')).ok());
  CHECK(store->search("cafe", 1)->size() == 1);

  require_ok(store->remove(id));
  CHECK(found("cafe").empty());
  require_ok(store->restore(id));
  CHECK(found("cafe").size() == 2);
  require_ok(store->remove_message(id, newest));
  CHECK(found("cafe") == Ids{cafe});
}

TEST_CASE("an unfinished word finds all that begin with it, however many there are, newest first") {
  ScratchFolder folder;
  auto store = open_store(folder.path() / "fabula.db");
  const std::string id = store->create(Mode::chat, "t", "", {})->id;
  // "castle…" has few completions, "tower…" many, and "towel" hides behind more "towers" than are looked at.
  std::vector<std::pair<std::string, std::string>> written;  // text, id
  for (int i = 0; i < 700; ++i) {
    std::string text = "the Tower" + std::to_string(i);
    if (i % 9 == 0) text += " castle" + std::string(i % 2 ? "s" : "");
    if (i < 90) text += " Towel" + std::to_string(i);
    const Message message = make_message(Role::user, std::move(text));
    require_ok(store->append(id, message));
    written.emplace_back(message.text, message.id);
  }
  struct Case {
    const char *query, *part;
  };
  for (const Case& c : {Case{"castl", " castle"}, Case{"castle", " castle"}, Case{"castles", " castles"}, Case{"towe", "Tower"},
                        Case{"tower", "Tower"}, Case{"tower1", "Tower1"}, Case{"towel", "Towel"}, Case{"the towel8", "Towel8"},
                        Case{"the castle", " castle"}, Case{"castle towel", " castle "}, Case{"tower77 ", "Tower77 "}, Case{"towering", "towering"}}) {
    const bool with_towel = std::string_view(c.query) == "castle towel";
    for (int limit : {7, 50, 1000}) {
      std::vector<std::string> expected;
      for (size_t i = written.size(); i-- > 0 && static_cast<int>(expected.size()) < limit;)
        if ((written[i].first + " ").find(c.part) != std::string::npos && (!with_towel || i < 90)) expected.push_back(written[i].second);
      const auto hits = store->search(c.query, limit);
      require_ok(hits);
      std::vector<std::string> found;
      for (const auto& hit : *hits) found.push_back(hit.message);
      CHECK_MESSAGE(found == expected, std::string(c.query) << ", " << limit << ": " << found.size() << " found, " << expected.size() << " expected");
    }
  }
}

TEST_CASE("a snippet shows the match in its surroundings") {
  CHECK(search_snippet("The Café was\nclosed.", "cafe") ==
        "The \x02"
        "Café\x03 was closed.");
  CHECK(search_snippet("我住在北京大学旁边", "北京大学") == "我住在\x02北京大学\x03旁边");
  CHECK(search_snippet("unfinished sentence", "unf") == "\x02unfinished\x03 sentence");
  CHECK(search_snippet("plain", "absent") == "plain");
  CHECK(search_snippet("", "x").empty());
  const std::string far =
      search_snippet(std::string(500, 'a') + " needle " + std::string(500, 'b'), "needle");
  CHECK(far.find("\x02needle\x03") != std::string::npos);
  CHECK(far.size() < 250);
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "ä";
  CHECK(is_valid_utf8(search_snippet(umlauts + " needle " + umlauts, "needle")));
}
