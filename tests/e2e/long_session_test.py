#!/usr/bin/env python3
"""A long chat (2,000 messages, 10,000 with FABULA_FULL=1; Markdown and CJK mixed): imported, opened, scrolled, written to.
Prints how long opening takes, the slowest frame and the memory; fails where a frame takes more than five times its budget.
usage: long_session_test.py FABULA SHOTS"""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from long_chat import document  # noqa: E402
from window import stage, testdata  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]
MESSAGES = 10_000 if os.environ.get("FABULA_FULL") else 2_000
BUDGET_MS = 8


def main():
    testdata()
    with stage(SHOTS, "59-failed") as here:
        w = here.open(BINARY, "--mode", "chat")
        w.until(lambda: "sidebar.new" in w.widgets(), "the sidebar")
        time.sleep(0.5)
        empty = w.memory_mb()
        w.import_session(document(MESSAGES), here.folder / "long.json")
        w.until(lambda: w.state()["messages"] == MESSAGES, "the long chat", 120)
        w.click("sidebar.new")
        w.until(lambda: w.state()["session"] == "", "an empty page")
        w.point("session.0")
        started = time.monotonic()
        w.xdo("click", 1)
        w.until(lambda: w.state()["messages"] == MESSAGES, "the long chat again")
        opened = 1000 * (time.monotonic() - started)
        w.shot("50-long-chat")
        w.xdo("mousemove", 640, 400)
        for _ in range(12):
            w.xdo("click", "--repeat", 8, "--delay", 12, 4)
        w.widget("transcript.latest")
        w.shot("51-scrolled-up")
        w.click("transcript.latest")
        w.until(lambda: f"message.{MESSAGES - 1}" in w.widgets(), "the latest message")
        state = w.state()
        print(f"{MESSAGES} messages: opened in {opened:.0f} ms (with the test's own delays), slowest frame {state['slowest_frame_ms']:.1f} ms of CPU time, "
              f"{w.memory_mb() - empty:.0f} MB above the empty window; blocking calls: {state['blocking'] or 'none'}")
        assert state["slowest_frame_ms"] < 5 * BUDGET_MS, state["slowest_frame_ms"]


if __name__ == "__main__":
    main()
