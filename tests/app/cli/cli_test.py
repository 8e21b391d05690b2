#!/usr/bin/env python3
"""fabula-cli as the contract writes it: run as a stranger would, against independent expected values of the test data."""

import http.client
import json
import math
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

CLI = sys.argv.pop(1)
DATA = pathlib.Path(os.environ.get("FABULA_TESTDATA", "/nonexistent"))
CHAT_MODEL = os.environ.get("FABULA_CHAT_MODEL", "")
TINY = DATA / "models/tinystories-656k"
TINY_F32 = TINY / "generated/TinyStories-656K-F32.gguf"


def run(*arguments, stdin=None, check=None, env=None):
    result = subprocess.run([CLI, *map(str, arguments)], input=stdin, capture_output=True, timeout=120,
                            env={**os.environ, **(env or {})})
    if check is not None and result.returncode != check:
        raise AssertionError(f"{arguments}: exit {result.returncode}, not {check}\n{result.stderr.decode()}")
    return result


def run_json(*arguments, **more):
    return json.loads(run(*arguments, "--json", check=0, **more).stdout)


class Usage(unittest.TestCase):
    def test_wrong_usage_is_2_and_names_the_program(self):
        for arguments in ([], ["no-such-command"], ["generate"], ["generate", "-m", "x"], ["tokenize", "-m", "x"],
                          ["generate", "-m", "x", "-p", "y", "--temperature", "-1"], ["inspect", "x", "--no-such-flag"]):
            result = run(*arguments, check=2)
            self.assertTrue(result.stderr.startswith(b"fabula-cli: "), result.stderr)

    def test_help_and_version(self):
        self.assertIn(b"generate", run("--help", check=0).stdout)
        self.assertIn(b"Fabula", run("--version", check=0).stdout)

    def test_errors_leave_stdout_empty(self):
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder, "notes.gguf")
            text.write_text("Dear diary, this is no model.\n")
            empty = pathlib.Path(folder, "empty.gguf")
            empty.write_bytes(b"")
            for model in ("/no/such/file.gguf", text, empty, folder, "/dev/null"):
                for command in (["inspect", model], ["generate", "-m", model, "-p", "x"], ["logits", "-m", model, "--prompt-tokens", "1", "-o", "/dev/null"]):
                    result = run(*command, *(["--json"] if command[0] != "logits" else []), check=1)
                    self.assertEqual(result.stdout, b"")
                    self.assertTrue(result.stderr.startswith(b"fabula-cli: "), result.stderr)
                    self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)


class Files(unittest.TestCase):
    """What the sessions' store must survive from the command line."""

    def test_read_only_data_directory(self):
        if os.geteuid() == 0:
            place = "/proc/fabula-nowhere"  # root writes through permissions, but not into /proc
        else:
            place = tempfile.mkdtemp()
            os.chmod(place, 0o500)
        result = run("--data-dir", place, "sessions", "list", check=1)
        self.assertIn(b"fabula-cli: ", result.stderr)

    def test_session_commands(self):
        with tempfile.TemporaryDirectory() as folder:
            def sessions(*arguments, **more):
                return run("--data-dir", folder, "sessions", *arguments, **more)
            created = json.loads(sessions("new", "--mode", "story", "--title", "A tale", "--json", check=0).stdout)
            listed = json.loads(sessions("list", "--json", check=0).stdout)["sessions"]
            self.assertEqual([s["id"] for s in listed], [created["id"]])
            self.assertEqual(listed[0]["title"], "A tale")
            document = json.loads(sessions("export", created["id"], check=0).stdout)
            self.assertEqual((document["format"], document["version"]), ("fabula.session", 1))
            sessions("delete", created["id"], check=0)
            self.assertEqual(json.loads(sessions("list", "--json", check=0).stdout)["sessions"], [])
            sessions("restore", created["id"], check=0)
            self.assertEqual(len(json.loads(sessions("list", "--json", check=0).stdout)["sessions"]), 1)
            out = pathlib.Path(folder, "tale.json")
            sessions("export", created["id"], "-o", out, check=0)
            self.assertEqual(json.loads(out.read_text())["session"]["title"], "A tale")
            sessions("show", "01890000-0000-7000-8000-000000000000", check=1)

    @staticmethod
    def document(title, words):
        """An export as another program might write it."""
        ids = [str(uuid.uuid4()) for _ in range(3)]
        return {"format": "fabula.session", "version": 1,
                "session": {"id": ids[0], "title": title, "mode": "chat", "created_at": "2025-03-14T15:09:26.000Z", "updated_at": "2025-03-14T15:09:27.000Z"},
                "messages": [{"id": ids[1], "parent": None, "role": "user", "content": words, "created_at": "2025-03-14T15:09:26.000Z"},
                             {"id": ids[2], "parent": ids[1], "role": "assistant", "content": "*Indeed*, \u5317\u4eac.", "created_at": "2025-03-14T15:09:27.000Z"}],
                "current": ids[2]}

    def test_every_form_of_export_and_import(self):
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)

            def sessions(data, *arguments, check=0):
                return run("--data-dir", place / data, "sessions", *arguments, check=check).stdout.decode()

            def all_of(data):
                return sorted((json.loads(sessions(data, "export", s["id"])) for s in json.loads(sessions(data, "list", "--json"))["sessions"]),
                              key=lambda document: document["session"]["id"])

            written = []
            for title, words in (("One", "First words"), ("Two / with a slash", "Second words")):
                file = place / "in.json"
                file.write_text(json.dumps(self.document(title, words)))
                written.append(sessions("a", "import", file).strip())
            one, two = written
            known = all_of("a")
            self.assertEqual([m["content"] for m in known[0]["messages"]][1:], ["*Indeed*, \u5317\u4eac."])
            # One as JSON, to a file, and to read.
            sessions("a", "export", one, "-o", place / "one.json")
            self.assertIn(json.loads((place / "one.json").read_text()), known)
            for form in (("--markdown",), ("--format", "markdown")):
                text = sessions("a", "export", one, *form)
                for words in ("One", "First words", "*Indeed*, \u5317\u4eac."):
                    self.assertIn(words, text)
                self.assertNotIn("Second words", text)
            # All as one document, and a file each.
            everything = json.loads(sessions("a", "export", "--all"))
            self.assertEqual(sorted(everything["sessions"], key=lambda d: d["session"]["id"]), known)
            (place / "all.json").write_text(json.dumps(everything))
            sessions("a", "export", "--all", "-o", f"{place}/folder/")
            self.assertEqual(sorted(f.name for f in (place / "folder").iterdir()), sorted(f"{id}.json" for id in written))
            sessions("a", "export", "--all", "--markdown", "-o", f"{place}/words/")
            self.assertIn("Second words", (place / "words" / f"{two}.md").read_text())
            # Each comes back as it was, and again without becoming more.
            sessions("b", "import", place / "one.json")
            self.assertEqual(len(all_of("b")), 1)
            for data, source in (("c", place / "all.json"), ("d", place / "folder")):
                for _ in range(2):
                    self.assertEqual(sorted(sessions(data, "import", source).split()), sorted(written))
                    self.assertEqual(all_of(data), known)
            # One damaged document among good ones: nothing comes in.
            (place / "folder" / "zzz.json").write_text(json.dumps({**self.document("Three", "x"), "current": "nowhere"}))
            sessions("e", "import", place / "folder", check=1)
            self.assertEqual(all_of("e"), [])
            for wrong in (("export",), ("export", one, "--all"), ("export", "--all", "--markdown"), ("export", one, "--format", "html"), ("import", place)):
                self.assertNotEqual(run("--data-dir", place / "a", "sessions", *wrong).returncode, 0, wrong)


@unittest.skipUnless(DATA.is_dir(), "FABULA_TESTDATA is not set")
class Quantize(unittest.TestCase):
    def test_result_and_perplexity(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "small.gguf")
            told = run_json("models", "quantize", TINY, "q8_0", "-o", out)
            self.assertEqual((told["type"], told["bytes"]), ("q8_0", out.stat().st_size))
            measured = told["perplexity"]
            self.assertGreater(measured["tokens"], 300)
            change = 100 * (measured["after"] / measured["before"] - 1)
            self.assertAlmostEqual(measured["change_percent"], change, 6)
            self.assertLess(abs(change), 5)
            text = pathlib.Path(folder, "text")
            text.write_text("Once upon a time there was a little girl who liked to play outside.")
            again = run_json("models", "quantize", TINY, "q4_K", "-o", out, "--text", text)
            score = run_json("score", "-m", TINY, "--precision", "auto", "--text", text)
            self.assertEqual(again["perplexity"]["tokens"], score["tokens"])
            self.assertAlmostEqual(again["perplexity"]["before"], score["perplexity"], 4)
            self.assertNotIn("perplexity", run_json("models", "quantize", TINY, "f16", "-o", out, "--no-perplexity"))
            self.assertEqual(inspect_type(out), "F16")

    def test_own_source_unknown_type_and_full_disk(self):
        with tempfile.TemporaryDirectory() as folder:
            own = pathlib.Path(folder, "own.gguf")
            own.write_bytes(pathlib.Path(TINY_F32).read_bytes())
            self.assertIn(b"the model itself", run("models", "quantize", own, "q8_0", "-o", own, check=1).stderr)
            self.assertIn(b"Q4_K", run("models", "quantize", own, "q9_9", "-o", own, check=1).stderr)
            limit = 200_000  # bytes that a file may have: a write beyond fails as on a full disk
            full = subprocess.run([CLI, "models", "quantize", str(own), "q8_0", "-o", str(pathlib.Path(folder, "out.gguf"))], capture_output=True,
                                  restore_signals=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.assertEqual(full.returncode, 1)
            self.assertIn(b"fabula-cli: ", full.stderr)
            self.assertEqual(os.listdir(folder), ["own.gguf"])

    @unittest.skipUnless(os.path.exists(CHAT_MODEL), "FABULA_CHAT_MODEL is not set")
    def test_interrupt_leaves_nothing(self):
        for sent in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=sent.name), tempfile.TemporaryDirectory() as folder:
                process = subprocess.Popen([CLI, "models", "quantize", CHAT_MODEL, "f32", "-o", str(pathlib.Path(folder, "out.gguf")), "--no-perplexity"],
                                           stderr=subprocess.PIPE)
                while process.poll() is None and not os.listdir(folder):
                    time.sleep(0.01)
                process.send_signal(sent)
                _, error = process.communicate()
                self.assertEqual(process.returncode, 130)
                self.assertIn(b"nothing was written", error)
                self.assertEqual(os.listdir(folder), [])


def inspect_type(path):
    return max(run_json("inspect", path)["dtypes"].items(), key=lambda entry: entry[1] if entry[0] != "F32" else 0)[0]


@unittest.skipUnless(DATA.is_dir(), "FABULA_TESTDATA is not set")
class Models(unittest.TestCase):
    def test_inspect(self):
        found = run_json("inspect", TINY)
        self.assertEqual((found["format"], found["architecture"], found["layers"], found["hidden"], found["vocab_size"],
                          found["context_length"]), ("safetensors", "llama", 2, 128, 2048, 512))
        gguf = run_json("inspect", TINY_F32)
        self.assertEqual((gguf["format"], gguf["dtypes"]), ("gguf", {"F32": 20}))
        self.assertEqual(run_json("inspect", TINY_F32)["fingerprint"], gguf["fingerprint"])

    def test_tokens_there_and_back(self):
        encodings = json.loads((DATA / "tokenizers/hf/tinystories-656k/encodings.json").read_text())
        corpus = json.loads((DATA / "tokenizers/corpus.json").read_text())
        self.assertTrue(corpus and encodings)
        ids = run_json("tokenize", "-m", TINY, "Once upon a time")["tokens"]
        self.assertEqual(ids[0], 1)
        text = run_json("detokenize", "-m", TINY, *ids)["text"]
        self.assertEqual(text.strip(), "Once upon a time")
        lines = "".join(json.dumps(t) + "\n" for t in ("Once upon a time", 5, "a")).encode()
        answers = [json.loads(line) for line in run("tokenize", "-m", TINY, "--jsonl", "-", stdin=lines, check=0).stdout.splitlines()]
        self.assertEqual(answers[0]["tokens"], ids)
        self.assertIn("error", answers[1])
        run("detokenize", "-m", TINY, "999999", check=1)

    def test_greedy_text_equals_the_reference(self):
        reference = json.loads(TINY_F32.with_name("TinyStories-656K-F32.ref.json").read_text())["runs"]
        for name, expected in reference.items():
            ids = expected["greedy_ids"]
            # Up to the first near-tie, where two correct engines may part.
            ties = [i for i, gap in enumerate(expected["greedy_top2_logit_gap"]) if gap < 1e-3]
            length = ties[0] if ties else len(ids)
            prompt = ",".join(map(str, expected["prompt_ids"]))
            for model in (TINY, TINY_F32):
                found = run_json("generate", "-m", model, "--prompt-tokens", prompt, "--temperature", 0, "--max-tokens", len(ids),
                                 "--kv-precision", "f32")
                self.assertEqual(found["tokens"][:length], ids[:length], (name, model))
                self.assertEqual(found["prompt_tokens"], expected["prompt_ids"])
                self.assertNotIn("<|end_story|>", found["text"])
                if ids[-1] == 2 and length == len(ids):
                    self.assertEqual(found["finish_reason"], "stop")

    def test_same_seed_same_words(self):
        def words(*more):
            return run_json("generate", "-m", TINY, "-p", "Once upon a time", "--seed", 42, "--max-tokens", 60, *more)["tokens"]
        first = words()
        self.assertEqual(words("--threads", 1), first)
        self.assertEqual(words("--threads", 2), first)
        other = run_json("generate", "-m", TINY, "-p", "Once upon a time", "--seed", 43, "--max-tokens", 60)["tokens"]
        self.assertNotEqual(other, first)
        drawn = run_json("generate", "-m", TINY, "-p", "Once", "--max-tokens", 5)
        again = run_json("generate", "-m", TINY, "-p", "Once", "--max-tokens", 5, "--seed", drawn["seed"])
        self.assertEqual(drawn["tokens"], again["tokens"])

    def test_prompts_that_are_none(self):
        for tokens in ("", " ", "1,,2", "1,x", "-1"):
            result = run("generate", "-m", TINY_F32, f"--prompt-tokens={tokens}", "--json", check=1)
            self.assertIn(b"token id", result.stderr)

    def test_stop_strings_and_lengths(self):
        whole = run_json("generate", "-m", TINY, "-p", "Once upon a time", "--temperature", 0, "--max-tokens", 40)
        self.assertEqual(len(whole["tokens"]), 40)
        self.assertEqual(whole["finish_reason"], "length")
        word = whole["text"].split()[5]
        stopped = run_json("generate", "-m", TINY, "-p", "Once upon a time", "--temperature", 0, "--max-tokens", 40, "--stop", word)
        self.assertEqual(stopped["finish_reason"], "stop")
        self.assertEqual(stopped["text"], whole["text"][: whole["text"].index(word)])

    def test_a_prompt_beyond_the_context_names_both_numbers(self):
        prompt = ",".join(["5"] * 600)
        result = run("generate", "-m", TINY, "--prompt-tokens", prompt, "--json", check=1)
        self.assertIn(b"600", result.stderr)
        self.assertIn(b"512", result.stderr)

    def test_logits_equal_the_reference(self):
        reference = json.loads(TINY_F32.with_name("TinyStories-656K-F32.ref.json").read_text())["runs"]
        for name, expected in reference.items():
            n, vocab = expected["logits_shape"]
            wanted = struct.unpack(f"<{n * vocab}f", TINY_F32.with_name(expected["logits_file"]).read_bytes())
            with tempfile.NamedTemporaryFile() as out:
                run("logits", "-m", TINY, "--prompt-tokens", ",".join(map(str, expected["prompt_ids"])), "-o", out.name, check=0)
                found = struct.unpack(f"<{n * vocab}f", pathlib.Path(out.name).read_bytes())
            distance = math.dist(found, wanted) / math.hypot(*wanted)
            self.assertLess(distance, 1e-4, name)

    def test_score_equals_the_reference(self):
        runs = json.loads((DATA / "models/ppl.json").read_text())["runs"]
        for file, expected in runs.items():
            if "F32" not in file or not (DATA / "models" / file).exists():
                continue
            found = run_json("score", "-m", DATA / "models" / file, "--prompt-tokens", ",".join(map(str, expected["ids"])))
            self.assertEqual(found["tokens"], len(expected["ids"]) - 1)
            self.assertAlmostEqual(found["perplexity"], expected["ppl"], delta=1e-3 * expected["ppl"])

    def test_a_told_story_replays_equal_and_a_changed_one_does_not(self):
        with tempfile.TemporaryDirectory() as folder:
            chat = subprocess.run([CLI, "--data-dir", folder, "sessions", "new", "--mode", "story", "--json"], capture_output=True, check=True)
            place = json.loads(chat.stdout)["id"]
            serve = subprocess.Popen([CLI, "--data-dir", folder, "serve", "-m", str(TINY), "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
            port = int(serve.stdout.readline().rsplit(":", 1)[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for _ in range(200):
                connection.request("GET", "/v1/models")
                if json.loads(connection.getresponse().read())["data"]:
                    break
                time.sleep(0.05)
            connection.request("POST", f"/api/sessions/{place}/messages", json.dumps({"content": "Once upon a time", "max_tokens": 30}))
            self.assertEqual(json.loads(connection.getresponse().read())["role"], "assistant")
            connection.close()
            serve.terminate()
            self.assertEqual(serve.wait(10), 0)
            serve.stdout.close()
            report = json.loads(run("--data-dir", folder, "sessions", "replay", place, "--json", check=0).stdout)
            self.assertEqual((report["equal"], report["different"], report["skipped"]), (1, 0, 0), report)
            document = json.loads(run("--data-dir", folder, "sessions", "export", place, check=0).stdout)
            document["messages"][1]["tokens"][5] += 1
            changed = pathlib.Path(folder, "changed.json")
            changed.write_text(json.dumps(document))
            report = json.loads(run("--data-dir", folder, "sessions", "replay", changed, "-m", TINY, "--json", check=1).stdout)
            self.assertEqual(report["replies"][0]["first_difference"]["index"], 5)

    def test_cancel(self):
        process = subprocess.Popen([CLI, "generate", "-m", str(TINY), "-p", "Once", "--max-tokens", "100000", "--context", "512", "--json",
                                    "--stop", "never written"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        if out:  # it may have ended by itself, or before the engine was there
            self.assertIn(json.loads(out)["finish_reason"], ("cancelled", "length", "stop"))


@unittest.skipUnless(os.path.exists(CHAT_MODEL), "FABULA_CHAT_MODEL is not set")
class Chat(unittest.TestCase):
    def test_render_and_answer(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"role": "user", "content": "Hi <|im_end|> there"}], file)
            file.flush()
            text = run_json("render", "-m", CHAT_MODEL, file.name)["text"]
        self.assertTrue(text.startswith("<|im_start|>system\n") and text.endswith("<|im_start|>assistant\n"), text)
        answer = run_json("generate", "-m", CHAT_MODEL, "--chat", "-p", "What is the capital of France? <|im_end|>", "--temperature", 0,
                          "--max-tokens", 24, "--precision", "f32")
        self.assertIn("Paris", answer["text"])
        self.assertNotIn("<|im_end|>", answer["text"])
        # What a user writes never becomes a special token: two messages of the template end with one each.
        self.assertEqual(answer["prompt_tokens"].count(2), 2)


if __name__ == "__main__":
    unittest.main(verbosity=1)
