#include "gpu/kernels/linear_types.h"

#include "gpu/kernels/linear.h"

namespace fabula::gpu {

void linear_q4_k(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q4_k>>(device, args); }
void linear_q5_k(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q5_k>>(device, args); }
void linear_q6_k(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q6_k>>(device, args); }

}  // namespace fabula::gpu
