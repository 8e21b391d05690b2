#!/usr/bin/env python3
"""The HTTP API as strangers meet it: raw sockets with hostile requests, the sessions' endpoints, and OpenAI's own Python client
where it can be imported (FABULA_PYTHON_PATH adds a folder to look in)."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

from server_support import HAS_CHAT_MODEL, MODEL, STORY_MODEL, start_server

CLI = sys.argv.pop(1)
if os.environ.get("FABULA_PYTHON_PATH"):
    sys.path.insert(0, os.environ["FABULA_PYTHON_PATH"])
try:
    import openai
except ImportError:
    openai = None


class Server:
    def __init__(self, *arguments):
        self.folder = tempfile.TemporaryDirectory()
        self.process, self.port = start_server(CLI, MODEL, self.folder.name, "--precision", "f32", *arguments, log=subprocess.DEVNULL)
        for _ in range(600):
            if self.get("/health")[1].get("status") == "ok" and self.get("/v1/models")[1].get("data"):
                break
            time.sleep(0.05)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        payload = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, payload, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text), dict(answer.getheaders())
        except ValueError:
            return answer.status, text, dict(answer.getheaders())

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def raw(self, data, timeout=20):
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            out = b""
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has answered and closed already
            while chunk := connection.recv(65536):
                out += chunk
            return out

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=5)
        self.process.stdout.close()
        self.folder.cleanup()
        return code


SERVER = None
resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)  # the server's, too


def setUpModule():
    global SERVER
    SERVER = Server("--allow-origin", "http://app.example")


def tearDownModule():
    code = SERVER.stop()
    assert code == 0, f"serve ended with {code}"


def completion(**more):
    return {"model": SERVER.get("/v1/models")[1]["data"][0]["id"], "prompt": "Once upon a time", "max_tokens": 12, "seed": 5, **more}


class Hostile(unittest.TestCase):
    def test_host_and_origin(self):
        self.assertEqual(SERVER.get("/health", {"Host": "evil.example"})[0], 403)
        status, _, headers = SERVER.get("/v1/models", {"Origin": "http://evil.example"})
        self.assertEqual(status, 403)
        self.assertNotIn("Access-Control-Allow-Origin", headers)
        status, _, headers = SERVER.get("/v1/models", {"Origin": "http://app.example"})
        self.assertEqual((status, headers.get("Access-Control-Allow-Origin")), (200, "http://app.example"))
        status, _, headers = SERVER.request("OPTIONS", "/v1/chat/completions", headers={
            "Origin": "http://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
        self.assertEqual(status, 204)
        self.assertIn("POST", headers.get("Access-Control-Allow-Methods", ""))

    def test_malformed_http(self):
        for data in (b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\n",
                     b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nxx\r\n0\r\n\r\n",
                     b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00\xff" * 500):
            answer = SERVER.raw(data)
            self.assertTrue(answer == b"" or re.match(rb"HTTP/1.1 4\d\d", answer), answer[:100])
        self.assertEqual(SERVER.get("/health")[0], 200)

    def test_a_huge_body_is_refused_before_it_is_read(self):
        answer = SERVER.raw(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 209715200\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer[:100])

    def test_200_megabytes_are_never_taken(self):
        """Announced, or in chunks without an end: a 413 where the client still listens, and a closed connection."""
        for framing, piece in ((b"Content-Length: 209715200", b"x" * 65536), (b"Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n")):
            with self.subTest(framing=framing), socket.create_connection(("127.0.0.1", SERVER.port), timeout=60) as connection:
                sent, answer = 0, b""
                try:
                    connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n")
                    while sent < 200 << 20 and not select.select([connection], [], [], 0)[0]:
                        connection.sendall(piece)
                        sent += len(piece)
                    answer = connection.recv(65536)
                except OSError:
                    pass  # closed while we were sending
                self.assertLess(sent, 64 << 20)
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer[:100])
        self.assertEqual(SERVER.get("/health")[0], 200)

    def test_bad_values_are_400_and_named(self):
        for field, value in (("temperature", -1), ("temperature", "hot"), ("top_p", 2), ("n", 0), ("max_tokens", -5), ("max_tokens", 1e30),
                             ("seed", -1), ("stop", [""]), ("stop", ["x"] * 100), ("logit_bias", {"a": 1}), ("nonsense", 1), ("best_of", 3), ("stream", "yes")):
            status, body, _ = SERVER.post("/v1/completions", completion(**{field: value}))
            self.assertEqual((status, body["error"]["param"]), (400, field), body)
            self.assertEqual(set(body["error"]), {"message", "type", "param", "code"})
        for text in ("", "{", "[]", "nul", "[" * 60_000, '{"model": NaN}', "\xff"):
            self.assertEqual(SERVER.post("/v1/completions", text.encode("latin-1"))[0], 400, text[:20])

    def test_every_number_has_bounds(self):
        """Each number that the document names, beyond its bounds and as what is no number at all."""
        schemas = SERVER.get("/openapi.json")[1]["components"]["schemas"]
        place = "/api/sessions/" + SERVER.post("/api/sessions", {"mode": "story"})[1]["id"]
        model = completion()["model"]
        tried = 0
        for path, schema, body in (("/v1/chat/completions", "ChatRequest", {"model": model, "messages": [{"role": "user", "content": "x"}]}), ("/v1/completions", "CompletionRequest", {"model": model, "prompt": "x"}),
                                   (place + "/messages", "MessageRequest", {"content": "x"}), (place + "/regenerate", "ReplyRequest", {}), (place + "/continue", "ReplyRequest", {})):
            for name, rule in schemas[schema]["properties"].items():
                if rule.get("type") not in ("number", "integer"):
                    continue
                texts = [str(rule["minimum"] - 1), repr(rule["maximum"] * 2 + 1), "1e308", "-1e308", "NaN", "-Infinity", "1e999", '"1"', "[]", "true"]
                for text in texts + (["1.5"] if rule["type"] == "integer" else []):
                    with self.subTest(path=path, name=name, text=text):
                        status, answer, _ = SERVER.post(path, json.dumps(body)[:-1] + (", " if body else "") + f'"{name}": {text}}}')
                        self.assertEqual(status, 400, answer)
                        self.assertIn(answer["error"]["param"], (name, None))  # null: what is no JSON has no fields
                        tried += 1
        self.assertGreater(tried, 500)
        for name, rule in schemas["CompletionRequest"]["properties"].items():
            for number in (5e-324, 1e-40, 1e-10, rule.get("minimum"), rule.get("maximum")) if rule.get("type") == "number" else ():
                with self.subTest(name=name, number=number):
                    self.assertIn(SERVER.post("/v1/completions", {"model": model, "prompt": "Once upon a time", "max_tokens": 3, name: number})[0], (200, 400))
        for text in ("-1", "2147483648", "1e10", "1.5", "NaN", '"1"', "null"):
            self.assertEqual(SERVER.post("/detokenize", f'{{"tokens":[{text}]}}')[0], 400, text)
        for bias in ('{"1":101}', '{"1":-101}', '{"1":NaN}', '{"1":"1"}', '{"-1":0}', '{"99999999999":0}', '{"":0}', "[]"):
            self.assertEqual(SERVER.post("/v1/completions", f'{{"model":{json.dumps(model)},"prompt":"x","logit_bias":{bias}}}')[0], 400, bias)

    def test_no_path_is_ever_opened(self):
        """A model is one that is loaded, by its name: what a client calls it is never looked for on the disk."""
        for name in ("/etc/passwd", "../../../etc/passwd", "/dev/zero", "file:///etc/passwd", "\x00", "remote:a/b"):
            with self.subTest(name=name):
                for path, body in (("/v1/completions", {"model": name, "prompt": "x"}), ("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "x"}]}),
                                   ("/api/sessions", {"mode": "story", "model": name}), ("/tokenize", {"content": "x", "model": name}), ("/detokenize", {"tokens": [1], "model": name})):
                    status, answer, _ = SERVER.post(path, body)
                    self.assertEqual((status, answer["error"]["code"]), (404, "model_not_found"), path)
                self.assertEqual(SERVER.get("/v1/models/" + urllib.parse.quote(name, safe=""))[0], 404)

    def test_listens_on_loopback_alone(self):
        rows = [line.split() for line in pathlib.Path(f"/proc/{SERVER.process.pid}/net/tcp").read_text().splitlines()[1:]]
        listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{SERVER.port:04X}")]
        self.assertEqual(listening, [f"0100007F:{SERVER.port:04X}"])

    def test_deep_and_wide_schemas(self):
        """Sixty thousand levels, wherever a schema may stand: as JSON, as references, as text; a 400 that says why, and the server goes on."""
        levels = 60_000
        deep = '{"type":"object","properties":{"a":' * levels + "{}" + "}}" * levels
        as_format = '"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":%s}}'
        place = "/api/sessions/" + SERVER.post("/api/sessions", {"mode": "story"})[1]["id"] + "/messages"
        asked = {"/v1/chat/completions": '"model":"","messages":[{"role":"user","content":"x"}]', "/v1/completions": '"model":"","prompt":"x"', place: '"content":"x"'}
        for path, fields in asked.items():
            with self.subTest(path=path):
                status, body, _ = SERVER.post(path, "{" + fields + "," + as_format % deep + "}")
                self.assertEqual(status, 400)
                self.assertIn("nested deeper than", body["error"]["message"])
        tool = '"tools":[{"type":"function","function":{"name":"f","parameters":' + deep + "}}]"
        status, body, _ = SERVER.post("/v1/chat/completions", "{" + asked["/v1/chat/completions"] + "," + tool + "}")
        self.assertEqual(status, 400)
        self.assertIn("nested deeper than", body["error"]["message"])

        chain = {f"a{i}": {"type": "array", "items": {"$ref": f"#/$defs/a{i + 1}"}} for i in range(levels)}
        circle = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
        for schema, words in (({"$ref": "#/$defs/a0", "$defs": {**chain, f"a{levels}": {"type": "null"}}}, "too many keys"),
                              ({"$ref": "#/$defs/a0", "$defs": {**dict(list(chain.items())[:8000]), "a8000": {"type": "null"}}}, None),
                              ({"$ref": "#/$defs/a", "$defs": circle}, "no finite text"),
                              ({"type": "string", "pattern": "(" * levels + "a" + ")" * levels}, "pattern"),
                              ({"type": "string", "pattern": "(" * 1500 + "a" + ")" * 1500}, None),
                              ({"type": "array", "items": {"type": "integer"}, "minItems": 10**9}, "minItems"),
                              ({"enum": [str(i) for i in range(100_000)]}, "constants")):
            with self.subTest(schema=str(schema)[:60]):
                status, body, _ = SERVER.post(place, {"content": "x", "max_tokens": 4, **json.loads("{" + as_format % json.dumps(schema) + "}")})
                if words:
                    self.assertEqual((status, body["error"]["param"] or "response_format"), (400, "response_format"))
                    self.assertIn(words, body["error"]["message"])
                self.assertIn(status, (200, 400))
        for grammar in ("[" * levels, "root ::= " + "(" * 30_000 + '"a"' + ")" * 30_000):
            status, body, _ = SERVER.post(place, {"content": "x", "max_tokens": 4, "grammar": grammar})
            self.assertEqual((status, body["error"]["param"]), (400, "grammar"), body)
        self.assertEqual(SERVER.get("/health")[0], 200)

    def test_an_object_of_a_million_keys_is_refused_at_once(self):
        """Their time would grow with their square: an hour in which nobody else is answered."""
        body = "{" + ",".join(f'"x{i}":0' for i in range(1_000_000)) + "}"
        for path in ("/v1/completions", "/api/sessions"):
            status, answer, _ = SERVER.post(path, body)
            self.assertEqual(status, 400)
            self.assertIn("too many keys", answer["error"]["message"])

    def test_unknown_places(self):
        self.assertEqual(SERVER.get("/etc/passwd")[0], 404)
        self.assertEqual(SERVER.get("/../../etc/passwd")[0], 404)
        self.assertEqual(SERVER.request("PUT", "/v1/models")[0], 405)
        self.assertEqual(SERVER.get("/v1/models/nope")[1]["error"]["code"], "model_not_found")
        self.assertEqual(SERVER.get("/api/sessions/01890000-0000-7000-8000-000000000000")[0], 404)
        self.assertEqual(SERVER.get("/api/sessions/'%3B%20DROP%20TABLE%20sessions")[0], 404)

    def test_many_connections_and_slow_ones(self):
        idle = [socket.create_connection(("127.0.0.1", SERVER.port)) for _ in range(1000)]
        for connection in idle[:50]:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        self.assertEqual(SERVER.get("/health")[0], 200)
        more = [socket.create_connection(("127.0.0.1", SERVER.port)) for _ in range(100)]  # beyond the most that it keeps: closed at once
        self.assertEqual(more[-1].recv(1), b"")
        for connection in idle + more:
            connection.close()
        self.assertEqual(SERVER.get("/health")[0], 200)

    def test_a_key_is_needed_off_loopback_and_checked(self):
        refused = subprocess.run([CLI, "serve", "--host", "0.0.0.0", "--port", "0"], capture_output=True, timeout=20)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"key", refused.stderr)
        with tempfile.TemporaryDirectory() as folder:
            process, port = start_server(CLI, MODEL, folder, "--quiet", "--host", "0.0.0.0", "--api-key", "s3cret")
            for headers, wanted in (({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer s3cret2"}, 401), ({"Authorization": "Basic s3cret"}, 401), ({"x-api-key": ""}, 401),
                                    ({"Authorization": "Bearer s3cret"}, 200), ({"x-api-key": "s3cret"}, 200)):
                for method, path in (("GET", "/v1/models"), ("GET", "/health"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/api/sessions")):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                    connection.request(method, path, headers=headers)
                    answer = connection.getresponse()
                    body = json.loads(answer.read()) if answer.status == 401 else None
                    self.assertEqual(answer.status, wanted, (headers, path))
                    if body:
                        self.assertEqual(body["error"]["code"], "invalid_api_key")
                    connection.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)
            process.stdout.close()


class OpenAi(unittest.TestCase):
    def test_completion_is_deterministic_and_streams_the_same(self):
        status, body, _ = SERVER.post("/v1/completions", completion())
        self.assertEqual(status, 200, body)
        text = body["choices"][0]["text"]
        self.assertEqual(SERVER.post("/v1/completions", completion())[1]["choices"][0]["text"], text)
        connection = http.client.HTTPConnection("127.0.0.1", SERVER.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(completion(stream=True, stream_options={"include_usage": True})))
        events = connection.getresponse().read().decode().split("\n\n")
        self.assertEqual(events[-2], "data: [DONE]")
        chunks = [json.loads(e[6:]) for e in events[:-2]]
        self.assertEqual("".join(c["choices"][0]["text"] for c in chunks if c["choices"]), text)
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], body["usage"]["completion_tokens"])

    def test_choices_differ_by_index_alone(self):
        body = SERVER.post("/v1/completions", completion(n=3, temperature=1.0))[1]
        texts = [c["text"] for c in body["choices"]]
        self.assertEqual(len(texts), 3)
        self.assertEqual(texts[0], SERVER.post("/v1/completions", completion(temperature=1.0))[1]["choices"][0]["text"])
        self.assertGreater(len(set(texts)), 1)

    def test_the_prompt_is_not_read_twice(self):
        long = completion(prompt="The little fox walked through the forest and saw a bird. " * 20)
        SERVER.post("/v1/completions", long)
        usage = SERVER.post("/v1/completions", long)[1]["usage"]
        self.assertGreater(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"] // 2)

    def test_too_long_is_its_own_error(self):
        status, body, _ = SERVER.post("/v1/completions", completion(prompt="word " * 5000))
        self.assertEqual((status, body["error"]["code"]), (400, "context_length_exceeded"))

    def test_eight_clients_each_get_their_own_words(self):
        alone = [SERVER.post("/v1/completions", completion(seed=i, temperature=1.0, max_tokens=24))[1]["choices"][0]["text"] for i in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda i: SERVER.post("/v1/completions", completion(seed=i, temperature=1.0, max_tokens=24))[1]["choices"][0]["text"], range(8)))
        self.assertEqual(together, alone)

    def test_a_client_that_leaves_frees_its_place(self):
        connection = http.client.HTTPConnection("127.0.0.1", SERVER.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(completion(max_tokens=1500, stream=True, logit_bias={"2": -100})))
        connection.getresponse().read(64)
        connection.close()
        for _ in range(100):
            metrics = SERVER.get("/metrics")[1].decode()
            if re.search(r"^fabula_requests_active 0$", metrics, re.M):
                return
            time.sleep(0.05)
        self.fail("the request of a client that left is still running")

    def test_tokenize(self):
        tokens = SERVER.post("/tokenize", {"content": "Once upon a time"})[1]["tokens"]
        self.assertEqual(SERVER.post("/detokenize", {"tokens": tokens})[1]["content"].strip(), "Once upon a time")

    @unittest.skipUnless(openai and HAS_CHAT_MODEL, "needs the openai package and a chat model")
    def test_official_client(self):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{SERVER.port}/v1", api_key="none", max_retries=0)
        model = client.models.list().data[0].id
        messages = [{"role": "user", "content": "What is the capital of France?"}]
        whole = client.chat.completions.create(model=model, messages=messages, max_tokens=16, temperature=0, logprobs=True, top_logprobs=2)
        self.assertIn("Paris", whole.choices[0].message.content)
        self.assertEqual(len(whole.choices[0].logprobs.content), whole.usage.completion_tokens)
        self.assertEqual(whole.choices[0].logprobs.content[0].top_logprobs[0].token, whole.choices[0].logprobs.content[0].token)
        pieces = [c.choices[0].delta.content or "" for c in client.chat.completions.create(model=model, messages=messages, max_tokens=16, temperature=0, stream=True)]
        self.assertEqual("".join(pieces), whole.choices[0].message.content)
        self.assertEqual(client.models.retrieve(model).id, model)
        once = {"model": model, "prompt": "Once", "max_tokens": 3, "seed": 1, "n": 2}
        texts = client.completions.create(**once)
        self.assertEqual(texts.usage.completion_tokens, 6)
        streamed = ["", ""]
        for chunk in client.completions.create(**once, stream=True, stream_options={"include_usage": True}):
            for choice in chunk.choices:
                streamed[choice.index] += choice.text
        self.assertEqual(streamed, [choice.text for choice in texts.choices])
        self.assertEqual(chunk.usage.completion_tokens, 6)
        with self.assertRaises(openai.BadRequestError) as raised:
            client.chat.completions.create(model=model, messages=messages, tools=[{"type": "function", "function": {"name": "a b"}}])
        self.assertEqual(raised.exception.param, "tools")
        with self.assertRaises(openai.NotFoundError):
            client.chat.completions.create(model="no-such-model", messages=messages)
        with self.assertRaises(openai.BadRequestError) as raised:
            client.completions.create(model=model, prompt="word " * 5000)
        self.assertEqual(raised.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.APIStatusError) as raised:
            client.completions.create(model=model, prompt="word " * (4 << 20))
        self.assertEqual(raised.exception.status_code, 413)

    @unittest.skipUnless(openai, "needs the openai package")
    def test_official_client_and_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            process, port = start_server(CLI, STORY_MODEL, folder, "--quiet", "--api-key", "s3cret", context=512)
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="s3cret", max_retries=0)
            while not client.models.list().data:
                time.sleep(0.05)
            with self.assertRaises(openai.AuthenticationError):
                client.with_options(api_key="wrong").models.list()
            with self.assertRaises(openai.PermissionDeniedError):
                client.with_options(default_headers={"Origin": "http://evil.example"}).models.list()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0)
            process.stdout.close()
            with self.assertRaises(openai.APIConnectionError):
                client.models.list()


@unittest.skipUnless(HAS_CHAT_MODEL, "needs a model that takes its time")
class Crowd(unittest.TestCase):
    """More clients than places, and clients that leave wherever they are."""

    def begin(self, **more):
        """A streamed completion of which nothing is read."""
        body = json.dumps(completion(**{"max_tokens": 1800, "logit_bias": {"2": -100}, "stream": True, **more})).encode()
        connection = socket.create_connection(("127.0.0.1", SERVER.port), timeout=60)
        self.addCleanup(connection.close)
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return connection

    def comes_to(self, **wanted):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            metrics = SERVER.get("/metrics")[1].decode()
            now = {name: int(float(re.search(rf"^fabula_requests_{name} (\S+)$", metrics, re.M).group(1))) for name in wanted}
            if now == wanted:
                return
            time.sleep(0.02)
        self.fail(f"{now} is never {wanted}")

    def test_the_queue_has_an_end_and_places_come_back(self):
        words = SERVER.post("/v1/completions", completion())[1]["choices"][0]["text"]
        clients = [self.begin(seed=i) for i in range(16)]  # are served
        self.comes_to(active=16)
        clients += [self.begin(seed=i) for i in range(64)]  # wait
        self.comes_to(active=16, queued=64)
        status, body, headers = SERVER.post("/v1/completions", completion())
        self.assertEqual((status, body["error"]["code"], body["error"]["type"]), (503, "overloaded", "server_error"))
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertEqual(SERVER.get("/health")[0], 200)
        for client in clients[8:]:  # being served, and in the queue
            client.close()
        self.comes_to(active=8, queued=0)
        self.assertEqual(SERVER.post("/v1/completions", completion())[1]["choices"][0]["text"], words)
        for client in clients[:8]:
            client.close()
        self.comes_to(active=0, queued=0)

    def test_leaving_while_the_prompt_is_read(self):
        neighbour = completion(max_tokens=40, seed=9)
        words = SERVER.post("/v1/completions", neighbour)[1]["choices"][0]["text"]
        for attempt in range(3):
            writing = self.begin(seed=1)
            self.comes_to(active=1)
            reading = self.begin(prompt=f"{attempt} " + "Some words of a long prompt. " * 250)
            self.comes_to(active=2)
            reading.close()
            self.assertEqual(SERVER.post("/v1/completions", neighbour)[1]["choices"][0]["text"], words)
            self.comes_to(active=1, queued=0)
            writing.close()
            self.comes_to(active=0, queued=0)


class Sessions(unittest.TestCase):
    def story(self):
        status, session, _ = SERVER.post("/api/sessions", {"mode": "story"})
        self.assertEqual(status, 201, session)
        return "/api/sessions/" + session["id"]

    def test_a_story_is_written_rolled_back_and_told_again(self):
        place = self.story()
        status, reply, _ = SERVER.post(place + "/messages", {"role": "user", "content": "Once upon a time", "max_tokens": 10, "seed": 3})
        self.assertEqual((status, reply["role"], len(reply["tokens"]) <= 10), (200, "assistant", True), reply)
        view = SERVER.get(place)[1]
        self.assertEqual([m["role"] for m in view["messages"]], ["user", "assistant"])
        self.assertEqual(view["current"], reply["id"])
        first = view["messages"][0]["id"]
        view = SERVER.post(place + "/rollback", {"message": first})[1]
        self.assertEqual([m["id"] for m in view["messages"]], [first])
        again = SERVER.post(place + "/continue", {"max_tokens": 10, "seed": 3})[1]
        self.assertEqual(again["tokens"], reply["tokens"])
        self.assertGreaterEqual(len(SERVER.get(place + "?tree=1")[1]["messages"]), 3)
        exported = SERVER.get(place + "/export")[1]
        self.assertEqual(exported["format"], "fabula.session")

    def test_streaming_gives_deltas_and_then_the_message(self):
        place = self.story()
        connection = http.client.HTTPConnection("127.0.0.1", SERVER.port, timeout=60)
        connection.request("POST", place + "/messages", json.dumps({"content": "There was a cat", "max_tokens": 12, "seed": 1, "stream": True}))
        events = [json.loads(e[6:]) for e in connection.getresponse().read().decode().split("\n\n") if e.startswith("data: {")]
        self.assertEqual("".join(e["delta"] for e in events if "delta" in e), events[-1]["message"]["content"])

    def test_delete_restore_rename(self):
        place = self.story()
        self.assertEqual(SERVER.request("PATCH", place, {"title": "The fox"})[1]["title"], "The fox")
        self.assertEqual(SERVER.request("DELETE", place)[0], 200)
        self.assertNotIn(place[14:], [s["id"] for s in SERVER.get("/api/sessions")[1]["sessions"]])
        self.assertEqual(SERVER.post(place + "/restore", {})[0], 200)
        self.assertIn(place[14:], [s["id"] for s in SERVER.get("/api/sessions")[1]["sessions"]])

    def test_cancel_keeps_what_was_written(self):
        place = self.story()
        result = {}
        thread = threading.Thread(target=lambda: result.update(reply=SERVER.post(place + "/messages", {"content": "Once upon a time", "max_tokens": 1800, "seed": 1})))
        thread.start()
        time.sleep(0.3)
        SERVER.post(place + "/cancel", {})
        thread.join(30)
        self.assertIn(result["reply"][1]["finish_reason"], ("cancelled", "stop", "length"))

    def test_a_reply_may_be_held_to_rules(self):
        place = self.story()
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["n"], "additionalProperties": False}
        held = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}, "seed": 1, "max_tokens": 60}
        status, reply, _ = SERVER.post(place + "/messages", {"content": "A number: ", **held})
        self.assertEqual((status, reply["finish_reason"]), (200, "stop"), reply)
        self.assertEqual(list(json.loads(reply["content"])), ["n"])
        other = SERVER.post(place + "/regenerate", {"grammar": 'root ::= "yes" | "no"', "max_tokens": 20})[1]
        self.assertIn(other["content"], ("yes", "no"))
        for more, field in (({"grammar": "root ::= ("}, "grammar"), ({"grammar": 7}, "grammar"), ({"response_format": {"type": "xml"}}, "response_format"),
                            ({"response_format": {"type": "json_schema", "json_schema": {"schema": True}}}, "response_format"),
                            ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 7}}}}, "response_format"),
                            ({**held, "grammar": "root ::= \"a\""}, "grammar")):
            status, answer, _ = SERVER.post(place + "/regenerate", more)
            self.assertEqual((status, answer["error"]["param"]), (400, field), answer)
        self.assertEqual(len(SERVER.get(place)[1]["messages"]), 2)

    def test_openapi_names_every_path(self):
        document = SERVER.get("/openapi.json")[1]
        self.assertIn("/v1/chat/completions", document["paths"])
        self.assertIn("/api/sessions/{id}/messages", document["paths"])
        for path, operations in document["paths"].items():
            place = path.replace("{id}", "01890000-0000-7000-8000-000000000000")
            for method in operations:
                _, answer, _ = SERVER.request(method.upper(), place, "nonsense" if method != "get" else None)
                message = answer.get("error", {}).get("message", "") if isinstance(answer, dict) else ""
                self.assertNotIn("there is nothing at", message)
                self.assertNotIn("does not take that method", message)
            self.assertEqual(SERVER.request("PUT", place)[1]["error"]["code"], "method_not_allowed")


@unittest.skipUnless(HAS_CHAT_MODEL, "needs a chat model")
class Formats(unittest.TestCase):
    """response_format: the reply is held to it."""

    def chat(self, **more):
        return SERVER.post("/v1/chat/completions", {"model": completion()["model"], "messages": [{"role": "user", "content": "A cat, please."}], "max_tokens": 300, "seed": 2, **more})

    def schema(self, schema):
        return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}

    def test_json_schema(self):
        animal = {"type": "object", "properties": {"kind": {"enum": ["cat", "dog"]}, "legs": {"type": "integer", "minimum": 0, "maximum": 8}, "name": {"type": "string", "maxLength": 12}},
                  "required": ["kind", "legs", "name"], "additionalProperties": False}
        for stream in (False, True):
            with self.subTest(stream=stream):
                status, answer, _ = self.chat(response_format=self.schema(animal), stream=stream)
                self.assertEqual(status, 200)
                if stream:
                    chunks = [json.loads(line[6:]) for line in answer.decode().split("\n\n") if line.startswith("data: {")]
                    content = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)
                    self.assertEqual(chunks[-1]["choices"][0]["finish_reason"], "stop")
                else:
                    content = answer["choices"][0]["message"]["content"]
                    self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
                value = json.loads(content)
                self.assertEqual(list(value), ["kind", "legs", "name"])
                self.assertIn(value["kind"], ("cat", "dog"))
                self.assertTrue(0 <= value["legs"] <= 8 and len(value["name"]) <= 12)

    def test_json_object_and_length(self):
        status, answer, _ = self.chat(response_format={"type": "json_object"}, max_tokens=2000)
        choice = answer["choices"][0]
        self.assertEqual(status, 200)
        self.assertTrue(choice["finish_reason"] == "length" or isinstance(json.loads(choice["message"]["content"]), dict))
        self.assertTrue(choice["message"]["content"].startswith("{"))
        self.assertEqual(self.chat(response_format={"type": "json_object"}, max_tokens=2)[1]["choices"][0]["finish_reason"], "length")

    def test_refusals_name_keyword_and_place(self):
        for format, words in (({"type": "xml"}, "json_schema"), ({"type": "json_schema"}, "json_schema.schema"), ("json", "object"),
                              (self.schema({"type": "object", "properties": {"a": {"not": {}}}}), 'the keyword "not" at #/properties/a'),
                              (self.schema({"type": "string", "pattern": "(?=a)"}), "look-around"), (self.schema({"enum": []}), "no finite text")):
            with self.subTest(format=format):
                status, answer, _ = self.chat(response_format=format)
                self.assertEqual((status, answer["error"]["param"]), (400, "response_format"))
                self.assertIn(words, answer["error"]["message"])


@unittest.skipUnless(HAS_CHAT_MODEL, "needs a chat model")
class Tools(unittest.TestCase):
    TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather of a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}}, "required": ["city"], "additionalProperties": False}}},
             {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}}]

    def chat(self, messages=None, **more):
        return SERVER.post("/v1/chat/completions", {"model": completion()["model"], "max_tokens": 300, "seed": 3, "tools": self.TOOLS,
                                                    "messages": messages or [{"role": "user", "content": "What is the weather in Paris?"}], **more})

    def test_required_and_named(self):
        for choice, names in (("required", {"get_weather", "get_time"}), ({"type": "function", "function": {"name": "get_time"}}, {"get_time"})):
            for stream in (False, True):
                with self.subTest(choice=choice, stream=stream):
                    status, answer, _ = self.chat(tool_choice=choice, parallel_tool_calls=False, stream=stream)
                    self.assertEqual(status, 200)
                    if stream:
                        chunks = [json.loads(line[6:]) for line in answer.decode().split("\n\n") if line.startswith("data: {")]
                        pieces = [c for chunk in chunks for c in chunk["choices"][0]["delta"].get("tool_calls", [])]
                        finish = chunks[-1]["choices"][0]["finish_reason"]
                        self.assertEqual({c["index"] for c in pieces}, {0})
                        self.assertEqual(["id" in c for c in pieces], [True] + [False] * (len(pieces) - 1))
                        calls = [{**pieces[0], "function": {**pieces[0]["function"], "arguments": "".join(c["function"]["arguments"] for c in pieces)}}]
                        self.assertEqual(pieces[0]["function"]["arguments"], "")
                        self.assertGreater(len(pieces), 1)
                        self.assertEqual("".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks), "")
                    else:
                        calls, finish = answer["choices"][0]["message"]["tool_calls"], answer["choices"][0]["finish_reason"]
                        self.assertIsNone(answer["choices"][0]["message"]["content"])
                    self.assertEqual((len(calls), finish), (1, "tool_calls"))
                    self.assertEqual(calls[0]["type"], "function")
                    self.assertIn(calls[0]["function"]["name"], names)
                    arguments = json.loads(calls[0]["function"]["arguments"])
                    self.assertTrue(set(arguments) <= {"city", "unit"})

    def test_a_whole_round(self):
        messages = [{"role": "user", "content": "What is the weather in Paris?"}]
        message = self.chat(messages, tool_choice="required")[1]["choices"][0]["message"]
        messages += [message] + [{"role": "tool", "tool_call_id": call["id"], "content": "sunny, 20 C"} for call in message["tool_calls"]]
        status, answer, _ = self.chat(messages, tool_choice="none", max_tokens=20)
        self.assertEqual(status, 200)
        self.assertNotIn("tool_calls", answer["choices"][0]["message"])
        self.assertTrue(answer["choices"][0]["message"]["content"])

    def test_auto_and_strict(self):
        self.assertEqual(self.chat(max_tokens=20)[0], 200)
        strict = json.loads(json.dumps(self.TOOLS))
        strict[0]["function"]["strict"] = True
        status, answer, _ = self.chat(tools=strict, max_tokens=60)
        self.assertEqual(status, 200)
        for call in answer["choices"][0]["message"].get("tool_calls", []):
            json.loads(call["function"]["arguments"])

    def test_refusals(self):
        for more, field in (({"tool_choice": "maybe"}, "tool_choice"), ({"tools": [{"type": "web_search"}]}, "tools"), ({"functions": [{}]}, "functions"),
                            ({"messages": [{"role": "user", "content": "x"}, {"role": "tool", "content": "y"}]}, "messages"),
                            ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": "["}}]}]}, "messages")):
            with self.subTest(more=more):
                status, answer, _ = self.chat(**more)
                self.assertEqual((status, answer["error"]["param"]), (400, field))

    @unittest.skipUnless(openai, "OpenAI's client is not installed")
    def test_official_client(self):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{SERVER.port}/v1", api_key="none")
        answer = client.chat.completions.create(model=completion()["model"], messages=[{"role": "user", "content": "The weather in Rome?"}], tools=self.TOOLS, tool_choice="required", max_tokens=300, seed=4)
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        json.loads(answer.choices[0].message.tool_calls[0].function.arguments)
        with client.chat.completions.stream(model=completion()["model"], messages=[{"role": "user", "content": "The weather in Rome?"}], tools=self.TOOLS, tool_choice="required", max_tokens=300, seed=4) as stream:
            streamed = stream.get_final_completion().choices[0]
        self.assertEqual(streamed.finish_reason, "tool_calls")
        self.assertEqual([(c.function.name, c.function.arguments) for c in streamed.message.tool_calls], [(c.function.name, c.function.arguments) for c in answer.choices[0].message.tool_calls])


if __name__ == "__main__":
    unittest.main(verbosity=1)
