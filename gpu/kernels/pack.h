// Where the weights of a packed matrix lie: from stored rows to planes, and single weights back (embedding rows, tests).
// A unit of 16 bytes belongs to lane 4 g + t, that is to rows g and g + 8 of the tile; which columns it holds is chosen so that one
// load feeds whole tensor-core fragments: a dot product does not mind the order of its columns as long as both sides share it.
#pragma once

#include "gpu/device/intrinsics.h"
#include "gpu/kernels/types.h"

namespace fabula::gpu {

// ---- Codes of quantised blocks

// Byte place of a column's code in its chunk of int8 activations: lane t reads 16 bytes, (block, half, 4 columns).
FABULA_DEVICE inline int code_place(int column) {
  const int block = column / 32, half = column / 16 % 2, t = column / 4 % 4, e = column % 4;
  return t * 16 + (block * 2 + half) * 4 + e;
}

// 32 columns of a stored row taken apart (ggml-common.h has the layouts). Codes are as stored; zero points are taken off by who multiplies.
struct StoredBlock {
  uint8_t code[32];
  uint16_t d = 0, m = 0;           // f16: scale, minimum; of the super block for K-types
  uint8_t scale = 0, minimum = 0;  // q4_k, q5_k: 6 bits; q6_k: signed scales of columns 0-15 and 16-31
};

FABULA_DEVICE inline uint16_t stored16(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }

FABULA_DEVICE inline void read_nibbles(const uint8_t* quants, StoredBlock& out) {
  for (int i = 0; i < 16; ++i) {
    out.code[i] = quants[i] & 15;
    out.code[i + 16] = quants[i] >> 4;
  }
}

FABULA_DEVICE inline void add_fifth_bits(const uint8_t* high, StoredBlock& out) {
  for (int i = 0; i < 32; ++i) out.code[i] = static_cast<uint8_t>(out.code[i] | (high[i / 8] >> i % 8 & 1) << 4);
}

FABULA_DEVICE inline void read_k45(const uint8_t* super, int block, bool five, StoredBlock& out) {
  out.d = stored16(super);
  out.m = stored16(super + 2);
  const uint8_t* s = super + 4;
  if (block < 4) {
    out.scale = s[block] & 63;
    out.minimum = s[block + 4] & 63;
  } else {
    out.scale = static_cast<uint8_t>((s[block + 4] & 15) | (s[block - 4] >> 6) << 4);
    out.minimum = static_cast<uint8_t>(s[block + 4] >> 4 | (s[block] >> 6) << 4);
  }
  const uint8_t* quants = super + (five ? 48 : 16) + block / 2 * 32;
  for (int i = 0; i < 32; ++i) {
    out.code[i] = quants[i] >> (block % 2 ? 4 : 0) & 15;
    if (five) out.code[i] = static_cast<uint8_t>(out.code[i] | (super[16 + i] >> block & 1) << 4);
  }
}

FABULA_DEVICE inline void read_k6(const uint8_t* super, int block, StoredBlock& out) {
  const int half = block / 4, part = block % 4;
  const uint8_t* low = super + half * 64 + part % 2 * 32;
  const uint8_t* high = super + 128 + half * 32;
  for (int i = 0; i < 32; ++i)
    out.code[i] = static_cast<uint8_t>((low[i] >> (part < 2 ? 0 : 4) & 15) | (high[i] >> 2 * part & 3) << 4);
  out.scale = super[192 + half * 8 + part * 2];
  out.minimum = super[192 + half * 8 + part * 2 + 1];
  out.d = stored16(super + 208);
}

// Block `b` (32 columns) of a stored row.
FABULA_DEVICE inline void read_block(WeightType type, const uint8_t* row, int b, StoredBlock& out) {
  switch (type) {
    case WeightType::q8_0:
      row += b * 34;
      out.d = stored16(row);
      for (int i = 0; i < 32; ++i) out.code[i] = row[2 + i];
      return;
    case WeightType::q4_0:
      out.d = stored16(row + b * 18);
      return read_nibbles(row + b * 18 + 2, out);
    case WeightType::q4_1:
      out.d = stored16(row + b * 20);
      out.m = stored16(row + b * 20 + 2);
      return read_nibbles(row + b * 20 + 4, out);
    case WeightType::q5_0:
      out.d = stored16(row + b * 22);
      read_nibbles(row + b * 22 + 6, out);
      return add_fifth_bits(row + b * 22 + 2, out);
    case WeightType::q5_1:
      out.d = stored16(row + b * 24);
      out.m = stored16(row + b * 24 + 2);
      read_nibbles(row + b * 24 + 8, out);
      return add_fifth_bits(row + b * 24 + 4, out);
    case WeightType::q4_k: return read_k45(row + b / 8 * 144, b % 8, false, out);
    case WeightType::q5_k: return read_k45(row + b / 8 * 176, b % 8, true, out);
    case WeightType::q6_k: return read_k6(row + b / 8 * 210, b % 8, out);
    default: return;
  }
}

// ---- Places of bytes in the planes

FABULA_DEVICE inline int64_t unit_offset(const Matrix& m, int units, int tile, int chunk, int unit, int lane) {
  return (((static_cast<int64_t>(tile) * m.chunks + chunk) * units + unit) * 32 + lane) * 16;
}

// Byte of a float weight. bits: 16 or 32 a weight.
FABULA_DEVICE inline int64_t float_place(const Matrix& m, bool wide, int row, int column) {
  const int r = row % tile_rows, h = r / 8, g = r % 8, c = column % chunk_columns;
  const int part = wide ? c / 16 : c / 32, t = wide ? c / 4 % 4 : c / 8 % 4, e = wide ? c % 4 : c % 8;
  return unit_offset(m, wide ? 8 : 4, row / tile_rows, column / chunk_columns, part * 2 + h, g * 4 + t) + e * (wide ? 4 : 2);
}

// Byte of the low part of a code; four-bit codes of the upper 16 columns of a block are the high nibbles of the lower ones' bytes.
FABULA_DEVICE inline int64_t code_byte(const Matrix& m, int row, int column) {
  const int r = row % tile_rows, h = r / 8, g = r % 8, c = column % chunk_columns;
  const int block = c / 32, half = c / 16 % 2, t = c / 4 % 4, e = c % 4;
  const bool bytes = m.type == WeightType::q8_0;
  const int unit = bytes ? block : 0, word = bytes ? half * 2 + h : block * 2 + h;
  return unit_offset(m, bytes ? 2 : 1, row / tile_rows, column / chunk_columns, unit, g * 4 + t) + word * 4 + e;
}

// Bits above the nibble: of fragment register r = (block * 2 + h) * 2 + half, bit r (q5) of byte e, or bits 2 (r % 4) of byte e of word r / 4 (q6).
FABULA_DEVICE inline int64_t high_byte(const Matrix& m, int row, int column, int& shift) {
  const int r = row % tile_rows, h = r / 8, g = r % 8, c = column % chunk_columns;
  const int block = c / 32, half = c / 16 % 2, t = c / 4 % 4, e = c % 4, fragment = (block * 2 + h) * 2 + half;
  const int bytes = m.type == WeightType::q6_k ? 8 : 4;
  shift = m.type == WeightType::q6_k ? fragment % 4 * 2 : fragment;
  const int64_t lane = (static_cast<int64_t>(row / tile_rows) * m.chunks + column / chunk_columns) * 32 + g * 4 + t;
  return lane * bytes + (m.type == WeightType::q6_k ? fragment / 4 * 4 : 0) + e;
}

FABULA_DEVICE inline int64_t scale_byte(const Matrix& m, int scale_bytes, int row, int column) {
  return ((static_cast<int64_t>(row / tile_rows) * m.chunks + column / chunk_columns) * tile_rows + row % tile_rows) * scale_bytes;
}
FABULA_DEVICE inline int64_t super_byte(const Matrix& m, int super_bytes, int row, int column) {
  const int supers = (m.chunks + 3) / 4;
  return ((static_cast<int64_t>(row / tile_rows) * supers + column / (4 * chunk_columns)) * tile_rows + row % tile_rows) * super_bytes;
}

// The weight of one row and column, as dequantised by definition.
FABULA_DEVICE inline float weight_at(const Matrix& m, int row, int column) {
  if (m.type == WeightType::f32) return load<float>(m.codes + float_place(m, true, row, column));
  if (is_float(m.type)) {
    const uint32_t bits = load<uint16_t>(m.codes + float_place(m, false, row, column));
    return m.type == WeightType::f16 ? f16_to_float(bits) : bf16_to_float(bits);
  }
  const int block = column % chunk_columns / 32;
  int code = m.codes[code_byte(m, row, column)];
  if (m.type != WeightType::q8_0) code = code >> (column / 16 % 2 ? 4 : 0) & 15;
  if (m.high) {
    int shift = 0;
    const int bits = m.high[high_byte(m, row, column, shift)] >> shift;
    code |= (m.type == WeightType::q6_k ? bits & 3 : bits & 1) << 4;
  }
  const PackedShape shape = packed_shape(m.type);
  const uint8_t* s = m.scales + scale_byte(m, shape.scale_bytes, row, column);
  const uint8_t* super = m.supers ? m.supers + super_byte(m, shape.super_bytes, row, column) : nullptr;
  switch (m.type) {
    case WeightType::q8_0: return f16_to_float(stored16(s + 2 * block)) * static_cast<float>(static_cast<int8_t>(code));
    case WeightType::q4_0: return f16_to_float(stored16(s + 2 * block)) * static_cast<float>(code - 8);
    case WeightType::q5_0: return f16_to_float(stored16(s + 2 * block)) * static_cast<float>(code - 16);
    case WeightType::q4_1:
    case WeightType::q5_1: {
      const float product = f16_to_float(stored16(s + 4 * block)) * static_cast<float>(code);
      return product + f16_to_float(stored16(s + 4 * block + 2));
    }
    case WeightType::q4_k:
    case WeightType::q5_k: {
      const float scale = f16_to_float(stored16(super)) * static_cast<float>(s[block]);
      const float minimum = f16_to_float(stored16(super + 2)) * static_cast<float>(s[2 + block]);
      return scale * static_cast<float>(code) - minimum;
    }
    case WeightType::q6_k: {
      const auto scale = static_cast<int8_t>(s[block * 2 + column / 16 % 2]);
      return f16_to_float(stored16(super)) * static_cast<float>(scale) * static_cast<float>(code - 32);
    }
    default: return 0;
  }
}

}  // namespace fabula::gpu
