// What kernels are given: plain structs of device pointers and sizes.
#pragma once

#include <cstdint>

namespace fabula::gpu {

// The stored types that kernels read as they are. Everything else is converted at load.
enum class WeightType : uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k };
inline constexpr int weight_types = 11;

inline constexpr int tile_rows = 16;      // output rows of one tensor-core tile
inline constexpr int chunk_columns = 64;  // columns that a warp takes at a time: two quantised blocks

// A matrix packed for the tensor cores: tiles of 16 rows, in each tile chunk after chunk, so that a warp reads a tile's row of chunks as
// one run of memory with 16-byte loads (pack.h has the places of single weights). Rows and columns beyond the matrix are zero.
// Columns are summed in `ranges` runs of range_chunks chunks; the runs' sums are added in order. Which warp sums which run may differ
// from launch to launch, the order of additions never.
struct Matrix {
  WeightType type = WeightType::f32;
  int32_t rows = 0, columns = 0;
  int32_t tiles = 0, chunks = 0;
  int32_t ranges = 1, range_chunks = 0;
  const uint8_t* codes = nullptr;   // (tiles, chunks, units, 32 lanes, 16 bytes)
  const uint8_t* high = nullptr;    // q5: (tiles, chunks, 32 lanes, 4 bytes); q6: 8 bytes
  const uint8_t* scales = nullptr;  // (tiles, chunks, 16 rows, scale_bytes)
  const uint8_t* supers = nullptr;  // K-types: (tiles, chunks / 4 rounded up, 16 rows, super_bytes)
  int64_t expert_bytes = 0;         // from one expert's planes to the next one's
};

// Sizes of the planes, bytes.
struct PackedShape {
  int units;         // 16-byte units of a lane and chunk
  int high_bytes;    // of a lane and chunk
  int scale_bytes;   // of a row and chunk
  int super_bytes;   // of a row and four chunks
};
constexpr PackedShape packed_shape(WeightType type) {
  switch (type) {
    case WeightType::f32: return {8, 0, 0, 0};
    case WeightType::f16:
    case WeightType::bf16: return {4, 0, 0, 0};
    case WeightType::q8_0: return {2, 0, 4, 0};
    case WeightType::q4_0: return {1, 0, 4, 0};
    case WeightType::q4_1: return {1, 0, 8, 0};
    case WeightType::q5_0: return {1, 4, 4, 0};
    case WeightType::q5_1: return {1, 4, 8, 0};
    case WeightType::q4_k: return {1, 0, 4, 4};
    case WeightType::q5_k: return {1, 4, 4, 4};
    case WeightType::q6_k: return {1, 8, 4, 2};
  }
  return {};
}
constexpr bool is_float(WeightType type) { return type <= WeightType::bf16; }

// Rows of activations in the forms that matrices read. stride: columns, rounded up to whole chunks; padding is zero.
// int8: blocks of 32 columns with a scale and scale * sum of codes; the codes of a chunk lie as the tensor cores want them (code_place).
struct Rows {
  float* values = nullptr;     // (rows, stride), read by f32 and f16 matrices; null: nobody reads it
  uint16_t* bf16 = nullptr;    // (rows, stride)
  int8_t* codes = nullptr;     // (rows, stride)
  float* scales = nullptr;     // (rows, stride / 32)
  float* sums = nullptr;       // (rows, stride / 32)
  int32_t columns = 0, stride = 0;
};

// Up to `width` rows of activations that go through the same expert. count 0: none.
struct ExpertGroup {
  int32_t expert, begin, count;
};

// The experts of a step: pair p = token * chosen + j.
struct Routing {
  int32_t* expert = nullptr;   // (tokens, chosen), ascending
  float* weight = nullptr;     // (tokens, chosen)
  int32_t* order = nullptr;    // (pairs): sorted by expert, then by pair
  ExpertGroup* groups = nullptr;
  int32_t max_groups = 0;
  int32_t width = 8;           // rows of a group
};

// out (n, out_stride) = matrix x rows (+ bias), for up to three matrices of one type and width that read the same rows.
struct LinearArgs {
  Matrix matrix[3];
  float* out[3] = {};
  const float* bias[3] = {};
  int32_t out_stride[3] = {};
  int32_t count = 0;
  Rows x;
  int32_t n = 0;                       // rows of x and out
  const ExpertGroup* groups = nullptr; // experts: rows of out are pairs
  const int32_t* order = nullptr;
  int32_t group_width = 8;             // n is then the number of groups
  int32_t pairs_per_row = 1;           // experts: pair p reads row p / pairs_per_row of x
};

enum class NormKind : int32_t { none, rms, layer };

// The paged KV cache. A block holds all layers and KV heads; per head K as (64 positions, padded) and V as (padded, 64 positions),
// so that both are the left operand of a product with consecutive columns in memory. q8_0: codes, then f16 scales: of K (64, padded / 32),
// of V (padded / 32, 64): one per 32 dimensions of a position in both.
enum class KvType : int32_t { f32, f16, q8_0 };
struct KvPool {
  uint8_t* data = nullptr;
  KvType type = KvType::f16;
  int32_t layers = 0, heads = 0, head_dim = 0;
  int32_t padded = 0;       // head_dim in whole runs of 32
  int64_t v_offset = 0;     // bytes from a head's K to its V
  int64_t head_bytes = 0, block_bytes = 0;
};

// The step's tables, on the device: written anew for each step, read by kernels whose arguments never change.
struct StepTables {
  const int32_t* token = nullptr;      // (n) ids
  const int32_t* position = nullptr;   // (n)
  const int32_t* table = nullptr;      // (n) where in `blocks` the sequence's blocks begin
  const int32_t* blocks = nullptr;     // block ids
  const float* rope = nullptr;         // (n, ropes, 2, half of the widest): cos, sin
  const int32_t* item_token = nullptr; // (items) first token of the sequence's part of the step
  const int32_t* item_row = nullptr;   // (items) first row: token * group + head within the group
  const int32_t* item_rows = nullptr;  // (items) rows of the item; 0: none
  const int32_t* logit_token = nullptr;// (logit rows)
};

struct AttentionArgs {
  KvPool kv;
  StepTables step;
  const float* q = nullptr;      // (n, heads, padded) scaled
  float* out = nullptr;          // (n, heads, head_dim)
  float* partial = nullptr;      // (n, heads, splits, padded)
  float* partial_stats = nullptr;// (n, heads, splits, 2): maximum, sum
  int32_t items = 0, n = 0, splits = 1;  // splits > 1: one block each; 1: a block takes all, one after the other
  int32_t layer = 0, heads = 0;
  int32_t window = 0;            // 0: all positions
  float softcap = 0;
  int32_t item_width = 8;        // rows of an item: 8 or 16
};

}  // namespace fabula::gpu
