#!/usr/bin/env python3
"""What stands around the page: the right panel, presets, keys, folders and tags, search, trash, replay, files of all sessions, hard
titles, every look at two scales.
usage: shell_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from long_chat import document  # noqa: E402
from window import Display, Window, stage, testdata  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def settings(folder):
    return json.loads((folder / "data/config/settings.json").read_text(encoding="utf-8"))


def write(w, words, messages):
    w.click("composer.input")
    w.type(words)
    w.key("Return")
    w.until(lambda: w.state()["messages"] >= messages and not w.state()["generating"], f"{messages} passages")


def short_replies(w):
    """The shortest length the slider has: its left end."""
    x, y, width, height = w.widget("reply.length")["rect"]
    w.xdo("mousemove", x + 10, y + height - 8)
    w.xdo("click", 1)
    time.sleep(0.3)


def sampling(w, folder):
    w.click("panel.throughput")  # folded, so that what follows is in view
    w.click("panel.model")
    short_replies(w)
    w.click("reply.more")
    w.widget("reply.mirostat")
    w.shot("40-sampling")
    w.click("reply.mirostat")
    w.until(lambda: "reply.mirostat_tau" in w.widgets() and "reply.top_k" not in w.widgets(), "Mirostat in the place of the others")
    w.click("reply.mirostat")
    w.until(lambda: "reply.top_k" in w.widgets(), "the others to be back")
    w.click("reply.more")
    w.click("reply.preset")
    w.shot("41-presets")
    w.click("reply.preset.save")
    w.widget("reply.preset.name")
    w.type("Mine")
    w.key("Return")
    presets = folder / "data/config/presets.json"
    w.until(lambda: presets.exists() and json.loads(presets.read_text())["sampling"][0]["name"] == "Mine", "the preset on the disk")
    w.click("reply.preset")
    w.click("reply.preset.0")
    w.until(lambda: settings(folder)["story"]["temperature"] < 0.3, "the preset to be taken")
    w.click("reply.reset")
    w.until(lambda: settings(folder)["story"]["temperature"] > 0.7, "the defaults")
    short_replies(w)
    w.click("panel.model")
    w.click("panel.throughput")


def context(w):
    write(w, "Once upon a time", 2)
    others = ("panel.model", "panel.throughput", "panel.reply")
    for section in others:
        w.click(section)
    w.click("panel.context")
    w.widget("context.drop_oldest")
    time.sleep(0.5)
    w.shot("42-context")
    w.click("context.drop_oldest")
    w.click("context.drop_oldest")
    w.click("panel.context")
    for section in others:
        w.click(section)


def organise(w):
    w.click("session.0.more")
    w.shot("43-session-menu")
    w.click("session.menu.labels")
    w.widget("labels.folder")
    # As fast as they come: several keys a frame, in their order.
    w.xdo("key", "--delay", 0, "shift+t", *"ales", "Tab", *"fox", "comma", "space", *"draft")
    w.shot("44-labels")
    w.click("labels.keep")
    w.until(lambda: w.widgets().get("group.0", {}).get("label") == "Tales", "the folder")
    w.shot("45-folder")
    w.click("group.0")
    w.until(lambda: "session.0" not in w.widgets(), "the folder to fold")
    w.click("group.0")
    w.until(lambda: "session.0" in w.widgets(), "the folder to open")
    w.click("session.0.more")
    w.click("session.menu.duplicate")
    w.until(lambda: "session.1" in w.widgets(), "the copy")
    copy = next(n for n, i in w.widgets().items() if n.startswith("session.") and i["label"].endswith("(copy)"))
    w.click(copy + ".more")
    w.click("session.menu.pin")
    w.until(lambda: w.widgets()["session.0"]["label"].endswith("(copy)"), "the pinned one on top")
    w.shot("46-pinned")
    # Search finds the words in the texts, and the tag.
    w.click("sidebar.search")
    w.type("upon")
    w.until(lambda: "hit.0" in w.widgets(), "a hit in the texts")
    w.shot("47-search")
    w.key("ctrl+a")
    w.type("#fox")
    w.until(lambda: "session.0" in w.widgets(), "the tagged session")
    w.key("ctrl+a")
    w.type("zzqq")
    w.until(lambda: "session.0" not in w.widgets(), "nothing found")
    w.key("Escape")  # empties the field
    w.until(lambda: "session.0" in w.widgets(), "all sessions", 5)


def trash(w):
    w.click("session.1.delete")
    w.click("sidebar.trash")
    w.widget("trash.0.purge")
    w.shot("48-trash")
    w.click("trash.0.purge")
    w.click("purge.confirm")
    w.until(lambda: "trash.0.purge" not in w.widgets(), "the session to be gone")
    w.click("sidebar.trash")
    w.until(lambda: "session.0" in w.widgets(), "the sessions")


def everything_out_and_in(w, folder):
    """All sessions in one file, and back."""
    before = [i["label"] for n, i in w.widgets().items() if n.startswith("session.") and n.count(".") == 1]
    w.click("menu.file")
    w.click("menu.export_all")
    w.choose_file(folder / "all.json")
    w.until(lambda: (folder / "all.json").exists(), "the file", 10)
    document = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    assert len(document["sessions"]) == len(before), (document.keys(), before)
    w.click("menu.help")
    w.click("menu.about")
    w.until(lambda: w.widget("about.library.Boost")["label"] == "BSL-1.0", "the licences")
    w.shot("57-about")
    w.key("Escape")


def keys(w, folder):
    w.key("ctrl+comma")
    w.click("settings.keys")
    w.widget("key.new")
    w.shot("49-all-keys")
    w.click("settings.key_filter")
    w.type("search and")
    w.widget("key.palette")
    w.shot("50-keys")
    w.click("key.palette")
    w.key("ctrl+n")  # New has it already: taken, and shown as a conflict
    w.until(lambda: settings(folder)["keys"].get("palette") == "Ctrl+N", "the new key")
    w.shot("51-conflict")
    w.click("key.palette")
    w.key("ctrl+j")
    w.until(lambda: settings(folder)["keys"].get("palette") == "Ctrl+J", "another key")
    w.click("settings.storage")
    time.sleep(0.4)
    w.shot("52-storage")
    w.click("settings.general")
    w.shot("53-settings")
    w.key("Escape")
    w.key("ctrl+j")
    w.widget("palette.input")
    w.key("Escape")
    w.key("ctrl+comma")
    w.click("settings.keys")
    w.click("settings.key_reset")
    w.until(lambda: not settings(folder)["keys"], "the standard keys")
    w.key("Escape")
    w.key("ctrl+k")
    w.widget("palette.input")
    w.key("Escape")


def replays(w):
    w.key("ctrl+k")
    w.widget("palette.input")
    w.type("Replay")
    w.key("Return")
    w.until(lambda: any("word for word" in toast for toast in w.state()["toasts"]), "every reply written again")


def by_keyboard(w):
    """Tab goes round everything, Enter presses what has the focus."""
    w.key("ctrl+1")
    seen = set()
    for _ in range(12):
        w.key("Tab")
        seen |= {name for name, widget in w.widgets().items() if widget["focused"]}
    assert len(seen) >= 8, seen
    w.shot("54-focus")
    w.click("menu.mode")
    w.key("Down", "Down", "Up", "Down", "Return")
    w.until(lambda: w.state()["mode"] == "chat", "the menu's second entry by the arrows", 5)
    w.key("ctrl+1")
    w.until(lambda: w.state()["mode"] == "story", "the stories", 5)


def hard_titles(w, folder):
    """A very long title, typed, and one from right to left, of a chat from a file."""
    title = "A title so long that no sidebar of any width could ever hope to show it without cutting it somewhere along the way"
    w.key("F2")
    w.widget("sidebar.rename")
    w.key("ctrl+a")
    w.type(title)
    w.key("Return")
    labels = lambda: [i["label"] for n, i in w.widgets().items() if n.startswith("session.")]  # noqa: E731
    w.until(lambda: title in labels(), "the long title", 20)
    other = document(2)
    other["session"]["mode"], other["session"]["title"] = "story", "عنوان قصير من اليمين إلى اليسار"
    w.import_session(other, folder / "other.json")
    w.until(lambda: other["session"]["title"] in labels(), "the title from right to left", 20)
    w.shot("55-titles")


def each_its_own(w, folder, reopened):
    """What is chosen in the sidebar is what is shown, also the first time and with as many changes behind it as what was shown before;
    words that are not sent yet stay with their session, also where one leaves it within the same second."""
    names = ("Hyacinth", "Juniper")
    for name in names:
        story = document(3)
        story["session"]["mode"], story["session"]["title"] = "story", name
        for message in story["messages"]:
            message["content"] = f"{name} was the name of it. "
        w.import_session(story, folder / f"{name}.json")
        w.until(lambda name=name: w.widgets()["message.0"]["label"].startswith(name), f"the story {name}", 10)
    w.close()
    w = reopened()
    w.until(lambda: w.widgets()["message.0"]["label"].startswith(names[1]), "the last story", 20)
    rows = lambda: {i["label"]: n for n, i in w.widgets().items() if n.startswith("session.") and n.count(".") == 1}  # noqa: E731
    for name, draft in ((names[0], ""), (names[1], ""), (names[0], f"more of {names[0]}"), (names[1], "")):
        w.click(rows()[name])
        w.until(lambda name=name: w.widgets()["message.0"]["label"].startswith(name), f"the story {name}", 5)
        assert w.state()["draft"] == draft, (name, w.state()["draft"])
        if name == names[0] and not draft:
            w.click("composer.input")
            w.type(f"more of {name}")
    w.click("sidebar.new")
    w.click("composer.input")
    w.type("a story to come")
    w.click(rows()[names[0]])
    w.until(lambda: w.state()["draft"] == f"more of {names[0]}", "the draft of the session", 5)
    w.click("sidebar.new")
    w.until(lambda: w.state()["draft"] == "a story to come", "the words of the empty page", 5)
    w.click("mode.chat")
    w.click("sidebar.new")
    w.until(lambda: w.state()["draft"] == "", "an empty page of the other mode", 5)
    w.click("mode.story")
    w.until(lambda: w.state()["draft"] == "a story to come", "the words of the empty page", 5)
    # A story that begins on the empty page takes what stands below it along.
    w.click("story.page")
    w.type("Tulip")
    w.until(lambda: "Tulip" in rows(), "a session of what was typed", 5)
    assert w.state()["draft"] == "a story to come"
    w.click("sidebar.new")
    w.until(lambda: w.state()["draft"] == "", "an empty page", 5)
    w.click("composer.input")
    w.type("another")
    w.click(rows()["Tulip"])
    w.until(lambda: w.state()["draft"] == "a story to come", "the draft that went along", 5)
    w.click("sidebar.new")
    w.until(lambda: w.state()["draft"] == "another", "the words of the empty page", 5)
    for place in ("sidebar.new", rows()["Tulip"], rows()[names[0]]):
        w.click(place)
        w.click("composer.input")
        w.key("ctrl+a", "BackSpace")
    return w


def looks(w, scale):
    for theme in ("theme_light", "theme_dark"):
        for language in ("language_en", "language_zh"):
            for command in (theme, language):
                w.click("menu.view")
                w.click("menu." + command)
            w.xdo("mousemove", 640 * scale, 300 * scale)
            w.shot(f"60-{scale}x-{theme}-{language}")
            w.key("ctrl+comma")
            w.click("settings.general")
            w.widget("settings.theme")
            w.shot(f"61-{scale}x-{theme}-{language}-settings")
            w.key("Escape")
    for command in ("theme_light", "language_en"):
        w.click("menu.view")
        w.click("menu." + command)


def at_twice_the_scale(folder, model):
    display = Display(2560, 1640, 192)
    w = Window(BINARY, display, folder, SHOTS, ["--mode", "story", "--model", str(model)])
    try:
        w.until(lambda: "session.0" in w.widgets(), "the sessions")
        w.click("session.0")
        looks(w, 2)
    finally:
        w.close()
        display.close()


def main():
    model = testdata() / "models/tinystories-656k"
    with stage(SHOTS, "99-shell-failed") as here:
        w = here.open(BINARY, "--mode", "story", "--model", str(model))
        w.until(lambda: w.state()["model"], "the model")
        sampling(w, here.folder)
        context(w)
        organise(w)
        trash(w)
        replays(w)
        everything_out_and_in(w, here.folder)
        keys(w, here.folder)
        by_keyboard(w)
        hard_titles(w, here.folder)
        w = each_its_own(w, here.folder, lambda: here.open(BINARY, "--model", str(model)))
        looks(w, 1)
        w.close()
        at_twice_the_scale(here.folder, model)


if __name__ == "__main__":
    main()
