#!/usr/bin/env python3
"""models pull, search, login, list and remove of fabula-cli, against the hub on 127.0.0.1 of tests/core/hub."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

CLI = sys.argv.pop(1)
DATA = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent"))
TINY = DATA / "models/tinystories-656k"
HUB = pathlib.Path(__file__).resolve().parents[2] / "core/hub/hub_server.py"


class Models(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.temporary.name)
        upload = self.home / "upload"
        upload.mkdir()
        for name in ("TinyStories-656K-Q8_0.gguf",):
            (upload / name).symlink_to(TINY / name)
        self.server = subprocess.Popen([sys.executable, HUB, f"tiny/Stories-GGUF={upload}"], stdout=subprocess.PIPE)
        self.port = int(self.server.stdout.readline().split()[0])
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and k != "OLLAMA_MODELS"}
        self.env.update(HOME=str(self.home), HF_ENDPOINT=f"http://127.0.0.1:{self.port}")

    def tearDown(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        self.temporary.cleanup()

    def run_cli(self, *arguments, stdin=None, check=0):
        result = subprocess.run([CLI, "--data-dir", self.home / "fabula", *map(str, arguments)], input=stdin, capture_output=True,
                                timeout=120, env=self.env)
        self.assertEqual(result.returncode, check, result.stderr.decode())
        return result

    def models(self):
        listed = json.loads(self.run_cli("models", "list", "--json").stdout)["models"]
        return {m["name"]: m for m in listed if m["found_in"] != "built in"}

    def control(self, **how):
        import urllib.request
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}/control", json.dumps(how).encode(), method="POST"))

    def test_from_wanting_to_talking_to_removing(self):
        found = json.loads(self.run_cli("models", "search", "stories", "--json").stdout)["models"]
        self.assertEqual([m["name"] for m in found], ["tiny/Stories-GGUF"])
        self.assertIn(b"tiny/Stories-GGUF", self.run_cli("models", "search", "stories").stdout)
        pulled = json.loads(self.run_cli("models", "pull", "tiny/Stories-GGUF", "--json").stdout)
        self.assertEqual(pulled["name"], "TinyStories-656K-Q8_0")
        self.assertEqual(pathlib.Path(pulled["path"]).read_bytes(), (TINY / "TinyStories-656K-Q8_0.gguf").read_bytes())
        listed = self.models()["TinyStories-656K-Q8_0"]
        self.assertEqual((listed["source"], listed["found_in"], listed["type"], listed["unusable"]),
                         ("tiny/Stories-GGUF", "Fabula", "Q8_0", None))
        self.assertEqual(listed["last_used"], None)
        text = self.run_cli("generate", "-m", "TinyStories-656K-Q8_0", "-p", "Once", "--max-tokens", "5", "--seed", "1").stdout
        self.assertTrue(text.strip())
        self.assertIsNotNone(self.models()["TinyStories-656K-Q8_0"]["last_used"])
        self.assertIn(b"is there already", self.run_cli("models", "pull", "tiny/Stories-GGUF").stdout)
        self.run_cli("models", "remove", "TinyStories-656K-Q8_0")
        self.assertEqual(self.models(), {})
        self.assertIn(b"no model", self.run_cli("models", "remove", "TinyStories-656K-Q8_0", check=1).stderr)

    def test_gated_models_and_the_token(self):
        refused = self.run_cli("models", "pull", "gated/Model", check=1).stderr.decode()
        self.assertIn("accepted its conditions", refused)
        self.assertIn("models login", refused)
        self.assertIn(b"does not know this access token", self.run_cli("models", "login", stdin=b"wrong\n", check=1).stderr)
        self.assertIn(b"reader", self.run_cli("models", "login", stdin=b"good-token\n").stdout)
        token = self.home / "fabula/config/hub_token"
        self.assertEqual(stat.S_IMODE(token.stat().st_mode), 0o600)
        self.run_cli("models", "pull", "gated/Model")
        self.run_cli("models", "login", "--forget")
        self.assertFalse(token.exists())

    def test_interrupted_it_goes_on(self):
        self.control(bytes_per_second=1 << 20)
        process = subprocess.Popen([CLI, "--data-dir", self.home / "fabula", "models", "pull", "good/Tiny-GGUF:Q8_0"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.env)
        partial = self.home / "fabula/data/models/.partial"
        deadline = time.time() + 30
        while time.time() < deadline and not any(b"\x01" in p.read_bytes() for p in partial.glob("*.map")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"goes on where it was", told)
        self.assertEqual(self.models(), {})
        self.control()
        self.run_cli("models", "pull", "good/Tiny-GGUF:Q8_0")
        self.assertIn("tiny-Q8_0", self.models())  # noise, and listed with the reason why it cannot be used
        self.assertIn("no model file", self.models()["tiny-Q8_0"]["unusable"])

    def test_words_that_name_nothing(self):
        self.assertIn(b"org/name", self.run_cli("models", "pull", "justaname", check=1).stderr)
        self.assertIn(b"Q4_K_M", self.run_cli("models", "pull", "good/Tiny-GGUF:Q2_K", check=1).stderr)
        self.run_cli("models", "pull", "no/Such", check=1)


if __name__ == "__main__":
    if not TINY.exists():
        print("skipped: FABULA_TESTDATA does not name the folder of the test vectors")
        sys.exit(77)
    unittest.main()
