"""What the tests of the server share: the model they load, and a server on a free port."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

STORY_MODEL = str(pathlib.Path(__file__).parents[3] / "assets/models/fabula-story.gguf")  # the built-in one: always there
HAS_CHAT_MODEL = os.path.exists(os.environ.get("FABULA_CHAT_MODEL", ""))
MODEL = os.environ["FABULA_CHAT_MODEL"] if HAS_CHAT_MODEL else STORY_MODEL
CONTEXT = 2048 if HAS_CHAT_MODEL else 1024  # the story model's own
PYTHON_ENV = {**os.environ, "PYTHONPATH": os.environ.get("FABULA_PYTHON_PATH", "")}


def start_server(cli, model, folder, *arguments, log=None, context=CONTEXT, before=None):
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
