// The table of one ISA file. FABULA_ISA_SYMBOL and FABULA_ISA_NAME are set by that file.
#pragma once

#include "core/compute/cpu/attend_impl.h"
#include "core/compute/cpu/limits_impl.h"
#include "core/compute/cpu/matmul_impl.h"

namespace fabula::compute::cpu {

#define FABULA_JOIN_(a, b) a##b
#define FABULA_JOIN(a, b) FABULA_JOIN_(a, b)

const KernelTable& FABULA_JOIN(kernels_, FABULA_ISA_SYMBOL)() {
  static constexpr KernelTable table = {
      FABULA_ISA_NAME, value_tile, quant_tile, panel_group,
      {matmul<ValueTiles<F32Panel>>, matmul<ValueTiles<F16Panel>>, matmul<ValueTiles<Bf16Panel>>, matmul<QuantTiles<Q80Panel>>,
       matmul<QuantTiles<Q40Panel>>, matmul<QuantTiles<Q41Panel>>, matmul<QuantTiles<Q50Panel>>, matmul<QuantTiles<Q51Panel>>,
       matmul<QuantTiles<Q4KPanel>>, matmul<QuantTiles<Q5KPanel>>, matmul<QuantTiles<Q6KPanel>>, matmul<QuantTiles<Iq4NlPanel>>,
       matmul<QuantTiles<Iq4XsPanel>>, matmul<QuantTiles<Mxfp4Panel>>},
      {attend<KvF32>, attend<KvF16>, attend<KvQ80>},
      rms_norm, layer_norm, add_scaled, activate, softcap, quantize, spread, to_f16, merge, divide, softmax,
      read_all, peak_chains, peak_fma, peak_dot};
  return table;
}

}  // namespace fabula::compute::cpu
