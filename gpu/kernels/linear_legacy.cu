#include "gpu/kernels/linear_types.h"

#include "gpu/kernels/linear.h"

namespace fabula::gpu {

void linear_q8_0(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q8_0>>(device, args); }
void linear_q4_0(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q4_0>>(device, args); }
void linear_q4_1(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q4_1>>(device, args); }
void linear_q5_0(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q5_0>>(device, args); }
void linear_q5_1(Device& device, const LinearArgs& args) { launch_linear<WeightsQuantised<WeightType::q5_1>>(device, args); }

}  // namespace fabula::gpu
