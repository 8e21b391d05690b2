#include <cmath>

#include "core/base/half_rows.h"
#include "core/formats/quant.h"
#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

// The element of largest magnitude, with its sign; the first of equals.
float signed_extreme(const float* x, int n) {
  float extreme = 0.0f, magnitude = 0.0f;
  for (int i = 0; i < n; ++i) {
    if (magnitude < std::fabs(x[i])) {
      magnitude = std::fabs(x[i]);
      extreme = x[i];
    }
  }
  return extreme;
}

struct Range {
  float low, high;
};
Range range_of(const float* x, int n) {
  Range range{x[0], x[0]};
  for (int i = 1; i < n; ++i) {
    if (x[i] < range.low) range.low = x[i];
    if (x[i] > range.high) range.high = x[i];
  }
  return range;
}

// Cut to an integer. What is no number of this range comes from weights that are infinite or no numbers: it
// counts as 0.
int whole(float value) {
  return value > -512.0f && value < 512.0f ? static_cast<int>(value) : 0;
}

int clamp_to(int value, int most) {
  return value < most ? value : most;
}

// The *_0 and *_1 types round as ggml's reference does: x + half + 0.5 cut to an integer, not to nearest
// even.
void block_q4_0(const float* x, std::byte* out) {
  const float d = signed_extreme(x, 32) / -8.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  store16(out, f32_to_f16(d));
  for (int i = 0; i < 16; ++i) {
    const int low = clamp_to(whole(x[i] * inverse + 8.5f), 15);
    const int high = clamp_to(whole(x[i + 16] * inverse + 8.5f), 15);
    out[2 + i] = static_cast<std::byte>(low | high << 4);
  }
}

void block_q4_1(const float* x, std::byte* out) {
  const Range range = range_of(x, 32);
  const float d = (range.high - range.low) / 15.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  store16(out, f32_to_f16(d));
  store16(out + 2, f32_to_f16(range.low));
  for (int i = 0; i < 16; ++i) {
    const int low = clamp_to(whole((x[i] - range.low) * inverse + 0.5f), 15);
    const int high = clamp_to(whole((x[i + 16] - range.low) * inverse + 0.5f), 15);
    out[4 + i] = static_cast<std::byte>(low | high << 4);
  }
}

void store_fives(const int* values, std::byte* high_bits, std::byte* nibbles) {
  uint32_t high = 0;
  for (int i = 0; i < 16; ++i) {
    nibbles[i] = static_cast<std::byte>((values[i] & 15) | (values[i + 16] & 15) << 4);
    high |= static_cast<uint32_t>(values[i] >> 4 & 1) << i | static_cast<uint32_t>(values[i + 16] >> 4 & 1)
                                                                 << (i + 16);
  }
  std::memcpy(high_bits, &high, 4);
}

void block_q5_0(const float* x, std::byte* out) {
  const float d = signed_extreme(x, 32) / -16.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  store16(out, f32_to_f16(d));
  int values[32];
  for (int i = 0; i < 32; ++i) values[i] = clamp_to(whole(x[i] * inverse + 16.5f), 31);
  store_fives(values, out + 2, out + 6);
}

void block_q5_1(const float* x, std::byte* out) {
  const Range range = range_of(x, 32);
  const float d = (range.high - range.low) / 31.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  store16(out, f32_to_f16(d));
  store16(out + 2, f32_to_f16(range.low));
  int values[32];
  for (int i = 0; i < 32; ++i) values[i] = whole((x[i] - range.low) * inverse + 0.5f);
  store_fives(values, out + 4, out + 8);
}

void block_q8_0(const float* x, std::byte* out) {
  const float d = std::fabs(signed_extreme(x, 32)) / 127.0f;
  const float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  store16(out, f32_to_f16(d));
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<std::byte>(whole(std::round(x[i] * inverse)));
}

void block_f32(const float* x, std::byte* out) {
  std::memcpy(out, x, 4);
}
void block_f16(const float* x, std::byte* out) {
  store16(out, f32_to_f16(*x));
}
void block_bf16(const float* x, std::byte* out) {
  store16(out, f32_to_bf16(*x));
}

BlockEncoder encoder_or_null(DType type) {
  switch (type) {
    case DType::f32: return block_f32;
    case DType::f16: return block_f16;
    case DType::bf16: return block_bf16;
    case DType::q4_0: return block_q4_0;
    case DType::q4_1: return block_q4_1;
    case DType::q5_0: return block_q5_0;
    case DType::q5_1: return block_q5_1;
    case DType::q8_0: return block_q8_0;
    case DType::q4_k: return encode_q4_k;
    case DType::q5_k: return encode_q5_k;
    case DType::q6_k: return encode_q6_k;
    default: return nullptr;
  }
}

}  // namespace

bool can_quantize(DType type) {
  return encoder_or_null(type) != nullptr;
}

void quantize(DType type, const float* source, std::byte* out, int64_t n) {
  const BlockEncoder encode = encoder_or_null(type);
  const DTypeInfo& info = dtype_info(type);
  if (type == DType::f32) {
    if (n > 0) std::memcpy(out, source, static_cast<size_t>(n) * 4);
    return;
  }
  if (type == DType::f16) return f32_to_f16_row(source, reinterpret_cast<uint16_t*>(out), n);
  if (type == DType::bf16) {
    for (int64_t i = 0; i < n; ++i) block_bf16(source + i, out + 2 * i);
    return;
  }
  for (int64_t i = 0; i < n; i += info.block_elements, out += info.block_bytes) encode(source + i, out);
}

}  // namespace fabula::formats
