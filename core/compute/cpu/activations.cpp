#include "core/compute/cpu/activations.h"

#include <algorithm>
#include <cstring>

namespace fabula::compute::cpu {

namespace {

QuantPlane moved(const QuantPlane& plane, int64_t words, int64_t blocks) {
  return {plane.quants + words, plane.scales + blocks, plane.negated_sums + blocks};
}

}  // namespace

Activations Activations::laid_out(int64_t columns, int64_t n, bool for_values, bool for_quants) const {
  Activations view = *this;
  view.cols = columns;
  view.n_tokens = n;
  view.wants_values = for_values;
  view.wants_quants = for_quants;
  return view;
}

Activations Activations::slice(int64_t begin, int64_t n) const {
  Activations view = *this;
  view.values += begin * cols;
  view.coarse = moved(coarse, begin * (cols / 4), begin * (cols / quant_block));
  view.fine = moved(fine, begin * (cols / 4), begin * (cols / quant_block));
  view.scaled_sums += begin * (cols / quant_block);
  view.n_tokens = n;
  return view;
}

namespace {

struct TilePlace {
  int64_t first;  // token of the tile
  int64_t width;
};

TilePlace tile_of(int64_t token, int64_t tile, int64_t n_tokens) {
  const int64_t first = token / tile * tile;
  return {first, std::min(tile, n_tokens - first)};
}

}  // namespace

void Activations::put(const KernelTable& kernels, int64_t token, int64_t k, const float* x, int64_t n) const {
  if (wants_values) {
    const auto [first, width] = tile_of(token, kernels.value_tile, n_tokens);
    kernels.spread(x, n, width, values + first * cols + k * width + (token - first));
  }
  if (wants_quants) {
    const auto [first, width] = tile_of(token, kernels.quant_tile, n_tokens);
    const int64_t block = first * (cols / quant_block) + k / quant_block * width + (token - first);
    const int64_t word = first * (cols / 4) + k / 4 * width + (token - first);
    kernels.quantize(x, n, width, sums_stride, moved(coarse, word, block), moved(fine, word, block), scaled_sums + block);
  }
}

void multiply(const KernelTable& kernels, const PackedMatrix& matrix, const Activations& x, int64_t begin, int64_t end,
              int64_t first_panel, int64_t n_panels, float* out, int64_t stride) {
  const bool quantised = matrix.quantised();
  const int64_t tile = quantised ? kernels.quant_tile : kernels.value_tile;
  const MatmulFunction kernel = kernels.matmul[static_cast<size_t>(matrix.type)];
  const bool partial = (first_panel + n_panels) * panel_rows > matrix.rows;
  const int64_t whole = partial ? n_panels - 1 : n_panels;
  MatmulArgs args{};
  args.panel_bytes = matrix.panel_bytes;
  args.cols = matrix.cols;
  for (int64_t token = begin; token < end; token += tile) {
    const int64_t width = std::min(tile, x.n_tokens - token), block = token * (x.cols / quant_block), word = token * (x.cols / 4);
    args.x = {x.values + token * x.cols, moved(x.coarse, word, block), moved(x.fine, word, block), x.scaled_sums + block,
              x.sums_stride, static_cast<int>(width), static_cast<int>(width)};
    args.n_tokens = static_cast<int>(width);
    args.cold = token == begin;
    if (whole > 0) {
      args.panels = matrix.panels + first_panel * matrix.panel_bytes;
      args.n_panels = static_cast<int>(whole);
      args.out = out + (token - begin) * stride;
      args.out_stride = stride;
      kernel(args);
    }
    if (!partial) continue;
    float last[16 * panel_rows];  // tiles are at most 12 tokens wide
    args.panels = matrix.panels + (first_panel + whole) * matrix.panel_bytes;
    args.n_panels = 1;
    args.out = last;
    args.out_stride = panel_rows;
    kernel(args);
    const int64_t rows = matrix.rows - (first_panel + whole) * panel_rows;
    for (int64_t t = 0; t < width; ++t)
      std::memcpy(out + (token - begin + t) * stride + whole * panel_rows, last + t * panel_rows, static_cast<size_t>(rows) * 4);
  }
}

}  // namespace fabula::compute::cpu
