// Random matrices and rows on a device, with what they are worth on the host.
#pragma once

#include <memory>
#include <vector>

#include "core/formats/dtype.h"
#include "gpu/kernels/kernels.h"

namespace fabula::test {

std::unique_ptr<gpu::Device> open_device();
gpu::Memory allocate(gpu::Device& device, size_t bytes);

struct PackedForTest {
  // columns: a multiple of the stored type's block.
  PackedForTest(gpu::Device& device, gpu::WeightType type, formats::DType stored, int rows, int columns, uint64_t seed);

  gpu::Matrix matrix;          // one range
  std::vector<float> weights;  // (rows, columns), dequantised
  gpu::Memory planes, stored_rows;
};

struct RowsForTest {
  RowsForTest(gpu::Device& device, int n, int columns, uint64_t seed);

  gpu::Rows rows;             // all forms
  std::vector<float> values;  // (n, columns)
  gpu::Memory memory;
};

// matrix x the first n rows: (n, matrix.rows)
std::vector<float> multiply(gpu::Device& device, const gpu::Matrix& matrix, const RowsForTest& x, int n);

}  // namespace fabula::test
