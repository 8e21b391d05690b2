#!/usr/bin/env python3
"""Schemathesis against /openapi.json: no 500, no answer that the document does not describe. 10 examples an operation, 500 with
FABULA_FULL=1. Skipped where schemathesis is not installed (FABULA_PYTHON_PATH adds a folder to look in)."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

CLI = sys.argv[1]
MODEL = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent")) / "models/tinystories-656k"
ENV = {**os.environ, "PYTHONPATH": os.environ.get("FABULA_PYTHON_PATH", "")}
RUN = [sys.executable, "-c", "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"]
if subprocess.run([*RUN, "--version"], env=ENV, capture_output=True).returncode != 0 or not MODEL.exists():
    print("skipped: schemathesis or the story model of FABULA_TESTDATA is not there")
    sys.exit(77)
EXAMPLES = "500" if os.environ.get("FABULA_FULL") == "1" else "10"

with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen([CLI, "--data-dir", folder, "serve", "-m", str(MODEL), "--port", "0", "--context", "512", "--quiet"], stdout=subprocess.PIPE, text=True)
    url = re.search(r"http://\S+", server.stdout.readline()).group(0)
    code = subprocess.run([*RUN, "run", url + "/openapi.json", "--url", url, "-n", EXAMPLES, "--request-timeout", "30", "--phases", "examples,coverage,fuzzing",
                           "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"], env=ENV, cwd=folder).returncode
    server.send_signal(signal.SIGTERM)
    sys.exit(code or server.wait(10))
