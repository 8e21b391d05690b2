#!/usr/bin/env python3
"""The story model that comes with Fabula: found without being named by a path, light, complete, and able to tell a story."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

CLI = sys.argv.pop(1)
DATA = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent"))
TEXT = DATA / "text/tinystories/tinystories_val_794k.txt"
NAME = "fabula-story"
MOST_BYTES = 12_000_000
MOST_BITS_PER_BYTE = 1.1  # of text that it was not trained on; TinyStories-656K needs 1.18


def plain(text):
    for fancy, simple in (("“", '"'), ("”", '"'), ("’", "'"), ("‘", "'")):
        text = text.replace(fancy, simple)
    return text


class StoryModel(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.temporary.name)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and k != "OLLAMA_MODELS"}
        self.env.update(HOME=str(self.home))

    def tearDown(self):
        self.temporary.cleanup()

    def run_cli(self, *arguments, check=0):
        result = subprocess.run([CLI, "--data-dir", self.home / "fabula", *map(str, arguments)], capture_output=True, timeout=120, env=self.env)
        self.assertEqual(result.returncode, check, result.stderr.decode())
        return result

    def listed(self):
        return {m["name"]: m for m in json.loads(self.run_cli("models", "list", "--json").stdout)["models"]}

    def tell(self, *options):
        return json.loads(self.run_cli("generate", "-m", NAME, "-p", "Once upon a time", "--max-tokens", 500, "--json", *options).stdout)

    def test_it_is_there_and_stays(self):
        model = self.listed()[NAME]
        self.assertEqual((model["found_in"], model["licence"], model["type"], model["unusable"]), ("built in", "apache-2.0", "Q8_0", None))
        self.assertLessEqual(model["bytes"], MOST_BYTES)
        for force in ([], ["--force"]):
            self.assertIn(b"came with Fabula", self.run_cli("models", "remove", NAME, *force, check=1).stderr)
        self.assertTrue(pathlib.Path(model["path"]).exists())

    def test_what_the_file_says_of_itself(self):
        about = json.loads(self.run_cli("inspect", NAME, "--json").stdout)
        self.assertEqual((about["format"], about["architecture"], about["chat_template"]), ("gguf", "llama", False))
        self.assertEqual(set(about["dtypes"]), {"F32", "Q8_0"})
        round_trip = "“Grüße”, said the fox — 3 × 😀\n\nThe end."  # bytes where there is no piece
        ids = json.loads(self.run_cli("tokenize", "-m", NAME, "--json", round_trip).stdout)["tokens"]
        self.assertEqual(json.loads(self.run_cli("detokenize", "-m", NAME, "--json", *ids).stdout)["text"].strip(), round_trip)

    @unittest.skipUnless(TEXT.exists(), "FABULA_TESTDATA does not name the folder of the test vectors")
    def test_it_foresees_stories_that_it_never_read(self):
        unseen = self.home / "unseen.txt"
        unseen.write_text(plain(TEXT.read_text())[-40_000:])  # the training left the last 100,000 characters out
        score = json.loads(self.run_cli("score", "-m", NAME, "--text", unseen, "--json").stdout)
        self.assertLess(score["bits_per_byte"], MOST_BITS_PER_BYTE)

    @unittest.skipUnless(TEXT.exists(), "FABULA_TESTDATA does not name the folder of the test vectors")
    def test_its_stories_are_made_of_words_and_end(self):
        known = set(re.findall(r"[a-z']+", plain(TEXT.read_text()).lower()))
        ended = 0
        for seed in range(1, 6):
            story = self.tell("--seed", seed)
            words = re.findall(r"[a-z']+", story["text"].lower())
            self.assertGreater(len(words), 30, story["text"])
            self.assertGreater(sum(word in known for word in words), 0.9 * len(words), story["text"])  # the rest are names
            self.assertGreater(len(set(words)), 0.3 * len(words) ** 0.9, story["text"])  # not the same few again and again
            ended += story["finish_reason"] == "stop"
        self.assertGreaterEqual(ended, 3)
        self.assertEqual(self.tell("--seed", 5)["tokens"], story["tokens"])


if __name__ == "__main__":
    unittest.main()
