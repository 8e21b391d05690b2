"""Text to tokens: the tokenizer, what is held out, and the files that train_story.py reads.

    prepare_data.py TESTDATA SAMPLED... COMPOSED OUT      TESTDATA: the folder with text/ and models/; SAMPLED: files of
                                                          sample_stories; COMPOSED: how many stories of compose_stories

Written to OUT: held.txt (never trained on, by the tokenizer neither), fabula.model (SentencePiece), and per source uint16 ids:
<source>.docs.bin (BOS story EOS ...) and <source>.join.bin (running text without marks).
"""
import random
import re
import sys
from pathlib import Path

import numpy as np
import sentencepiece
from compose_stories import Plots
from tokenizers import Tokenizer

HELD_OUT_CHARACTERS = 100_000  # the end of the validation file
PLAIN = [("â€œ", '"'), ("â€\u009d", '"'), ("â€™", "'"), ("â€˜", "'"), ("â€“", "-"), ("â€”", "-"), ("â€¦", "..."), ("â€", '"'),
         ("“", '"'), ("”", '"'), ("’", "'"), ("‘", "'"), ("–", "-"), ("—", "-"), ("…", "..."), ("\u00a0", " ")]
SURE_START = re.compile(r"Once (?:upon|there|a )|Long ago")
LIKELY_START = re.compile(r"(?:One (?:day|time|night|morning)|There),? (?:was|were|a|an|two|three|there|in) ")
NOT_TALES = ("wagahai_ja.txt", "war-and-peace.txt")


def plain(text):
    """Typographic quotes, and what they become when UTF-8 is read as Windows-1252, made plain."""
    for fancy, simple in PLAIN:
        text = text.replace(fancy, simple)
    return text


def read(path):
    return plain(path.read_text(encoding="utf-8"))


def real_stories(folder):
    """The stories to train on, and the text held out. One file parts stories by single line breaks and paragraphs by
    double ones; the other knows double ones only, so that a story is known by how it begins."""
    stories = [s.strip() for s in re.split(r"(?<!\n)\n(?!\n)", read(folder / "tinystories_944k.txt"))]
    validation = (folder / "tinystories_val_794k.txt").read_text(encoding="utf-8")
    held_out = plain(validation[-HELD_OUT_CHARACTERS:])
    story = []
    for paragraph in plain(validation)[:-HELD_OUT_CHARACTERS].split("\n\n"):
        if story and (SURE_START.match(paragraph) or (LIKELY_START.match(paragraph) and len(story) >= 3)):
            stories.append("\n\n".join(story).strip())
            story = []
        story.append(paragraph)
    return [s for s in stories if len(s) > 80], held_out


def sampled_stories(paths, tokenizer_path):
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    stories = []
    for path in paths:
        ids = np.fromfile(path, "<u2")
        ends = np.flatnonzero(ids == 2)
        starts = np.concatenate(([0], ends[:-1] + 1)) + 1  # past BOS
        texts = tokenizer.decode_batch([ids[a:b].tolist() for a, b in zip(starts, ends)])
        texts = (t.replace("<|end_story|>", "").strip() for t in texts)  # it also spells its end mark out, as text
        stories += [t.replace("\n", "\n\n") for t in texts if "<" not in t and len(t) > 60]
    return stories


def tales(folder):
    for path in sorted(folder.glob("*.txt")):
        if path.name in NOT_TALES:
            continue
        text = re.sub(r"\[Illustration[^\]]*\]", "", read(path)).replace("_", "")
        paragraphs = (re.sub(r"\s*\n\s*", " ", p).strip() for p in re.split(r"\n\s*\n", text))
        yield "\n\n".join(p for p in paragraphs if p)


def train_tokenizer(texts, prefix):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.split("\n") if line), model_prefix=str(prefix),
        model_type="bpe", vocab_size=4096, byte_fallback=True, character_coverage=1.0, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        max_sentence_length=100_000, minloglevel=1,
        required_chars="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"-()“”‘’—–…&*/%$#@+=_[]")
    return sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")


def write_docs(tokenizer, stories, path):
    marked = [[1, *ids, 2] for ids in tokenizer.encode(stories)]
    np.concatenate(marked).astype("<u2").tofile(path)


def write_joined(tokenizer, texts, path):
    ids = tokenizer.encode("\n" + "\n\n".join(texts))
    line_break = tokenizer.piece_to_id("<0x0A>")
    np.array(ids[ids.index(line_break) + 1 :], "<u2").tofile(path)  # without the space that stands before every text


def main():
    testdata, *sampled = map(Path, sys.argv[1:-2])
    composed, out = int(sys.argv[-2]), Path(sys.argv[-1])
    real, held_out = real_stories(testdata / "text/tinystories")
    (out / "held.txt").write_text(held_out)
    teacher = sampled_stories(sampled, testdata / "models/tinystories-656k/tokenizer.json")
    old = list(tales(testdata / "text/public-domain"))
    tokenizer = train_tokenizer(real * 2 + teacher[:8000] + ["\n".join(old)[:1_000_000]], out / "fabula")
    write_docs(tokenizer, real, out / "real.docs.bin")
    write_joined(tokenizer, real, out / "real.join.bin")
    write_docs(tokenizer, teacher, out / "teacher.docs.bin")
    plots, draw = Plots(Path(__file__).with_name("plots.txt")), random.Random(17)
    write_docs(tokenizer, [plots.compose(draw) for _ in range(composed)], out / "composed.docs.bin")
    write_joined(tokenizer, old, out / "tales.join.bin")
    for path in sorted(out.glob("*.bin")):
        print(path.name, path.stat().st_size // 2, "tokens")


if __name__ == "__main__":
    main()
