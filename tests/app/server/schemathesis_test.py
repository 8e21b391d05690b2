#!/usr/bin/env python3
"""Schemathesis against /openapi.json: no 500, no answer that the document does not describe. 10 examples an operation, 500 with
FABULA_FULL=1. Skipped where schemathesis is not installed (FABULA_PYTHON_PATH adds a folder to look in)."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

from server_support import PYTHON_ENV, STORY_MODEL

CLI = sys.argv[1]
RUN = [sys.executable, "-c", "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"]
if subprocess.run([*RUN, "--version"], env=PYTHON_ENV, capture_output=True).returncode != 0:
    print("skipped: schemathesis is not there")
    sys.exit(77)
EXAMPLES = "500" if os.environ.get("FABULA_FULL") == "1" else "10"

with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen([CLI, "--data-dir", folder, "serve", "-m", STORY_MODEL, "--port", "0", "--context", "512", "--quiet"], stdout=subprocess.PIPE, text=True)
    url = re.search(r"http://\S+", server.stdout.readline()).group(0)
    # The paths name a session that is there, until it is deleted and after it is restored.
    with urllib.request.urlopen(urllib.request.Request(url + "/api/sessions", b'{"mode":"story"}')) as answer:
        pathlib.Path(folder, "schemathesis.toml").write_text(f'[parameters]\n"path.id" = "{json.load(answer)["id"]}"\n')
    code = subprocess.run([*RUN, "run", url + "/openapi.json", "--url", url, "-n", EXAMPLES, "--request-timeout", "30", "--phases", "examples,coverage,fuzzing",
                           "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"], env=PYTHON_ENV, cwd=folder).returncode
    server.send_signal(signal.SIGTERM)
    sys.exit(code or server.wait(10))
