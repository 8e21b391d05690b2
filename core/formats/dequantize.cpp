#include "core/formats/quant.h"
#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

using Bytes = const uint8_t*;

// One element a "block".
void block_f32(Bytes in, float* out) {
  std::memcpy(out, in, 4);
}
void block_f64(Bytes in, float* out) {
  double value;
  std::memcpy(&value, in, 8);
  *out = static_cast<float>(value);
}
void block_f16(Bytes in, float* out) {
  *out = load_f16(in);
}
void block_bf16(Bytes in, float* out) {
  *out = bf16_to_f32(load16(in));
}
void block_f8_e4m3(Bytes in, float* out) {
  *out = f8_e4m3_to_f32(*in);
}
void block_f8_e5m2(Bytes in, float* out) {
  *out = f8_e5m2_to_f32(*in);
}

// 32 elements: f16 scale d (and minimum m), then the values. Nibbles: element i low, element i + 16 high.
void block_q4_0(Bytes in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((in[2 + i] & 15) - 8) * d;
    out[i + 16] = static_cast<float>((in[2 + i] >> 4) - 8) * d;
  }
}
void block_q4_1(Bytes in, float* out) {
  const float d = load_f16(in), m = load_f16(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(in[4 + i] & 15) * d + m;
    out[i + 16] = static_cast<float>(in[4 + i] >> 4) * d + m;
  }
}
void block_q5_0(Bytes in, float* out) {  // the fifth bits of all 32 stand in one word
  const float d = load_f16(in);
  const uint32_t high = load32(in + 2);
  for (int i = 0; i < 16; ++i) {
    const int low_value = (in[6 + i] & 15) | static_cast<int>((high >> i & 1) << 4);
    const int high_value = (in[6 + i] >> 4) | static_cast<int>((high >> (i + 16) & 1) << 4);
    out[i] = static_cast<float>(low_value - 16) * d;
    out[i + 16] = static_cast<float>(high_value - 16) * d;
  }
}
void block_q5_1(Bytes in, float* out) {
  const float d = load_f16(in), m = load_f16(in + 2);
  const uint32_t high = load32(in + 4);
  for (int i = 0; i < 16; ++i) {
    const int low_value = (in[8 + i] & 15) | static_cast<int>((high >> i & 1) << 4);
    const int high_value = (in[8 + i] >> 4) | static_cast<int>((high >> (i + 16) & 1) << 4);
    out[i] = static_cast<float>(low_value) * d + m;
    out[i + 16] = static_cast<float>(high_value) * d + m;
  }
}
void block_q8_0(Bytes in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(in[2 + i])) * d;
}
void block_q8_1(Bytes in, float* out) {  // d, then d * sum of the values, which nothing here needs
  const float d = load_f16(in);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(in[4 + i])) * d;
}

BlockDecoder decoder_or_null(DType type) {
  switch (type) {
    case DType::f32: return block_f32;
    case DType::f64: return block_f64;
    case DType::f16: return block_f16;
    case DType::bf16: return block_bf16;
    case DType::f8_e4m3: return block_f8_e4m3;
    case DType::f8_e5m2: return block_f8_e5m2;
    case DType::q4_0: return block_q4_0;
    case DType::q4_1: return block_q4_1;
    case DType::q5_0: return block_q5_0;
    case DType::q5_1: return block_q5_1;
    case DType::q8_0: return block_q8_0;
    case DType::q8_1: return block_q8_1;
    case DType::q2_k: return decode_q2_k;
    case DType::q3_k: return decode_q3_k;
    case DType::q4_k: return decode_q4_k;
    case DType::q5_k: return decode_q5_k;
    case DType::q6_k: return decode_q6_k;
    case DType::q8_k: return decode_q8_k;
    case DType::iq1_s: return decode_iq1_s;
    case DType::iq1_m: return decode_iq1_m;
    case DType::iq2_xxs: return decode_iq2_xxs;
    case DType::iq2_xs: return decode_iq2_xs;
    case DType::iq2_s: return decode_iq2_s;
    case DType::iq3_xxs: return decode_iq3_xxs;
    case DType::iq3_s: return decode_iq3_s;
    case DType::iq4_nl: return decode_iq4_nl;
    case DType::iq4_xs: return decode_iq4_xs;
    case DType::tq1_0: return decode_tq1_0;
    case DType::tq2_0: return decode_tq2_0;
    case DType::mxfp4: return decode_mxfp4;
    case DType::nvfp4: return decode_nvfp4;
    case DType::q1_0: return decode_q1_0;
    case DType::q2_0: return decode_q2_0;
    default: return nullptr;  // integers and truth values
  }
}

// A row of single elements, without a call for each.
template <int size, void (*decode)(Bytes, float*)>
void decode_elements(Bytes in, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) decode(in + i * size, out + i);
}

}  // namespace

bool can_dequantize(DType type) {
  return decoder_or_null(type) != nullptr;
}

void dequantize(DType type, const std::byte* source, float* out, int64_t n) {
  const BlockDecoder decode = decoder_or_null(type);
  const DTypeInfo& info = dtype_info(type);
  const auto* in = reinterpret_cast<const uint8_t*>(source);
  if (type == DType::f32) {
    if (n > 0) std::memcpy(out, in, static_cast<size_t>(n) * 4);
    return;
  }
  if (type == DType::f16) return decode_elements<2, block_f16>(in, out, n);
  if (type == DType::bf16) return decode_elements<2, block_bf16>(in, out, n);
  if (type == DType::f8_e4m3) return decode_elements<1, block_f8_e4m3>(in, out, n);
  for (int64_t i = 0; i < n; i += info.block_elements, in += info.block_bytes) decode(in, out + i);
}

}  // namespace fabula::formats
