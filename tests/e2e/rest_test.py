#!/usr/bin/env python3
"""What the other tests do not touch: the last exchange taken back from the menu, words found on a branch that was left, the sidebar's
groups and exact times, files chosen by clicks, the settings one by one, Chinese by keys, and what a new start remembers.
usage: rest_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from long_chat import document  # noqa: E402
from talking import begin, label, send, settings, talking_model  # noqa: E402
from window import stage  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def labelled(w, kind):
    """The rows of one kind (session, group, hit ...) by what they say."""
    return {entry["label"]: name for name, entry in w.widgets().items() if name.startswith(kind + ".") and name.count(".") == kind.count(".") + 1}


def from_the_menu(w):
    send(w, "Once upon a time", 2)
    send(w, "The heron waits.", 4)
    for back in ("ctrl+z", None):  # undone, and then for good
        w.click("menu.edit")
        w.click("menu.rollback_last")
        w.until(lambda: w.state()["messages"] == 2, "the exchange to go", 10)
        if back:
            w.key(back)
            w.until(lambda: w.state()["messages"] == 4 and label(w, 2) == "The heron waits.", "the exchange to be back", 10)


def on_another_branch(w):
    """A click on what was found goes to the branch that it stands on, down to its end; undo leads back."""
    send(w, "There was another dog.", 4)
    w.click("sidebar.search")
    w.type("heron")
    w.until(lambda: "The heron waits." in labelled(w, "hit"), "the words on the branch that was left", 10)
    w.shot("A4-other-branch")
    w.click("hit.0")
    w.until(lambda: label(w, 2) == "The heron waits." and w.state()["messages"] == 4, "the other branch", 10)
    w.until(lambda: any("branch" in toast for toast in w.state()["toasts"]), "word of it", 10)
    w.click("sidebar.search")
    w.key("ctrl+a", "BackSpace")
    w.click("composer.input")
    w.key("ctrl+z")
    w.until(lambda: label(w, 2) == "There was another dog.", "the branch before", 10)


def old_chat(title, when):
    old = document(2)
    old["session"].update(title=title, created_at=when, updated_at=when)
    return old


def groups(w, folder):
    """By day and month, and the exact time of the row that the mouse is on."""
    w.import_session(old_chat("Of spring", "2020-03-15T12:34:00.000Z"), folder / "spring.json")
    w.import_session(old_chat("Of autumn", "2019-11-15T12:34:00.000Z"), folder / "autumn.json")
    w.until(lambda: list(labelled(w, "group"))[1:] == ["Mar 2020", "Nov 2019"], "a heading for each month", 10)
    assert list(labelled(w, "group"))[0] in ("Today", "Yesterday"), labelled(w, "group")  # it may be midnight
    x, y, _, height = w.widget(labelled(w, "session")["Of spring"])["rect"]
    w.xdo("mousemove", x + 40, y + height - 8)
    w.until(lambda: "2020-03-15" in w.widgets()["tooltip"]["label"], "the exact time", 10)
    w.shot("A5-groups")
    w.xdo("mousemove", 640, 300)


def files_by_clicks(w, home):
    """A place, a folder in it, a file in that; and back up."""
    w.click("menu.file")
    w.click("menu.import")
    w.click("file.place.0")
    w.until(lambda: "shelf" in labelled(w, "file.entry"), "what is at home", 10)
    w.shot("A6-files")
    w.click(labelled(w, "file.entry")["shelf"])
    w.until(lambda: list(labelled(w, "file.entry")) == ["told.json"], "what is in the folder", 10)
    w.click("file.up")
    w.until(lambda: "shelf" in labelled(w, "file.entry"), "home again", 10)
    w.click(labelled(w, "file.entry")["shelf"])
    w.until(lambda: "told.json" in labelled(w, "file.entry"), "the folder again", 10)
    w.click(labelled(w, "file.entry")["told.json"])
    w.click("file.choose")
    w.until(lambda: "Of summer" in labelled(w, "session") and "file.choose" not in w.widgets(), "the chat from the file", 20)
    assert settings(w.folder)["recent_folders"][0] == str(home / "shelf"), settings(w.folder)["recent_folders"]


def one_by_one(w, left_over):
    """Settings that take a choice, and the cache that is cleared."""
    w.key("ctrl+comma")
    w.click("settings.general")
    for name, number, key, value in (("settings.idle", 1, "idle_unload_minutes", 15), ("settings.ask_above", 5, "ask_above_seconds", 60)):
        w.click(name)
        w.click(f"{name}.{number}")
        w.until(lambda key=key, value=value: settings(w.folder)[key] == value, f"{key} to be {value}", 10)
    w.click("settings.storage")
    assert left_over.exists()
    w.click("settings.cache_clear")
    w.until(lambda: not left_over.exists() and not w.widgets()["settings.cache_clear"]["enabled"], "an empty cache", 10)
    w.shot("A7-cache-cleared")
    w.key("Escape")


def chinese_by_keys(w):
    """Typed slowly; where the machine was too busy for the borrowed keys, once more."""
    words = "从前有一只小狐狸。"
    w.click("composer.input")
    for _ in range(5):
        w.key("ctrl+a", "BackSpace")
        w.xdo("type", "--delay", 150, words)
        try:
            w.until(lambda: w.state()["draft"] == words, "the Chinese words", 2)
            break
        except AssertionError:
            continue
    assert w.state()["draft"] == words, w.state()["draft"]
    w.shot("A8-chinese")
    w.key("ctrl+a", "BackSpace")


def geometry(w):
    told = subprocess.run(["xdotool", "getwindowgeometry", "--shell", str(w.x_window())], env=w.environment, capture_output=True, text=True, check=True)
    values = dict(line.split("=") for line in told.stdout.split())
    return int(values["WIDTH"]), int(values["HEIGHT"])


def remembered(w, again):
    """The window's size and zoom, after it was left by Ctrl+Q."""
    height = lambda w: w.widget("sidebar.new")["rect"][3]  # noqa: E731
    before = height(w)
    w.xdo("windowsize", w.x_window(), 1010, 700)
    w.until(lambda: (lambda r: r[0] + r[2] <= 1010)(w.widgets()["panel.model"]["rect"]), "the smaller window", 10)
    w.key("ctrl+equal", "ctrl+equal")
    w.until(lambda: height(w) > before, "the zoom", 10)
    zoomed = height(w)
    w.key("ctrl+q")
    w.process.wait(20)
    kept = settings(w.folder)
    assert (kept["window_width"], kept["window_height"]) == (1010, 700) and abs(kept["zoom"] - 1.2) < 0.01, kept
    w = again()
    w.until(lambda: height(w) == zoomed, "the zoom that was left", 10)
    assert geometry(w) == (1010, 700), geometry(w)
    w.shot("A9-remembered")
    w.key("ctrl+0")
    w.until(lambda: height(w) == before, "the usual size", 10)


def main():
    with stage(SHOTS, "99-rest-failed") as here:
        home, left_over = here.folder / "home", here.folder / "data/cache/kv/left.bin"
        (home / "shelf").mkdir(parents=True)
        os.environ["HOME"] = str(home)
        told = old_chat("Of summer", "2018-07-15T12:34:00.000Z")
        (home / "shelf/told.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        left_over.parent.mkdir(parents=True)
        left_over.write_bytes(bytes(4096))
        model = talking_model(here.folder)
        # What is said must not be chance: a reply may be nothing but new lines.
        begin(here.folder, chat={"max_tokens": 16, "temperature": 0})
        w = here.open(BINARY, "--mode", "chat", "--model", str(model))
        w.until(lambda: w.state()["model"], "the model")
        from_the_menu(w)
        on_another_branch(w)
        groups(w, here.folder)
        files_by_clicks(w, home)
        one_by_one(w, left_over)
        chinese_by_keys(w)
        remembered(w, lambda: here.open(BINARY, "--mode", "chat", "--model", str(model)))


if __name__ == "__main__":
    main()
