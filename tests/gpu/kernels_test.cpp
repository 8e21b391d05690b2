// Kernels against plain loops in double: packing, products of every type and many row counts.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/formats/quant.h"
#include "gpu/kernels/kernels.h"
#include "tests/gpu/kernel_support.h"
#include "tests/gpu/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using formats::DType;
using gpu::WeightType;

struct TypeCase {
  WeightType type;
  DType stored;
  double bound;  // of a product, relative to ||w|| ||x||: how far activations round (executor_test.cpp)
};
constexpr TypeCase types[] = {{WeightType::f32, DType::f32, 1e-6},   {WeightType::f16, DType::f16, 3e-4},   {WeightType::bf16, DType::bf16, 2e-3},
                              {WeightType::q8_0, DType::q8_0, 5e-3}, {WeightType::q4_0, DType::q4_0, 5e-3}, {WeightType::q4_1, DType::q4_1, 5e-3},
                              {WeightType::q5_0, DType::q5_0, 5e-3}, {WeightType::q5_1, DType::q5_1, 5e-3}, {WeightType::q4_k, DType::q4_k, 5e-3},
                              {WeightType::q5_k, DType::q5_k, 5e-3}, {WeightType::q6_k, DType::q6_k, 5e-3}};

TEST_CASE("GPU: packed weights come back as they are dequantised by definition") {
  FABULA_REQUIRE_DEVICE();
  const auto device = open_device();
  for (const TypeCase& c : types) {
    const auto name = formats::dtype_info(c.stored).name;
    CAPTURE(name);
    const PackedForTest packed(*device, c.type, c.stored, 37, 512, 3);
    std::vector<float> found(packed.weights.size());
    const gpu::Memory out = allocate(*device, found.size() * 4);
    gpu::unpack(*device, packed.matrix, reinterpret_cast<float*>(out.data()));
    device->download(found.data(), out.data(), found.size() * 4);
    REQUIRE(device->finish().ok());
    CHECK(std::memcmp(found.data(), packed.weights.data(), found.size() * 4) == 0);
  }
}

// One row at a time, a padded tile of eight, several tiles, the kernel for many rows: against double, and the same bits for a row whatever
// its neighbours. 53 output rows and 576 columns leave remainders of every tile; two and four ranges of columns.
TEST_CASE("GPU: products of every type, any number of rows") {
  FABULA_REQUIRE_DEVICE();
  const auto device = open_device();
  constexpr int rows = 53, most = 131;
  for (const TypeCase& c : types) {
    const auto name = formats::dtype_info(c.stored).name;
    CAPTURE(name);
    const bool k_type = c.stored == DType::q4_k || c.stored == DType::q5_k || c.stored == DType::q6_k;
    const int columns = k_type ? 768 : 544;
    PackedForTest packed(*device, c.type, c.stored, rows, columns, 5);
    const RowsForTest x(*device, most, columns, 7);
    for (const int ranges : {1, 4}) {
      CAPTURE(ranges);
      packed.matrix.ranges = ranges;
      packed.matrix.range_chunks = (packed.matrix.chunks + ranges - 1) / ranges;
      const std::vector<float> all = multiply(*device, packed.matrix, x, most);
      double worst = 0;
      for (int n = 0; n < most; n += 13)
        for (int r = 0; r < rows; ++r) {
          double sum = 0, w2 = 0, x2 = 0;
          for (int k = 0; k < columns; ++k) {
            const double w = packed.weights[static_cast<size_t>(r * columns + k)], v = x.values[static_cast<size_t>(n * columns + k)];
            sum += w * v;
            w2 += w * w;
            x2 += v * v;
          }
          worst = std::max(worst, std::fabs(sum - double{all[static_cast<size_t>(n * rows + r)]}) / std::sqrt(w2 * x2));
        }
      CHECK(worst < c.bound);
      CHECK(worst > 0);
      for (const int n : {1, 2, 8, 9, 33, 65}) {
        CAPTURE(n);
        const std::vector<float> some = multiply(*device, packed.matrix, x, n);
        CHECK(std::memcmp(some.data(), all.data(), some.size() * 4) == 0);
      }
    }
  }
}

}  // namespace
