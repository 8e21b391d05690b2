// One product per stored type; linear.cpp chooses. Three files compile them, so that two cores share the work.
#pragma once

#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

void linear_f32(Device& device, const LinearArgs& args);
void linear_f16(Device& device, const LinearArgs& args);
void linear_bf16(Device& device, const LinearArgs& args);
void linear_q8_0(Device& device, const LinearArgs& args);
void linear_q4_0(Device& device, const LinearArgs& args);
void linear_q4_1(Device& device, const LinearArgs& args);
void linear_q5_0(Device& device, const LinearArgs& args);
void linear_q5_1(Device& device, const LinearArgs& args);
void linear_q4_k(Device& device, const LinearArgs& args);
void linear_q5_k(Device& device, const LinearArgs& args);
void linear_q6_k(Device& device, const LinearArgs& args);

}  // namespace fabula::gpu
