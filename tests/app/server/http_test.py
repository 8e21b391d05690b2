#!/usr/bin/env python3
"""What a server does beside answering: HEAD, the request log, models that sleep while nobody asks."""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from server_support import STORY_MODEL, start_server, wait_for_models

CLI = sys.argv.pop(1)


class Running:
    """A server for a `with`; its log is complete afterwards."""

    def __init__(self, *flags, before=None):
        self.flags, self.before = flags, before

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log_path = pathlib.Path(self.folder.name) / "log"
        with open(self.log_path, "w") as log:
            self.process, self.port = start_server(CLI, STORY_MODEL, self.folder.name, *self.flags, log=log, context=512, before=self.before)
        self.model = wait_for_models(f"http://127.0.0.1:{self.port}/v1")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()
        self.log = self.log_path.read_text()
        self.folder.cleanup()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.getheaders(), text

    def complete(self, **more):
        body = {"model": self.model, "prompt": "A secret cellar", "max_tokens": 6, "seed": 1, **more}
        status, _, text = self.ask("POST", "/v1/completions", body)
        assert status == 200, text
        return text

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.ask("GET", "/metrics")[2], re.M).group(1))


class Head(unittest.TestCase):
    def test_head_is_get_without_a_body(self):
        with Running("--quiet") as server:
            for path in ("/health", "/v1/models", "/openapi.json", "/api/sessions", "/nowhere"):
                with self.subTest(path=path):
                    (status, headers, text), (head_status, head_headers, nothing) = server.ask("GET", path), server.ask("HEAD", path)
                    own = lambda pairs: sorted((name, value) for name, value in pairs if name.lower() != "x-request-id")
                    self.assertEqual((head_status, own(head_headers), nothing), (status, own(headers), ""))
                    self.assertEqual(dict(headers)["Content-Length"], str(len(text.encode())))
            self.assertEqual(server.ask("HEAD", "/v1/completions")[0], 405)
            # Not a byte of a body: the next answer on the same connection is read from its beginning.
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            for method in ("HEAD", "GET", "HEAD", "GET"):
                connection.request(method, "/health")
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (200, b"" if method == "HEAD" else b'{"status":"ok"}'))
            connection.close()


class Descriptors(unittest.TestCase):
    def test_connections_never_take_what_the_store_needs(self):
        limits = lambda soft, hard: lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with Running("--quiet", before=limits(64, 1100)) as server:  # its own limit is raised as far as it may be
            self.assertEqual(re.search(r"open files\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()).group(1), "1100")
        with Running("--quiet", before=limits(300, 300)) as server:
            crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(400)]
            time.sleep(0.2)
            self.assertLess(len(os.listdir(f"/proc/{server.process.pid}/fd")), 200)
            for connection in crowd[:10]:
                connection.close()
            self.assertIn("choices", self.as_soon_as_there_is_room(server.complete))
            self.assertEqual(server.ask("POST", "/api/sessions", {"mode": "story"})[0], 201)
            for connection in crowd:
                connection.close()

    @staticmethod
    def as_soon_as_there_is_room(ask):
        until = time.monotonic() + 60
        while True:
            try:
                return ask()
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)


class Log(unittest.TestCase):
    LINE = re.compile(r"^[0-9a-f-]{36} (GET|POST) /\S* \d{3} \d+\.\d{3}s", re.M)

    def logged(self, *flags):
        """The log of a completion, a streamed one and one that is refused; with the text of the first."""
        with Running(*flags) as server:
            text = json.loads(server.complete())["choices"][0]["text"]
            server.complete(stream=True)
            self.assertEqual(server.ask("POST", "/v1/completions", {"model": server.model, "prompt": "A secret cellar", "nonsense": 1})[0], 400)
            server.ask("GET", "/health")  # by its answer the lines before it are written
        return server.log, text.strip()

    def test_no_text_unless_asked(self):
        log, text = self.logged()
        lines = [line for line in log.splitlines() if " POST " in line]
        self.assertEqual([line.split()[3] for line in lines], ["200", "200", "400"])
        self.assertTrue(all(self.LINE.fullmatch(line) for line in lines), lines)
        self.assertNotIn("secret", log)
        self.assertNotIn(text, log)

    def test_text_on_request(self):
        log, text = self.logged("--log-text")
        lines = [line for line in log.splitlines() if " POST " in line]
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertRegex(line, self.LINE)
            self.assertIn("A secret cellar", line)
        self.assertIn(text, lines[0])
        self.assertIn("[DONE]", lines[1])
        self.assertIn("nonsense", lines[2])

    def test_quiet(self):
        self.assertEqual(self.logged("--quiet")[0], "")
        refused = subprocess.run([CLI, "serve", "--quiet", "--log-text", "--port", "0"], capture_output=True, timeout=20)
        self.assertEqual(refused.returncode, 2)


class Sleep(unittest.TestCase):
    def test_an_idle_model_sleeps_and_wakes_for_a_request(self):
        with Running("--quiet", "--idle-unload", "0.02") as server:
            words = json.loads(server.complete())["choices"][0]["text"]
            for question in (lambda: json.loads(server.complete())["choices"][0]["text"],
                             lambda: json.loads(server.ask("POST", "/detokenize", json.loads(server.ask("POST", "/tokenize", {"content": words})[2]))[2])["content"]):
                until = time.monotonic() + 60
                while server.metric("fabula_kv_blocks") > 0 and time.monotonic() < until:
                    time.sleep(0.1)
                self.assertEqual(server.metric("fabula_kv_blocks"), 0)  # its memory is given back
                self.assertEqual([m["id"] for m in json.loads(server.ask("GET", "/v1/models")[2])["data"]], [server.model])
                self.assertEqual(question().strip(), words.strip())


if __name__ == "__main__":
    unittest.main(verbosity=1)
