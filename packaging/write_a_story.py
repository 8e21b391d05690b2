"""write_a_story.py FABULA DATA_FOLDER [MODEL]: opens the window on a virtual display, types the beginning of a story, lets it go on,
and reads it back from the database. Without MODEL the window has to take the one that comes with Fabula. Standard library and xdotool alone: it runs in a clean system."""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

program, folder, *model = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
automation = os.path.join(folder, "automation")
display = ":77"
env = dict(os.environ, DISPLAY=display, FABULA_AUTOMATION=automation, LIBGL_ALWAYS_SOFTWARE="1")


def ask(command):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(automation)
        s.sendall(json.dumps({"cmd": command}).encode() + b"\n")
        return json.loads(s.makefile().readline())


def until(what, found, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            value = found()
        except (OSError, ValueError):
            value = None
        if value:
            return value
        time.sleep(0.1)
    sys.exit(f"waited {seconds} s in vain: {what}; {ask('state')}")


def widget(name):
    return next((w for w in ask("widgets")["widgets"] if w["id"] == name and w["enabled"]), None)


def click(name):
    x, y, w, h = until(name, lambda: widget(name))["rect"]
    subprocess.run(["xdotool", "mousemove", str(int(x + w / 2)), str(int(y + h / 2)), "click", "1"], env=env, check=True)


x = subprocess.Popen(["Xvfb", display, "-screen", "0", "1280x800x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
window = None
try:
    until("Xvfb", lambda: os.path.exists("/tmp/.X11-unix/X77"))
    window = subprocess.Popen([program, "--data-dir", folder, "--mode", "story", *(["--model", *model] if model else [])], env=env)
    until("the first frame", lambda: ask("state")["frames"] > 0)
    until("the model", lambda: ask("state")["model"])
    click("composer.input")
    subprocess.run(["xdotool", "type", "--delay", "20", "Once upon a time there was a"], env=env, check=True)
    click("composer.send")
    until("the story", lambda: ask("state")["messages"] >= 1 and not ask("state")["generating"])
    window.send_signal(signal.SIGTERM)
    window.wait(10)
finally:
    if window and window.poll() is None:
        window.kill()
    x.terminate()
    x.wait()

db = sqlite3.connect(os.path.join(folder, "data/fabula.db"))
texts = [row[0] for row in db.execute("SELECT text FROM messages")]
print("\n".join(texts))
if not any("Once upon a time" in t for t in texts) or sum(map(len, texts)) < 60:
    sys.exit("no story was written")
