#include "core/compute/cpu/panels.h"

#include <bit>
#include <cstring>

#include "core/base/numeric.h"

namespace fabula::compute::cpu {

namespace {

constexpr PanelTypeInfo table[] = {
#define FABULA_PANEL(symbol, quantised, quant_bytes, meta_bytes) \
  {PanelType::symbol, formats::DType::symbol, quantised, quant_bytes, meta_bytes},
#include "core/compute/cpu/panel_types.inc"
#undef FABULA_PANEL
};

uint16_t load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}

// Elements of `size` bytes: transposed, nothing else.
template <int size>
void pack_values(int64_t cols, const uint8_t* rows, int n_rows, uint8_t* panel) {
  const int64_t row_bytes = cols * size;
  for (int64_t k = 0; k < cols; ++k)
    for (int r = 0; r < n_rows; ++r) std::memcpy(panel + (k * panel_rows + r) * size, rows + r * row_bytes + k * size, size);
}

struct BlockShape {
  int block_bytes;   // ggml's block of 32
  int quants_at;     // where its quants begin; before them stand d and, for *_1, m as f16
};
constexpr BlockShape shape_q8_0{34, 2}, shape_q4_0{18, 2}, shape_q4_1{20, 4};

void pack_quants(PanelType type, const BlockShape& shape, int64_t cols, const uint8_t* rows, int n_rows, uint8_t* panel) {
  const PanelTypeInfo& info = panel_type_info(type);
  const int64_t blocks = cols / quant_block, row_bytes = blocks * shape.block_bytes;
  uint8_t* meta = panel + blocks * info.quant_bytes;
  for (int r = 0; r < n_rows; ++r) {
    for (int64_t b = 0; b < blocks; ++b) {
      const uint8_t* block = rows + r * row_bytes + b * shape.block_bytes;
      const uint8_t* quants = block + shape.quants_at;
      uint8_t* out = panel + b * info.quant_bytes + 4 * r;
      if (type == PanelType::q8_0) {
        for (int k = 0; k < 32; ++k) out[k / 4 * 64 + k % 4] = static_cast<uint8_t>(quants[k] ^ 0x80);
      } else {
        // ggml: byte j holds elements j (low) and j + 16 (high). Groups g and g + 4 of four columns are 16 columns apart: same pairs.
        for (int j = 0; j < 16; ++j) out[j / 4 * 64 + j % 4] = quants[j];
      }
      std::memcpy(meta + b * info.meta_bytes + 2 * r, block, 2);
      if (type == PanelType::q4_1) std::memcpy(meta + b * info.meta_bytes + 32 + 2 * r, block + 2, 2);
    }
  }
}

}  // namespace

const PanelTypeInfo& panel_type_info(PanelType type) { return table[static_cast<size_t>(type)]; }

std::optional<PanelType> panel_type_of(formats::DType type) {
  for (const PanelTypeInfo& info : table)
    if (info.dtype == type) return info.type;
  return std::nullopt;
}

int64_t panel_bytes(PanelType type, int64_t cols) {
  const PanelTypeInfo& info = panel_type_info(type);
  const int64_t bytes = info.quantised ? cols / quant_block * (info.quant_bytes + info.meta_bytes) : cols * info.quant_bytes;
  return (bytes + 63) / 64 * 64;
}

void pack_panel(PanelType type, int64_t cols, const std::byte* stored, int n_rows, uint8_t* panel) {
  const auto* rows = reinterpret_cast<const uint8_t*>(stored);
  if (n_rows < panel_rows) std::memset(panel, 0, static_cast<size_t>(panel_bytes(type, cols)));
  switch (type) {
    case PanelType::f32: return pack_values<4>(cols, rows, n_rows, panel);
    case PanelType::f16:
    case PanelType::bf16: return pack_values<2>(cols, rows, n_rows, panel);
    case PanelType::q8_0: return pack_quants(type, shape_q8_0, cols, rows, n_rows, panel);
    case PanelType::q4_0: return pack_quants(type, shape_q4_0, cols, rows, n_rows, panel);
    case PanelType::q4_1: return pack_quants(type, shape_q4_1, cols, rows, n_rows, panel);
  }
}

void read_row(const PackedMatrix& m, int64_t row, float* out) {
  const uint8_t* panel = m.panels + row / panel_rows * m.panel_bytes;
  const int64_t lane = row % panel_rows;
  const PanelTypeInfo& info = panel_type_info(m.type);
  if (!info.quantised) {
    for (int64_t k = 0; k < m.cols; ++k) {
      const uint8_t* p = panel + k * info.quant_bytes + lane * info.quant_bytes / panel_rows;
      if (m.type == PanelType::f32) {
        std::memcpy(out + k, p, 4);
      } else {
        out[k] = m.type == PanelType::f16 ? f16_to_f32(load16(p)) : bf16_to_f32(load16(p));
      }
    }
    return;
  }
  const int64_t blocks = m.cols / quant_block;
  for (int64_t b = 0; b < blocks; ++b) {
    const uint8_t* quants = panel + b * info.quant_bytes + 4 * lane;
    const uint8_t* meta = panel + blocks * info.quant_bytes + b * info.meta_bytes + 2 * lane;
    const float scale = f16_to_f32(load16(meta));
    for (int k = 0; k < 32; ++k) {
      float& value = out[b * 32 + k];
      if (m.type == PanelType::q8_0) {
        value = static_cast<float>(quants[k / 4 * 64 + k % 4] - 128) * scale;
        continue;
      }
      const uint8_t both = quants[k % 16 / 4 * 64 + k % 4];
      const int nibble = k < 16 ? both & 15 : both >> 4;
      value = m.type == PanelType::q4_0 ? static_cast<float>(nibble - 8) * scale
                                        : static_cast<float>(nibble) * scale + f16_to_f32(load16(meta + 32));
    }
  }
}

}  // namespace fabula::compute::cpu
