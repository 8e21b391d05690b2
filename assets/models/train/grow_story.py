"""Adds layers to a checkpoint of train_story.py: new ones pass on what they get until they have learnt better.

    grow_story.py CHECKPOINT ORDER      ORDER: numbers of the old layers and "n" for new ones, as 0,1,n,2,n,3
"""
import os
import sys
from dataclasses import asdict, replace

import torch

from train_story import Optimiser, Shape, Story


def main():
    path, order = sys.argv[1], sys.argv[2].split(",")
    state = torch.load(path, weights_only=True)
    shape = Shape(**state["shape"])
    if shape.layers == len(order):  # grown already
        return
    torch.manual_seed(3)
    old, new = Story(shape), Story(replace(shape, layers=len(order)))
    old.load_state_dict(state["model"])
    before, after = Optimiser(old), Optimiser(new)
    before.load(state["optimiser"])
    source = {"embedding.": "embedding.", "norm.": "norm."}
    source |= {f"layers.{to}.": f"layers.{at}." for to, at in enumerate(order) if at != "n"}
    theirs = dict(old.named_parameters())
    momentum = {id(p): m for p, m in zip(before.matrices, before.momentum)}
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            prefix = next((p for p in source if name.startswith(p)), None)
            if prefix is None:
                continue
            origin = theirs[source[prefix] + name[len(prefix) :]]
            parameter.copy_(origin)
            if id(origin) in momentum:
                at = next(i for i, p in enumerate(after.matrices) if p is parameter)
                after.momentum[at] = momentum[id(origin)]
            else:
                after.adam.state[parameter] = before.adam.state[origin]
    for group in after.adam.param_groups:
        for p in group["params"]:  # new norms: as if they had seen small gradients, so that the first step is small
            after.adam.state.setdefault(p, {"step": next(iter(before.adam.state.values()))["step"].clone(),
                                            "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.full_like(p, 1e-6)})
    state |= {"model": new.state_dict(), "optimiser": after.state(), "shape": asdict(new.shape)}
    torch.save(state, path + ".partial")
    os.replace(path + ".partial", path)


if __name__ == "__main__":
    main()
