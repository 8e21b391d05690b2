#!/usr/bin/env python3
"""Samplers in float64, straight from their definitions, and the tokens that a chain of them draws.

    python3 sampler_reference.py > sampler_expected.json

Sources: XTC and DRY as in p-e-w's pull requests for text-generation-webui (6335, 5677), Mirostat 2 as in algorithm 2 of Basu et
al. 2021 (arXiv 2007.14966), locally typical sampling as in Meister et al. 2022 (arXiv 2202.00666), Philox4x32-10 as in Salmon et
al. 2011. A position where rounding could decide is written as -1 and ends the chain there.
"""
import json
import math
import random

VOCAB = 211  # no multiple of the sampler's lanes


def philox(counter, key):
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def uniforms(seed, position):
    w = philox([position & 0xFFFFFFFF, position >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return ((w[1] << 32 | w[0]) >> 11) * 2.0**-53, ((w[3] << 32 | w[2]) >> 11) * 2.0**-53


def logits_at(salt, position):
    """Multiples of 1/64, so that float32 holds them exactly. A few likely tokens, a long tail."""
    state, out = (salt * 1000003 + position * 7919) % 2**32, []
    for _ in range(VOCAB):
        state = (state * 1664525 + 1013904223) % 2**32
        x = (state >> 8) % 640 / 64 - 5
        out.append(x + 3 if x > 4.5 else x)
    return out


class Near(Exception):
    """Rounding decides."""


def apart(a, b, tolerance=1e-5):
    if abs(a - b) <= tolerance * max(1.0, abs(a), abs(b)):
        raise Near


def softmax(pairs):
    top = max(x for _, x in pairs)
    weights = [math.exp(x - top) for _, x in pairs]
    total = math.fsum(weights)
    return [(i, w / total) for (i, _), w in zip(pairs, weights)]


def dry(scores, history, s, breakers):
    window = history if s["dry_window"] < 0 else history[len(history) - min(len(history), s["dry_window"]):]
    if not window or window[-1] in breakers:
        return
    lengths = {}
    for i in range(len(window) - 1):
        if window[i] != window[-1] or window[i + 1] in breakers:
            continue
        n = 1
        while i - n >= 0 and window[i - n] == window[-1 - n] and window[i - n] not in breakers:
            n += 1
        lengths[window[i + 1]] = max(n, lengths.get(window[i + 1], 0))
    for token, n in lengths.items():
        if n >= s["dry_allowed_length"]:
            scores[token] -= s["dry_multiplier"] * s["dry_base"] ** (n - s["dry_allowed_length"])


def penalties(scores, history, s):
    window = history if s["penalty_window"] < 0 else history[len(history) - min(len(history), s["penalty_window"]):]
    for token in set(window):
        x, n = scores[token], window.count(token)
        x = x / s["repeat_penalty"] if x > 0 else x * s["repeat_penalty"]
        scores[token] = x - s["presence_penalty"] - n * s["frequency_penalty"]


def head(pairs, share):
    """The first ones that together reach the share."""
    total, kept = 0.0, []
    for pair in pairs:
        kept.append(pair)
        total += pair[1]
        apart(total, share)
        if total >= share:
            break
    return kept


def truncated(pairs, s, coin):
    """pairs: (id, logit / temperature). The survivors."""
    logit = dict(pairs)
    pairs = sorted(pairs, key=lambda p: (-p[1], p[0]))
    if s["top_k"] > 0:
        pairs = pairs[:s["top_k"]]
    renormalised = lambda kept: softmax([(i, logit[i]) for i, _ in kept])
    by_likelihood = lambda probs: sorted(probs, key=lambda p: (-logit[p[0]], p[0]))
    probs = softmax(pairs)
    if s["typical"] < 1:
        entropy = -math.fsum(p * math.log(p) for _, p in probs)
        off = sorted(((abs(-math.log(p) - entropy), i, p) for i, p in probs))
        for a, b in zip(off, off[1:]):
            if logit[a[1]] != logit[b[1]]:
                apart(a[0], b[0])
        probs = by_likelihood(renormalised(head([(i, p) for _, i, p in off], s["typical"])))
    if s["top_p"] < 1:
        probs = renormalised(head(probs, s["top_p"]))
    if s["min_p"] > 0:
        floor = s["min_p"] * probs[0][1]
        for _, p in probs[1:]:
            apart(p, floor, 1e-7)
        probs = renormalised([(i, p) for i, p in probs if p >= floor])
    if s["xtc_probability"] > 0:
        apart(coin, s["xtc_probability"])
        if coin < s["xtc_probability"]:
            for _, p in probs:
                apart(p, s["xtc_threshold"])
            n = sum(p >= s["xtc_threshold"] for _, p in probs)
            if n > 1:
                probs = renormalised(probs[n - 1:])
    return probs


def unsurprising(pairs, mu):
    probs = sorted(softmax(pairs), key=lambda p: (-p[1], p[0]))
    for _, p in probs[1:]:
        apart(-math.log2(p), mu)
    kept = [probs[0]] + [(i, p) for i, p in probs[1:] if -math.log2(p) <= mu]
    total = math.fsum(p for _, p in kept)
    return [(i, p / total) for i, p in kept]


def draw(probs, u):
    below, answer = 0.0, None
    for i, p in sorted(probs):
        apart(u, below)
        below += p
        if answer is None and u < below:
            answer = (i, p)
    return answer


def chain(s, salt, seed, history, breakers, n):
    tokens, mus, mu = [], [], 2 * s["mirostat_tau"]
    try:
        for _ in range(n):
            position = len(history) + len(tokens)
            scores = logits_at(salt, position)
            for token, bias in s["logit_bias"]:
                scores[token] += bias
            past = history + tokens
            penalties(scores, past, s)
            if s["dry_multiplier"] > 0:
                dry(scores, past, s, breakers)
            u, coin = uniforms(seed, position)
            pairs = [(i, x / s["temperature"]) for i, x in enumerate(scores)]
            if s["mirostat"] == 2:
                token, p = draw(unsurprising(pairs, mu), u)
                mu -= s["mirostat_eta"] * (-math.log2(p) - s["mirostat_tau"])
            else:
                token, _ = draw(truncated(pairs, s, coin), u)
            tokens.append(token)
            mus.append(mu)
    except Near:
        tokens.append(-1)
    return tokens, mus


def main():
    pick = random.Random(20250314)
    neutral = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical": 1.0, "repeat_penalty": 1.0,
               "presence_penalty": 0.0, "frequency_penalty": 0.0, "penalty_window": 64, "dry_multiplier": 0.0, "dry_base": 1.75,
               "dry_allowed_length": 2, "dry_window": -1, "xtc_probability": 0.0, "xtc_threshold": 0.125, "mirostat": 0,
               "mirostat_tau": 5.0, "mirostat_eta": 0.125, "logit_bias": []}
    grids = {
        "typical": {"typical": [0.25, 0.5, 0.875], "temperature": [0.75, 1.0, 1.5]},
        "xtc": {"xtc_probability": [0.5, 1.0], "xtc_threshold": [0.03125, 0.0625, 0.125], "min_p": [0.0, 0.03125]},
        "mirostat": {"mirostat": [2], "mirostat_tau": [2.0, 3.5, 5.0], "mirostat_eta": [0.125, 0.5], "temperature": [1.0, 1.5]},
        "dry": {"dry_multiplier": [0.75, 4.0], "dry_base": [1.0, 1.75], "dry_allowed_length": [1, 2, 4], "dry_window": [-1, 24, 0],
                "top_k": [3, 0]},
        "bias": {"logit_bias": [[[3, 2.5], [200, -8.0]], [[7, 100.0]], [[7, -100.0]]], "top_p": [0.75, 1.0]},
        "all": {"temperature": [0.75, 1.5], "top_k": [0, 40], "top_p": [1.0, 0.75], "min_p": [0.0, 0.03125], "typical": [1.0, 0.75],
                "repeat_penalty": [1.0, 1.25], "presence_penalty": [0.0, 0.5], "frequency_penalty": [0.0, 0.25],
                "dry_multiplier": [0.0, 0.75], "xtc_probability": [0.0, 0.5]},
    }
    cases = []
    for name, grid in grids.items():
        for number in range(24):
            changes = {key: pick.choice(values) for key, values in grid.items()}
            # Few different tokens, so that repetitions are there to be found.
            history = [pick.choice([3, 7, 7, 9, 20, 200]) for _ in range(pick.choice([0, 1, 5, 60]))]
            breakers = pick.choice([[], [9], [9, 20]])
            salt, seed = pick.randrange(10**6), pick.randrange(2**63)
            tokens, mus = chain({**neutral, **changes}, salt, seed, history, breakers, 24)
            cases.append({"name": f"{name} {number}", "settings": changes, "salt": salt, "seed": seed, "history": history,
                          "breakers": breakers, "tokens": tokens, "mu": [round(m, 9) for m in mus] if "mirostat" in changes else []})
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    print('{"vocab": %d, "neutral": %s, "cases": [\n%s\n]}' % (VOCAB, json.dumps(neutral), lines))


if __name__ == "__main__":
    main()
