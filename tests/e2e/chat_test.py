#!/usr/bin/env python3
"""Talking, with all that stands around a reply: what an act costs, what does not fit, grammar, logit bias, a template's switches,
messages walked, edited and copied, model folders of one's own, and the notice when a long reply ends unseen.
usage: chat_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from long_chat import document  # noqa: E402
from talking import begin, field, label, scroll_to, send, settings, stand_in, talking_model  # noqa: E402
from window import stage  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def walk_and_edit(w):
    send(w, "Once upon a time", 2)
    first = label(w, 1)
    w.key("ctrl+r")
    w.until(lambda: label(w, 1) not in ("", first) and not w.state()["generating"], "another reply")
    second = label(w, 1)
    w.click("composer.input")
    w.key("Left")
    w.until(lambda: label(w, 1) == first, "the first reply by an arrow key")
    w.key("Right")
    w.until(lambda: label(w, 1) == second, "the second one")
    w.key("Up")  # the last own message, in an editor of its own
    w.widget("edit.input")
    w.key("ctrl+a")
    w.type("There was a little fox")
    w.shot("70-edit")
    w.key("ctrl+Return")
    w.until(lambda: label(w, 0) == "There was a little fox" and w.state()["messages"] == 2 and not w.state()["generating"], "the reply to other words")
    w.click("message.0.previous")
    w.until(lambda: label(w, 0) == "Once upon a time" and label(w, 1) == second, "the words before")
    w.click("message.0.next")
    w.until(lambda: label(w, 0) == "There was a little fox", "the new words")


def copy_a_message(w):
    """A word chosen with the mouse, then Ctrl+A and Ctrl+C take the whole message; pasted as a title it can be read."""
    x, y, _, _ = w.widget("message.0")["rect"]
    for act in (("mousemove", x + 20, y + 20), ("mousedown", 1), ("mousemove", x + 60, y + 20), ("mousemove", x + 90, y + 20), ("mouseup", 1)):
        w.xdo(*act)
        time.sleep(0.15)
    w.until(lambda: w.widget("message.0")["focused"], "the message to have the focus", 10)
    w.key("ctrl+a")
    w.key("ctrl+c")
    w.key("F2")
    w.widget("sidebar.rename")
    w.key("ctrl+a")
    w.key("ctrl+v")
    w.type("!")
    w.key("Return")
    w.until(lambda: w.widget("session.0")["label"] == "There was a little fox!", "the copied words as a title", 10)


def rules(w):
    """A grammar that allows one of two words; one that cannot be read is said and not taken; a bias against a word."""
    for section in ("panel.model", "panel.throughput"):
        w.click(section)
    w.click("reply.more")
    field(w, "reply.grammar", "root ::= unknown")
    w.shot("71-grammar-wrong")
    field(w, "reply.grammar", 'root ::= "yes" | "no"')
    w.shot("72-grammar")
    before = w.state()["messages"]
    send(w, "Well?", before + 2)
    assert label(w, before + 1) in ("yes", "no"), label(w, before + 1)
    field(w, "reply.grammar", '{"type": "boolean"}')
    send(w, "And?", before + 4)
    assert label(w, before + 3) in ("true", "false"), label(w, before + 3)
    # What the small vocabulary has no letters for is an error with its reason, and nothing goes on turning.
    field(w, "reply.grammar", '{"type": "object"}')
    w.click("composer.input")
    w.type("An object")
    w.key("Return")
    w.until(lambda: any("vocabulary" in toast for toast in w.state()["toasts"]) and not w.state()["generating"], "the reason", 20)
    w.xdo("mousemove", 640, 400)
    w.shot("73-nothing-written")
    w.click(next(name for name in w.widgets() if name.startswith("toast.") and name.endswith(".close")))
    w.until(lambda: not w.state()["toasts"], "the toast to go", 30)
    time.sleep(0.5)
    frames = w.state()["frames"]
    time.sleep(1)
    assert w.state()["frames"] - frames <= 2, "something turns though nothing is written"
    w.key("ctrl+z")
    w.until(lambda: w.state()["messages"] <= before + 5, "undo", 10)
    field(w, "reply.grammar", 'root ::= "yes" | "no"')
    before = w.state()["messages"] - 4
    field(w, "reply.bias", "no sense")
    w.shot("73-bias-wrong")
    field(w, "reply.bias", "")
    field(w, "reply.grammar", "")
    field(w, "reply.stop", "e")
    send(w, "Once upon a time", before + 6)
    assert "e" not in label(w, before + 5), label(w, before + 5)
    field(w, "reply.stop", "")
    w.click("reply.more")


def switches(w):
    """The template's own switch, in the section of the context."""
    w.click("panel.context")
    scroll_to(w, "context.switch.enable_thinking")
    w.shot("74-switch")
    w.click("context.switch.enable_thinking")
    time.sleep(0.3)
    w.click("panel.context")


def too_long(w):
    """What does not fit is a question with its numbers, and nothing is sent until it is answered."""
    before = w.state()["messages"]
    w.click("composer.input")
    w.type("the little fox went home again " * 90)
    w.key("Return")
    w.widget("cost.drop")
    w.shot("75-too-long")
    assert w.state()["messages"] == before
    w.click("cost.cancel")
    w.until(lambda: "cost.cancel" not in w.widgets(), "the question to close")
    assert w.state()["messages"] == before
    w.click("composer.input")
    w.key("ctrl+a")
    w.key("BackSpace")


def own_folder(w, folder):
    (folder / "my models").mkdir()
    w.key("ctrl+comma")
    w.click("settings.storage")
    w.click("settings.add_folder")
    w.widget("file.path")
    w.key("ctrl+a")
    w.type(str(folder / "my models") + "/")
    w.shot("76-folder-dialog")
    w.key("Return")
    time.sleep(0.4)
    if "file.choose" in w.widgets():
        w.click("file.choose")
    w.until(lambda: settings(folder).get("model_folders") == [str(folder / "my models")], "the folder in the settings", 10)
    w.key("ctrl+comma")
    w.click("settings.storage")
    w.widget("settings.model_folder.0")
    w.shot("77-own-folder")
    w.click("settings.model_folder.0.remove")
    w.until(lambda: not settings(folder)["model_folders"], "the folder to be gone", 10)
    w.key("Escape")


def begun(w):
    """Until the reply is being written, asked about its cost or not."""
    w.until(lambda: w.state()["generating"] or w.state()["messages"] >= 2 or "cost.go_on" in w.widgets(), "the reply, or what it costs", 60)
    if "cost.go_on" in w.widgets():
        w.click("cost.go_on")
    w.until(lambda: w.state()["messages"] >= 2, "the reply", 60)


def costs(w):
    """Reading again that takes longer than the person wants to be asked about."""
    before = label(w, 0)

    def ask_in_other_words():
        w.click("composer.input")
        w.key("Up")
        w.widget("edit.input")
        w.key("ctrl+a")
        w.type("Name three trees of the north, please.")
        w.key("Return")
        w.widget("cost.go_on")

    ask_in_other_words()
    w.shot("78-cost")
    w.click("cost.cancel")
    w.until(lambda: "cost.go_on" not in w.widgets(), "the question to close")
    assert label(w, 0) == before
    ask_in_other_words()
    w.click("cost.go_on")
    w.until(lambda: label(w, 0).startswith("Name three trees"), "the other words", 20)
    w.key("Escape")
    w.wait_idle(60)


def unseen_end(w, notices):
    """The window is stopped for longer than a reply has to take, and another window has the focus."""
    w.click("composer.input")
    w.type("Tell me a long story.")
    w.key("Return")
    w.until(lambda: w.state()["generating"] or "cost.go_on" in w.widgets(), "the reply, or what it costs", 20)
    if "cost.go_on" in w.widgets():
        w.click("cost.go_on")
    w.until(lambda: w.state()["generating"], "the reply to begin", 20)
    w.xdo("windowfocus", int(root_of(w)))
    os.kill(w.process.pid, signal.SIGSTOP)
    time.sleep(5.5)
    os.kill(w.process.pid, signal.SIGCONT)
    w.until(notices.exists, "the notice", 120)
    assert "Fabula" in notices.read_text()


def root_of(w):
    told = subprocess.run(["xwininfo", "-root"], env=w.environment, capture_output=True, text=True, check=True).stdout
    return int(told.split("Window id:")[1].split()[0], 16)


def markdown(w, folder):
    """A chat from a file: code with its own copy button, tables, lists; in both themes."""
    w.import_session(document(6), folder / "chat.json")
    w.until(lambda: w.state()["messages"] == 6, "the chat from the file", 20)
    for theme in ("theme_dark", "theme_light"):
        w.click("menu.view")
        w.click("menu." + theme)
        w.xdo("mousemove", 640, 400)
        w.shot(f"79-markdown-{theme}")


def main():
    chat_model = os.environ.get("FABULA_CHAT_MODEL")
    with stage(SHOTS, "89-chat-failed") as here:
        talker = talking_model(here.folder)
        begin(here.folder, chat={"max_tokens": 48})  # the model speaks by chance: its replies must not fill the context
        w = here.open(BINARY, "--mode", "chat", "--model", str(talker))
        w.until(lambda: w.state()["model"], "the model")
        walk_and_edit(w)
        copy_a_message(w)
        rules(w)
        switches(w)
        too_long(w)
        own_folder(w, here.folder)
        markdown(w, here.folder)
        w.close()
    if not chat_model:
        return print("FABULA_CHAT_MODEL names no model slow enough to have a cost")
    with stage(SHOTS, "89-chat-failed") as here:
        notices = stand_in(here.folder, "notify-send")
        begin(here.folder, ask_above_seconds=0.0001)
        w = here.open(BINARY, "--mode", "chat", "--model", chat_model)
        w.until(lambda: w.state()["model"], "the model", 60)
        w.click("composer.input")
        w.type("Name three fruits, please.")
        w.key("Return")
        begun(w)
        w.key("Escape")
        w.wait_idle(60)
        costs(w)
        unseen_end(w, notices)


if __name__ == "__main__":
    main()
