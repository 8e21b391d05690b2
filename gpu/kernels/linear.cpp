#include "gpu/kernels/linear_types.h"

namespace fabula::gpu {

void linear(Device& device, const LinearArgs& args) {
  if (args.n == 0 || args.count == 0) return;
  switch (args.matrix[0].type) {
    case WeightType::f32: return linear_f32(device, args);
    case WeightType::f16: return linear_f16(device, args);
    case WeightType::bf16: return linear_bf16(device, args);
    case WeightType::q8_0: return linear_q8_0(device, args);
    case WeightType::q4_0: return linear_q4_0(device, args);
    case WeightType::q4_1: return linear_q4_1(device, args);
    case WeightType::q5_0: return linear_q5_0(device, args);
    case WeightType::q5_1: return linear_q5_1(device, args);
    case WeightType::q4_k: return linear_q4_k(device, args);
    case WeightType::q5_k: return linear_q5_k(device, args);
    case WeightType::q6_k: return linear_q6_k(device, args);
  }
}

}  // namespace fabula::gpu
