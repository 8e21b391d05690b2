#!/usr/bin/env python3
"""Models elsewhere: our own server, llama-cpp-python's where it can be imported (FABULA_PYTHON_PATH adds a folder to look in),
and servers that misbehave: keys refused, killed in the middle of a reply, nonsense instead of chunks."""

import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from server_support import CONTEXT, HAS_CHAT_MODEL, MODEL, PYTHON_ENV, start_server, wait_for_models

CLI = sys.argv.pop(1)
FOLDER = tempfile.TemporaryDirectory()
HAS_LLAMA = subprocess.run([sys.executable, "-c", "import llama_cpp.server.app"], env=PYTHON_ENV, capture_output=True).returncode == 0


def cli(*arguments, **more):
    return subprocess.run([CLI, "--data-dir", FOLDER.name, *arguments], capture_output=True, text=True, timeout=120, **more)


def fabula_server(*arguments):
    return start_server(CLI, MODEL, FOLDER.name, "--quiet", *arguments)


def events_of(stream):
    return [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: {")]


class Near:
    """A server with a data folder of its own, whose sessions speak with a remote model that FOLDER knows; for a `with`."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        folder = tempfile.mkdtemp(dir=FOLDER.name)
        shutil.copytree(pathlib.Path(FOLDER.name) / "config", pathlib.Path(folder) / "config")
        self.process = subprocess.Popen([CLI, "--data-dir", folder, "serve", "-m", self.model, "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
        self.base = "http://127.0.0.1:" + self.process.stdout.readline().strip().rsplit(":", 1)[1]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()

    def request(self, method, path, body=None):
        return urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def ask(self, method, path, body=None):
        try:
            with urllib.request.urlopen(self.request(method, path, body), timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def session(self, mode):
        return "/api/sessions/" + self.ask("POST", "/api/sessions", {"mode": mode})[1]["id"]

    def stream(self, session, body):
        """A model that is still being reached is a 503 with the time to ask again."""
        for _ in range(60):
            try:
                return urllib.request.urlopen(self.request("POST", session + "/messages", {**body, "stream": True}), timeout=60)
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                time.sleep(float(error.headers["Retry-After"]))
        raise AssertionError("the model was never reached")


class OwnServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process, port = fabula_server("--api-key", "s3cret")
        cls.url = f"http://127.0.0.1:{port}/v1"
        cls.model = wait_for_models(cls.url, "s3cret")
        key = pathlib.Path(FOLDER.name) / "key.txt"
        key.write_text("s3cret\n")
        assert cli("models", "add-remote", "own", cls.url + "/", "--key-file", str(key)).returncode == 0

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGTERM)
        cls.process.wait(10)
        cls.process.stdout.close()

    def test_key_is_its_owners_alone(self):
        path = pathlib.Path(FOLDER.name) / "config/remote-keys/own"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertNotIn("s3cret", (pathlib.Path(FOLDER.name) / "config/remotes.json").read_text())
        path.chmod(0o644)
        self.assertIn("can be read by others", cli("models", "list-remote", "own").stderr)
        path.chmod(0o600)

    def test_models_are_listed(self):
        self.assertIn({"name": "own", "url": self.url}, json.loads(cli("models", "list-remote", "--json").stdout)["remotes"])
        self.assertEqual(json.loads(cli("models", "list-remote", "own", "--json").stdout)["remotes"], [{"name": "remote:own/" + self.model}])

    def test_same_words_as_asked_directly(self):
        flags = ["-p", "Once upon a time", "--max-tokens", "20", "--seed", "7", "--json"]
        remote = json.loads(cli("generate", "-m", "remote:own/" + self.model, *flags).stdout)
        local = json.loads(cli("generate", "-m", MODEL, "--context", str(CONTEXT), *flags).stdout)
        self.assertEqual(remote["text"], local["text"])
        self.assertEqual(remote["finish_reason"], local["finish_reason"])
        self.assertEqual(remote["decode"]["tokens"], len(local["tokens"]))
        self.assertIsNone(remote["tokens"])  # what a remote cannot promise is absent

    def test_errors_in_plain_words(self):
        for arguments, words in ((["-m", "remote:none/x"], 'no remote server called "none"'), (["-m", "remote:own"], "remote:NAME/model"), (["-m", "remote:own/other"], "no such model"),
                                 (["-m", "remote:own/" + self.model, "--top-k", "3"], "takes no top_k"), (["-m", "remote:own/" + self.model, "--json-mode"], "not held to a schema")):
            with self.subTest(arguments=arguments):
                answer = cli("generate", "-p", "x", "--json", *arguments)
                self.assertEqual((answer.returncode, answer.stdout), (1, ""))
                self.assertIn(words, answer.stderr)
        self.assertEqual(cli("models", "add-remote", "nokey", self.url).returncode, 0)
        self.assertIn("asks for a key", cli("generate", "-m", "remote:nokey/x", "-p", "x").stderr)
        self.assertEqual(cli("models", "remove-remote", "nokey").returncode, 0)
        self.assertEqual(cli("models", "remove-remote", "nokey").returncode, 1)
        self.assertIn("https", cli("models", "add-remote", "far", "http://example.org/v1", "--key-file", "-", input="k").stderr)
        self.assertEqual(cli("models", "add-remote", "bad name", self.url).returncode, 1)

    def test_killed_in_the_middle(self):
        process, port = fabula_server()
        wait_for_models(f"http://127.0.0.1:{port}/v1")
        cli("models", "add-remote", "dying", f"http://127.0.0.1:{port}/v1")
        client = subprocess.Popen([CLI, "--data-dir", FOLDER.name, "generate", "-m", "remote:dying/" + self.model, "-p", "Once", "--max-tokens", "1900"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client.stdout.read(12)  # the prompt and the first words
        process.kill()
        rest, errors = client.communicate(timeout=30)
        process.wait()
        process.stdout.close()
        self.assertEqual(client.returncode, 1)
        self.assertIn("what had come by then is kept", errors.decode())


class InSessions(unittest.TestCase):
    """A model elsewhere as the model of sessions: served by one Fabula, spoken with through another."""

    @classmethod
    def setUpClass(cls):
        cls.far, cls.far_port = fabula_server()
        cls.model = wait_for_models(f"http://127.0.0.1:{cls.far_port}/v1")
        assert cli("models", "add-remote", "far", f"http://127.0.0.1:{cls.far_port}/v1").returncode == 0
        cls.name = "remote:far/" + cls.model
        cls.near = subprocess.Popen([CLI, "--data-dir", FOLDER.name, "serve", "-m", cls.name, "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
        cls.base = "http://127.0.0.1:" + cls.near.stdout.readline().strip().rsplit(":", 1)[1]
        for _ in range(100):
            if cls.ask("GET", "/health")[1] == {"status": "ok"}:
                break
            time.sleep(0.1)

    @classmethod
    def tearDownClass(cls):
        for process in (cls.near, cls.far):
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            process.stdout.close()

    @classmethod
    def ask(cls, method, path, body=None, base=None):
        request = urllib.request.Request((base or cls.base) + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def session(self, mode="chat", **more):
        status, made = self.ask("POST", "/api/sessions", {"mode": mode, **more})
        self.assertEqual(status, 201)
        return "/api/sessions/" + made["id"]

    @unittest.skipUnless(HAS_CHAT_MODEL, "needs a chat model")
    def test_a_chat_says_what_the_server_says_and_keeps_text_alone(self):
        path = self.session(system="You are brief.")
        asked = {"max_tokens": 12, "temperature": 0}
        status, first = self.ask("POST", path + "/messages", {"content": "Where is Paris?", **asked})
        self.assertEqual(status, 200, first)
        messages = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Where is Paris?"}]
        far = f"http://127.0.0.1:{self.far_port}"
        said = self.ask("POST", "/v1/chat/completions", {"model": self.model, "messages": messages, **asked}, far)[1]
        self.assertEqual(first["content"], said["choices"][0]["message"]["content"])
        self.assertEqual(first["tokens"], [])  # whose ids would they be?
        self.assertEqual(first["stats"]["remote"], self.name)
        self.assertEqual(first["stats"]["generated_tokens"], said["usage"]["completion_tokens"])
        self.assertEqual(first["finish_reason"], "length")
        # The next turn tells the server what was said before; regenerating makes a sibling; rolling back forgets.
        second = self.ask("POST", path + "/messages", {"content": "And Rome?", **asked})[1]
        messages += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": "And Rome?"}]
        said = self.ask("POST", "/v1/chat/completions", {"model": self.model, "messages": messages, **asked}, far)[1]
        self.assertEqual(second["content"], said["choices"][0]["message"]["content"])
        again = self.ask("POST", path + "/regenerate", asked)[1]
        self.assertEqual((again["content"], again["parent"]), (second["content"], second["parent"]))
        self.assertNotEqual(again["id"], second["id"])
        view = self.ask("POST", path + "/rollback", {"message": first["id"]})[1]
        self.assertEqual([message["role"] for message in view["messages"]], ["user", "assistant"])
        # What a remote cannot do is said.
        status, refused = self.ask("POST", path + "/continue", {})
        self.assertEqual(status, 400)
        self.assertIn("model elsewhere", refused["error"]["message"])
        exported = self.ask("GET", path + "/export")[1]
        replayed = json.loads(cli("sessions", "replay", "--json", self.write(exported)).stdout)
        self.assertEqual((replayed["equal"], replayed["different"]), (0, 0))
        self.assertIn("model elsewhere", json.dumps(replayed))

    @staticmethod
    def write(document):
        path = pathlib.Path(FOLDER.name) / "exported.json"
        path.write_text(json.dumps(document))
        return str(path)

    def test_a_story_is_continued_as_text(self):
        path = self.session("story")
        asked = {"max_tokens": 10, "temperature": 0}
        first = self.ask("POST", path + "/messages", {"content": "Once upon a time", **asked})[1]
        said = self.ask("POST", "/v1/completions", {"model": self.model, "prompt": "Once upon a time", **asked}, f"http://127.0.0.1:{self.far_port}")[1]
        self.assertEqual(first["content"], said["choices"][0]["text"])
        more = self.ask("POST", path + "/continue", asked)[1]
        self.assertEqual(more["parent"], first["id"])
        self.assertTrue(more["content"])

    @unittest.skipUnless(HAS_CHAT_MODEL, "needs a chat model")
    def test_streams_as_it_comes(self):
        path = self.session()
        request = urllib.request.Request(self.base + path + "/messages", data=json.dumps({"content": "Tell me a long story of a fox.", "max_tokens": 120, "temperature": 0, "stream": True}).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            events = [json.loads(line[6:]) for line in answer.read().decode().splitlines() if line.startswith("data: {")]
        self.assertGreater(len(events), 3)
        self.assertEqual("".join(event.get("delta", "") for event in events), events[-1]["message"]["content"])

    def test_stopping_keeps_what_had_come_and_frees_the_server(self):
        path = self.session("story")
        request = urllib.request.Request(self.base + path + "/messages", data=json.dumps({"content": "Once", "max_tokens": 1900, "stream": True}).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            first = answer.readline().decode()
            self.assertEqual(self.ask("POST", path + "/cancel")[0], 200)
            events = [json.loads(line[6:]) for line in (first + answer.read().decode()).splitlines() if line.startswith("data: {")]
        self.assertEqual(events[-1]["message"]["finish_reason"], "cancelled")
        said = "".join(event.get("delta", "") for event in events)
        self.assertTrue(said)
        self.assertEqual(self.ask("GET", path)[1]["messages"][-1]["content"], said)
        for _ in range(100):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.far_port}/metrics", timeout=60) as answer:
                if "\nfabula_requests_active 0\n" in answer.read().decode():
                    return
            time.sleep(0.05)
        self.fail("the server still writes what nobody wants any more")

    def test_rules_are_refused(self):
        path = self.session()
        status, refused = self.ask("POST", path + "/messages", {"content": "x", "response_format": {"type": "json_object"}})
        self.assertEqual(status, 400)
        self.assertIn("grammar", refused["error"]["message"])

    def test_completions_are_asked_of_the_server_itself(self):
        status, refused = self.ask("POST", "/v1/chat/completions", {"model": self.name, "messages": [{"role": "user", "content": "x"}]})
        self.assertEqual((status, refused["error"]["code"]), (400, "model_is_remote"))

    @unittest.skipUnless(HAS_CHAT_MODEL, "needs a chat model")
    def test_chat_on_the_command_line(self):
        answer = cli("chat", "-m", self.name, input="Say hello.\n/quit\n")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue(answer.stdout.strip())
        self.assertIn("no model called nobody", cli("chat", "-m", "remote:far/nobody", input="").stderr)

    def test_killed_in_the_middle_keeps_what_had_come(self):
        far, port = fabula_server()
        try:
            model = wait_for_models(f"http://127.0.0.1:{port}/v1")
            cli("models", "add-remote", "dying", f"http://127.0.0.1:{port}/v1")
            with Near("remote:dying/" + model) as near:
                session = near.session("story")
                with near.stream(session, {"content": "Once", "max_tokens": 900}) as answer:
                    answer.readline()
                    far.kill()
                    rest = answer.read().decode()
                self.assertIn("is kept", rest)
                messages = near.ask("GET", session)[1]["messages"]
                self.assertEqual(messages[-1]["finish_reason"], "error")
                self.assertTrue(messages[-1]["content"])
        finally:
            far.kill()
            far.wait()
            far.stdout.close()


class Misbehaving(unittest.TestCase):
    """A server of a few lines: what it answers, and how often it was asked."""

    def serve(self, answer):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.append(self.path)
                answer(self, len(asked))

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        cli("models", "add-remote", "odd", f"http://127.0.0.1:{server.server_address[1]}/v1")
        return cli("generate", "-m", "remote:odd/m", "-p", "x", "--json"), asked

    @staticmethod
    def send(handler, status, body, kind="text/event-stream"):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(body)

    CHUNK = b'data: {"choices":[{"index":0,"text":"Hi","finish_reason":null}]}\r\n\r\n'
    END = b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    def test_busy_first_then_fine(self):
        answer, asked = self.serve(lambda handler, n: self.send(handler, 503, b'{"error":{"message":"full"}}') if n < 3 else self.send(handler, 200, self.CHUNK + self.END))
        self.assertEqual((json.loads(answer.stdout)["text"], len(asked)), ("Hi", 3))

    def test_always_busy(self):
        answer, asked = self.serve(lambda handler, n: self.send(handler, 429, b'{"error":{"message":"later"}}'))
        self.assertEqual(len(asked), 3)
        self.assertIn("odd is busy: later", answer.stderr)

    def test_no_retry_once_a_token_has_come(self):
        answer, asked = self.serve(lambda handler, n: self.send(handler, 200, self.CHUNK))
        self.assertEqual(len(asked), 1)
        self.assertIn("in the middle", answer.stderr)
        answer, asked = self.serve(lambda handler, n: self.send(handler, 200, self.CHUNK + b'data: {"error":{"message":"out of memory"}}\n\n'))
        self.assertEqual(len(asked), 1)
        self.assertIn("out of memory", answer.stderr)

    def test_nonsense(self):
        for body in (b"data: {nonsense\n\n", b"data: 7\n\n", b"data: " + b"[" * 100_000 + b"\n\n", b"<html>", b'data: {"choices":7}\n\n', b'data: {"choices":[{"delta":{"content":7}}]}\n\n'):
            with self.subTest(body=body[:40]):
                answer, _ = self.serve(lambda handler, n: self.send(handler, 200, body))
                self.assertEqual((answer.returncode, answer.stdout), (1, ""))
        answer, asked = self.serve(lambda handler, n: self.send(handler, 400, b'{"error":{"message":"no such field: seed"}}'))
        self.assertEqual(len(asked), 1)
        self.assertIn("refused the request: no such field: seed", answer.stderr)

    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cli("models", "add-remote", "gone", f"http://127.0.0.1:{port}/v1")
        answer = cli("generate", "-m", "remote:gone/m", "-p", "x")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("127.0.0.1", answer.stderr)


@unittest.skipUnless(HAS_LLAMA, "llama-cpp-python's server is not there")
class ForeignServer(unittest.TestCase):
    """llama.cpp's server, as it is and killed in the middle: on the command line and as the model of sessions."""

    NAME = "remote:llama/small/chat"

    def setUp(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", "--model", MODEL, "--model_alias", "small/chat", "--port", str(port), "--n_ctx", "1024"],
                                        env=PYTHON_ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.kill)
        url = f"http://127.0.0.1:{port}/v1"
        self.assertEqual(wait_for_models(url), "small/chat")
        self.assertEqual(cli("models", "add-remote", "llama", url).returncode, 0)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def test_on_the_command_line(self):
        self.assertEqual(cli("models", "list-remote", "llama").stdout.strip(), self.NAME)
        for flags in ([], ["--chat"]):
            answer = cli("generate", "-m", self.NAME, "-p", "Tell me about the sea.", "--max-tokens", "16", "--temperature", "0", "--json", *flags)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertTrue(json.loads(answer.stdout)["text"])
        client = subprocess.Popen([CLI, "--data-dir", FOLDER.name, "generate", "-m", self.NAME, "-p", "Once", "--max-tokens", "900"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client.stdout.read(12)
        self.kill()
        _, errors = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 1)
        self.assertIn("is kept", errors.decode())

    def test_in_sessions(self):
        with Near(self.NAME) as near:
            for mode in ("chat", "story"):
                session = near.session(mode)
                asked = {"content": "Tell me about the sea.", "max_tokens": 12, "temperature": 0, "seed": 1}
                with near.stream(session, asked) as answer:
                    events = events_of(answer.read())
                self.assertEqual("".join(event.get("delta", "") for event in events), events[-1]["message"]["content"])
                self.assertTrue(events[-1]["message"]["content"])
                self.assertEqual(events[-1]["message"]["tokens"], [])
                self.assertEqual(events[-1]["message"]["stats"]["remote"], self.NAME)
            with near.stream(session, {"content": " Once", "max_tokens": 900}) as answer:
                first = answer.readline()
                self.kill()
                events = events_of(first + answer.read())
            self.assertIn("is kept", json.dumps(events[-1]))
            last = near.ask("GET", session)[1]["messages"][-1]
            self.assertEqual(last["finish_reason"], "error")
            self.assertEqual(last["content"], "".join(event.get("delta", "") for event in events))
            status, refused = near.ask("POST", session + "/messages", {"content": "Again?", "max_tokens": 4})
            self.assertEqual((status, refused["error"]["code"]), (502, "model_unreachable"))
            self.assertIn("cannot be reached", refused["error"]["message"])
            self.assertEqual(near.ask("GET", "/health")[1], {"status": "ok"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
