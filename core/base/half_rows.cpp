#include "core/base/half_rows.h"

#include "core/base/numeric.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace fabula {

namespace {

#if defined(__x86_64__)
// F16C came with AVX; the compiler's check asks the operating system too. Both give the number of elements
// done.
bool has_f16c() {
  // clang 14 does not know the name "f16c"; the bit is that of CPUID leaf 1 (Intel SDM volume 2A).
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __builtin_cpu_supports("avx") && __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

__attribute__((target("avx,f16c"))) int64_t to_halves(const float* x, uint16_t* out, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), halves);
  }
  return i;
}

__attribute__((target("avx,f16c"))) int64_t through_halves(const float* x, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
  }
  return i;
}
#else
bool has_f16c() {
  return false;
}
int64_t to_halves(const float*, uint16_t*, int64_t) {
  return 0;
}
int64_t through_halves(const float*, float*, int64_t) {
  return 0;
}
#endif

}  // namespace

void f32_to_f16_row(const float* x, uint16_t* out, int64_t n) {
  for (int64_t i = has_f16c() ? to_halves(x, out, n) : 0; i < n; ++i) out[i] = f32_to_f16(x[i]);
}

void f32_through_f16_row(const float* x, float* out, int64_t n) {
  for (int64_t i = has_f16c() ? through_halves(x, out, n) : 0; i < n; ++i)
    out[i] = f16_to_f32(f32_to_f16(x[i]));
}

}  // namespace fabula
