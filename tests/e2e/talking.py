"""A chat with a model that answers within milliseconds, and the moves that tests of chats share."""

import contextlib
import json
import os
import shutil
import sqlite3
import time

from window import testdata

TEMPLATE = """{% for m in messages %}{{ m['content'] }}
{% endfor %}{% if enable_thinking is defined and not enable_thinking %}At once: {% endif %}"""


def talking_model(folder, longest=512):
    """The small story model with a template that has a switch: it answers within milliseconds. longest: the context that it says it can take."""
    target = folder / "talker"
    shutil.copytree(testdata() / "models/tinystories-656k", target)
    (target / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    (target / "config.json").write_text(json.dumps({**config, "max_position_embeddings": longest}), encoding="utf-8")
    return target


def stand_in(folder, program):
    """In the place of a program of the desktop: what it is called with is written down, in the file that is returned."""
    programs, calls = folder / "programs", folder / f"{program}.calls"
    programs.mkdir(exist_ok=True)
    (programs / program).write_text(f'#!/bin/sh\necho "$@" >> {calls}\n', encoding="utf-8")
    (programs / program).chmod(0o755)
    if not os.environ["PATH"].startswith(f"{programs}:"):
        os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    return calls


def rows(w, statement, *values):
    """What the database has, read beside the window."""
    with contextlib.closing(sqlite3.connect(f"file:{w.folder / 'data/data/fabula.db'}?mode=ro", uri=True)) as database:
        return database.execute(statement, values).fetchall()


def receipt(w, number):
    """Of the reply at this place of the path: how it was asked for, and the ids that it consists of."""
    at = rows(w, "SELECT current FROM sessions WHERE id = ?", w.state()["session"])[0][0]
    path = []
    while at is not None:
        path.append(at)
        at = rows(w, "SELECT parent FROM messages WHERE key = ?", at)[0][0]
    key = path[::-1][number]
    found = json.loads(rows(w, "SELECT receipt FROM messages WHERE key = ?", key)[0][0])
    ids = rows(w, "SELECT ids FROM message_tokens WHERE message = ?", key)[0][0]
    found["tokens"] = [int.from_bytes(ids[i:i + 4], "little", signed=True) for i in range(0, len(ids), 4)]
    return found


def settings(folder):
    return json.loads((folder / "data/config/settings.json").read_text(encoding="utf-8"))


def begin(folder, **values):
    path = folder / "data/config/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mode": "chat", **values}), encoding="utf-8")


def label(w, number):
    return w.widgets().get(f"message.{number}", {}).get("label", "")


def send(w, words, messages):
    w.click("composer.input")
    w.type(words)
    w.key("Return")
    w.until(lambda: w.state()["messages"] >= messages and not w.state()["generating"], f"{messages} messages")


def scroll_to(w, name):
    """Rolls the right panel until the whole of it can be seen."""
    for _ in range(60):
        found = w.widgets().get(name)
        if found and found["rect"][1] > 60 and found["rect"][1] + found["rect"][3] < 780:
            return
        w.xdo("mousemove", 1130, 600)
        w.xdo("click", 5 if not found or found["rect"][1] > 60 else 4)
        time.sleep(0.12)
    raise AssertionError(f"{name} does not come into view")


def field(w, name, words):
    scroll_to(w, name)
    w.click(name)
    w.key("ctrl+a")
    w.type(words) if words else w.key("BackSpace")
    time.sleep(0.4)
