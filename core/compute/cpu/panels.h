// Weights as the kernels read them: panels of 16 rows, lane by lane. Packing loses nothing; a row can be read back (embeddings).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/compute/cpu/kernels.h"
#include "core/formats/dtype.h"

namespace fabula::compute::cpu {

struct PanelTypeInfo {
  PanelType type;
  formats::DType dtype;  // what the weights effectively are
  bool quantised;        // wants int8 activations
  int quant_bytes;       // of a panel: per column (float types) or per 32 columns
  int meta_blocks, meta_bytes;  // scales and minima of a panel: bytes per so many blocks of 32 columns
};
const PanelTypeInfo& panel_type_info(PanelType type);

// The type whose panels hold `type` as it is, or none.
std::optional<PanelType> panel_type_of(formats::DType type);

struct PackedMatrix {
  PanelType type = PanelType::f32;
  int64_t rows = 0, cols = 0;
  const uint8_t* panels = nullptr;  // ceil(rows / 16) of them; rows beyond the last are zeros
  int64_t panel_bytes = 0;

  explicit operator bool() const { return panels != nullptr; }
  int64_t n_panels() const { return (rows + panel_rows - 1) / panel_rows; }
  bool quantised() const { return panel_type_info(type).quantised; }
  uint64_t bytes() const { return static_cast<uint64_t>(n_panels() * panel_bytes); }
};

inline constexpr int panel_type_count = 0
#define FABULA_PANEL(symbol, quantised, quant_bytes, meta_blocks, meta_bytes) +1
#include "core/compute/cpu/panel_types.inc"
#undef FABULA_PANEL
    ;

int64_t panel_bytes(PanelType type, int64_t cols);  // a multiple of 64

// rows: `n_rows` (1 .. 16) consecutive rows as stored, each formats::row_bytes(dtype, cols) long. Writes one whole panel.
void pack_panel(PanelType type, int64_t cols, const std::byte* rows, int n_rows, uint8_t* panel);

// Row `row` as floats: the numbers that the kernels multiply with. out: (cols)
void read_row(const PackedMatrix& matrix, int64_t row, float* out);

}  // namespace fabula::compute::cpu
