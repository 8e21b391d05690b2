// The parts of writing and reading that need no display: thoughts, outlines, attached files, and the page that is typed on
// while a session changes below it.
#include <doctest/doctest.h>

#include <algorithm>

#include "app/gui/panels/attachments.h"
#include "app/gui/panels/outline_panel.h"
#include "app/gui/panels/reasoning.h"
#include "app/gui/panels/story_page.h"
#include "core/base/file.h"
#include "tests/app/gui/text/text_support.h"
#include "tests/support/support.h"

namespace fabula::gui {
namespace {

using session::Message;
using session::Role;

std::shared_ptr<const Message> message(std::string id, std::string parent, Role role, std::string text) {
  auto out = std::make_shared<Message>();
  out->id = std::move(id);
  out->parent = std::move(parent);
  out->role = role;
  out->text = std::move(text);
  out->tokens = {1, 2};
  return out;
}

TEST_CASE("a thought is told apart from the answer, finished or not, opened by the template or not") {
  auto r = split_reasoning("<think>\nTwo and two.\n</think>\n\nFour.");
  CHECK(r.thought == "Two and two.");
  CHECK(r.answer == "Four.");
  CHECK_FALSE(r.open);
  r = split_reasoning("  <think>still at");
  CHECK(r.thought == "still at");
  CHECK(r.answer.empty());
  CHECK(r.open);
  r = split_reasoning("so it is\n</think>\nFour.");
  CHECK(r.thought == "so it is");
  CHECK(r.answer == "Four.");
  CHECK(split_reasoning("[THINK]a[/THINK]b").answer == "b");
  CHECK(split_reasoning("Use <think> to think.").thought.empty());
  CHECK(split_reasoning("```\n</think>\n```").thought.empty());
  CHECK(split_reasoning("<think></think>Four.").thought.empty());
  CHECK(split_reasoning("").answer.empty());
}

TEST_CASE("an outline has one row for each run without a fork, and marks the way to the present page") {
  const std::vector<std::shared_ptr<const Message>> tree = {
      message("a", "", Role::user, "  Once\nupon  a time"), message("b", "a", Role::assistant, "first"), message("c", "a", Role::assistant, "second"),
      message("d", "c", Role::user, "more"), message("e", "d", Role::assistant, "end")};
  const auto runs = outline_of(tree, "d");
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].words == "Once upon a time");
  CHECK(runs[0].on_path);
  CHECK_FALSE(runs[0].leaf);
  CHECK(runs[1].last_id == "b");
  CHECK(runs[1].depth == 1);
  CHECK_FALSE(runs[1].on_path);
  CHECK(runs[2].messages == 3);
  CHECK(runs[2].last_id == "e");
  CHECK(runs[2].holds_current);
  CHECK(runs[2].tokens == 6);
  CHECK(outline_of({}, "").empty());
}

TEST_CASE("files go into a message in a fence that they cannot close; what is no text is refused") {
  const std::string sent = with_attachments("Look:", {{"a.py", "print(1)\n"}, {"odd name.m-d", "```\nx\n```"}});
  CHECK(sent == "Look:\n\na.py:\n```py\nprint(1)\n```\n\nodd name.m-d:\n````\n```\nx\n```\n````");
  CHECK(with_attachments("", {{"a", "b"}}) == "a:\n```\nb\n```");
  const test::TemporaryFolder folder;
  const auto write = [&](const char* name, std::string_view bytes) {
    const auto path = (folder.path() / name).string();
    REQUIRE(write_file_atomically(path, bytes));
    return path;
  };
  CHECK(read_attachment(write("a.txt", "\xEF\xBB\xBFhello"))->text == "hello");
  CHECK_FALSE(read_attachment(write("b.bin", std::string_view("a\0b", 3))));
  CHECK_FALSE(read_attachment(write("c.txt", "\xFF\xFE")));
  CHECK_FALSE(read_attachment(write("d.txt", " \n")));
  CHECK_FALSE(read_attachment((folder.path() / "none").string()));
}

// ---- the page

struct Desk {
  explicit Desk(text::TextEngine& engine) : page(engine) {}

  void show(std::vector<std::shared_ptr<const Message>> path) {
    auto v = std::make_shared<session::SessionView>();
    v->info.id = std::string("s");  // g++ 12 sees an overlap in assigning the literal (GCC bug 105651)
    v->path = std::move(path);
    if (!v->path.empty()) v->current = v->path.back()->id;
    v->revision = ++revision;
    view = v;
    follow();
  }
  void stream(const std::string& id, const std::string& text) {
    auto l = std::make_shared<session::LiveReply>();
    l->message = id;
    l->text = text;
    live = l;
    follow();
  }
  void follow() {
    page.follow({session, view, live, live != nullptr}, [this](StoryPage::Edits edits) { flushed.push_back(std::move(edits)); });
  }
  void type(size_t begin, size_t end, const std::string& words) {
    page.editor().replace(begin, end, words);
    page.note_typing(now);
  }
  std::string text() { return page.editor().text(); }

  StoryPage page;
  std::string session = "s";
  std::shared_ptr<const session::SessionView> view;
  std::shared_ptr<const session::LiveReply> live;
  uint64_t revision = 0;
  double now = 10;
  std::vector<StoryPage::Edits> flushed;
};

TEST_CASE("typing is handed on once it pauses, and the session's answer changes nothing on the page") {
  test::TextFixture fixture;
  if (!fixture.usable()) return;
  Desk desk(*fixture.engine);
  desk.show({message("a", "", Role::user, "Once. "), message("b", "a", Role::assistant, "A dog.")});
  CHECK(desk.text() == "Once. A dog.");
  desk.type(8, 11, "cat");
  CHECK(desk.page.due_at() > desk.now);
  CHECK(desk.page.due_at() < desk.now + 1);
  auto edits = desk.page.take_edits();
  REQUIRE(edits);
  CHECK(edits->current == "b");
  REQUIRE(edits->edits.size() == 1);
  CHECK(edits->edits[0].begin == 8);
  CHECK(edits->edits[0].text == "cat");
  desk.type(0, 4, "Twice");  // while they are on their way
  CHECK_FALSE(desk.page.take_edits());
  desk.page.answered(edits->serial, StoryPage::Answer::new_step, desk.now);
  desk.show({message("a", "", Role::user, "Once. "), message("b2", "a", Role::assistant, "A "), message("c", "b2", Role::user, "cat"),
             message("d", "c", Role::assistant, ".")});
  CHECK(desk.text() == "Twice. A cat.");
  edits = desk.page.take_edits();
  REQUIRE(edits);
  CHECK(edits->current == "d");
  CHECK(edits->edits[0].begin == 0);  // the shortest change that makes Twice of Once
  CHECK(edits->edits[0].removed == "On");
  CHECK(edits->edits[0].text == "Twi");
}

TEST_CASE("a reply streams in at the end while words above it are typed") {
  test::TextFixture fixture;
  if (!fixture.usable()) return;
  Desk desk(*fixture.engine);
  desk.show({message("a", "", Role::user, "Once. ")});
  desk.stream("r", "The");
  desk.type(0, 4, "Twice");
  desk.stream("r", "The dog");
  CHECK(desk.text() == "Twice. The dog");
  CHECK(desk.page.live_begin() == 7);
  auto edits = desk.page.take_edits();
  REQUIRE(edits);
  desk.page.answered(edits->serial, StoryPage::Answer::busy, desk.now);
  CHECK(desk.page.due_at() > 1e9);  // waits for the reply's end
  desk.live = nullptr;
  desk.show({message("a", "", Role::user, "Once. "), message("r", "a", Role::assistant, "The dog ran.")});
  CHECK(desk.text() == "Twice. The dog ran.");
  CHECK(desk.page.due_at() < 1e9);
}

TEST_CASE("taking all typing back undoes the session's steps instead of adding one") {
  test::TextFixture fixture;
  if (!fixture.usable()) return;
  Desk desk(*fixture.engine);
  desk.show({message("a", "", Role::user, "Once")});
  desk.type(4, 4, " upon");
  auto edits = desk.page.take_edits();
  desk.page.answered(edits->serial, StoryPage::Answer::new_step, desk.now);
  desk.show({message("a", "", Role::user, "Once upon")});
  int steps = 0;
  CHECK(desk.page.undo(desk.now, steps));
  CHECK(steps == 1);
  CHECK_FALSE(desk.page.take_edits());
  desk.page.answered(desk.page.serial(), StoryPage::Answer::same_step, desk.now);
  desk.show({message("a", "", Role::user, "Once")});
  CHECK(desk.text() == "Once");
  CHECK_FALSE(desk.page.unsaved());
  CHECK_FALSE(desk.page.undo(desk.now, steps));
}

TEST_CASE("what another client changes is taken in; where both changed, nothing typed is lost") {
  test::TextFixture fixture;
  if (!fixture.usable()) return;
  Desk desk(*fixture.engine);
  desk.show({message("a", "", Role::user, "one two three")});
  desk.show({message("a", "", Role::user, "one 2 three")});
  CHECK(desk.text() == "one 2 three");
  desk.type(6, 11, "THREE");
  desk.show({message("a", "", Role::user, "one 2 three four")});
  CHECK(desk.text() == "one 2 THREE four");
  desk.show({message("a", "", Role::user, "1 2 three four")});
  CHECK(desk.text() == "one 2 THREE four");
  const auto edits = desk.page.take_edits();
  REQUIRE(edits);
  CHECK(edits->edits.size() == 1);
  // Leaving the page hands on what is left.
  desk.page.answered(edits->serial, StoryPage::Answer::failed, desk.now);
  desk.session = "other";
  desk.view = nullptr;
  desk.follow();
  REQUIRE(desk.flushed.size() == 1);
  CHECK(desk.flushed[0].session == "s");
  CHECK(desk.text().empty());
}

}  // namespace
}  // namespace fabula::gui
