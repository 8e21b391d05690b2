// What typing leaves to be saved, against the plain difference of the texts.
#include <doctest/doctest.h>

#include <random>

#include "app/gui/text/editor.h"
#include "app/gui/text/pending_edits.h"
#include "core/base/utf8.h"
#include "tests/support/support.h"

namespace fabula::text {
namespace {

std::string applied(std::string saved, const std::vector<PendingEdit>& edits) {
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) {
    REQUIRE(saved.substr(edit->begin, edit->removed.size()) == edit->removed);
    saved.replace(edit->begin, edit->removed.size(), edit->text);
  }
  return saved;
}

class Typist {
 public:
  explicit Typist(std::string text) : saved(text), now(std::move(text)) {}
  void replace(size_t begin, size_t end, const std::string& with) {
    edits.add({begin, now.substr(begin, end - begin), with});
    now.replace(begin, end - begin, with);
  }
  std::vector<PendingEdit> list() const {
    return edits.list([this](size_t begin, size_t end) { return now.substr(begin, end - begin); });
  }
  std::string saved, now;
  PendingEdits edits;
};

TEST_CASE("edits far apart stay apart, neighbours become one, and what was taken back is gone") {
  Typist t("The cat sat on the mat.");
  t.replace(4, 7, "dog");
  t.replace(19, 22, "rug");
  CHECK(t.list() == std::vector<PendingEdit>{{4, "cat", "dog"}, {19, "mat", "rug"}});
  t.replace(7, 7, "gy");
  CHECK(t.list()[0] == PendingEdit{4, "cat", "doggy"});
  CHECK(t.edits.last_end() == 22);
  CHECK(t.edits.growth() == 2);
  t.replace(4, 9, "cat");
  CHECK(t.list() == std::vector<PendingEdit>{{19, "mat", "rug"}});
  t.replace(0, t.now.size(), "");
  CHECK(t.list() == std::vector<PendingEdit>{{0, t.saved, ""}});
}

TEST_CASE("edits are cut between characters, never inside one") {
  Typist t("caf\xC3\xA9 \xE4\xB8\xAD");
  t.replace(3, 5, "\xC3\xA8");
  CHECK(t.list() == std::vector<PendingEdit>{{3, "\xC3\xA9", "\xC3\xA8"}});
  t.replace(6, 9, "\xE5\xB8\xAD");
  CHECK(t.list()[1] == PendingEdit{6, "\xE4\xB8\xAD", "\xE5\xB8\xAD"});
  CHECK(difference("\xC3\xA9", "\xC3\xA8")[0].removed == "\xC3\xA9");
  CHECK(difference("a", "a").empty());
}

TEST_CASE("any typing leads from the saved text to the present one") {
  std::mt19937 random(static_cast<uint32_t>(fabula::test::seed()));
  for (int round = 0; round < 400; ++round) {
    Typist t("abcdefghij klmnop \xC3\xA9\xC3\xA8 qrstuvwxyz");
    for (int i = 0; i < 12; ++i) {
      size_t begin = random() % (t.now.size() + 1), end = std::min(t.now.size(), begin + random() % 6);
      while (begin < t.now.size() && (t.now[begin] & 0xC0) == 0x80) ++begin;
      while (end < t.now.size() && (t.now[end] & 0xC0) == 0x80) ++end;
      t.replace(begin, std::max(begin, end), std::string(random() % 4, static_cast<char>('A' + i)));
      const auto list = t.list();
      REQUIRE(applied(t.saved, list) == t.now);
      for (size_t k = 1; k < list.size(); ++k) REQUIRE(list[k - 1].begin + list[k - 1].removed.size() <= list[k].begin);
      for (const auto& edit : list) REQUIRE((is_valid_utf8(edit.text) && is_valid_utf8(edit.removed)));
    }
  }
}

}  // namespace
}  // namespace fabula::text
