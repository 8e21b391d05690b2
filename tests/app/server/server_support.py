"""What the tests of the server share: the model they load, skipped where there is none, and a server on a free port."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

CHAT_MODEL = os.environ.get("FABULA_CHAT_MODEL", "")
STORY_MODEL = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent")) / "models/tinystories-656k"
PYTHON_ENV = {**os.environ, "PYTHONPATH": os.environ.get("FABULA_PYTHON_PATH", "")}


def model_or_skip():
    model = CHAT_MODEL if os.path.exists(CHAT_MODEL) else str(STORY_MODEL)
    if not os.path.exists(model):
        print("skipped: neither FABULA_CHAT_MODEL nor FABULA_TESTDATA names a model")
        sys.exit(77)
    return model


def start_server(cli, model, folder, *arguments, log=None, context=2048, before=None):
    """A server on a free port of its own data folder below `folder`; (process, port). log: a file for its standard error. before: runs in its process first."""
    data = tempfile.mkdtemp(dir=folder)
    process = subprocess.Popen([cli, "--data-dir", data, "serve", "-m", model, "--port", "0", "--context", str(context), *arguments], stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=before)
    line = process.stdout.readline().strip()
    return process, int(re.search(r":(\d+)$", line).group(1))


def wait_for_models(url, key=""):
    for _ in range(600):
        try:
            request = urllib.request.Request(url + "/models", headers={"Authorization": "Bearer " + key} if key else {})
            if data := json.loads(urllib.request.urlopen(request, timeout=5).read())["data"]:
                return data[0]["id"]
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("no model at " + url)
