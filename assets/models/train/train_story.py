"""Trains the built-in story model: a small Llama, on a CPU, resumable. See README.md for the whole recipe.

    train_story.py --data DIR --run DIR [--steps N --decay N] [--until N]

DIR holds what prepare_data.py writes. The run's folder gets checkpoint.pt (every --save seconds and at the end) and log.csv.
Kill it at any time; the same command goes on where it stood. After --steps the rate begins to fall, and after --decay more it
is zero. --until stops earlier, so that a further command may go on with other settings (windows, mixture).
"""
import argparse
import csv
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int = 4096
    hidden: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 3
    ffn: int = 512
    theta: float = 10000.0
    epsilon: float = 1e-5


class Norm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(size)), epsilon

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.epsilon)


class Linear(nn.Module):  # weights kept in f32, multiplied in bf16
    def __init__(self, n_in, n_out, zero=False):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_out, n_in) if zero else torch.randn(n_out, n_in) * 0.7 / math.sqrt(n_in))

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


def rotate(x, cos, sin):  # x (batch, heads, tokens, head_dim), the halves paired as Hugging Face's Llama pairs them
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Layer(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.heads, self.kv_heads, self.size = s.heads, s.kv_heads, s.hidden // s.heads
        kv = self.kv_heads * self.size
        self.norm1, self.norm2 = Norm(s.hidden, s.epsilon), Norm(s.hidden, s.epsilon)
        self.q, self.k, self.v = Linear(s.hidden, s.hidden), Linear(s.hidden, kv), Linear(s.hidden, kv)
        self.o = Linear(s.hidden, s.hidden, zero=True)
        self.gate, self.up, self.down = Linear(s.hidden, s.ffn), Linear(s.hidden, s.ffn), Linear(s.ffn, s.hidden, zero=True)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        y = self.norm1(x)
        q, k, v = (m(y).view(b, t, -1, self.size).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, -1))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Story(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.shape = s
        self.embedding = nn.Embedding(s.vocab, s.hidden)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(s) for _ in range(s.layers))
        self.norm = Norm(s.hidden, s.epsilon)

    def forward(self, ids):  # (batch, tokens) -> states before the head (batch, tokens, hidden)
        size = self.shape.hidden // self.shape.heads
        rate = self.shape.theta ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
        angle = torch.outer(torch.arange(ids.shape[1], dtype=torch.float32), rate)
        x = self.embedding(ids).bfloat16()
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)


class HeadLoss(torch.autograd.Function):
    """Mean cross-entropy behind the tied head, in slices that stay in the cache; gradients are made on the way."""

    @staticmethod
    def forward(ctx, x, weight, target):
        w = weight.to(x.dtype)
        dx, dw, total = torch.empty_like(x), torch.zeros_like(weight), 0.0
        for at in range(0, len(x), 1024):
            part, right = x[at : at + 1024], target[at : at + 1024]
            logp = torch.log_softmax((part @ w.T).float(), -1)
            rows = torch.arange(len(right))
            total -= logp[rows, right].sum()
            grad = logp.exp_()
            grad[rows, right] -= 1
            grad = (grad / len(x)).to(x.dtype)
            dx[at : at + 1024] = grad @ w
            dw += grad.T @ part
        ctx.save_for_backward(dx, dw)
        return total / len(x)

    @staticmethod
    def backward(ctx, upstream):
        dx, dw = ctx.saved_tensors
        return dx * upstream, dw * upstream, None


def orthogonal(g, steps=5):
    """The quintic Newton-Schulz iteration of Muon (Jordan et al. 2024): about U V^T of g's singular value decomposition."""
    x = g.bfloat16()
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x if wide else x.mT).float()


class Optimiser:
    """Muon for the layers' matrices, Adam for the embedding and the norms."""

    def __init__(self, model):
        self.matrices = [p for p in model.layers.parameters() if p.ndim == 2]
        rest = [p for p in model.parameters() if not any(p is m for m in self.matrices)]
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.adam = torch.optim.Adam(rest, lr=1, betas=(0.9, 0.95), eps=1e-8)

    @torch.no_grad()
    def step(self, muon_rate, adam_rate, decay=0.02):
        for group in self.adam.param_groups:
            group["lr"] = adam_rate
        self.adam.step()
        for p, m in zip(self.matrices, self.momentum):
            m.lerp_(p.grad, 0.05)
            update = orthogonal(p.grad.lerp(m, 0.95))
            p.mul_(1 - muon_rate * decay)
            p.add_(update, alpha=-muon_rate * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)

    def state(self):
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def load(self, state):
        self.momentum = state["momentum"]
        self.adam.load_state_dict(state["adam"])


class Source:
    """Windows of one text source: either whole stories one after the other, or running text from anywhere behind a BOS."""

    def __init__(self, folder, name, joined):
        docs, join = (Path(folder) / f"{name}.{kind}.bin" for kind in ("docs", "join"))
        self.docs = np.fromfile(docs, "<u2") if docs.exists() else np.zeros(0, "<u2")
        self.join = np.fromfile(join, "<u2") if join.exists() else np.zeros(0, "<u2")
        self.starts = np.flatnonzero(self.docs == 1)
        self.joined = joined if len(self.docs) else 1.0

    def window(self, random, length):
        if random.random() < self.joined:
            at = random.integers(len(self.join) - length)
            return np.concatenate(([1], self.join[at : at + length - 1]))
        at = self.starts[random.integers(np.searchsorted(self.starts, len(self.docs) - length))]
        return self.docs[at : at + length]


def held_out_bits(model, text, tokenizer, context):
    """Bits per byte as `fabula-cli score` counts them: windows of the context, stride half, each behind a BOS."""
    ids = tokenizer.encode(text)
    span, stride = context - 1, context // 2
    nats, done = 0.0, 0
    with torch.no_grad():
        for at in range(0, len(ids), stride):
            window = torch.tensor([1] + ids[at : at + span])
            x = model(window[None, :-1])[0]
            logp = torch.log_softmax((x @ model.embedding.weight.to(x.dtype).T).float(), -1)
            nll = -logp[torch.arange(len(window) - 1), window[1:]]
            nats += nll[done - at :].sum().item()
            done = at + len(window) - 1
            if done >= len(ids):
                break
    return nats / math.log(2) / len(text.encode())


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--run", required=True)
    p.add_argument("--mix", default="teacher=0.55,tales=0.3,real=0.15", help="shares of the sources before the rate falls")
    p.add_argument("--decay-mix", default="teacher=0.3,tales=0.2,real=0.5", help="shares while the rate falls")
    p.add_argument("--steps", type=int, default=1100, help="step at which the rate begins to fall")
    p.add_argument("--decay", type=int, default=1100, help="steps in which it falls to zero")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--muon-rate", type=float, default=0.02)
    p.add_argument("--adam-rate", type=float, default=0.004)
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--hidden", type=int, default=192)
    p.add_argument("--ffn", type=int, default=512)
    p.add_argument("--heads", type=int, default=6)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--save", type=float, default=120, help="seconds between checkpoints")
    p.add_argument("--evaluate", type=int, default=50, help="steps between measurements on the held-out text")
    p.add_argument("--until", type=int, help="step to stop at")
    return p.parse_args()


def mixture(text):
    return {name: float(share) for name, share in (entry.split("=") for entry in text.split(","))}


class Run:
    """A model on its way, and the folder that it is kept in."""

    def __init__(self, args):
        self.args, self.folder = args, Path(args.run)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(Path(args.data) / "fabula.model"))
        self.held_out = (Path(args.data) / "held.txt").read_text()
        checkpoint = self.folder / "checkpoint.pt"
        state = torch.load(checkpoint, weights_only=True) if checkpoint.exists() else None
        asked = Shape(self.tokenizer.vocab_size(), args.hidden, args.layers, args.heads, args.heads // 2, args.ffn)
        self.shape = Shape(**state["shape"]) if state else asked  # one that was grown (grow_story.py) stays as it is
        self.model = Story(self.shape)
        self.optimiser = Optimiser(self.model)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        if state:
            self.model.load_state_dict(state["model"])
            self.optimiser.load(state["optimiser"])
            self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]

    def save(self, name):
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state(), "shape": asdict(self.shape),
                 "step": self.step, "tokens": self.tokens, "seconds": self.seconds}
        torch.save(state, self.folder / (name + ".partial"))
        os.replace(self.folder / (name + ".partial"), self.folder / name)

    def rate(self):  # up, level, and down to nothing, as a share of the full rates
        left = self.args.steps + self.args.decay - self.step
        return min(1.0, (self.step + 1) / 60) * min(1.0, left / max(1, self.args.decay))

    def learn(self, rows):  # (batch, context + 1) ids; returns nats per token
        states = self.model(rows[:, :-1]).reshape(-1, self.shape.hidden)
        loss = HeadLoss.apply(states, self.model.embedding.weight, rows[:, 1:].reshape(-1))
        loss.backward()
        self.optimiser.step(self.args.muon_rate * self.rate(), self.args.adam_rate * self.rate())
        self.model.zero_grad(set_to_none=True)
        return loss.item()

    def bits(self):
        return held_out_bits(self.model, self.held_out, self.tokenizer, self.args.context)


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    run = Run(args)
    print(run.shape, sum(p.numel() for p in run.model.parameters()), "parameters, from step", run.step, flush=True)
    trunk, late = mixture(args.mix), mixture(args.decay_mix)
    sources = {name: Source(args.data, name, 0.5 if name == "real" else 0.0) for name in trunk | late}
    random = np.random.default_rng([run.step, 7])
    log = open(run.folder / "log.csv", "a", newline="")
    writer = csv.writer(log)
    if log.tell() == 0:
        writer.writerow(["step", "tokens", "seconds", "training_nats_per_token", "held_out_bits_per_byte", "rate", "context"])
    saved, loss, end = time.time(), None, args.until or args.steps + args.decay
    while run.step < end:
        began = time.time()
        shares = trunk if run.step < args.steps else late
        names = random.choice(list(shares), args.batch, p=np.array(list(shares.values())) / sum(shares.values()))
        rows = np.stack([sources[name].window(random, args.context + 1) for name in names])
        now = run.learn(torch.from_numpy(rows.astype(np.int64)))
        loss = now if loss is None else 0.98 * loss + 0.02 * now
        run.step += 1
        run.tokens += args.batch * args.context
        run.seconds += time.time() - began
        if run.step % 20 == 0:
            print(run.step, f"{loss:.4f}", f"{args.batch * args.context / (time.time() - began):.0f} tokens/s", flush=True)
        if run.step % args.evaluate == 0 or run.step == end:
            bits = run.bits()
            writer.writerow([run.step, run.tokens, round(run.seconds), f"{loss:.4f}", f"{bits:.4f}", f"{run.rate():.3f}", args.context])
            log.flush()
            print("held-out bits per byte", f"{bits:.4f}", flush=True)
        if time.time() - saved > args.save:
            run.save("checkpoint.pt")
            saved = time.time()
    run.save("checkpoint.pt")


if __name__ == "__main__":
    main()
