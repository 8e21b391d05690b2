// The intrinsics as CUDA has them. Only nvcc reads this file.
#pragma once

#include <cuda_fp16.h>

#define FABULA_DEVICE __device__
#define FABULA_KERNEL __global__
#define FABULA_LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
#define FABULA_UNROLL _Pragma("unroll")

namespace fabula::gpu {

FABULA_DEVICE inline unsigned thread_index() { return threadIdx.x; }
FABULA_DEVICE inline unsigned block_threads() { return blockDim.x; }
FABULA_DEVICE inline unsigned block_x() { return blockIdx.x; }
FABULA_DEVICE inline unsigned block_y() { return blockIdx.y; }
FABULA_DEVICE inline unsigned block_z() { return blockIdx.z; }
FABULA_DEVICE inline unsigned grid_z() { return gridDim.z; }

FABULA_DEVICE inline void sync_block() { __syncthreads(); }
FABULA_DEVICE inline void sync_warp() { __syncwarp(); }
FABULA_DEVICE inline float shuffle_xor(float value, unsigned mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
FABULA_DEVICE inline int shuffle_xor(int value, unsigned mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }

FABULA_DEVICE inline std::byte* shared_memory() {
  extern __shared__ U4 fabula_shared[];
  return reinterpret_cast<std::byte*>(fabula_shared);
}

// Weights are read once a step: they pass L1 by, so that activations stay there.
FABULA_DEVICE inline U4 load_stream16(const void* from) {
  U4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(from));
  return v;
}

FABULA_DEVICE inline uint32_t float_to_bits(float value) { return __float_as_uint(value); }
FABULA_DEVICE inline float bits_to_float(uint32_t bits) { return __uint_as_float(bits); }
FABULA_DEVICE inline float f16_to_float(uint32_t bits) { return __half2float(__ushort_as_half(static_cast<unsigned short>(bits))); }
FABULA_DEVICE inline uint16_t float_to_f16(float value) { return __half_as_ushort(__float2half_rn(value)); }

FABULA_DEVICE inline float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
FABULA_DEVICE inline float exponential(float x) { return expf(x); }
FABULA_DEVICE inline float hyperbolic_tangent(float x) { return tanhf(x); }
FABULA_DEVICE inline float error_function(float x) { return erff(x); }
FABULA_DEVICE inline float square_root(float x) { return __fsqrt_rn(x); }
FABULA_DEVICE inline float absolute(float x) { return fabsf(x); }
FABULA_DEVICE inline float round_even(float x) { return rintf(x); }

// d += a * b over one tile of the tensor cores (PTX ISA, "mma.sync": fragments of m16n8k16 bf16, m16n8k8 tf32, m16n8k32 s8).
FABULA_DEVICE inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
FABULA_DEVICE inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
FABULA_DEVICE inline void mma_s8(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace fabula::gpu
