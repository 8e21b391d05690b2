#include "gpu/kernels/linear_types.h"

#include "gpu/kernels/linear.h"

namespace fabula::gpu {

void linear_f32(Device& device, const LinearArgs& args) { launch_linear<WeightsF32>(device, args); }
void linear_f16(Device& device, const LinearArgs& args) { launch_linear<WeightsF16>(device, args); }
void linear_bf16(Device& device, const LinearArgs& args) { launch_linear<WeightsBf16>(device, args); }

}  // namespace fabula::gpu
