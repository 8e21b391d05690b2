#include "core/compute/cpu/quant_codes.h"

#include <cstring>

namespace fabula::compute::cpu {

namespace {

uint16_t load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}

uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

// Four codes at a time: a model of a thousand million weights is packed in a second, not in ten.
constexpr uint32_t low_bits = 0x0f0f0f0f, one_bits = 0x01010101, two_bits = 0x03030303;

// Byte j holds column j (low) and column j + 16 (high).
void nibbles(const uint8_t* quants, uint32_t* code) {
  for (int g = 0; g < 4; ++g) {
    const uint32_t word = load32(quants + 4 * g);
    code[g] = word & low_bits;
    code[g + 4] = word >> 4 & low_bits;
  }
}

// Bit k is the fifth bit of column k. The product puts bit i of four into byte i.
void fifth_bits(const uint8_t* high, uint32_t* code) {
  const uint32_t bits = load32(high);
  for (int g = 0; g < 8; ++g) code[g] |= ((bits >> 4 * g & 15) * 0x00204081u & one_bits) << 4;
}

// get_scale_min_k4: eight 6-bit scales and minima in twelve bytes.
void k_scales(const uint8_t* q, int i, BlockCodes& out) {
  if (i < 4) {
    out.scale = q[i] & 63;
    out.minimum = q[i + 4] & 63;
  } else {
    out.scale = static_cast<uint8_t>((q[i + 4] & 15) | (q[i - 4] >> 6) << 4);
    out.minimum = static_cast<uint8_t>(q[i + 4] >> 4 | (q[i] >> 6) << 4);
  }
}

void read_k45(const uint8_t* super, int i, bool five, BlockCodes& out) {
  out.d = load16(super);
  out.m = load16(super + 2);
  k_scales(super + 4, i, out);
  const uint8_t* high = super + 16;
  const uint8_t* quants = super + (five ? 48 : 16) + i / 2 * 32;
  for (int g = 0; g < 8; ++g) {
    out.code[g] = load32(quants + 4 * g) >> (i % 2 ? 4 : 0) & low_bits;
    if (five) out.code[g] |= (load32(high + 4 * g) >> i & one_bits) << 4;
  }
}

void read_k6(const uint8_t* super, int i, BlockCodes& out) {
  const int half = i / 4, part = i % 4;  // 128 columns each; part 0-3 of 32
  const uint8_t* low = super + half * 64 + part % 2 * 32;
  const uint8_t* high = super + 128 + half * 32;
  const uint8_t* scales = super + 192 + half * 8 + part * 2;
  for (int g = 0; g < 8; ++g)
    out.code[g] = (load32(low + 4 * g) >> (part < 2 ? 0 : 4) & low_bits) | (load32(high + 4 * g) >> (2 * part) & two_bits) << 4;
  out.scale = scales[0];
  out.last_scale = scales[1];
  out.d = load16(super + 208);
}

void read_iq4_xs(const uint8_t* super, int i, BlockCodes& out) {
  out.d = load16(super);
  const int low = super[4 + i / 2] >> (4 * (i % 2)) & 15, high = load16(super + 2) >> (2 * i) & 3;
  out.scale = static_cast<uint8_t>((low | high << 4) - 32);
  nibbles(super + 8 + i * 16, out.code);
}

// 2^(e - 128) as bf16: ggml halves the scale, as its code book is doubled. Subnormal for e = 0 and 1.
uint16_t mxfp4_scale(uint8_t e) { return e < 2 ? static_cast<uint16_t>(0x20u << e) : static_cast<uint16_t>((e - 1u) << 7); }

}  // namespace

BlockCodes read_block_codes(PanelType type, const uint8_t* row, int64_t b) {
  BlockCodes out{};
  const int i = static_cast<int>(b % 8);
  switch (type) {
    case PanelType::q8_0:
      out.d = load16(row + b * 34);
      for (int g = 0; g < 8; ++g) out.code[g] = load32(row + b * 34 + 2 + 4 * g) ^ 0x80808080u;
      break;
    case PanelType::q4_0:
    case PanelType::iq4_nl:
      out.d = load16(row + b * 18);
      nibbles(row + b * 18 + 2, out.code);
      break;
    case PanelType::q4_1:
      out.d = load16(row + b * 20);
      out.m = load16(row + b * 20 + 2);
      nibbles(row + b * 20 + 4, out.code);
      break;
    case PanelType::q5_0:
      out.d = load16(row + b * 22);
      nibbles(row + b * 22 + 6, out.code);
      fifth_bits(row + b * 22 + 2, out.code);
      break;
    case PanelType::q5_1:
      out.d = load16(row + b * 24);
      out.m = load16(row + b * 24 + 2);
      nibbles(row + b * 24 + 8, out.code);
      fifth_bits(row + b * 24 + 4, out.code);
      break;
    case PanelType::q4_k: read_k45(row + b / 8 * 144, i, false, out); break;
    case PanelType::q5_k: read_k45(row + b / 8 * 176, i, true, out); break;
    case PanelType::q6_k: read_k6(row + b / 8 * 210, i, out); break;
    case PanelType::iq4_xs: read_iq4_xs(row + b / 8 * 136, i, out); break;
    case PanelType::mxfp4:
      out.d = mxfp4_scale(row[b * 17]);
      nibbles(row + b * 17 + 1, out.code);
      break;
    case PanelType::f32:
    case PanelType::f16:
    case PanelType::bf16: break;  // not made of blocks
  }
  return out;
}

float code_value(PanelType type, uint8_t code) {
  constexpr int8_t iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  constexpr int8_t fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  switch (type) {
    case PanelType::q8_0: return static_cast<float>(code - 128);
    case PanelType::q4_0: return static_cast<float>(code - 8);
    case PanelType::q5_0: return static_cast<float>(code - 16);
    case PanelType::q6_k: return static_cast<float>(code - 32);
    case PanelType::iq4_nl:
    case PanelType::iq4_xs: return static_cast<float>(iq4[code & 15]);
    case PanelType::mxfp4: return static_cast<float>(fp4[code & 15]);
    default: return static_cast<float>(code);
  }
}

}  // namespace fabula::compute::cpu
