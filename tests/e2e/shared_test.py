#!/usr/bin/env python3
"""The window beside a server on the same data: what a client does shows at once, and the reverse; the server is killed and the
window goes on with everything that was acknowledged.
usage: shared_test.py FABULA SHOTS FABULA_CLI"""

import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from window import Display, Window, require_tools, testdata  # noqa: E402

BINARY, SHOTS, CLI = sys.argv[1:4]


def api(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return json.loads(answer.read())
    finally:
        connection.close()


def main():
    require_tools()
    model = testdata() / "models/tinystories-656k"
    with tempfile.TemporaryDirectory() as name:
        folder, display = pathlib.Path(name), Display()
        serve = subprocess.Popen([CLI, "--data-dir", str(folder / "data"), "serve", "--port", "0", "--quiet", "-m", str(model)],
                                 stdout=subprocess.PIPE, text=True)
        port = int(re.search(r":(\d+)$", serve.stdout.readline().strip())[1])
        w = Window(BINARY, display, folder, SHOTS, ["--mode", "story"])
        try:
            w.until(lambda: api(port, "GET", "/health")["status"] == "ok", "the server's model")
            made = api(port, "POST", "/api/sessions", {"mode": "story", "title": "From a client"})
            w.until(lambda: "From a client" in w.widgets()["session.0"]["label"], "the client's session in the sidebar", 5)
            w.click("session.0")
            reply = api(port, "POST", f"/api/sessions/{made['id']}/messages", {"content": "Once upon a time", "max_tokens": 30, "seed": 1})
            w.until(lambda: w.state()["messages"] == 2, "the client's words in the window", 5)
            w.shot("70-beside-a-server")
            # The reverse: the window goes on with the server's model, and the client sees it.
            w.until(lambda: w.state()["model"], "the server's model in the window", 10)
            w.click("composer.input")
            w.type(" Then the cat came.")
            w.key("Return")
            w.until(lambda: w.state()["messages"] == 4 and not w.state()["generating"], "the window's reply")
            seen = api(port, "GET", f"/api/sessions/{made['id']}")["messages"]
            assert [m["role"] for m in seen] == ["user", "assistant", "user", "assistant"], seen
            assert seen[1]["id"] == reply["id"]
            serve.kill()
            serve.wait()
            w.until(lambda: w.state()["toasts"], "word that the server has ended", 10)
            assert w.state()["messages"] == 4
            w.until(lambda: w.state()["model"], "the model, which the window loads itself now")
            w.shot("71-the-server-is-gone")
            w.key("ctrl+z")
            w.until(lambda: w.state()["messages"] < 4, "undo without the server", 10)
        finally:
            w.close()
            serve.kill()
            serve.wait()
            serve.stdout.close()
            display.close()


if __name__ == "__main__":
    main()
