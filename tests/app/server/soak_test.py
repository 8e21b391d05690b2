#!/usr/bin/env python3
"""Mixed traffic from many clients for half a minute (ten minutes with FABULA_FULL=1): chats, completions, sessions, schemas,
functions, clients that leave, nonsense, and other processes that share the sessions. No answer is a 500, none stays away,
/health stays quick, memory stays flat. Built with ThreadSanitizer as well, where the server's end tells whether there was a race.

On a machine that is starved of processor time everything is late, and that is no fault of the server. So /health is held against a
server of a few lines beside it, and an answer stays away only where the server has had the time to write it or did not want any."""

import http.client
import http.server
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from server_support import MODEL, start_server

CLI = sys.argv[1]
SECONDS = float(os.environ.get("FABULA_SOAK_SECONDS", 600 if os.environ.get("FABULA_FULL") == "1" else 30))
SEED = int(os.environ.get("FABULA_SEED", "0")) or random.SystemRandom().getrandbits(32)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 8}}, "required": ["a", "b"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}

problems, counts, lock = [], {}, threading.Lock()


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def processor_time(pid):
    """Seconds that all threads of a process have run, and that they wanted to run and had no core."""
    ran = waited = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            a, b, _ = map(int, (task / "schedstat").read_text().split())
        except OSError:
            continue  # that thread has just ended
        ran, waited = ran + a, waited + b
    return ran / 1e9, waited / 1e9


def stays_away(wall, ran, waited):
    """An answer for which the server has had a minute of processor time, or none at all although it wanted none."""
    return ran > 60 or (wall > 60 and ran + waited < 0.02 * wall)


def yardstick():
    """Serves GET / as simply as it goes; the port on standard output. A process of its own, as the server is."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def seconds_for(port, path):
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
    return time.monotonic() - start


class Client(threading.Thread):
    def __init__(self, port, data, model, number, until):
        super().__init__(daemon=True)  # one that is never answered must not keep the test
        self.port, self.data, self.model, self.until = port, data, model, until
        self.asked = None  # since when, and what: while an answer is awaited
        self.random = random.Random(SEED + number)

    def ask(self, method, path, body=None, leave_after=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3600)
        self.asked = (time.monotonic(), method, path, body)
        try:
            connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body)
            if leave_after is not None:
                time.sleep(leave_after)
                return None, None
            answer = connection.getresponse()
            text = answer.read()
            with lock:
                counts[answer.status] = counts.get(answer.status, 0) + 1
                if answer.status == 500:
                    problems.append((path, body, text[:300]))
            return answer.status, text
        finally:
            self.asked = None
            connection.close()

    def run(self):
        kinds = {self.complete: 8, self.chat: 4, self.leave: 4, self.session: 4, self.nonsense: 4, self.held: 4, self.look: 4, self.share: 1}
        while time.monotonic() < self.until and not problems:
            try:
                self.random.choices(list(kinds), kinds.values())[0]()
            except OSError as error:
                with lock:
                    problems.append(("connection", repr(error)))

    def base(self, **more):
        return {"model": self.model, "max_tokens": self.random.choice([1, 8, 24]), "seed": self.random.randint(0, 1), "stream": self.random.random() < 0.5, **more}

    def prompt(self):
        """One of three: kept prefixes may take what memory is free, so that only what comes again shows whether anything else grows."""
        words = random.Random(self.random.randint(0, 2))
        return " ".join(words.choice(["once", "upon", "a", "time", "the", "fox", "sea", "ran"]) for _ in range(words.randint(10, 120)))

    def complete(self):
        self.ask("POST", "/v1/completions", self.base(prompt=self.prompt(), n=self.random.randint(1, 2)))

    def chat(self):
        self.ask("POST", "/v1/chat/completions", self.base(messages=[{"role": "user", "content": self.prompt()}]))

    def held(self):
        more = self.random.choice([{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}, {"response_format": {"type": "json_object"}},
                                   {"tools": [TOOL], "tool_choice": "required"}])
        self.ask("POST", "/v1/chat/completions", self.base(messages=[{"role": "user", "content": "Tell."}], **more))

    def leave(self):
        self.ask("POST", "/v1/completions", self.base(prompt=self.prompt(), max_tokens=2000), leave_after=self.random.random() * 0.3)

    def session(self):
        place = "/api/sessions/" + json.loads(self.ask("POST", "/api/sessions", {"mode": "story"})[1])["id"]
        self.ask("POST", place + "/messages", {"content": self.prompt(), "max_tokens": 8, "seed": 1})
        rules = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
        self.ask("POST", place + "/regenerate", {"max_tokens": 8, "seed": 2, **self.random.choice([{}, rules])})
        self.ask("POST", place + "/continue", {"max_tokens": 4, "seed": 2, "stream": self.random.random() < 0.5})
        self.ask("GET", place)
        self.ask("GET", place + "/export")
        self.ask("DELETE", place)

    def look(self):
        self.ask("GET", self.random.choice(["/metrics", "/v1/models", "/api/sessions", "/openapi.json"]))
        self.ask("POST", "/detokenize", {"tokens": json.loads(self.ask("POST", "/tokenize", {"content": self.prompt()})[1])["tokens"]})

    def share(self):
        """Another process, attached to this one. It may find that the host has no time: it waits for seconds, not for ever."""
        run = subprocess.run([CLI, "--data-dir", self.data, "sessions", "list", "--json"], capture_output=True, text=True)
        with lock:
            counts["shared"] = counts.get("shared", 0) + (run.returncode == 0)
            if run.returncode != 0 and "are in use by" not in run.stderr:
                problems.append(("sessions list", run.returncode, run.stderr[-300:]))

    def nonsense(self):
        path = self.random.choice(["/v1/chat/completions", "/v1/completions", "/tokenize", "/api/sessions", "/nowhere", "/api/sessions/x/messages"])
        self.ask("POST", path, self.random.choice(["", "{", "[]", "null", '{"model":7}', '{"max_tokens":-1}', "\x00", "x" * 5000]))


def main():
    print(f"FABULA_SEED={SEED}")
    with tempfile.TemporaryDirectory() as folder:
        server, port = start_server(CLI, MODEL, folder, "--quiet")
        data = str(next(pathlib.Path(folder).iterdir()))

        def get(path):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path)
            answer = json.loads(connection.getresponse().read())
            connection.close()
            return answer

        while not get("/v1/models")["data"]:
            time.sleep(0.1)
        model = get("/v1/models")["data"][0]["id"]
        until = time.monotonic() + SECONDS
        clients = [Client(port, data, model, i, until) for i in range(12)]
        for client in clients:
            client.start()
        other = subprocess.Popen([sys.executable, __file__, "yardstick"], stdout=subprocess.PIPE, text=True)
        other_port = int(other.stdout.readline())
        health, beside, memory, used = [], [], [], {}
        while any(client.is_alive() for client in clients) and not problems:
            if time.monotonic() < until:
                health.append(seconds_for(port, "/health"))
                beside.append(seconds_for(other_port, "/"))
                memory.append(resident_mb(server.pid))
            now, (ran, waited) = time.monotonic(), processor_time(server.pid)
            for client in clients:
                asked = client.asked
                begun = used.get(client)
                if asked is None or begun is None or begun[0] != asked:
                    used[client] = (asked, ran, waited)
                elif stays_away(now - asked[0], ran - begun[1], waited - begun[2]):
                    with lock:
                        problems.append(("no answer", *asked[1:], f"{now - asked[0]:.0f} s, of which the server ran {ran - begun[1]:.1f} s"))
            time.sleep(0.5)
        other.kill()
        other.wait()
        other.stdout.close()
        # What is kept of the three prompts is there by the middle; from then on nothing may grow.
        middle, end = max(memory[len(memory) // 3 : 2 * len(memory) // 3 + 1]), memory[-1]
        server.send_signal(signal.SIGTERM)
        code = server.wait(60)
        for client in clients:
            client.join(60)  # its own processes write into the folder
    print(f"answers {counts}, /health {statistics.median(health):.3f} s, slowest {max(health):.3f} s (beside it {statistics.median(beside):.3f}, {max(beside):.3f}), memory {memory[0]:.0f} -> {middle:.0f} -> {end:.0f} MB")
    if code != 0:
        problems.append(("the server ended with", code))
    for problem in problems[:10]:
        print("problem:", problem)
    flat = end < 1.1 * middle + 16
    instrumented = "TSAN_OPTIONS" in os.environ  # and slow: the other build is judged by its speed
    quick = instrumented or statistics.median(health) < max(0.1, 5 * statistics.median(beside))
    return 1 if problems or not flat or not quick or not counts.get(200) else 0


sys.exit(yardstick() if CLI == "yardstick" else main())
