#!/usr/bin/env python3
"""How light the window is: time to the first frame, CPU time and frames drawn while nothing happens, and a chat of 10,000 messages
opened, scrolled and (where FABULA_CHAT_MODEL names a model) written on.
usage: window_bench.py FABULA [SECONDS]    SECONDS (30) of idling; five starts are timed. Every line names its bound."""

import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
from long_chat import document  # noqa: E402
from window import stage, testdata  # noqa: E402

STARTS, MESSAGES = 5, 10_000


def starts(binary, here, model):
    firsts = []
    for _ in range(STARTS):
        w = here.open(binary, "--mode", "story", "--model", str(model))
        firsts.append(w.state()["first_frame_ms"])
        w.close()
    print(f"first frame after {statistics.median(firsts):.0f} ms (median of {STARTS}; {min(firsts):.0f} to {max(firsts):.0f}; bound 300)")


def idle(binary, here, model, seconds):
    w = here.open(binary, "--mode", "story", "--model", str(model))
    w.until(lambda: w.state()["model"], "the model")
    w.type("Once upon a time")
    w.key("Return")
    w.until(lambda: w.state()["messages"] >= 2, "a story")
    w.wait_idle()
    w.xdo("mousemove", 2, 2)
    w.until(lambda: not w.state()["toasts"], "the toasts to go", 30)
    time.sleep(3)
    before, cpu = w.state(), w.cpu_seconds()
    time.sleep(seconds)
    after, used = w.state(), (w.cpu_seconds() - cpu) / seconds
    print(f"idle for {seconds:.0f} s with a session open: {100 * used:.2f} % CPU (bound 0.5), {after['frames'] - before['frames']} frames drawn (bound 0)")
    w.close()


def told(what, w):
    state = w.state()
    print(f"{what}: {state['frames']} frames, p99 {state['frame_p99_ms']:.1f} ms of CPU time each (bound 8), slowest {state['slowest_frame_ms']:.1f} ms; "
          f"calls that may wait: {state['blocking'] or 'none'}")


def long_chat(binary, here, chat_model):
    """The chat is brought in by one window and measured in the next, which begins anew."""
    settings = here.folder / "data/config/settings.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"mode": "chat", "chat": {"context": 1024}}), encoding="utf-8")
    w = here.open(binary, "--mode", "chat")
    w.until(lambda: "sidebar.new" in w.widgets(), "the sidebar")
    long = document(MESSAGES, settings={"sampler": {}, "max_tokens": 200, "overflow": "drop_oldest"})
    w.import_session(long, here.folder / "long.json")
    w.until(lambda: w.state()["messages"] == MESSAGES, "the long chat", 240)
    w.click("sidebar.new")
    w.until(lambda: w.state()["session"] == "", "an empty page")
    w.close()
    w = here.open(binary, "--mode", "chat")
    w.until(lambda: "session.0" in w.widgets(), "the sessions")
    time.sleep(1)
    empty = w.memory_mb()
    w.click("session.0")
    w.until(lambda: w.state()["messages"] == MESSAGES, "the long chat")
    print(f"{MESSAGES} messages: opened in {w.state()['opened_ms']:.0f} ms (bound 200)")
    w.xdo("mousemove", 640, 400)
    for _ in range(60):
        w.xdo("click", "--repeat", 8, "--delay", 12, 4)
    for _ in range(30):
        w.xdo("click", "--repeat", 8, "--delay", 12, 5)
    told("scrolled", w)
    print(f"memory: {w.memory_mb() - empty:.0f} MB above the same window without a session open (bound 150)")
    w.close()
    if not chat_model:
        return
    w = here.open(binary, "--mode", "chat", "--model", chat_model)
    w.until(lambda: w.state()["messages"] == MESSAGES and w.state()["model"], "the long chat and the model")
    w.click("composer.input")
    w.type("Tell me a long story about a fox.")
    w.key("Return")
    w.until(lambda: w.state()["generating"], "the reply to begin", 60)
    w.wait_idle(240)
    told("a reply written into it", w)
    w.close()


def main():
    binary, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    model = testdata() / "models/tinystories-656k"
    with stage(None, "failed") as here:
        starts(binary, here, model)
        idle(binary, here, model, seconds)
    with stage(None, "failed") as here:
        long_chat(binary, here, os.environ.get("FABULA_CHAT_MODEL"))


if __name__ == "__main__":
    main()
