#!/usr/bin/env python3
"""A writer at work: a story edited in place, typed on, undone, killed and reopened.
usage: writing_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from drag import drop  # noqa: E402
from talking import rows  # noqa: E402
from window import stage, testdata  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def label(w, number):
    return w.widgets().get(f"message.{number}", {}).get("label", "")


def on_the_page(w):
    """The page gets the focus by a click into its margin, where no word of the model's offers others."""
    x, y, width, height = w.widget("story.page")["rect"]
    w.xdo("mousemove", x + 4, y + height // 2, "click", 1)
    w.until(lambda: w.widget("story.page")["focused"], "the page to have the focus")


def write_on_the_page(w):
    """A blank page takes words where one clicks, and the model goes on from them."""
    w.until(lambda: w.state()["model"], "the model")
    x, y, width, height = w.widget("story.page")["rect"]
    w.xdo("mousemove", x + width // 2, y + 30, "click", 1)
    w.until(lambda: w.widget("story.page")["focused"], "the page to have the focus")
    w.type("Once upon a time")
    w.until(lambda: w.state()["messages"] == 1, "the typed words in a session", 5)
    w.shot("40-page-typed")
    w.key("ctrl+Return")
    w.until(lambda: w.state()["messages"] == 2, "the model's words")
    w.wait_idle()
    assert len(w.state()["text"]) > 40
    w.shot("41-page-continued")


def edit_in_place(w):
    """Words in the middle of the model's text: it is cut around them, and undo brings it back in one piece."""
    before = w.state()["messages"]
    model = label(w, 1)
    on_the_page(w)
    w.key("ctrl+Home")
    w.key("ctrl+Right", "ctrl+Right")
    w.type("red ")
    w.until(lambda: "red" in label(w, 0), "one's own words changed in place", 5)
    assert w.state()["messages"] == before
    w.key("ctrl+Home", "Down", "Down", "End")
    w.type(" MIDDLE ")
    w.until(lambda: w.state()["messages"] == before + 2, "the passage cut in three", 5)
    assert label(w, 2) == " MIDDLE ", label(w, 2)
    w.shot("42-page-edited")
    for _ in range(20):
        w.key("ctrl+z")
        time.sleep(0.4)
        if w.state()["messages"] == before and "red" not in label(w, 0):
            break
    w.until(lambda: w.state()["messages"] == before and "red" not in label(w, 0), "undo of both edits", 5)
    assert label(w, 1) == model
    w.key("ctrl+shift+z")
    w.until(lambda: "red" in label(w, 0), "redo", 5)
    w.key("ctrl+z")
    w.until(lambda: "red" not in label(w, 0), "undo again", 5)


def type_while_writing(w, model):
    """Own words above may change while the model writes; typing where it writes stops it."""
    if model is None:
        return print("FABULA_CHAT_MODEL names no model slow enough to be watched while it writes")
    w.key("ctrl+o")
    w.choose_file(model)
    w.until(lambda: w.state()["model"] == pathlib.Path(model).stem, "the larger model", 120)
    on_the_page(w)
    w.key("ctrl+Home")
    w.key("ctrl+Return")
    w.until(lambda: w.state()["generating"], "the reply to begin", 10)
    w.type("Look: ")
    assert w.state()["generating"], "typing above stopped the reply"
    w.shot("43-page-while-writing")
    # The page follows the reply and the first words are out of sight; the title tells of them.
    w.until(lambda: w.widget("session.0")["label"].startswith("Look: "), "words above the reply", 5)
    w.key("Escape")
    w.wait_idle(5)
    on_the_page(w)
    w.key("ctrl+End")
    w.key("ctrl+Return")
    w.until(lambda: w.state()["generating"], "the reply to begin", 10)
    w.type("MINE")
    w.until(lambda: not w.state()["generating"], "typing to stop the reply", 5)
    w.until(lambda: w.state()["text"].endswith("MINE"), "the words behind what was written", 5)


def find_and_replace(w):
    on_the_page(w)
    w.key("ctrl+f")
    w.until(lambda: w.widget("find.input")["focused"], "the find bar")
    w.type("the")
    w.until(lambda: w.widget("find.next")["enabled"], "places found", 5)
    w.key("Return")
    w.key("shift+Return")
    w.shot("45-find")
    operations = lambda: rows(w, "SELECT count(*) FROM operations")[0][0]  # noqa: E731
    before = operations()
    w.click("find.replacement")
    w.type("THE")
    w.click("find.replace_all")
    w.until(lambda: "THE" in "".join(label(w, n) for n in range(w.state()["messages"])), "the words replaced", 5)
    w.shot("46-replaced")
    w.until(lambda: operations() == before + 1, "one operation in the log for all places", 5)
    w.key("Escape")
    w.until(lambda: "find.input" not in w.widgets(), "the find bar to close", 5)
    w.key("ctrl+z")
    w.until(lambda: "THE" not in "".join(label(w, n) for n in range(w.state()["messages"])), "one undo for all places", 5)


def alternatives(w):
    """The mouse over a word of the model's: what else it could have been; a click writes on from there."""
    before = w.state()
    x, y, width, height = w.widget(f"message.{before['messages'] - 1}")["rect"]
    assert height > 40, "the reply is too short to point at its last line"
    w.xdo("mousemove", x + 14, y + height - 12)
    w.until(lambda: "alternative.0" in w.widgets(), "the list of alternatives", 5)
    rows = [entry for name, entry in w.widgets().items() if name.startswith("alternative.")]
    assert len(rows) >= 5 and sum(not row["enabled"] for row in rows) == 1, rows
    w.shot("36-alternatives")
    other = next(name for name, entry in w.widgets().items() if name.startswith("alternative.") and entry["enabled"])
    w.click(other)
    w.until(lambda: w.state()["text"] != before["text"] and not w.state()["generating"], "the other branch")
    number = w.state()["messages"] - 1
    w.until(lambda: f"message.{number}.previous" in w.widgets(), "the way back", 5)
    w.shot("37-another-branch")
    w.click(f"message.{number}.previous")
    w.until(lambda: w.state()["text"] == before["text"], "the first reply again", 10)
    w.xdo("mousemove", 5, 5)


def branches(w):
    w.key("ctrl+shift+o")
    rows = lambda: [n for n in w.widgets() if n.startswith("outline.") and n != "outline.close"]  # noqa: E731
    w.until(lambda: len(rows()) >= 2, "the branches", 5)
    w.shot("47-branches")
    before = w.state()["messages"]
    for row in sorted(rows()):
        w.click(row)
        if w.state()["messages"] != before:
            break
    assert w.state()["messages"] != before, "no row of the outline led anywhere else"
    w.key("ctrl+z")
    w.until(lambda: w.state()["messages"] == before, "undo of the move", 5)
    w.key("ctrl+shift+o")


def memory(w):
    w.key("ctrl+m")
    w.until(lambda: w.widget("memory.memory")["focused"], "the window of memory")
    w.type("Tim is a cat.")
    w.click("memory.note")
    w.type("[Style: merry]")
    w.shot("48-memory")
    w.click("memory.save")
    w.until(lambda: "memory.save" not in w.widgets(), "the window to close", 5)
    w.key("ctrl+m")
    w.until(lambda: w.widget("memory.memory")["focused"], "the window of memory")
    w.shot("49-memory-kept")
    w.key("Escape")
    w.until(lambda: "memory.save" not in w.widgets(), "the window to close", 5)


def attach(w, folder):
    """A text file goes with a chat message, chosen or dropped on the window; something else is refused."""
    (folder / "notes.txt").write_text("Three fruits: apple, pear, plum.\n", encoding="utf-8")
    (folder / "picture.bin").write_bytes(b"\x00\x01\x02")
    w.click("mode.chat")
    for name, expected in (("notes.txt", True), ("picture.bin", False)):
        w.click("composer.attach")
        w.choose_file(folder / name)
        if expected:
            w.until(lambda: "attachment.0" in w.widgets(), "the chip", 10)
        else:
            w.until(lambda: any("picture.bin" in t for t in w.state()["toasts"]), "the refusal", 10)
    assert "attachment.1" not in w.widgets()
    w.shot("50-attached")
    w.click("attachment.0.remove")
    w.until(lambda: "attachment.0" not in w.widgets(), "the chip to go", 5)
    drop(w.display.name, w.x_window(), 600, 400, folder / "notes.txt")
    w.until(lambda: "attachment.0" in w.widgets(), "the chip of the dropped file", 10)
    assert "notes.txt" in w.widgets()["attachment.0"]["label"], w.widgets()["attachment.0"]
    w.click("attachment.0.remove")
    w.click("mode.story")


def kill_and_reopen(w, here):
    on_the_page(w)
    w.key("ctrl+End")
    w.type(" Typed before the kill.")
    time.sleep(1.2)
    state = w.state()
    w.kill()
    w = here.open(BINARY)
    w.until(lambda: w.state()["messages"] == state["messages"], "the page again")
    assert w.state()["text"].endswith("Typed before the kill."), w.state()["text"]
    for _ in range(2):
        w.key("ctrl+z")  # the log outlives the process
    w.until(lambda: not w.state()["text"].endswith("Typed before the kill."), "undo after a restart", 5)
    w.shot("44-page-reopened")
    return w


def main():
    model = testdata() / "models/tinystories-656k"
    with stage(SHOTS, "59-failed") as here:
        w = here.open(BINARY, "--mode", "story", "--model", str(model))
        write_on_the_page(w)
        alternatives(w)
        edit_in_place(w)
        find_and_replace(w)
        branches(w)
        memory(w)
        attach(w, here.folder)
        type_while_writing(w, os.environ.get("FABULA_CHAT_MODEL"))
        w = kill_and_reopen(w, here)
        state = w.state()
        print(f"{state['frames']} frames, the slowest {state['slowest_frame_ms']:.1f} ms of CPU time")


if __name__ == "__main__":
    main()
