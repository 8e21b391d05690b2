#!/usr/bin/env python3
"""A model hub on 127.0.0.1 that answers as huggingface.co does: /api/models, /api/models/ID, its tree (in pages), and
/ID/resolve/REVISION/PATH, which leads to another port where the bytes lie. Prints "HUB_PORT FILES_PORT".
POST /control with a JSON object changes how it behaves; GET /log tells every request since the last POST.
ORG/NAME=FOLDER on the command line serves a folder's files as one more repository."""

import hashlib
import http.server
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

MIB = 1 << 20
REVISION = "0123456789abcdef0123456789abcdef01234567"
GOOD_TOKEN = "good-token"
lock = threading.Lock()
log = []
control = {}
ports = []


def noise(seed, n):
    return random.Random(seed).randbytes(n)


def repository(files, licence="apache-2.0", downloads=10, gated=False, extra=()):
    """files: path -> (content, is it large)"""
    return {"files": files, "licence": licence, "downloads": downloads, "gated": gated, "extra": list(extra)}


REPOSITORIES = {
    "good/Tiny-GGUF": repository({
        "tiny-Q4_K_M.gguf": (noise(1, 5 * MIB + 123), True),
        "tiny-Q8_0.gguf": (noise(2, 9 * MIB), True),
        "BF16/tiny-BF16-00001-of-00003.gguf": (noise(3, 2 * MIB), True),
        "BF16/tiny-BF16-00002-of-00003.gguf": (noise(4, 3 * MIB + 1), True),
        "BF16/tiny-BF16-00003-of-00003.gguf": (noise(5, 77), True),
        "mmproj-tiny-f16.gguf": (noise(6, 1000), True),
        "README.md": (b"---\nlicense: apache-2.0\n---\n", False),
        ".gitattributes": (b"*.gguf filter=lfs\n", False)}, downloads=5000),
    "good/Folder": repository({
        "config.json": (b'{"model_type": "llama"}', False),
        "model.safetensors.index.json": (b'{"weight_map": {}}', False),
        "model-00001-of-00002.safetensors": (noise(7, 4 * MIB), True),
        "model-00002-of-00002.safetensors": (noise(8, MIB + 5), True),
        "consolidated.safetensors": (noise(9, MIB), True),
        "tokenizer.json": (noise(10, 2 * MIB), True),
        "tokenizer_config.json": (b"{}", False),
        "pytorch_model.bin": (noise(11, 100), True),
        "onnx/model.onnx": (noise(12, 100), True)}, downloads=100, licence="mit"),
    "evil/Names-GGUF": repository({"ok.gguf": (noise(13, 1000), True)}, extra=[
        "../escape.gguf", "/absolute.gguf", "a/../../b.gguf", "back\\slash.gguf", "..\\up.gguf", ".hidden.gguf", "dir/.hid/x.gguf",
        "c:/drive.gguf", "new\nline.gguf", "a//b.gguf", "", "dir/./x.gguf", "x" * 600 + ".gguf"]),
    "gated/Model": repository({"m-Q8_0.gguf": (noise(14, 1000), True)}, gated="manual", licence="llama3.2"),
}


def control_value(name):
    with lock:
        return control.get(name)


def spend(name):
    """One of the times that a fault is to happen: true while some are left."""
    with lock:
        left = control.get(name, 0)
        if left > 0:
            control[name] = left - 1
        return left > 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value, headers=()):
        self.answer(200, json.dumps(value).encode(), [("Content-Type", "application/json"), *headers])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            control.clear()
            control.update(json.loads(body or b"{}"))
            log.clear()
        self.answer(200)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        query = urllib.parse.parse_qs(url.query)
        port = self.server.server_address[1]
        if path == "/log":
            with lock:
                return self.json(log)
        with lock:
            log.append({"port": port, "path": self.path, "range": self.headers.get("Range"),
                        "authorization": self.headers.get("Authorization")})
        if port == ports[1]:
            return self.serve_bytes(path)
        if spend("api_429"):
            return self.answer(429, b"", [("Retry-After", "1")])
        if path == "/api/whoami-v2":
            if self.headers.get("Authorization") != f"Bearer {GOOD_TOKEN}":
                return self.answer(401, b'{"error":"Invalid username or password."}')
            return self.json({"type": "user", "name": "reader"})
        if path == "/api/models":
            return self.search(query)
        if path.startswith("/api/models/"):
            return self.about(path.removeprefix("/api/models/"), query)
        return self.resolve(path)

    do_HEAD = do_GET

    def search(self, query):
        words = query.get("search", [""])[0].lower()
        found = []
        for name, repo in REPOSITORIES.items():
            if words not in name.lower():
                continue
            gguf = any(p.endswith(".gguf") for p in repo["files"])
            entry = {"id": name, "downloads": repo["downloads"], "likes": 3, "gated": repo["gated"],
                     "tags": (["gguf"] if gguf else ["safetensors"]) + ["license:" + repo["licence"]]}
            if gguf:
                entry["gguf"] = {"total": 135000000, "architecture": "llama"}
            found.append(entry)
        found.append({"id": "no/Weights", "downloads": 1, "tags": ["license:mit"]})
        found.append({"id": "../../etc/passwd", "downloads": 1, "tags": ["gguf"]})
        self.json(sorted(found, key=lambda e: -e["downloads"])[: int(query.get("limit", ["30"])[0])])

    def may_read(self, name):
        repo = REPOSITORIES.get(name)
        token = self.headers.get("Authorization")
        if not repo:
            self.answer(404 if token else 401, b'{"error":"Repository not found"}', [("X-Error-Code", "RepoNotFound")])
            return False
        if repo["gated"] and token != f"Bearer {GOOD_TOKEN}":
            self.answer(403 if token else 401, b'{"error":"Access to model is restricted"}', [("X-Error-Code", "GatedRepo")])
            return False
        return True

    def about(self, rest, query):
        name, _, tree = rest.partition("/tree/")
        repo = REPOSITORIES.get(name)
        if not repo:
            return self.may_read(name)
        if not tree:
            return self.json({"id": name, "sha": REVISION, "gated": repo["gated"], "tags": ["license:" + repo["licence"]],
                              "cardData": {"license": repo["licence"]}})
        if tree != REVISION:
            return self.answer(404, b"", [("X-Error-Code", "RevisionNotFound")])
        entries = [{"type": "directory", "path": "BF16", "size": 0}]
        for path, (content, large) in repo["files"].items():
            size = control_value("claimed_bytes") or len(content)
            entry = {"type": "file", "path": path, "size": size, "oid": "0" * 40}
            if large:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 134}
            entries.append(entry)
        entries += [{"type": "file", "path": p, "size": 5, "oid": "1" * 40} for p in repo["extra"]]
        at = int(query.get("cursor", ["0"])[0])
        link = []
        if at + 4 < len(entries):
            link = [("Link", f'<http://127.0.0.1:{ports[0]}/api/models/{name}/tree/{tree}?recursive=true&cursor={at + 4}>; rel="next"')]
        return self.json(entries[at:at + 4], link)

    def resolve(self, path):
        parts = path.strip("/").split("/")
        name, file = "/".join(parts[:2]), "/".join(parts[4:])
        if not self.may_read(name):
            return None
        files = REPOSITORIES[name]["files"]
        if file not in files or parts[2:4] != ["resolve", REVISION]:
            return self.answer(404, b"", [("X-Error-Code", "EntryNotFound")])
        content, large = files[file]
        if not large:
            return self.answer(200, content)
        return self.answer(302, b"", [("Location", f"http://127.0.0.1:{ports[1]}/{urllib.parse.quote(name + '/' + file)}?signature=x"),
                                      ("X-Linked-Size", str(len(content)))])

    def serve_bytes(self, path):
        parts = path.strip("/").split("/")
        content, _ = REPOSITORIES["/".join(parts[:2])]["files"]["/".join(parts[2:])]
        if self.headers.get("Authorization"):  # as object stores do: two kinds of signature are refused
            return self.answer(400, b"Only one auth mechanism allowed")
        for status in (403, 404, 416, 500):
            if spend(f"status_{status}"):
                return self.answer(status)
        if spend("status_429"):
            return self.answer(429, b"", [("Retry-After", "1")])
        if spend("wrong_bytes"):
            content = bytes(b ^ 1 for b in content)
        if spend("short_file"):
            content = content[:-100]
        first, last, status, headers = 0, len(content) - 1, 200, []
        wanted = self.headers.get("Range")
        if wanted and not control_value("no_ranges"):
            a, b = wanted.removeprefix("bytes=").split("-")
            first, last = int(a), min(int(b) if b else last, last)
            if first > last:
                return self.answer(416, b"", [("Content-Range", f"bytes */{len(content)}")])
            status, headers = 206, [("Content-Range", f"bytes {first}-{last}/{len(content)}")]
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(last - first + 1))]:
            self.send_header(name, value)
        self.end_headers()
        return self.write_slowly(content[first:last + 1])

    def write_slowly(self, body):
        cut = control_value("cut_after") if spend("cuts") else None
        stall = control_value("stall_after") if spend("stalls") else None
        rate = control_value("bytes_per_second")
        step = max(4096, rate // 50) if rate else 1 << 16
        for at in range(0, len(body), step):
            if cut is not None and at >= cut:
                self.close_connection = True
                return
            if stall is not None and at >= stall:
                time.sleep(30)
                return
            self.wfile.write(body[at:at + step])
            if rate:
                time.sleep(step / rate)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what these tests are about


def serve():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


for argument in sys.argv[1:]:
    name, folder = argument.split("=", 1)
    REPOSITORIES[name] = repository({p.relative_to(folder).as_posix(): (p.read_bytes(), p.suffix in (".gguf", ".safetensors"))
                                     for p in pathlib.Path(folder).rglob("*") if p.is_file()}, downloads=99999)
ports += [serve(), serve()]
print(*ports, flush=True)
threading.Event().wait()
