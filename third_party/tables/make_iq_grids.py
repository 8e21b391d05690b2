#!/usr/bin/env python3
"""Writes core/formats/iq_grids.inc: the code books of ggml's IQ block types, which are part of the file format (a
block holds indices into them). Source: the Python package gguf (MIT licence), gguf/quants.py. Each code word of 8
(IQ1, IQ2) or 4 (IQ3) levels is packed into 16 bits, 2 or 3 bits a level, first level lowest.

    make_iq_grids.py > core/formats/iq_grids.inc"""

import numpy as np
from gguf import quants

print("// Written by third_party/tables/make_iq_grids.py; code words of the IQ block types, levels packed, first level lowest.")
for name, cls, bits in (
    ("iq2_xxs_grid", quants.IQ2_XXS, 2),
    ("iq2_xs_grid", quants.IQ2_XS, 2),
    ("iq2_s_grid", quants.IQ2_S, 2),
    ("iq3_xxs_grid", quants.IQ3_XXS, 3),
    ("iq3_s_grid", quants.IQ3_S, 3),
    ("iq1_grid", quants.IQ1_S, 2),
):
    cls.init_grid()
    levels = np.array(cls.grid_map, dtype=np.float32)
    grid = cls.grid.reshape(cls.grid_shape)
    index = np.argmin(np.abs(grid[..., None] - levels), axis=-1)
    packed = (index << (bits * np.arange(grid.shape[1]))).sum(axis=-1)
    print(f"constexpr uint16_t {name}[{len(packed)}] = {{")
    for begin in range(0, len(packed), 18):
        print("    " + ", ".join(f"{v}" for v in packed[begin : begin + 18]) + ",")
    print("};")
