#!/usr/bin/env python3
"""Two HTTP servers on two ports of 127.0.0.1 (two hosts, as far as a client may care), and one with a certificate nobody
trusts where openssl is at hand. Prints "PORT OTHER_PORT TLS_PORT" (0: none). What a path does stands in Handler.do_GET."""

import http.server
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

BODY = bytes(i * 7 % 251 for i in range(300000))
ports = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def redirect(self, status, to):
        self.answer(status, b"x" * 1000, [("Location", to)])

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/echo":
            told = {"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                    "port": self.server.server_address[1]}
            self.answer(200, json.dumps(told).encode(), [("X-Twice", "first"), ("X-Twice", "second")])
        elif path == "/body":
            self.ranged()
        elif path == "/here":
            self.redirect(302, "/echo?q=1")
        elif path == "/there":
            self.redirect(307, f"http://127.0.0.1:{ports[1]}/echo")
        elif path == "/there-and-back":
            self.redirect(302, f"http://127.0.0.1:{ports[1]}/back")
        elif path == "/back":
            self.redirect(302, f"http://127.0.0.1:{ports[0]}/echo")
        elif path == "/loop":
            self.redirect(302, "/loop")
        elif path == "/to-file":
            self.redirect(302, "file:///etc/passwd")
        elif path.startswith("/status/"):
            self.answer(int(path.split("/")[2]), b"why", [("Retry-After", "3")])
        elif path == "/cut":
            self.answer(200, BODY[:1000], length=len(BODY))
            self.close_connection = True
        elif path == "/stall":
            self.answer(200, BODY[:1000], length=len(BODY))
            self.wfile.flush()
            time.sleep(20)
        elif path == "/silence":
            time.sleep(20)
        elif path == "/endless-headers":
            self.send_response(200)
            for i in range(5000):
                self.wfile.write(b"X-%d: " % i + b"y" * 200 + b"\r\n")
            self.end_headers()
        elif path == "/nonsense":
            self.wfile.write(b"220 this is a mail server\r\n")
            self.close_connection = True
        elif path == "/slow":  # chunked, 20 pieces in 2 seconds
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(20):
                self.wfile.write(b"5\r\ndata%d\r\n" % (i % 10))
                self.wfile.flush()
                time.sleep(0.1)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(404, b"nothing here")

    do_HEAD = do_GET
    do_DELETE = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/moved":
            return self.redirect(302, "/echo")
        self.answer(200, body, [("X-Type", self.headers.get("Content-Type", ""))])

    def ranged(self):
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, BODY)
        first, last = wanted.removeprefix("bytes=").split("-")
        first, last = int(first), int(last) if last else len(BODY) - 1
        if first >= len(BODY):
            return self.answer(416, b"", [("Content-Range", f"bytes */{len(BODY)}")])
        last = min(last, len(BODY) - 1)
        self.answer(206, BODY[first:last + 1], [("Content-Range", f"bytes {first}-{last}/{len(BODY)}")])

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # clients that hang up are what these tests are about


def serve(context=None):
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def self_signed():
    if not shutil.which("openssl"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key", "-out", f"{folder}/crt"],
                              capture_output=True)
        if made.returncode != 0:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/crt", f"{folder}/key")
        return context


context = self_signed()
ports += [serve(), serve(), serve(context) if context else 0]
print(*ports, flush=True)
threading.Event().wait()
