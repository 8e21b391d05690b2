#!/usr/bin/env python3
"""From an empty machine to a chat: the first start offers models, one is fetched from a hub on 127.0.0.1, talks, stands in
the picker and in the window of models; another is searched, fetched, paused and gone on with."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

from window import Display, Window, require_tools, testdata

BINARY, SHOTS = sys.argv[1], sys.argv[2]
HUB = pathlib.Path(__file__).resolve().parents[1] / "core/hub/hub_server.py"
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
    w.until(lambda: "models.entry.1.remove" in w.widgets(), "the second model")
    w.shot("66-two-models")  # the second is noise: greyed, with the reason
    names = {n: x["label"] for n, x in w.widgets().items() if n.startswith("models.entry.") and n.count(".") == 2}
    noise = next(n for n, label in names.items() if label == "tiny-Q8_0")
    w.click(noise + ".remove")
    w.click(noise + ".remove")
    w.until(lambda: not (folder / "data/data/models/good").exists(), "the files to be gone")
    w.key("Escape")


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
            w.close()
            in_chinese(display, folder, hub)
        finally:
            w.close()
            hub.close()
            display.close()
    print("models: fetched, talked to, listed, paused, gone on with, removed")


main()
