#!/usr/bin/env python3
"""From an empty machine to a chat: the first start offers models, one is fetched from a hub on 127.0.0.1, talks, stands in
the picker and in the window of models; another is searched, fetched, paused and gone on with. What a model takes is told, it is
quantised, sent away and wakes; a server elsewhere is added and talked to."""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

from window import Display, Window, require_tools, testdata

BINARY, SHOTS = sys.argv[1], sys.argv[2]
HUB = pathlib.Path(__file__).resolve().parents[1] / "core/hub/hub_server.py"
BUILT_IN = "fabula-story"
STARTER = "starter.SmolLM2 135M Instruct"
TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"


class Hub:
    def __init__(self, folder):
        upload = pathlib.Path(folder, "upload")
        upload.mkdir()
        for file in (testdata() / "models/tinystories-656k").iterdir():
            if file.suffix in (".json", ".safetensors"):
                shutil.copy(file, upload / file.name)
        (upload / "chat_template.jinja").write_text(TEMPLATE)
        self.process = subprocess.Popen([sys.executable, HUB, f"HuggingFaceTB/SmolLM2-135M-Instruct={upload}"], stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline().split()[0])}"

    def behave(self, **how):
        urllib.request.urlopen(urllib.request.Request(self.url + "/control", json.dumps(how).encode(), method="POST"))

    def close(self):
        self.process.kill()
        self.process.wait()


def environment(folder, hub):
    for name in [n for n in os.environ if n.startswith("HF_") or n == "OLLAMA_MODELS"]:
        del os.environ[name]
    return {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "HF_ENDPOINT": hub.url}


def first_start(w):
    w.until(lambda: STARTER in w.widgets(), "the models that are offered")
    w.until(lambda: w.widgets()[STARTER]["enabled"], "the first of them")
    w.shot("60-first-start")
    w.click(STARTER)
    w.until(lambda: w.state()["model"] == "SmolLM2-135M-Instruct", "the fetched model to be ready")
    w.shot("61-fetched")
    w.click("composer.input")
    w.type("Once upon a time")
    w.key("Return")
    w.until(lambda: w.state()["messages"] == 2, "a reply")
    w.wait_idle()


def picker(w):
    w.click("model.picker")
    w.widget("model.search")
    w.until(lambda: w.widgets()["model.0"]["label"] == "SmolLM2-135M-Instruct", "the model in the picker")
    w.shot("62-picker")
    w.type("nothing is called this")
    w.until(lambda: "model.0" not in w.widgets(), "an empty list")
    w.key("Escape")


def dialog(w, hub, folder):
    w.key("ctrl+shift+m")
    w.widget("models.entry.0")
    w.shot("63-models")
    w.click("models.hub")
    w.widget("models.words")
    w.type("tiny")
    w.key("Return")
    w.click("models.found.0")
    hub.behave(bytes_per_second=1 << 20)
    w.click("models.fetch.good/Tiny-GGUF:Q8_0")
    part = "download.good/Tiny-GGUF:Q8_0"
    w.widget(part + ".pause")
    w.shot("64-fetching")
    w.click(part + ".pause")
    w.widget(part + ".resume")
    w.shot("65-paused")
    hub.behave()
    w.click(part + ".resume")
    w.widget(part + ".dismiss")
    assert (folder / "data/data/models/good/Tiny-GGUF/tiny-Q8_0.gguf").stat().st_size == 9 << 20
    w.click(part + ".dismiss")
    w.click("models.library")
    entries = lambda: {x["label"]: n for n, x in w.widgets().items() if n.startswith("models.entry.") and n.count(".") == 2}
    w.until(lambda: "tiny-Q8_0" in entries(), "the second model")
    w.shot("66-two-models")  # it is noise: greyed, with the reason
    noise, built_in = entries()["tiny-Q8_0"], entries()[BUILT_IN]
    assert built_in + ".remove" not in w.widgets()  # what came with Fabula stays
    w.click(noise + ".remove")
    w.click(noise + ".remove")
    w.until(lambda: not (folder / "data/data/models/good").exists(), "the files to be gone")
    w.key("Escape")


def fit_and_quantise(w, folder):
    """What a model takes in each precision and context, and a smaller copy of it with what that cost."""
    w.key("ctrl+shift+m")
    w.click("models.entry.0.details")
    w.widget("fit.0")
    w.widget("quantise.start")
    w.shot("69-fit")
    w.click("quantise.start")
    w.widget("quantise.dismiss")
    w.shot("70-quantised")
    written = list((folder / "data/data/models").glob("*Q4_K.gguf"))
    assert len(written) == 1 and written[0].stat().st_size > 100_000, written
    w.until(lambda: any(x["label"] == written[0].stem for n, x in w.widgets().items() if n.startswith("models.entry.")), "the new file in the library")
    w.click("quantise.dismiss")
    w.until(lambda: "quantise.dismiss" not in w.widgets(), "the note about it to close")
    # The model is in memory: it can be sent away from here, and wakes with the next message.
    entry = next(n for n, x in w.widgets().items() if n.endswith(".unload") and n.startswith("models.entry."))
    w.click(entry)
    w.until(lambda: entry not in w.widgets(), "the model to leave the memory")
    w.key("Escape")
    before = w.state()["messages"]
    w.click("composer.input")
    w.type("And then")
    w.key("Return")
    w.until(lambda: w.state()["messages"] == before + 2, "a reply of the model that slept")
    w.wait_idle()


class Far(http.server.BaseHTTPRequestHandler):
    """A server elsewhere in a few lines: one model, which says the same to everybody."""

    WORDS = ["From ", "far ", "away ", "I ", "greet ", "you."]
    asked = []

    def do_GET(self):
        self.answer(200, json.dumps({"object": "list", "data": [{"id": "far-model", "object": "model"}]}).encode(), "application/json")

    def do_POST(self):
        Far.asked.append((self.headers.get("Authorization"), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        chunks = [{"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in self.WORDS]
        chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 6}}]
        self.answer(200, "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n", "text/event-stream")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def servers(w, folder):
    far = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far)
    threading.Thread(target=far.serve_forever, daemon=True).start()
    w.click("model.picker")
    w.click("model.servers")
    w.click("remote.name")
    w.type("far")
    w.click("remote.url")
    w.type("http://127.0.0.1:1/v1")
    w.click("remote.add")
    w.until(lambda: w.widgets()["remote.add"]["enabled"], "the answer of nobody")
    w.shot("71-nobody-there")
    w.click("remote.url")
    w.key("ctrl+a")
    w.type(f"http://127.0.0.1:{far.server_address[1]}/v1")
    w.click("remote.key")
    w.type("secret")
    w.click("remote.add")
    w.widget("remote.0.model.0")
    w.shot("72-servers")
    key = folder / "data/config/remote-keys/far"
    assert key.read_text() == "secret" and key.stat().st_mode & 0o777 == 0o600
    w.click("remote.0.model.0")
    w.until(lambda: w.state()["model"] == "far-model", "the model elsewhere to be chosen")
    before = w.state()["messages"]
    w.click("composer.input")
    w.type("Who are you?")
    w.key("Return")
    w.until(lambda: w.state()["messages"] == before + 2, "a reply from elsewhere")
    w.wait_idle()
    w.shot("73-from-elsewhere")
    authorization, body = Far.asked[-1]
    assert authorization == "Bearer secret" and body["messages"][-1] == {"role": "user", "content": "Who are you?"}, body
    w.click("model.picker")
    w.shot("74-picker-with-servers")
    w.key("Escape")
    far.shutdown()
    far.server_close()


def in_chinese(display, folder, hub):
    config = folder / "zh/config"
    config.mkdir(parents=True)
    (config / "settings.json").write_text('{"language": "zh-Hans", "theme": "dark"}')
    (folder / "zh-window").mkdir()
    w = Window(BINARY, display, folder / "zh-window", SHOTS, ["--mode", "chat", "--data-dir", str(folder / "zh")], environment(folder / "zh", hub))
    try:
        w.until(lambda: STARTER in w.widgets(), "the models that are offered")
        w.shot("67-first-start-zh")
        w.key("ctrl+shift+m")
        w.click("models.hub")
        w.widget("models.words")
        w.type("good")
        w.key("Return")
        w.widget("models.found.0")
        w.click("models.found.0")
        w.shot("68-hub-zh")
    finally:
        w.close()


def asked_before_too_much(display, folder, hub):
    """Files of a few megabytes, a context that no memory holds: the question is asked by what it would take."""
    own = folder / "asked"
    model = own / "data/models/wide"
    for place in (own / "config", model, folder / "asked-window"):
        place.mkdir(parents=True)
    for file in (testdata() / "models/tinystories-656k").iterdir():
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, model / file.name)
    (model / "chat_template.jinja").write_text(TEMPLATE)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 2_000_000_000}))
    (own / "config/settings.json").write_text('{"chat": {"context": 1000000000}}')
    w = Window(BINARY, display, folder / "asked-window", SHOTS, ["--mode", "chat", "--data-dir", str(own)], environment(own, hub))
    try:
        w.click("model.picker")
        w.until(lambda: w.widgets().get("model.0", {}).get("label") == "wide", "the model in the picker")
        w.click("model.0")
        w.widget("fit.alternative")
        w.shot("76-asked-first")
        w.click("fit.cancel")
        w.until(lambda: "fit.cancel" not in w.widgets(), "the question to close")
        assert w.state()["model"] != "wide"
    finally:
        w.close()


def a_story_at_once(display, folder):
    """Nothing at hand, no network, nothing chosen: Story writes."""
    own = folder / "story"
    own.mkdir()
    nowhere = {"HOME": str(own), "XDG_CACHE_HOME": str(own / "cache"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    w = Window(BINARY, display, own, SHOTS, ["--mode", "story"], nowhere)
    try:
        w.until(lambda: w.state()["model"] == BUILT_IN, "the model that comes with Fabula")
        w.click("composer.input")
        w.type("Once upon a time")
        w.key("Return")
        w.until(lambda: w.state()["messages"] == 2, "a story")
        w.wait_idle()
        w.shot("75-story-at-once")
    finally:
        w.close()


def main():
    require_tools()
    testdata()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        display, hub = Display(), Hub(folder)
        w = Window(BINARY, display, folder, SHOTS, ["--mode", "chat"], environment(folder, hub))
        try:
            first_start(w)
            picker(w)
            dialog(w, hub, folder)
            fit_and_quantise(w, folder)
            servers(w, folder)
            w.close()
            in_chinese(display, folder, hub)
            asked_before_too_much(display, folder, hub)
            a_story_at_once(display, folder)
        finally:
            w.close()
            hub.close()
            display.close()
    print("models: fetched, talked to, listed, paused, gone on with, removed, fitted, quantised, sent away and woken; one elsewhere added and talked to")


main()
