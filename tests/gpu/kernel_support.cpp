#include "tests/gpu/kernel_support.h"

#include <doctest/doctest.h>

#include <random>

#include "core/formats/quant.h"

namespace fabula::test {

namespace {

std::vector<float> random_values(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

}  // namespace

std::unique_ptr<gpu::Device> open_device() {
  auto device = gpu::Device::open(0);
  REQUIRE_MESSAGE(device.ok(), device.error().message);
  return std::move(device).value();
}

gpu::Memory allocate(gpu::Device& device, size_t bytes) {
  auto memory = device.allocate(bytes, "A test's buffer");
  REQUIRE_MESSAGE(memory.ok(), memory.error().message);
  return std::move(memory).value();
}

PackedForTest::PackedForTest(gpu::Device& device, gpu::WeightType type, formats::DType stored, int rows, int columns, uint64_t seed) {
  const auto count = static_cast<size_t>(rows) * static_cast<size_t>(columns);
  const size_t row_bytes = formats::row_bytes(stored, columns);
  const std::vector<float> values = random_values(count, seed);
  std::vector<std::byte> bytes(static_cast<size_t>(rows) * row_bytes);
  if (formats::can_quantize(stored)) {
    formats::quantize(stored, values.data(), bytes.data(), static_cast<int64_t>(count));
  } else {  // any bits make a block; scales stay finite and of a size
    std::mt19937_64 random(seed);
    const auto block = static_cast<size_t>(formats::dtype_info(stored).block_bytes);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % block < 4 ? (i % 2 ? 0x24 : random() & 0xff) : random() & 0xff);
  }
  weights.resize(count);
  formats::dequantize(stored, bytes.data(), weights.data(), static_cast<int64_t>(count));

  matrix.type = type;
  matrix.rows = rows;
  matrix.columns = columns;
  matrix.tiles = (rows + gpu::tile_rows - 1) / gpu::tile_rows;
  matrix.chunks = (columns + gpu::chunk_columns - 1) / gpu::chunk_columns;
  matrix.range_chunks = matrix.chunks;
  const gpu::PackedShape shape = gpu::packed_shape(type);
  const auto chunks = static_cast<size_t>(matrix.tiles * matrix.chunks);
  const size_t codes = chunks * static_cast<size_t>(shape.units) * 512, high = chunks * 32 * static_cast<size_t>(shape.high_bytes);
  const size_t scales = chunks * 16 * static_cast<size_t>(shape.scale_bytes), supers = chunks * 16 * static_cast<size_t>(shape.super_bytes);
  planes = allocate(device, codes + high + scales + supers + 64);
  matrix.codes = planes.data();
  matrix.high = high ? planes.data() + codes : nullptr;
  matrix.scales = planes.data() + codes + high;
  matrix.supers = supers ? planes.data() + codes + high + scales : nullptr;
  stored_rows = allocate(device, bytes.size());
  device.upload(stored_rows.data(), bytes.data(), bytes.size());
  gpu::pack(device, {.matrix = matrix,
                     .stored = stored_rows.data(),
                     .row_bytes = static_cast<int64_t>(row_bytes),
                     .first_row = 0,
                     .n_tiles = matrix.tiles});
  REQUIRE(device.finish().ok());
}

RowsForTest::RowsForTest(gpu::Device& device, int n, int columns, uint64_t seed)
    : values(random_values(static_cast<size_t>(n) * static_cast<size_t>(columns), seed)) {
  rows.columns = columns;
  rows.stride = (columns + 63) / 64 * 64;
  const auto cells = static_cast<size_t>(n) * static_cast<size_t>(rows.stride);
  memory = allocate(device, values.size() * 4 + cells * 7 + cells / 32 * 8 + 64);
  uint8_t* at = memory.data();
  const auto take = [&](size_t bytes) {
    uint8_t* out = at;
    at += bytes;
    return out;
  };
  rows.values = reinterpret_cast<float*>(take(cells * 4));
  rows.bf16 = reinterpret_cast<uint16_t*>(take(cells * 2));
  rows.codes = reinterpret_cast<int8_t*>(take(cells));
  rows.scales = reinterpret_cast<float*>(take(cells / 32 * 4));
  rows.sums = reinterpret_cast<float*>(take(cells / 32 * 4));
  auto* plain = reinterpret_cast<float*>(take(values.size() * 4));
  device.upload(plain, values.data(), values.size() * 4);
  gpu::pack_rows(device, plain, n, rows);
  REQUIRE(device.finish().ok());
}

std::vector<float> multiply(gpu::Device& device, const gpu::Matrix& matrix, const RowsForTest& x, int n) {
  std::vector<float> found(static_cast<size_t>(n) * static_cast<size_t>(matrix.rows));
  const gpu::Memory out = allocate(device, found.size() * 4);
  gpu::LinearArgs args;
  args.matrix[0] = matrix;
  args.out[0] = reinterpret_cast<float*>(out.data());
  args.out_stride[0] = matrix.rows;
  args.count = 1;
  args.x = x.rows;
  args.n = n;
  gpu::linear(device, args);
  device.download(found.data(), out.data(), found.size() * 4);
  REQUIRE(device.finish().ok());
  return found;
}

}  // namespace fabula::test
