#!/usr/bin/env python3
"""A person's first hour: a story and a chat, rolled back, deleted and brought back, exported, killed and reopened.
usage: window_test.py FABULA SHOTS    screenshots of each step are left in SHOTS; FABULA_FULL=1 watches the idle window longer."""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from window import stage, testdata  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]
IDLE_SECONDS = 10 if os.environ.get("FABULA_FULL") else 3


def write_a_story(w):
    w.until(lambda: w.state()["model"], "the model")
    assert not w.widget("composer.send")["enabled"], "Send is enabled with nothing to send"
    w.shot("01-story-empty")
    w.type("Once upon a time")
    w.shot("02-story-typed")
    w.key("Return")
    w.until(lambda: w.state()["messages"] == 2, "two passages")
    w.wait_idle()
    first = w.state()["text"]
    assert len(first) > 40, first
    w.shot("03-story-written")
    w.key("ctrl+Return")  # goes on without words of one's own
    w.until(lambda: w.state()["messages"] >= 3 or len(w.state()["text"]) > len(first), "the page to grow")
    w.wait_idle()
    w.type("The end was near")
    w.click("composer.send")
    w.until(lambda: w.state()["messages"] >= 4 and not w.state()["generating"], "the third step")
    w.shot("04-story-continued")


def roll_back(w):
    before = w.state()["messages"]
    w.click("message.1.rollback")
    w.widget("rollback.confirm")
    w.shot("05-rollback-asked")
    w.click("rollback.confirm")
    w.until(lambda: w.state()["messages"] == 2, "two passages after rolling back")
    w.shot("06-rolled-back")
    w.key("ctrl+z")
    w.until(lambda: w.state()["messages"] == before, "undo of the rollback")
    w.click("session.0.rollback")
    w.click("rollback.last")
    w.until(lambda: w.state()["messages"] < before, "the last exchange to go")
    w.click("message.1.rollback")
    w.click("rollback.confirm")
    w.until(lambda: w.state()["messages"] == 2, "the first exchange alone")


def retry(w):
    """Another version of the first reply; walking back to the first one brings back what followed it."""
    label = lambda: w.widgets()["message.1"]["label"]  # noqa: E731
    first = label()
    w.key("ctrl+r")
    w.until(lambda: not w.state()["generating"] and label() != first, "another version")
    second = label()
    w.shot("07-alternatives")
    w.click("message.1.previous")
    w.until(lambda: label() == first, "the first version")
    w.click("message.1.next")
    w.until(lambda: label() == second, "the second version")


def delete_and_undo(w):
    session = w.state()["session"]
    w.click("session.0.delete")
    undo = w.until(lambda: next((i for i in w.widgets() if i.startswith("toast.") and i.endswith(".undo")), None), "the Undo toast")
    w.until(lambda: w.state()["session"] == "", "the session to be closed")
    w.shot("08-deleted")
    w.click(undo)
    w.until(lambda: w.state()["session"] == session, "the session to be back")
    w.shot("09-restored")


def rename(w):
    w.key("F2")
    w.widget("sidebar.rename")
    w.key("ctrl+a")
    w.type("The bird and the meadow")
    w.key("Return")
    w.until(lambda: w.widget("session.0")["label"] == "The bird and the meadow", "the new title")


def export(w, folder):
    target = folder / "out.json"
    w.key("ctrl+e")
    w.choose_file(target, shot="10-export")
    w.until(target.exists, "the exported file")
    document = json.loads(target.read_text(encoding="utf-8"))
    assert document["format"] == "fabula.session" and document["session"]["title"] == "The bird and the meadow", document["session"]
    assert document["messages"][0]["content"] == "Once upon a time"
    assert all(m["tokens"] for m in document["messages"] if m["role"] == "assistant")
    w.until(lambda: "rollback.confirm" not in w.widgets() and "file.path" not in w.widgets(), "the dialog to close")


def stop_a_reply(w):
    w.click("sidebar.new")
    w.until(lambda: w.state()["session"] == "", "an empty page")
    w.type("A long tale:")
    w.key("Return")
    w.until(lambda: w.state()["messages"] >= 1, "the page")
    w.key("Escape")
    w.until(lambda: not w.state()["generating"], "the stop", 5)


def idle(w):
    w.xdo("mousemove", 2, 2)
    w.until(lambda: not w.state()["toasts"], "the toasts to go", 30)
    time.sleep(0.5)
    frames, cpu = w.state()["frames"], w.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    drawn, used = w.state()["frames"] - frames, (w.cpu_seconds() - cpu) / IDLE_SECONDS
    print(f"idle: {drawn} frames, {100 * used:.2f} % CPU over {IDLE_SECONDS} s")
    assert drawn == 0, f"{drawn} frames were drawn while nothing happened"
    assert used < 0.02, f"{100 * used:.1f} % CPU while nothing happened"


def chat(w, model):
    w.click("mode.chat")
    w.until(lambda: w.state()["mode"] == "chat", "the chat tab")
    if model is None:
        w.shot("12-chat-without-template")
        w.type("Hello")
        w.key("Return")
        time.sleep(0.5)
        assert w.state()["messages"] == 0, "a model without a template took a chat message"
        print("chat: FABULA_CHAT_MODEL names no model; only the explanation was checked")
        return
    w.key("ctrl+o")
    w.choose_file(model)
    w.until(lambda: w.state()["model"] == pathlib.Path(model).stem, "the chat model", 120)
    w.shot("12-chat-empty")
    w.click("composer.input")
    w.type("Name three fruits.")
    w.key("Return")
    w.until(lambda: w.state()["generating"] or w.state()["messages"] == 2, "the reply to begin", 20)  # a short one may be over already
    w.shot("13-chat-streaming")
    assert "composer.send" not in w.widgets() or not w.state()["generating"], "Send did not become Stop"
    w.wait_idle(240)
    assert w.state()["messages"] == 2 and w.state()["text"].strip(), w.state()
    w.shot("14-chat-answered")


def looks(w):
    """The same page in both themes and languages, and what opens over it."""
    for command in ("theme_dark", "language_zh", "theme_light", "language_en"):
        w.click("menu.view")
        w.click("menu." + command)
        w.xdo("mousemove", 700, 400)
        w.shot(f"20-{command}")
    w.key("ctrl+k")
    w.widget("palette.input")
    w.shot("21-palette")
    w.key("Escape")
    w.key("F1")
    w.shot("22-shortcuts")
    w.key("Escape")
    w.key("ctrl+comma")
    w.shot("23-settings")
    w.key("Escape")
    w.click("model.picker")
    w.shot("24-model-menu")
    w.key("Escape")
    w.key("ctrl+equal")
    w.shot("25-zoomed")
    w.key("ctrl+0")


def after_a_kill(here, story, chat_session):
    w = here.open(BINARY)
    print(f"second start: first frame after {w.state()['first_frame_ms']:.0f} ms")
    if chat_session:
        w.until(lambda: "session.0" in w.widgets(), "the sessions")
        w.click("mode.chat")
        w.until(lambda: w.state()["session"] == chat_session and w.state()["messages"] == 2, "the chat to be there again")
    w.click("mode.story")
    w.until(lambda: any(i["label"] == "The bird and the meadow" for n, i in w.widgets().items() if n.startswith("session.")), "the story in the list")
    row = next(n for n, i in w.widgets().items() if n.startswith("session.") and i["label"] == "The bird and the meadow")
    w.click(row)
    w.until(lambda: w.state()["session"] == story["session"] and w.state()["messages"] == story["messages"], "the story's messages")
    assert w.state()["text"] == story["text"], f"{w.state()['text']!r} was {story['text']!r} before the kill"
    w.shot("30-reopened")


def main():
    model = testdata() / "models/tinystories-656k"
    chat_model = os.environ.get("FABULA_CHAT_MODEL") or None
    with stage(SHOTS, "99-failed") as here:
        w = here.open(BINARY, "--mode", "story", "--model", str(model))
        print(f"first frame after {w.state()['first_frame_ms']:.0f} ms")
        write_a_story(w)
        roll_back(w)
        retry(w)
        delete_and_undo(w)
        rename(w)
        export(w, here.folder)
        idle(w)
        story = w.state()
        stop_a_reply(w)
        chat(w, chat_model)
        chat_session = w.state()["session"] if chat_model else None
        looks(w)
        state = w.state()
        print(f"{state['frames']} frames, the slowest {state['slowest_frame_ms']:.1f} ms of CPU time; blocking calls: {state['blocking'] or 'none'}")
        w.kill()
        after_a_kill(here, story, chat_session)


if __name__ == "__main__":
    main()
