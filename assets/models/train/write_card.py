"""Fills in the card's table and samples: write_card.py FABULA_CLI CARD MODEL HELD_OUT.txt [NAME=OTHER_MODEL]..."""
import json
import re
import subprocess
import sys
from pathlib import Path


def run(*arguments):
    return json.loads(subprocess.run([str(a) for a in arguments] + ["--json"], check=True, capture_output=True).stdout)


def replace(text, name, content):
    """Between <!-- name --> and <!-- end -->."""
    return re.sub(f"(<!-- {name} -->\n).*?(\n<!-- end -->)", lambda m: m[1] + content + m[2], text, flags=re.S)


def main():
    cli, card, model, held_out, *others = sys.argv[1:]
    models = [("fabula-story", model), *(o.split("=", 1) for o in others)]
    table = ["| model | parameters | bytes | bits per byte, held out |", "|---|---|---|---|"]
    for name, path in models:
        about, score = run(cli, "inspect", path), run(cli, "score", "-m", path, "--text", held_out)
        table.append(f"| {name} | {about['parameters'] / 1e6:.2f} M | {about['bytes'] / 1e6:.2f} MB | {score['bits_per_byte']:.3f} |")
    samples = []
    for seed in range(1, 11):
        story = run(cli, "generate", "-m", model, "-p", "Once upon a time", "--max-tokens", 500, "--seed", seed)
        end = "" if story["finish_reason"] == "stop" else " …"
        quoted = ("Once upon a time" + story["text"].rstrip() + end).replace("\n", "\n> ")
        samples.append(f"**{seed}**\n\n> {quoted}".replace("> \n", ">\n"))
    text = Path(card).read_text()
    text = replace(text, "table", "\n".join(table))
    Path(card).write_text(replace(text, "samples", "\n\n".join(samples)))


if __name__ == "__main__":
    main()
