"""Does a story keep its thread? How much better a language model foresees its second half behind its own first half than behind
another story's, in nats per token. Muddled stories gain little: their second half could belong to any other.

    measure_thread.py FABULA_CLI JUDGE TEXT_OR_MODEL...    JUDGE: a model to score with, larger than what is judged
A .gguf writes twenty stories (seeds 1 to 20, its own settings); a text holds stories parted by lines of "-----".
"""
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


class Judge:
    def __init__(self, cli, model):
        self.cli, self.model = cli, model

    def run(self, *arguments):
        return json.loads(subprocess.run([self.cli, *map(str, arguments), "--json"], check=True, capture_output=True).stdout)

    def nats(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(text)
            file.flush()
            score = self.run("score", "-m", self.model, "--text", file.name)
        return score["nll"], score["tokens"]

    def stories(self, path):
        if path.endswith(".gguf"):
            begun = "Once upon a time"
            return [begun + self.run("generate", "-m", path, "-p", begun, "--max-tokens", 500, "--seed", seed)["text"] for seed in range(1, 21)]
        return [s.strip() for s in Path(path).read_text().split("\n-----") if s.strip()]


def halves(story):
    sentences = re.split(r'(?<=[.!?"])\s+', story)
    middle = len(sentences) // 2
    return " ".join(sentences[:middle]), " " + " ".join(sentences[middle:])


def gains(judge, stories):
    parts = [halves(s) for s in stories]
    alone = [judge.nats(first) for first, _ in parts]
    for at, (first, second) in enumerate(parts):
        other = (at + 1) % len(parts)
        own, tokens = judge.nats(first + second)
        strange, _ = judge.nats(parts[other][0] + second)
        yield ((strange - alone[other][0]) - (own - alone[at][0])) / (tokens - alone[at][1])


def main():
    cli, model, *judged = sys.argv[1:]
    judge = Judge(cli, model)
    for path in judged:
        gained = list(gains(judge, judge.stories(path)))
        error = statistics.stdev(gained) / len(gained) ** 0.5
        print(f"{path}: {statistics.mean(gained):.2f} nats per token, standard error {error:.2f}, {len(gained)} stories", flush=True)


if __name__ == "__main__":
    main()
