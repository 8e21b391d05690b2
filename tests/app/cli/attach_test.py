#!/usr/bin/env python3
"""Several processes on one data directory, as strangers would run them: they share sessions, model and API, and when the one
that holds them is killed, the others go on."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

CLI = sys.argv.pop(1)
DATA = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent"))
CHAT_MODEL = os.environ.get("FABULA_CHAT_MODEL", "")
TINY = DATA / "models/tinystories-656k/generated/TinyStories-656K-F32.gguf"


class Process:
    """fabula-cli in the background; its first line says the port."""

    def __init__(self, folder, *arguments):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([CLI, "--data-dir", folder, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def port(self):
        line = self.process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert match, (line, self.said())
        return int(match[1])

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stdin.close()
        self.errors.close()
        return code


def api(port, method, path, body=None, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def soon(condition, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if condition():
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    return False


class Attach(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.running = []
        self.addCleanup(self.clean)

    def clean(self):
        for process in self.running:
            if process.process.poll() is None:
                process.kill()
        self.folder.cleanup()

    def start(self, *arguments):
        self.running.append(Process(self.folder.name, *arguments))
        return self.running[-1]

    def cli(self, *arguments, check=0, stdin=None):
        result = subprocess.run([CLI, "--data-dir", self.folder.name, *map(str, arguments)], capture_output=True, text=True,
                                timeout=120, input=stdin)
        self.assertEqual(result.returncode, check, result.stderr)
        return result.stdout

    def test_commands_beside_a_server(self):
        serve = self.start("serve", "--port", 0, "-m", TINY)
        port = serve.port()
        id = self.cli("sessions", "new", "--mode", "story", "--title", "Made beside").strip()
        self.assertEqual([s["id"] for s in api(port, "GET", "/api/sessions")[1]["sessions"]], [id])
        self.assertTrue(soon(lambda: api(port, "GET", "/health")[1]["status"] == "ok"))
        status, reply = api(port, "POST", f"/api/sessions/{id}/messages", {"role": "user", "content": "Once", "max_tokens": 20, "seed": 1})
        self.assertEqual(status, 200)
        shown = json.loads(self.cli("sessions", "show", id, "--json"))
        self.assertEqual(shown["messages"][-1]["tokens"], reply["tokens"])
        # Replayed by the model that the server has loaded.
        report = json.loads(self.cli("sessions", "replay", id, "--json"))
        self.assertEqual((report["equal"], report["different"], report["skipped"]), (1, 0, 0))
        exported = pathlib.Path(self.folder.name, "out.json")
        self.cli("sessions", "export", id, "-o", exported)
        self.cli("sessions", "delete", id)
        self.assertEqual(api(port, "GET", "/api/sessions")[1]["sessions"], [])
        self.cli("sessions", "purge", id)
        self.assertEqual(self.cli("sessions", "import", exported).strip(), id)
        self.assertEqual(len(api(port, "GET", "/api/sessions")[1]["sessions"]), 1)
        self.assertEqual(serve.end(), 0)
        self.assertFalse(pathlib.Path(self.folder.name, "data/fabula.sock").exists())

    def test_generate_by_the_model_that_a_server_has_loaded(self):
        prompt = ("-p", "Once upon a time", "--max-tokens", 40, "--seed", 7, "--json")
        with tempfile.TemporaryDirectory() as alone:
            expected = json.loads(subprocess.run([CLI, "--data-dir", alone, "generate", "-m", TINY, *map(str, prompt)],
                                                 capture_output=True, check=True).stdout)
        serve = self.start("serve", "--port", 0, "-m", TINY)
        port = serve.port()
        self.assertTrue(soon(lambda: api(port, "GET", "/health")[1]["status"] == "ok"))

        def written_by_the_server():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            return int(float(re.search(r"^fabula_tokens_generated\S* (\S+)$", text, re.M)[1]))

        for more, by_server in (((), True), (("--threads", 1), False), (("--precision", "f32"), False), (("-v",), False)):
            with self.subTest(more):
                before = written_by_the_server()
                answer = json.loads(self.cli("generate", "-m", os.path.relpath(TINY), *prompt, *more))
                self.assertEqual(written_by_the_server() - before, len(expected["tokens"]) if by_server else 0)
                if "--precision" not in more:
                    for field in ("prompt_tokens", "tokens", "text", "finish_reason", "seed"):
                        self.assertEqual(answer[field], expected[field], field)
        # The text as it comes, and errors as they are without a server.
        self.assertEqual(self.cli("generate", "-m", TINY, *prompt[:-1]).rstrip("\n"), "Once upon a time" + expected["text"])
        self.assertEqual(self.cli("generate", "-m", TINY, "-p", "-", *prompt[2:-1], stdin="Once upon a time").rstrip("\n"),
                         "Once upon a time" + expected["text"])
        self.assertEqual(self.cli("generate", "-m", TINY, "-p", "word " * 9000, "--json", check=1), "")
        serve.kill()
        self.assertEqual(json.loads(self.cli("generate", "-m", TINY, *prompt))["tokens"], expected["tokens"])

    def test_a_second_server_shares_and_takes_over(self):
        first = self.start("serve", "--port", 0, "-m", TINY)
        port = first.port()
        second = self.start("serve", "--port", 0)
        other = second.port()
        self.assertNotEqual(port, other)
        self.assertIn(f"(process {first.process.pid})", second.said())
        status, made = api(other, "POST", "/api/sessions", {"mode": "story", "title": "Shared"})
        self.assertEqual(status, 201)
        self.assertEqual(api(port, "GET", f"/api/sessions/{made['id']}")[1]["title"], "Shared")
        # The model of the first one serves both.
        self.assertTrue(soon(lambda: api(other, "GET", "/health")[1]["status"] == "ok"))
        status, reply = api(other, "POST", f"/api/sessions/{made['id']}/messages", {"role": "user", "content": "Once", "max_tokens": 8})
        self.assertEqual(status, 200, reply)
        self.assertGreater(len(reply["tokens"]), 0)
        # Its own API ends with the second one, the first one's does not.
        third = self.start("serve", "--port", 0)
        gone = third.port()
        self.assertEqual(third.end(), 0)
        self.assertTrue(soon(lambda: self.refuses(gone)))
        first.kill()
        self.assertTrue(soon(lambda: "serving goes on" in second.said()))
        last = second.port()
        self.assertEqual(api(last, "GET", f"/api/sessions/{made['id']}")[1]["messages"][-1]["id"], reply["id"])
        self.assertEqual(second.end(), 0)

    def refuses(self, port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) != 0

    @unittest.skipUnless(CHAT_MODEL, "FABULA_CHAT_MODEL is not set")
    def test_host_killed_in_the_middle_of_a_reply(self):
        host = self.start("serve", "--port", 0, "-m", CHAT_MODEL)
        host.port()
        guest = self.start("serve", "--port", 0, "-m", CHAT_MODEL)
        port = guest.port()
        id = api(port, "POST", "/api/sessions", {"mode": "chat"})[1]["id"]
        self.assertTrue(soon(lambda: api(port, "GET", "/health")[1]["status"] == "ok"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", f"/api/sessions/{id}/messages",
                           json.dumps({"role": "user", "content": "Write a very long story about a dragon, in ten chapters.", "max_tokens": 1500, "seed": 1, "stream": True}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        seen = b"".join(answer.readline() for _ in range(24))
        time.sleep(0.3)  # a partial reply is on disk after 250 ms at the latest
        host.kill()
        connection.close()
        self.assertTrue(soon(lambda: "serving goes on" in guest.said()), guest.said())
        port = guest.port()
        messages = api(port, "GET", f"/api/sessions/{id}")[1]["messages"]
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
        self.assertEqual(messages[1]["finish_reason"], "interrupted")
        heard = "".join(json.loads(line[6:])["delta"] for line in seen.split(b"\n") if line.startswith(b"data: {\"delta\""))
        self.assertTrue(messages[1]["content"].startswith(heard), (heard, messages[1]["content"]))
        # The next host goes on where the dead one stopped, as it would have.
        self.assertTrue(soon(lambda: api(port, "GET", "/health")[1]["status"] == "ok"))
        status, whole = api(port, "POST", f"/api/sessions/{id}/continue", {}, timeout=120)
        self.assertEqual(status, 200)
        report = json.loads(self.cli("sessions", "replay", id, "-m", CHAT_MODEL, "--json"))
        self.assertEqual((report["equal"], report["different"], report["skipped"]), (1, 0, 0))
        self.assertEqual(guest.end(), 0)

    @unittest.skipUnless(CHAT_MODEL, "FABULA_CHAT_MODEL is not set")
    def test_a_chat_beside_a_server_and_without_it(self):
        serve = self.start("serve", "--port", 0, "-m", CHAT_MODEL)
        port = serve.port()
        self.assertTrue(soon(lambda: api(port, "GET", "/health")[1]["status"] == "ok"))
        id = self.cli("sessions", "new").strip()
        text = self.cli("chat", "-m", CHAT_MODEL, "--session", id, stdin="What is the capital of France?\n")
        content = api(port, "GET", f"/api/sessions/{id}")[1]["messages"][-1]["content"]
        self.assertIn(content.strip()[:20], text)
        chat = self.start("chat", "-m", CHAT_MODEL, "--session", id)
        time.sleep(2)  # it attaches and waits for words
        serve.kill()
        time.sleep(0.5)  # and notices
        chat.process.stdin.write("/undo\n")
        chat.process.stdin.close()
        self.assertEqual(chat.process.wait(timeout=60), 0, chat.said())
        self.assertEqual(json.loads(self.cli("sessions", "show", id, "--json"))["messages"], [])


if __name__ == "__main__":
    if not DATA.is_dir():
        print("FABULA_TESTDATA is not set: skipped")
        sys.exit(77)
    unittest.main(verbosity=2)
