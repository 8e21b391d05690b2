// Stored rows to packed planes, on the device: loading is a copy and a shuffle of bytes at the speed of its memory.
#include "gpu/kernels/pack.h"

#include "gpu/device/launch.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

namespace {

constexpr unsigned pack_threads = 128;

// Floats stay as they are: a unit of 16 bytes is a run of 4 or 8 columns of one row. One thread a unit, so that a warp writes 512 bytes in
// one run and reads runs of 64.
FABULA_KERNEL void pack_floats_kernel(PackArgs a) {
  const Matrix& m = a.matrix;
  const bool wide = m.type == WeightType::f32;
  const int units = wide ? 8 : 4, size = wide ? 4 : 2, width = 16 / size;
  const int64_t index = static_cast<int64_t>(block_x()) * pack_threads + thread_index();
  const int lane = static_cast<int>(index % 32), unit = static_cast<int>(index / 32 % units);
  const int64_t chunk = index / 32 / units % m.chunks, tile = index / 32 / units / m.chunks;
  if (tile >= a.n_tiles) return;
  const int row = a.first_row + static_cast<int>(tile) * tile_rows + lane / 4 + unit % 2 * 8;
  const int column = static_cast<int>(chunk) * chunk_columns + (unit / 2 * 4 + lane % 4) * width;
  uint8_t* to = const_cast<uint8_t*>(m.codes) + unit_offset(m, units, row / tile_rows, static_cast<int>(chunk), unit, lane);
  const uint8_t* from = a.stored + static_cast<int64_t>(row - a.first_row) * a.row_bytes + static_cast<int64_t>(column) * size;
  if (row < m.rows && column + width <= m.columns && a.row_bytes % 16 == 0) {
    *reinterpret_cast<U4*>(to) = load<U4>(from);
    return;
  }
  for (int i = 0; i < 16; ++i) to[i] = row < m.rows && column + i / size < m.columns ? from[i] : 0;
}

// The chunk's two blocks of one row. Two threads never write the same byte: high bits of a lane are of one row's bits only within a
// byte, so a byte of the high plane is shared by rows g and g + 8, which one thread therefore packs together.
FABULA_DEVICE inline void put_quantised(const PackArgs& a, int tile_row, int g, int chunk) {
  const Matrix& m = a.matrix;
  uint8_t* codes = const_cast<uint8_t*>(m.codes);
  uint8_t* high = const_cast<uint8_t*>(m.high);
  uint8_t* scales = const_cast<uint8_t*>(m.scales);
  uint8_t* supers = const_cast<uint8_t*>(m.supers);
  const PackedShape shape = packed_shape(m.type);
  const bool six = m.type == WeightType::q6_k, k45 = m.type == WeightType::q4_k || m.type == WeightType::q5_k;
  if (high)
    for (int t = 0; t < 4; ++t) {
      const int64_t lane = (static_cast<int64_t>(tile_row / tile_rows) * m.chunks + chunk) * 32 + g * 4 + t;
      for (int i = 0; i < shape.high_bytes; ++i) high[lane * shape.high_bytes + i] = 0;
    }
  for (int h = 0; h < 2; ++h) {
    const int row = tile_row + g + 8 * h;
    for (int block = 0; block < 2; ++block) {
      const int first = chunk * chunk_columns + block * 32;
      StoredBlock stored{};
      if (row < m.rows && first < m.columns)
        read_block(m.type, a.stored + static_cast<int64_t>(row - a.first_row) * a.row_bytes, first / 32, stored);
      for (int i = 0; i < 32; ++i) {
        const int column = first + i, code = stored.code[i];
        uint8_t* byte = codes + code_byte(m, row, column);
        if (m.type == WeightType::q8_0) *byte = static_cast<uint8_t>(code);
        else if (i < 16) *byte = static_cast<uint8_t>((code & 15) | (stored.code[i + 16] & 15) << 4);
        if (!high) continue;
        int shift = 0;
        uint8_t* bits = high + high_byte(m, row, column, shift);
        *bits = static_cast<uint8_t>(*bits | code >> 4 << shift);
      }
      uint8_t* s = scales + scale_byte(m, shape.scale_bytes, row, first);
      const auto put16 = [](uint8_t* to, uint16_t v) {
        to[0] = static_cast<uint8_t>(v);
        to[1] = static_cast<uint8_t>(v >> 8);
      };
      if (k45) {
        s[block] = stored.scale;
        s[2 + block] = stored.minimum;
      } else if (six) {
        s[2 * block] = stored.scale;
        s[2 * block + 1] = stored.minimum;
      } else if (shape.scale_bytes == 8) {
        put16(s + 4 * block, stored.d);
        put16(s + 4 * block + 2, stored.m);
      } else {
        put16(s + 2 * block, stored.d);
      }
      if (!supers || block != 0 || chunk % 4 != 0) continue;
      uint8_t* super = supers + super_byte(m, shape.super_bytes, row, first);
      put16(super, stored.d);
      if (k45) put16(super + 2, stored.m);
    }
  }
}

// Quantised. One thread: rows g and g + 8 of a tile, one chunk.
FABULA_KERNEL void pack_kernel(PackArgs a) {
  const int64_t index = static_cast<int64_t>(block_x()) * pack_threads + thread_index();
  const int64_t chunk = index % a.matrix.chunks, pair = index / a.matrix.chunks;
  if (pair >= static_cast<int64_t>(a.n_tiles) * 8) return;
  const int tile_row = a.first_row + static_cast<int>(pair / 8) * tile_rows, g = static_cast<int>(pair % 8);
  put_quantised(a, tile_row, g, static_cast<int>(chunk));
}

FABULA_KERNEL void unpack_kernel(Matrix m, float* out) {
  const int64_t index = static_cast<int64_t>(block_x()) * pack_threads + thread_index();
  if (index >= static_cast<int64_t>(m.rows) * m.columns) return;
  out[index] = weight_at(m, static_cast<int>(index / m.columns), static_cast<int>(index % m.columns));
}

unsigned blocks_for(int64_t threads) { return static_cast<unsigned>((threads + pack_threads - 1) / pack_threads); }

}  // namespace

void pack(Device& device, const PackArgs& args) {
  const int64_t chunks = static_cast<int64_t>(args.n_tiles) * args.matrix.chunks;
  if (is_float(args.matrix.type)) {
    const int64_t units = chunks * packed_shape(args.matrix.type).units;
    launch(device, {.x = blocks_for(units * 32), .threads = pack_threads}, pack_floats_kernel, args);
  } else {
    launch(device, {.x = blocks_for(chunks * 8), .threads = pack_threads}, pack_kernel, args);
  }
}

void unpack(Device& device, const Matrix& matrix, float* out) {
  launch(device, {.x = blocks_for(static_cast<int64_t>(matrix.rows) * matrix.columns), .threads = pack_threads}, unpack_kernel, matrix, out);
}

}  // namespace fabula::gpu
