// Packing loses nothing, and every kernel of every instruction set computes what its packed numbers say.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/base/numeric.h"
#include "core/compute/cpu/activations.h"
#include "core/compute/cpu/isa.h"
#include "core/compute/cpu/panels.h"
#include "core/formats/quant.h"

namespace {

using namespace fabula;
using namespace fabula::compute::cpu;

// Rows of any bytes, with scales of ordinary size: every code of a block type occurs.
std::vector<std::byte> random_rows(PanelType type, int64_t rows, int64_t cols, std::mt19937& random) {
  const formats::DTypeInfo& info = formats::dtype_info(panel_type_info(type).dtype);
  std::vector<std::byte> bytes(formats::row_bytes(info.type, cols) * static_cast<size_t>(rows));
  if (!panel_type_info(type).quantised) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    std::normal_distribution<float> normal;
    for (float& v : values) v = normal(random);
    formats::quantize(info.type, values.data(), bytes.data(), rows * cols);
    return bytes;
  }
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  std::uniform_real_distribution<float> size(0.01f, 0.1f);
  const auto set_half = [&](size_t at) {
    const uint16_t half = f32_to_f16(random() % 2 ? size(random) : -size(random));
    std::memcpy(bytes.data() + at, &half, 2);
  };
  const bool pair = type == PanelType::q4_1 || type == PanelType::q5_1 || type == PanelType::q4_k || type == PanelType::q5_k;
  for (size_t block = 0; block < bytes.size(); block += static_cast<size_t>(info.block_bytes)) {
    if (type == PanelType::mxfp4) bytes[block] = static_cast<std::byte>(120 + random() % 8);
    else set_half(block + (type == PanelType::q6_k ? 208 : 0));
    if (pair) set_half(block + 2);
  }
  return bytes;
}

struct Packed {
  std::vector<std::byte> stored;
  std::vector<uint8_t> memory;
  PackedMatrix matrix;
};

Packed pack(PanelType type, int64_t rows, int64_t cols, std::mt19937& random) {
  Packed p;
  p.stored = random_rows(type, rows, cols, random);
  const int64_t bytes = panel_bytes(type, cols), panels = (rows + panel_rows - 1) / panel_rows;
  const size_t row_bytes = formats::row_bytes(panel_type_info(type).dtype, cols);
  p.memory.resize(static_cast<size_t>(bytes * panels) + 4096);
  for (int64_t r = 0; r < rows; r += panel_rows)
    pack_panel(type, cols, p.stored.data() + static_cast<size_t>(r) * row_bytes, static_cast<int>(std::min<int64_t>(panel_rows, rows - r)),
               p.memory.data() + r / panel_rows * bytes);
  p.matrix = {type, rows, cols, p.memory.data(), bytes};
  return p;
}

struct ActivationMemory {
  ActivationMemory(int64_t cols, int64_t tokens)
      : values(static_cast<size_t>(cols * tokens)), sums(values.size() / 32 + 64) {
    for (Plane& plane : planes) plane = {std::vector<float>(sums.size()), std::vector<int32_t>(values.size() / 4 + 64), std::vector<int32_t>(3 * sums.size())};
  }
  Activations view(int64_t cols, int64_t tokens, bool quantised) {
    Activations a;
    a.values = values.data();
    a.coarse = {planes[0].quants.data(), planes[0].scales.data(), planes[0].negated.data()};
    a.fine = {planes[1].quants.data(), planes[1].scales.data(), planes[1].negated.data()};
    a.scaled_sums = sums.data();
    a.sums_stride = static_cast<int64_t>(sums.size());
    return a.laid_out(cols, tokens, !quantised, quantised);
  }
  struct Plane {
    std::vector<float> scales;
    std::vector<int32_t> quants, negated;
  };
  std::vector<float> values, sums;
  Plane planes[2];
};

TEST_CASE("a packed row reads back as the stored one") {
  std::mt19937 random(1);
  for (int i = 0; i < panel_type_count; ++i) {
    const auto type = static_cast<PanelType>(i);
    const formats::DType dtype = panel_type_info(type).dtype;
    CAPTURE(formats::dtype_info(dtype).name);
    const int64_t rows = 37, cols = panel_type_info(type).quantised ? 512 : 51;
    const Packed p = pack(type, rows, cols, random);
    std::vector<float> expected(static_cast<size_t>(cols)), found(expected.size());
    for (int64_t r = 0; r < rows; ++r) {
      formats::dequantize(dtype, p.stored.data() + static_cast<size_t>(r) * formats::row_bytes(dtype, cols), expected.data(), cols);
      read_row(p.matrix, r, found.data());
      for (size_t k = 0; k < found.size(); ++k) REQUIRE(found[k] == doctest::Approx(expected[k]).epsilon(1e-6));
    }
  }
}

// The number that the int8 planes hold for x: the fine one only in blocks of an outlier, in float as the quantiser computes.
double quantised_value(float x, float largest, bool outlier) {
  const float scale = largest / 127.0f, q = std::nearbyint(x * (127.0f / largest));
  if (!outlier) return double{q} * double{scale};
  const float fine = std::clamp(std::nearbyint(std::fma(-q, scale, x) * (254.0f / scale)), -127.0f, 127.0f);
  return double{q} * double{scale} + double{fine} * double{scale / 254.0f};
}

// What a kernel of a quantised type must give for one row and token: activations as the quantiser left them, all else in double.
double exact_dot(const std::vector<float>& weights, const std::vector<float>& x, bool quantised, double& size) {
  double sum = 0;
  size = 0;
  const size_t block = quantised ? 32 : 1;
  double squares = 0;
  for (const float v : x) squares += double{v} * double{v};
  const double usual = 5 * std::sqrt(squares / static_cast<double>(x.size()));
  for (size_t b = 0; b < x.size(); b += block) {
    float largest = 0;
    for (size_t k = b; k < b + block; ++k) largest = std::max(largest, std::fabs(x[k]));
    for (size_t k = b; k < b + block; ++k) {
      const double value = quantised ? quantised_value(x[k], largest, largest > usual) : double{x[k]};
      sum += value * double{weights[k]};
      size += std::fabs(value * double{weights[k]});
    }
  }
  return sum;
}

void check_kernels(const Isa& isa, PanelType type, int64_t rows, int64_t cols, int64_t tokens, std::vector<float>& first) {
  CAPTURE(isa.name);
  CAPTURE(formats::dtype_info(panel_type_info(type).dtype).name);
  CAPTURE(tokens);
  std::mt19937 random(static_cast<unsigned>(7 + tokens));
  const bool quantised = panel_type_info(type).quantised;
  const Packed p = pack(type, rows, cols, random);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> x(static_cast<size_t>(tokens), std::vector<float>(static_cast<size_t>(cols)));
  ActivationMemory memory(cols, tokens);
  const Activations in = memory.view(cols, tokens, quantised);
  for (int64_t t = 0; t < tokens; ++t) {
    auto& row = x[static_cast<size_t>(t)];
    for (float& v : row) v = normal(random);
    if (t % 3 == 0) row[random() % row.size()] = t % 2 ? 40.0f : -9.0f;  // outliers, in some tokens of a tile
    in.put(*isa.kernels, t, 0, x[static_cast<size_t>(t)].data(), cols);
  }
  std::vector<float> out(static_cast<size_t>(tokens * rows), NAN);
  multiply(*isa.kernels, p.matrix, in, 0, tokens, 0, p.matrix.n_panels(), out.data(), rows);
  if (first.empty()) {
    // The bound: every product and sum rounds to 2^-24 of at most the sum of sizes, a few times per term of the chain.
    const double chain = static_cast<double>(quantised ? cols / 32 : cols) + 4;
    std::vector<float> weights(static_cast<size_t>(cols));
    for (int64_t r = 0; r < rows; ++r) {
      read_row(p.matrix, r, weights.data());
      for (int64_t t = 0; t < tokens; ++t) {
        double size = 0;
        const double expected = exact_dot(weights, x[static_cast<size_t>(t)], quantised, size);
        const double found = out[static_cast<size_t>(t * rows + r)];
        // Types with a minimum sum two large parts of opposite sign: their sizes, not the sum's, round.
        REQUIRE(std::fabs(found - expected) <= 8 * chain * 0x1p-24 * (size + 1e-3) + (quantised ? 4 * size * 0x1p-20 : 0));
      }
    }
    first = out;
  }
  CHECK(std::memcmp(out.data(), first.data(), out.size() * sizeof(float)) == 0);
}

TEST_CASE("a token's numbers are its own: alone, or in a tile with others, with and without outliers") {
  constexpr int64_t rows = 50, cols = 512, tokens = 23;
  for (int i = 0; i < panel_type_count; ++i) {
    const auto type = static_cast<PanelType>(i);
    const bool quantised = panel_type_info(type).quantised;
    CAPTURE(formats::dtype_info(panel_type_info(type).dtype).name);
    std::mt19937 random(static_cast<unsigned>(100 + i));
    const Packed p = pack(type, rows, cols, random);
    std::normal_distribution<float> normal;
    std::vector<float> x(tokens * cols);
    for (float& v : x) v = normal(random);
    for (const int64_t t : {0, 4, 5, 13, 22}) x[static_cast<size_t>(t * cols) + random() % cols] = 300.0f;
    for (const Isa& isa : isa_list()) {
      if (!isa.supported) continue;
      CAPTURE(isa.name);
      ActivationMemory together(cols, tokens), alone(cols, 1);
      const Activations all = together.view(cols, tokens, quantised), one = alone.view(cols, 1, quantised);
      for (int64_t t = 0; t < tokens; ++t) all.put(*isa.kernels, t, 0, x.data() + t * cols, cols);
      std::vector<float> out(tokens * rows), single(rows);
      multiply(*isa.kernels, p.matrix, all, 0, tokens, 0, p.matrix.n_panels(), out.data(), rows);
      for (int64_t t = 0; t < tokens; ++t) {
        one.put(*isa.kernels, 0, 0, x.data() + t * cols, cols);
        multiply(*isa.kernels, p.matrix, one, 0, 1, 0, p.matrix.n_panels(), single.data(), rows);
        CHECK(std::memcmp(single.data(), out.data() + t * rows, rows * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("kernels: the right numbers on the first, the same bits on all instruction sets, for every remainder") {
  for (int i = 0; i < panel_type_count; ++i) {
    const auto type = static_cast<PanelType>(i);
    const bool quantised = panel_type_info(type).quantised;
    const int64_t blocks = panel_type_info(type).meta_blocks * quant_block;
    for (const int64_t rows : {16, 50, 81}) {
      for (const int64_t tokens : {1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 23, 64}) {
        std::vector<float> first;
        for (const Isa& isa : isa_list())
          if (isa.supported) check_kernels(isa, type, rows, quantised ? std::max<int64_t>(96, 2 * blocks) : 37, tokens, first);
      }
    }
  }
}

}  // namespace
