#!/usr/bin/env python3
"""Hands on everything that stands beside the words: the row of a message, the trash, the model's settings, the system prompt and the
seed, sidebar, panel and zoom, finding in a chat, the window of the local API, an example to begin with.
usage: hands_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import pathlib
import socket
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from talking import begin, field, label, receipt, rows, send, settings, talking_model  # noqa: E402
from window import stage  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def pasted(w, condition, what):
    """What is on the clipboard, read as the draft of the message that is being written."""
    w.click("composer.input")
    w.key("ctrl+a")
    w.key("ctrl+v")
    w.until(lambda: any(condition(draft) for (draft,) in rows(w, "SELECT draft FROM sessions")), what, 10)
    w.key("ctrl+a")
    w.key("BackSpace")


def press(w, number, act):
    """A button of a message's row, which shows while the mouse is over the message."""
    w.point(f"message.{number}")
    w.click(f"message.{number}.{act}")


def an_example(w):
    """The empty page offers something to begin with."""
    w.until(lambda: "empty.example" in w.widgets(), "the example")
    w.click("empty.example")
    w.until(lambda: w.widgets()["composer.send"]["enabled"], "its words in the composer", 10)
    w.key("ctrl+a")
    w.key("BackSpace")


def message_row(w):
    send(w, "Once upon a time", 2)
    send(w, "And there was a dog.", 4)
    press(w, 2, "copy")
    pasted(w, lambda draft: draft == "And there was a dog.", "the copied message")
    before = label(w, 3)
    press(w, 3, "continue")
    w.until(lambda: len(label(w, 3)) > len(before) and not w.state()["generating"], "the reply to go on")
    assert label(w, 3).startswith(before) and w.state()["messages"] == 4
    press(w, 3, "edit")
    w.widget("edit.input")
    w.click("edit.cancel")
    w.until(lambda: "edit.input" not in w.widgets(), "the editor to close", 5)
    press(w, 3, "edit")
    w.widget("edit.input")
    w.key("ctrl+a")
    w.type("The end.")
    w.click("edit.save")
    w.until(lambda: label(w, 3) == "The end.", "the edited reply", 5)
    # A click on a message offers the way back to it, and says what that would drop.
    w.click("message.0")
    w.widget("rollback.confirm")
    w.click("rollback.cancel")
    w.until(lambda: "rollback.confirm" not in w.widgets() and w.state()["messages"] == 4, "the question to close", 5)
    session = w.state()["session"]
    press(w, 1, "branch")
    w.until(lambda: w.state()["session"] not in ("", session) and w.state()["messages"] == 2, "a session that ends there", 10)
    press(w, 1, "delete")
    w.until(lambda: w.state()["messages"] == 1, "the reply to be gone", 5)
    w.key("ctrl+z")
    w.until(lambda: w.state()["messages"] == 2, "the reply to be back", 5)
    w.shot("A0-row")


def trash_and_back(w):
    session = w.state()["session"]
    w.click("session.0.delete")
    w.until(lambda: w.state()["session"] == "", "the session to be closed")
    w.click("sidebar.trash")
    w.click("trash.0.restore")
    w.until(lambda: w.state()["session"] == session, "the session to be back", 10)
    w.until(lambda: "trash.0.restore" not in w.widgets(), "an empty trash", 5)
    if "session.0" not in w.widgets():
        w.click("sidebar.trash")
    w.until(lambda: "session.0" in w.widgets(), "the sessions", 5)


def seed_and_system(w):
    """The same seed writes the same words; the system prompt stands in front of all."""
    w.click("panel.model")
    w.click("panel.throughput")
    w.click("reply.preset")
    w.click("reply.preset.2")  # an inventive one, for which the seed decides
    w.click("reply.more")
    field(w, "reply.seed", "7")
    current = lambda: rows(w, "SELECT current FROM sessions WHERE id = ?", w.state()["session"])[0][0]  # noqa: E731
    seen = []
    for _ in range(2):
        before = current()
        w.key("ctrl+r")
        w.until(lambda: current() != before and not w.state()["generating"], "another reply")
        seen.append(receipt(w, 1))
    assert seen[0]["sampler"]["temperature"] > 0.5, seen[0]
    assert seen[0]["seed"] == seen[1]["seed"] == 7 and seen[0]["tokens"] == seen[1]["tokens"], seen
    field(w, "reply.seed", "")
    w.click("reply.more")
    w.click("panel.reply")
    if "panel.system_prompt" not in w.widgets():
        w.click("panel.system")
    w.click("panel.system_prompt")
    w.type("You are a fox.")
    w.shot("A1-system")
    w.click("composer.input")
    w.until(lambda: rows(w, "SELECT system FROM sessions WHERE id = ?", w.state()["session"]) == [("You are a fox.",)], "the system prompt", 10)
    w.click("panel.system")
    for section in ("panel.reply", "panel.throughput", "panel.model"):
        w.click(section)


def of_the_model(w, folder):
    """Context, precision and threads: kept, and the model is loaded with them."""
    choose = lambda name, number: (w.click(name), w.click(f"{name}.{number}"))  # noqa: E731
    choose("model.context", 1)
    w.until(lambda: settings(folder)["chat"]["context"] == 2048, "the context", 5)
    w.until(lambda: w.state()["model"], "the model again")
    choose("model.precision", 1)
    w.until(lambda: settings(folder)["chat"]["precision"] != "auto", "the precision", 5)
    w.until(lambda: w.state()["model"], "the model again")
    x, y, width, height = w.widget("model.threads")["rect"]
    w.xdo("mousemove", x + width - 8, y + height - 8, "click", 1)
    w.until(lambda: settings(folder)["chat"]["threads"] > 0, "the threads", 5)
    w.click("model.precision_details")
    w.widget("precision.close")
    w.shot("A2-precision")
    w.key("Escape")
    w.until(lambda: "precision.close" not in w.widgets(), "the report to close", 5)


def around(w, folder):
    """Sidebar and panel come and go by keys, zoom by keys and buttons; what was found in a chat is counted."""
    w.key("ctrl+b")
    w.until(lambda: "sidebar.new" not in w.widgets(), "the sidebar to go", 5)
    w.key("ctrl+shift+f")  # the search brings it back
    w.until(lambda: w.widget("sidebar.search")["focused"], "the search", 5)
    w.key("Escape")
    w.key("ctrl+shift+b")
    w.until(lambda: "panel.model" not in w.widgets(), "the panel to go", 5)
    w.key("ctrl+shift+b")
    w.widget("panel.model")
    w.key("ctrl+comma")
    w.click("settings.general")
    w.click("settings.zoom_in")
    w.until(lambda: settings(folder)["zoom"] > 1.05, "the zoom", 5)
    w.click("settings.zoom_out")
    w.until(lambda: settings(folder)["zoom"] < 1.05, "the zoom", 5)
    w.key("Escape")
    w.key("ctrl+f")
    w.until(lambda: w.widget("find.input")["focused"], "the find bar", 5)
    w.type("ONCE")
    w.until(lambda: w.widget("find.next")["enabled"], "the place", 5)
    w.click("find.case")
    w.until(lambda: not w.widget("find.next")["enabled"], "no place that is written so", 5)
    w.click("find.case")
    w.key("Escape")
    w.until(lambda: "find.input" not in w.widgets(), "the find bar to close", 5)


def to_read(w, folder):
    """An export for reading: Markdown, by the ending of its name."""
    for name, start in (("told.md", "# "), ("told.txt", "")):
        w.key("ctrl+e")
        w.choose_file(folder / name)
        w.until((folder / name).exists, name, 10)
        assert (folder / name).read_text(encoding="utf-8").startswith(start) and "Once upon a time" in (folder / name).read_text(encoding="utf-8")


def api(w):
    """The window of the local API: on, asked for a key, its address and key copied, off."""
    w.click("menu.model")
    w.click("menu.server")
    w.click("server.port")
    w.key("ctrl+a")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    w.type(str(port))
    w.click("server.ask_key")
    w.click("server.on")
    w.click("server.copy_address")
    w.shot("A3-local-api")
    w.click("server.copy_key")
    w.key("Escape")
    w.until(lambda: "server.on" not in w.widgets(), "the window to close", 5)
    w.click("composer.input")
    w.key("ctrl+v")
    kept = lambda: [draft for (draft,) in rows(w, "SELECT draft FROM sessions") if draft]  # noqa: E731
    key = w.until(kept, "the key in the draft", 10)[0]
    w.key("ctrl+a")
    w.key("BackSpace")
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert b"talker" in answer.read()
    w.click("menu.model")
    w.click("menu.server")
    w.click("server.copy_address")
    w.click("server.on")
    w.until(lambda: "server.copy_address" not in w.widgets(), "the API to be off", 10)
    w.key("Escape")


def main():
    with stage(SHOTS, "99-hands-failed") as here:
        model = talking_model(here.folder, longest=4096)
        # What is said must not be chance: a reply may be nothing but new lines.
        begin(here.folder, chat={"max_tokens": 16, "context": 1024, "temperature": 0})
        w = here.open(BINARY, "--mode", "chat", "--model", str(model))
        w.until(lambda: w.state()["model"], "the model")
        an_example(w)
        message_row(w)
        trash_and_back(w)
        seed_and_system(w)
        of_the_model(w, here.folder)
        around(w, here.folder)
        to_read(w, here.folder)
        api(w)


if __name__ == "__main__":
    main()
