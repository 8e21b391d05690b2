#!/usr/bin/env python3
"""Mixed traffic from many clients for half a minute (ten with FABULA_FULL=1): chats, completions, sessions, schemas, functions,
clients that leave, nonsense. No answer is a 500, /health stays quick, memory stays flat."""

import http.client
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from server_support import model_or_skip

CLI = sys.argv[1]
SECONDS = float(os.environ.get("FABULA_SOAK_SECONDS", 600 if os.environ.get("FABULA_FULL") == "1" else 30))
MODEL = model_or_skip()
SEED = int(os.environ.get("FABULA_SEED", "0")) or random.SystemRandom().getrandbits(32)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string", "maxLength": 8}}, "required": ["a", "b"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}

problems, counts, lock = [], {}, threading.Lock()


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


class Client(threading.Thread):
    def __init__(self, port, model, number, until):
        super().__init__()
        self.port, self.model, self.until = port, model, until
        self.random = random.Random(SEED + number)

    def ask(self, method, path, body=None, leave_after=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
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
            connection.close()

    def run(self):
        kinds = [self.complete, self.complete, self.chat, self.leave, self.session, self.nonsense, self.held]
        while time.monotonic() < self.until:
            try:
                self.random.choice(kinds)()
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
        self.ask("POST", place + "/regenerate", {"max_tokens": 4, "seed": 2})
        self.ask("POST", place + "/continue", {"max_tokens": 4, "seed": 2})
        self.ask("GET", place)
        self.ask("DELETE", place)

    def nonsense(self):
        path = self.random.choice(["/v1/chat/completions", "/v1/completions", "/tokenize", "/api/sessions", "/nowhere", "/api/sessions/x/messages"])
        self.ask("POST", path, self.random.choice(["", "{", "[]", "null", '{"model":7}', '{"max_tokens":-1}', "\x00", "x" * 5000]))


def main():
    print(f"FABULA_SEED={SEED}")
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([CLI, "--data-dir", folder, "serve", "-m", MODEL, "--port", "0", "--context", "2048", "--quiet"], stdout=subprocess.PIPE, text=True)
        port = int(re.search(r":(\d+)$", server.stdout.readline().strip()).group(1))

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
        clients = [Client(port, model, i, until) for i in range(12)]
        for client in clients:
            client.start()
        slowest, memory = 0.0, []
        while time.monotonic() < until:
            start = time.monotonic()
            get("/health")
            slowest = max(slowest, time.monotonic() - start)
            memory.append(resident_mb(server.pid))
            time.sleep(0.5)
        for client in clients:
            client.join()
        # What is kept of the three prompts is there by the middle; from then on nothing may grow.
        middle, end = max(memory[len(memory) // 3 : 2 * len(memory) // 3]), memory[-1]
        server.send_signal(signal.SIGTERM)
        code = server.wait(10)
    print(f"{sum(counts.values())} answers {dict(sorted(counts.items()))}, slowest /health {slowest:.3f} s, memory {memory[0]:.0f} -> {middle:.0f} -> {end:.0f} MB")
    for problem in problems[:10]:
        print("problem:", problem)
    flat = end < 1.1 * middle + 16
    return 1 if problems or code != 0 or not flat or not counts.get(200) else 0


sys.exit(main())
