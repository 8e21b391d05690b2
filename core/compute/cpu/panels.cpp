#include "core/compute/cpu/panels.h"

#include <algorithm>
#include <cstring>

#include "core/base/numeric.h"
#include "core/compute/cpu/quant_codes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#include <xmmintrin.h>
#endif

namespace fabula::compute::cpu {

namespace {

constexpr PanelTypeInfo table[] = {
#define FABULA_PANEL(symbol, quantised, quant_bytes, meta_blocks, meta_bytes) \
  {PanelType::symbol, formats::DType::symbol, quantised, quant_bytes, meta_blocks, meta_bytes},
#include "core/compute/cpu/panel_types.inc"
#undef FABULA_PANEL
};

uint16_t load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
void store16(uint8_t* p, uint16_t v) { std::memcpy(p, &v, 2); }

// Elements of `size` bytes: transposed, nothing else.
template <int size>
void pack_values(int64_t first_col, int64_t cols, const uint8_t* rows, int n_rows, uint8_t* panel) {
  const int64_t row_bytes = cols * size;
  for (int64_t k = first_col; k < cols; ++k)
    for (int r = 0; r < n_rows; ++r) std::memcpy(panel + (k * panel_rows + r) * size, rows + r * row_bytes + k * size, size);
}

// Whole panels in squares of registers (SSE2 is part of x86-64); returns the columns done.
#if defined(__SSE2__)
int64_t transpose_halves(int64_t cols, const uint8_t* rows, uint8_t* panel) {
  const int64_t row_bytes = cols * 2, squares = cols / 8;
  for (int64_t s = 0; s < squares; ++s) {
    for (int r0 = 0; r0 < panel_rows; r0 += 8) {
      __m128i a[8], b[8];
      for (int i = 0; i < 8; ++i) a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + (r0 + i) * row_bytes + s * 16));
      for (int i = 0; i < 4; ++i) {
        b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
      }
      for (int i = 0; i < 4; ++i) {
        a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
        a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
      }
      for (int i = 0; i < 4; ++i) {
        b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
      }
      for (int k = 0; k < 8; ++k) _mm_storeu_si128(reinterpret_cast<__m128i*>(panel + ((s * 8 + k) * panel_rows + r0) * 2), b[k]);
    }
  }
  return squares * 8;
}

int64_t transpose_words(int64_t cols, const uint8_t* rows, uint8_t* panel) {
  const int64_t row_bytes = cols * 4, squares = cols / 4;
  for (int64_t s = 0; s < squares; ++s) {
    for (int r0 = 0; r0 < panel_rows; r0 += 4) {
      __m128 a[4];
      for (int i = 0; i < 4; ++i) a[i] = _mm_loadu_ps(reinterpret_cast<const float*>(rows + (r0 + i) * row_bytes + s * 16));
      _MM_TRANSPOSE4_PS(a[0], a[1], a[2], a[3]);
      for (int k = 0; k < 4; ++k) _mm_storeu_ps(reinterpret_cast<float*>(panel + ((s * 4 + k) * panel_rows + r0) * 4), a[k]);
    }
  }
  return squares * 4;
}
#else
int64_t transpose_halves(int64_t, const uint8_t*, uint8_t*) { return 0; }
int64_t transpose_words(int64_t, const uint8_t*, uint8_t*) { return 0; }
#endif

bool has_fifth_bit(PanelType type) { return type == PanelType::q5_0 || type == PanelType::q5_1 || type == PanelType::q5_k; }

// Where the parts of one lane's block stand (see the panels of matmul_impl.h, which read them).
struct LanePlaces {
  uint8_t* quants;   // of the block
  uint8_t* meta;     // of the block, or of its eight in the K-types
  uint8_t* scales;   // of the block, in the K-types
};

LanePlaces places(const PanelTypeInfo& info, uint8_t* panel, int64_t cols, int64_t b) {
  const int64_t first = b / run_blocks * run_blocks, n = std::min<int64_t>(run_blocks, cols / quant_block - first);
  uint8_t* const run = panel + first * info.quant_bytes + first / info.meta_blocks * info.meta_bytes;
  uint8_t* const quants = run + n / info.meta_blocks * info.meta_bytes + (b - first) * info.quant_bytes;
  uint8_t* const meta = run + (b - first) / info.meta_blocks * info.meta_bytes;
  const bool two = info.type == PanelType::q4_k || info.type == PanelType::q5_k;
  const int step = info.type == PanelType::iq4_xs ? 16 : 32;
  return {quants, meta, meta + (two ? 64 : 32) + b % info.meta_blocks * step};
}

#if defined(__SSE2__)
void transpose4(__m128i* rows) {
  const __m128i a = _mm_unpacklo_epi32(rows[0], rows[1]), b = _mm_unpackhi_epi32(rows[0], rows[1]);
  const __m128i c = _mm_unpacklo_epi32(rows[2], rows[3]), d = _mm_unpackhi_epi32(rows[2], rows[3]);
  rows[0] = _mm_unpacklo_epi64(a, c);
  rows[1] = _mm_unpackhi_epi64(a, c);
  rows[2] = _mm_unpacklo_epi64(b, d);
  rows[3] = _mm_unpackhi_epi64(b, d);
}

// write_codes of four neighbouring lanes.
void write_four(PanelType type, const BlockCodes* blocks, int lane, uint8_t* quants) {
  __m128i code[8];
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 4; ++i) code[4 * half + i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[i].code + 4 * half));
    transpose4(code + 4 * half);
  }
  const auto put = [&](int at, __m128i words) { _mm_storeu_si128(reinterpret_cast<__m128i*>(quants + at + 4 * lane), words); };
  if (type == PanelType::q8_0) {
    for (int g = 0; g < 8; ++g) put(64 * g, code[g]);
    return;
  }
  const auto high = [&](int group, int mask) { return _mm_and_si128(_mm_srli_epi32(code[group], 4), _mm_set1_epi32(mask)); };
  const __m128i low = _mm_set1_epi32(0x0f0f0f0f);
  for (int g = 0; g < 4; ++g) put(64 * g, _mm_or_si128(_mm_and_si128(code[g], low), _mm_slli_epi32(_mm_and_si128(code[g + 4], low), 4)));
  if (type == PanelType::q6_k) {
    __m128i first = _mm_setzero_si128(), last = first;
    for (int g = 0; g < 4; ++g) {
      first = _mm_or_si128(first, _mm_slli_epi32(high(g, 0x03030303), 2 * g));
      last = _mm_or_si128(last, _mm_slli_epi32(high(g + 4, 0x03030303), 2 * g));
    }
    put(256, first);
    put(320, last);
  } else if (has_fifth_bit(type)) {
    __m128i fifth = _mm_setzero_si128();
    for (int g = 0; g < 8; ++g) fifth = _mm_or_si128(fifth, _mm_slli_epi32(high(g, 0x01010101), g));
    put(256, fifth);
  }
}
#endif

void write_codes(PanelType type, const BlockCodes& block, int lane, uint8_t* quants) {
  const auto put = [&](int at, uint32_t word) { std::memcpy(quants + at + 4 * lane, &word, 4); };
  const auto high = [&](int group, uint32_t mask) { return block.code[group] >> 4 & mask; };
  if (type == PanelType::q8_0) {
    for (int g = 0; g < 8; ++g) put(64 * g, block.code[g]);
    return;
  }
  for (int g = 0; g < 4; ++g) put(64 * g, (block.code[g] & 0x0f0f0f0fu) | (block.code[g + 4] & 0x0f0f0f0fu) << 4);
  if (type == PanelType::q6_k) {
    uint32_t first = 0, last = 0;
    for (int g = 0; g < 4; ++g) {
      first |= high(g, 0x03030303u) << 2 * g;
      last |= high(g + 4, 0x03030303u) << 2 * g;
    }
    put(256, first);
    put(320, last);
  } else if (has_fifth_bit(type)) {
    uint32_t fifth = 0;
    for (int g = 0; g < 8; ++g) fifth |= high(g, 0x01010101u) << g;
    put(256, fifth);
  }
}

uint8_t read_code(PanelType type, const uint8_t* quants, int lane, int k) {
  const int byte = 4 * lane + k % 4, group = k / 4;
  if (type == PanelType::q8_0) return quants[group * 64 + byte];
  const int low = quants[group % 4 * 64 + byte] >> (k < 16 ? 0 : 4) & 15;
  if (type == PanelType::q6_k) return static_cast<uint8_t>(low | (quants[256 + group / 4 * 64 + byte] >> 2 * (group % 4) & 3) << 4);
  return static_cast<uint8_t>(has_fifth_bit(type) ? low | (quants[256 + byte] >> group & 1) << 4 : low);
}

void write_scales(const PanelTypeInfo& info, const BlockCodes& block, int lane, const LanePlaces& at) {
  store16(at.meta + 2 * lane, block.d);
  if (info.meta_blocks == 1) {
    if (info.meta_bytes == 64) store16(at.meta + 32 + 2 * lane, block.m);
    return;
  }
  at.scales[lane] = block.scale;
  if (info.type == PanelType::q6_k) {
    at.scales[16 + lane] = block.last_scale;
  } else if (info.type != PanelType::iq4_xs) {
    store16(at.meta + 32 + 2 * lane, block.m);
    at.scales[16 + lane] = block.minimum;
  }
}

void write_some(PanelType type, const BlockCodes* blocks, int lane, int n, uint8_t* quants) {
#if defined(__SSE2__)
  if (n == 4) return write_four(type, blocks, lane, quants);
#endif
  for (int i = 0; i < n; ++i) write_codes(type, blocks[i], lane + i, quants);
}

void pack_quants(PanelType type, int64_t cols, const uint8_t* rows, int n_rows, uint8_t* panel) {
  const PanelTypeInfo& info = panel_type_info(type);
  const int64_t row_bytes = static_cast<int64_t>(formats::row_bytes(info.dtype, cols));
  if (n_rows < panel_rows) std::memset(panel, 0, static_cast<size_t>(panel_bytes(type, cols)));
  for (int64_t b = 0; b < cols / quant_block; ++b) {
    const LanePlaces at = places(info, panel, cols, b);
    for (int lane = 0; lane < n_rows; lane += 4) {
      const int n = std::min(4, n_rows - lane);
      BlockCodes blocks[4];
      for (int i = 0; i < n; ++i) {
        blocks[i] = read_block_codes(type, rows + (lane + i) * row_bytes, b);
        write_scales(info, blocks[i], lane + i, at);
      }
      write_some(type, blocks, lane, n, at.quants);
    }
  }
}

// factor * code_value + offset for the first and the last 16 columns of a block.
struct Affine {
  float factor[2], offset;
};

Affine affine_of(PanelType type, const LanePlaces& at, int64_t lane) {
  const float d = f16_to_f32(load16(at.meta + 2 * lane));
  const auto second = [&] { return f16_to_f32(load16(at.meta + 32 + 2 * lane)); };
  const auto byte = [&](int64_t i) { return static_cast<float>(at.scales[i]); };
  const auto signed_byte = [&](int64_t i) { return static_cast<float>(static_cast<int8_t>(at.scales[i])); };
  switch (type) {
    case PanelType::q4_1:
    case PanelType::q5_1: return {{d, d}, second()};
    case PanelType::q4_k:
    case PanelType::q5_k: return {{d * byte(lane), d * byte(lane)}, -(second() * byte(16 + lane))};
    case PanelType::q6_k: return {{d * signed_byte(lane), d * signed_byte(16 + lane)}, 0};
    case PanelType::iq4_xs: return {{d * signed_byte(lane), d * signed_byte(lane)}, 0};
    case PanelType::mxfp4: {
      const float power = bf16_to_f32(load16(at.meta + 2 * lane));
      return {{power, power}, 0};
    }
    default: return {{d, d}, 0};
  }
}

void read_values(const PackedMatrix& m, const uint8_t* panel, int64_t lane, float* out) {
  const int64_t size = panel_type_info(m.type).quant_bytes / panel_rows;
  for (int64_t k = 0; k < m.cols; ++k) {
    const uint8_t* p = panel + (k * panel_rows + lane) * size;
    if (m.type == PanelType::f32) std::memcpy(out + k, p, 4);
    else out[k] = m.type == PanelType::f16 ? f16_to_f32(load16(p)) : bf16_to_f32(load16(p));
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
  const int64_t blocks = cols / quant_block;
  const int64_t bytes = info.quantised ? blocks * info.quant_bytes + blocks / info.meta_blocks * info.meta_bytes : cols * info.quant_bytes;
  return (bytes + 63) / 64 * 64;
}

void pack_panel(PanelType type, int64_t cols, const std::byte* stored, int n_rows, uint8_t* panel) {
  const auto* rows = reinterpret_cast<const uint8_t*>(stored);
  if (panel_type_info(type).quantised) return pack_quants(type, cols, rows, n_rows, panel);
  if (n_rows < panel_rows) std::memset(panel, 0, static_cast<size_t>(panel_bytes(type, cols)));
  const bool whole = n_rows == panel_rows;
  if (type == PanelType::f32) pack_values<4>(whole ? transpose_words(cols, rows, panel) : 0, cols, rows, n_rows, panel);
  else pack_values<2>(whole ? transpose_halves(cols, rows, panel) : 0, cols, rows, n_rows, panel);
}

void read_row(const PackedMatrix& m, int64_t row, float* out) {
  uint8_t* const panel = const_cast<uint8_t*>(m.panels + row / panel_rows * m.panel_bytes);
  const int lane = static_cast<int>(row % panel_rows);
  if (!m.quantised()) return read_values(m, panel, lane, out);
  for (int64_t b = 0; b < m.cols / quant_block; ++b) {
    const LanePlaces at = places(panel_type_info(m.type), panel, m.cols, b);
    const Affine affine = affine_of(m.type, at, lane);
    for (int k = 0; k < 32; ++k) {
      const float value = code_value(m.type, read_code(m.type, at.quants, lane, k)) * affine.factor[k / 16];
      out[b * 32 + k] = affine.offset == 0 ? value : value + affine.offset;
    }
  }
}

}  // namespace fabula::compute::cpu
