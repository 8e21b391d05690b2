#!/usr/bin/env python3
"""What the other tests do not touch: the last exchange taken back from the menu, words found on a branch that was left, the sidebar's
groups and exact times, files chosen by clicks, the settings one by one, the local API's settings, a page that follows a reply until
one scrolls away, a type to quantise to, Chinese by keys, a device that is gone, and what a new start remembers.
usage: rest_test.py FABULA SHOTS    screenshots of each step are left in SHOTS."""

import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

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


def pasted(w):
    """What is on the clipboard, read as the draft; the window that was open is closed first."""
    w.key("Escape")
    w.until(lambda: "server.close" not in w.widgets(), "the window to close", 10)
    w.click("composer.input")
    w.key("ctrl+a", "BackSpace", "ctrl+v")
    words = w.until(lambda: w.state()["draft"], "what was copied", 10)
    w.key("ctrl+a", "BackSpace")
    w.until(lambda: not w.state()["draft"], "an empty draft", 10)
    return words


def api_window(w):
    w.click("menu.model")
    w.click("menu.server")
    w.widget("server.on")


def api_choices(w):
    """Reach, key, pages and log: each in settings.json, and what is offered follows."""
    kept = lambda key, value: w.until(lambda: settings(w.folder)[key] == value, f"{key} to be {value}", 10)  # noqa: E731
    stored = w.folder / "data/config/server-key"
    api_window(w)
    assert "server.copy_key" not in w.widgets()
    w.click("server.reach")
    w.click("server.reach.1")
    kept("server_network", True)
    w.click("server.copy_key")  # from the network nobody comes without one
    first = pasted(w)
    assert first == stored.read_text() and len(first) > 40, first
    api_window(w)
    w.click("server.new_key")
    w.until(lambda: stored.read_text() not in ("", first), "another key", 10)
    w.click("server.copy_key")
    assert pasted(w) == stored.read_text()
    api_window(w)
    w.click("server.reach")
    w.click("server.reach.0")
    kept("server_network", False)
    w.until(lambda: "server.copy_key" not in w.widgets(), "no key to be asked for here", 10)
    w.click("server.ask_key")
    kept("server_ask_key", True)
    w.widget("server.copy_key")
    w.click("server.ask_key")
    kept("server_ask_key", False)
    w.click("server.log_text")
    kept("server_log_text", True)


def api_serves(w):
    """Switched on: the pages that are listed may ask, others not; what was asked stands in the log, with its words."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    w.click("server.port")
    w.key("ctrl+a")
    w.type(str(port))
    w.click("server.origins")
    w.type("http://localhost:3000, https://example.org")
    w.click("server.on")
    w.widget("server.copy_address")
    w.until(lambda: settings(w.folder)["server_origins"] == ["http://localhost:3000", "https://example.org"], "the pages in the settings", 10)

    def asked_by(page):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models", headers={"Origin": page})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.headers["Access-Control-Allow-Origin"]
        except urllib.error.HTTPError as refused:
            return refused.code

    assert asked_by("https://example.org") == "https://example.org"
    assert asked_by("https://example.com") != "https://example.com"
    body = json.dumps({"model": "talker", "max_tokens": 4, "messages": [{"role": "user", "content": "A heron on the log"}]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    spoken = lambda: next((name for words, name in labelled(w, "server.log").items() if "A heron on the log" in words), None)  # noqa: E731
    w.click(w.until(spoken, "the words in the log", 10))  # a line that is longer than the window is copied by a click
    w.shot("B0-local-api")
    assert "A heron on the log" in pasted(w)
    api_window(w)
    w.click("server.on")
    w.until(lambda: "server.copy_address" not in w.widgets(), "the API to be off", 10)
    w.click("server.log_text")
    w.key("Escape")
    w.until(lambda: "server.on" not in w.widgets(), "the window to close", 10)


class Slow(http.server.BaseHTTPRequestHandler):
    """A model elsewhere that writes twenty lines each time it is told to, three times."""

    go_on = threading.Semaphore(0)

    def do_GET(self):
        self.begin("application/json")
        self.wfile.write(b'{"object": "list", "data": [{"id": "slow-model", "object": "model"}]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.begin("text/event-stream")
        for part in range(3):
            Slow.go_on.acquire(timeout=120)
            self.say({"content": "".join(f"line {part * 20 + i}\n\n" for i in range(20))}, None)
        self.say({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def begin(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def say(self, delta, finish):
        self.wfile.write(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n".encode())

    def log_message(self, *_):
        pass


def takes_the_slow_one(w, port):
    w.click("model.picker")
    w.click("model.servers")
    w.click("remote.name")
    w.type("slow")
    w.click("remote.url")
    w.type(f"http://127.0.0.1:{port}/v1")
    w.click("remote.add")
    w.click("remote.0.model.0")
    w.until(lambda: w.state()["model"] == "slow-model", "the model elsewhere", 20)


def follows_until_scrolled(w):
    """The page follows what is written; scrolled up it stays where it is; back at the latest it follows again."""
    slow = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    takes_the_slow_one(w, slow.server_address[1])
    w.click("sidebar.new")
    w.until(lambda: w.state()["session"] == "", "an empty chat", 10)
    w.click("composer.input")
    w.type("Count, please.")
    w.key("Return")
    written = lambda last: (Slow.go_on.release(), w.until(lambda: f"line {last}\n" in w.state()["text"], f"line {last}", 30))  # noqa: E731
    away = lambda: "transcript.latest" in w.widgets()  # noqa: E731
    written(19)
    w.until(lambda: "message.0" not in w.widgets() and not away(), "the page to follow", 10)
    x, y, width, height = w.widget("message.1")["rect"]
    w.xdo("mousemove", x + width // 2, y + height // 2)
    w.until(lambda: "message.0" in w.widgets() or w.xdo("click", 4), "the words above", 20)
    w.until(away, "the way to the latest", 10)
    w.until(lambda: w.widget("message.0")["rect"] == w.widget("message.0")["rect"], "the page to stand still", 10)
    stood = w.widget("message.0")["rect"]
    written(39)
    w.shot("B1-scrolled-away")
    assert away() and w.widget("message.0")["rect"] == stood and w.state()["generating"], w.widgets()["message.0"]
    w.click("transcript.latest")
    w.until(lambda: not away() and "message.0" not in w.widgets(), "the latest words", 10)
    written(59)
    w.wait_idle()
    w.until(lambda: not away() and "message.0" not in w.widgets(), "the page to follow again", 10)
    w.shot("B2-follows")
    slow.shutdown()
    slow.server_close()


def quantised_to(w):
    """Another type than the one that is offered first."""
    w.key("ctrl+shift+m")
    w.until(lambda: "talker" in labelled(w, "models.entry"), "the model in the library", 20)
    w.click(labelled(w, "models.entry")["talker"] + ".details")
    w.click("quantise.type")
    wanted = w.widget("quantise.type.0")["label"]
    assert wanted != "Q4_K"
    w.click("quantise.type.0")
    w.until(lambda: "quantise.type.0" not in w.widgets(), "the choice to close", 10)
    w.shot("B3-quantise-type")
    w.click("quantise.start")
    w.click("quantise.dismiss")
    assert [path.name for path in (w.folder / "data/data/models").glob("*.gguf")] == [f"talker-{wanted}.gguf"], wanted
    w.key("Escape")
    w.until(lambda: "quantise.type" not in w.widgets(), "the window to close", 10)


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
    w.close()


def a_device_that_is_gone(w, folder):
    """It can still be told from the others, and left for the processor."""
    w.click("device.cancel")
    assert not w.state()["model"]
    w.click("model.device")
    w.until(lambda: "model.device.2" in w.widgets(), "the device that is not there", 10)
    w.shot("B4-device")
    w.click("model.device.1")
    w.until(lambda: settings(folder)["chat"]["device"] == "cpu", "the device in the settings", 10)
    w.until(lambda: w.state()["model"], "the model on the processor", 20)


def main():
    with stage(SHOTS, "99-rest-failed") as here:
        home, left_over = here.folder / "home", here.folder / "data/cache/kv/left.bin"
        (home / "shelf").mkdir(parents=True)
        os.environ["HOME"] = str(home)
        told = old_chat("Of summer", "2018-07-15T12:34:00.000Z")
        (home / "shelf/told.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        left_over.parent.mkdir(parents=True)
        left_over.write_bytes(bytes(4096))
        own = here.folder / "own"
        own.mkdir()
        model = talking_model(own)
        for other in model.rglob("*.gguf"):  # the library shall be short
            other.unlink()
        # What is said must not be chance: a reply may be nothing but new lines.
        begin(here.folder, chat={"max_tokens": 16, "temperature": 0}, model_folders=[str(own)])
        w = here.open(BINARY, "--mode", "chat", "--model", str(model))
        w.until(lambda: w.state()["model"], "the model")
        from_the_menu(w)
        on_another_branch(w)
        groups(w, here.folder)
        files_by_clicks(w, home)
        one_by_one(w, left_over)
        chinese_by_keys(w)
        api_choices(w)
        api_serves(w)
        quantised_to(w)
        follows_until_scrolled(w)
        remembered(w, lambda: here.open(BINARY, "--mode", "chat", "--model", str(model)))
        if pathlib.Path("/proc/driver/nvidia").exists():
            return  # nothing is missing
        told = settings(here.folder)
        begin(here.folder, **{**told, "chat": {**told["chat"], "device": "cuda:7"}})
        a_device_that_is_gone(here.open(BINARY, "--mode", "chat", "--model", str(model)), here.folder)


if __name__ == "__main__":
    main()
