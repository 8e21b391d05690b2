// Whole rows to f16 and back, with the processor's own instructions where it has them: the same bits as numeric.h gives.
#pragma once

#include <cstdint>

namespace fabula {

void f32_to_f16_row(const float* x, uint16_t* out, int64_t n);  // nearest even, as f32_to_f16

// What each number becomes as f16, as a float again. A NaN comes back as a quiet one.
void f32_through_f16_row(const float* x, float* out, int64_t n);

}  // namespace fabula
