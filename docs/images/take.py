#!/usr/bin/env python3
"""Takes the pictures of README.md anew: take.py FABULA CHAT_MODEL.gguf [story] [chat]

Needs what the end-to-end tests need (packaging/setup/packages-test.txt). Models write by chance: look at what came out.
"""
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/e2e"))

from window import stage  # noqa: E402


def ready(w):
    w.until(lambda: w.state()["model"], "the model")
    w.xdo("mousemove", 640, 812)  # no word shows its alternatives


def answer(w, words):
    w.type(words)
    w.key("Return")
    time.sleep(1)
    w.wait_idle()


def story(binary, _):
    with stage(HERE, "story-failed") as s:
        w = s.open(binary, "--mode", "story")
        ready(w)
        for words in ("There was a small fox who wanted to see the sea.", "Once upon a time, there was a little boy named Charlie."):
            answer(w, words)
            if words.startswith("There"):
                w.click("sidebar.new")
                w.xdo("mousemove", 640, 812)
        w.shot("story")


def chat(binary, model):
    with stage(HERE, "chat-failed") as s:
        w = s.open(binary, "--mode", "chat", "--model", model)
        ready(w)
        for words in ("Hello! Who are you?", "Explain why the sky is blue, as you would to a curious child."):
            answer(w, words)
        w.shot("chat")


def main():
    binary, model, *wanted = sys.argv[1:]
    for take in (story, chat):
        if not wanted or take.__name__ in wanted:
            take(binary, model)


if __name__ == "__main__":
    main()
