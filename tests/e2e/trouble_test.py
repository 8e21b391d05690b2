#!/usr/bin/env python3
"""What goes wrong is said in the window, and nothing is lost: a missing model, a text file, a folder that may not be written,
a broken settings file, a GPU that is not there; and the window at twice the scale.
usage: trouble_test.py FABULA SHOTS"""

import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from window import Display, Window, require_tools, testdata  # noqa: E402

BINARY, SHOTS = sys.argv[1], sys.argv[2]


def bad_models(display, folder):
    text = folder / "poem.gguf"
    text.write_text("Roses are red\n")
    for name, path in (("missing", folder / "nowhere.gguf"), ("text-file", text)):
        w = Window(BINARY, display, folder, SHOTS, ["--mode", "story", "--model", str(path)])
        try:
            w.until(lambda: any(path.name in t or "GGUF" in t for t in w.state()["toasts"]), f"words about the {name} model", 20)
            w.type("Once")
            w.key("Return")
            assert w.state()["messages"] == 0
            w.shot(f"40-{name}")
        finally:
            w.close()


def broken_settings(display, folder):
    config = folder / "data/config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "settings.json").write_text("{ this is no JSON")
    w = Window(BINARY, display, folder, SHOTS)
    try:
        w.until(lambda: any("settings.json" in t for t in w.state()["toasts"]), "words about the settings")
        assert (config / "settings.json.broken").read_text() == "{ this is no JSON"
        w.shot("41-broken-settings")
    finally:
        w.close()


def unwritable_folder(display, folder):
    """A file stands where the data folder should be: that stops root as well as anybody."""
    (folder / "data").mkdir()
    (folder / "data/data").write_text("in the way")
    w = Window(BINARY, display, folder, SHOTS)
    try:
        w.until(lambda: not w.widget("composer.send")["enabled"], "a window that says so")
        w.shot("42-no-database")
    finally:
        w.close()


def no_such_gpu(display, folder):
    """The GPU that was chosen is not there: a question, and the same model on the CPU. (Where there is one, nothing is missing.)"""
    if pathlib.Path("/proc/driver/nvidia").exists():
        return
    config = folder / "data/config"
    config.mkdir(parents=True)
    (config / "settings.json").write_text(json.dumps({"story": {"device": "cuda"}}))
    w = Window(BINARY, display, folder, SHOTS, ["--mode", "story", "--model", str(testdata() / "models/tinystories-656k")])
    try:
        w.widget("device.use_cpu")
        assert any("driver" in t for t in w.state()["toasts"]), w.state()["toasts"]
        assert not w.state()["model"]
        w.shot("45-no-gpu")
        w.click("device.use_cpu")
        w.until(lambda: w.state()["model"], "the model on the CPU")
        w.type("Once")
        w.key("Return")
        w.until(lambda: w.state()["messages"] == 2 and not w.state()["generating"], "the story, on the CPU")
    finally:
        w.close()


def twice_the_scale(folder):
    display = Display(2560, 1640, 192)
    w = Window(BINARY, display, folder, SHOTS, ["--mode", "story", "--model", str(testdata() / "models/tinystories-656k")])
    try:
        w.until(lambda: w.state()["model"], "the model")
        height = w.widget("composer.send")["rect"][3]
        assert 60 <= height <= 90, f"a button of {height} pixels at twice the scale"
        w.type("Once upon a time")
        w.key("Return")
        w.until(lambda: w.state()["messages"] == 2 and not w.state()["generating"], "the story")
        w.shot("43-twice-the-scale")
        w.click("menu.view")
        w.click("menu.theme_dark")
        w.shot("44-twice-the-scale-dark")
    finally:
        w.close()
        display.close()


def main():
    require_tools()
    testdata()
    display = Display()
    try:
        for case in (bad_models, broken_settings, unwritable_folder, no_such_gpu):
            with tempfile.TemporaryDirectory() as name:
                case(display, pathlib.Path(name))
                print(case.__name__, "holds")
        with tempfile.TemporaryDirectory() as name:
            twice_the_scale(pathlib.Path(name))
    finally:
        display.close()


if __name__ == "__main__":
    main()
