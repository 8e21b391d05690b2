// What a kernel file of one ISA offers, and the layouts that all of them share.
// Plain data and function pointers only: this header is compiled with the flags of every ISA, so it may define nothing
// that the linker could merge (no STL, no inline functions).
//
// Goals: one packing and one order of every sum for any number of tokens, on every ISA (NUMERICS 1-5).
// Non-goals: being a tensor library. The forward pass calls exactly these and nothing else.
#pragma once

#include <stdint.h>

namespace fabula::compute::cpu {

// A panel is 16 output rows, lane by lane; K runs serially inside a lane, so a sum's order depends on the shape alone.
inline constexpr int panel_rows = 16;
inline constexpr int run_blocks = 16;       // of a quantised panel: the scales of as many blocks, then their quants; the last run may be shorter
inline constexpr int quant_block = 32;      // columns per integer dot, and per scale of the activations
inline constexpr int kv_tile = 64;          // positions per attention tile == kv_block_tokens

enum class PanelType : uint8_t {
#define FABULA_PANEL(symbol, quantised, quant_bytes, meta_blocks, meta_bytes) symbol,
#include "core/compute/cpu/panel_types.inc"
#undef FABULA_PANEL
};
enum class KvType : uint8_t { f32, f16, q8_0 };
enum class GateActivation : uint8_t { silu, gelu_tanh, gelu_erf, relu };

// Int8 blocks of 32 columns. Where a block holds an outlier, a second plane holds what the first one's rounding left over, in steps
// 254 times smaller: x = scale * q + fine scale * fine q. Elsewhere the fine scale is 0 and the fine plane's words mean nothing.
struct QuantPlane {
  int32_t* quants;        // (cols / 4, width): four int8 of consecutive columns in one word
  float* scales;          // (cols / 32, width)
  int32_t* negated_sums;  // (3, cols / 32, width): minus the sum of a block's int8; of its first 16; of its last 16
};

// Activations of up to a tile's worth of tokens, interleaved so that a kernel walks one stream: element k of token t
// stands at [k * width + t]. Float matrices read `values`, quantised ones the others.
struct ActivationTile {
  const float* values;       // (cols, width)
  QuantPlane coarse, fine;
  const float* scaled_sums;  // (cols / 32, width): the sum of what both planes stand for
  int64_t sums_stride;       // from one of the three negated sums to the next
  int value_width, quant_width;
};

struct MatmulArgs {
  const uint8_t* panels;   // the first of n_panels, each panel_bytes long
  int64_t panel_bytes;
  int n_panels;
  int64_t cols;
  ActivationTile x;
  int n_tokens;            // <= the tile of the type's kind
  bool cold;               // the panels were not read lately: fetch them ahead
  float* out;              // out[t * out_stride + panel * 16 + lane]
  int64_t out_stride;
};
using MatmulFunction = void (*)(const MatmulArgs&);

// One tile of KV positions against the query rows of one KV head (flash attention: Dao et al., arXiv 2205.14135).
struct AttendArgs {
  const float* q;              // (rows, head_dim), already scaled
  int64_t q_stride;
  int rows;
  const uint8_t* k;            // (head_dim, 64) elements; q8_0: then (ceil(head_dim / 32), 64) f16 scales
  const uint8_t* v;            // (64, head_dim_padded) elements; q8_0: then (64, ceil(head_dim / 32)) f16 scales
  int head_dim, head_dim_padded;
  const int32_t* first;        // (rows) a row sees the slots first .. last - 1 of this tile
  const int32_t* last;
  float softcap;               // 0: none
  float* scores;               // (rows, 64) scratch
  float* acc;                  // (rows, head_dim_padded): sum of exp(s - maximum) * v
  float* maxima;               // (rows), -inf before the first tile
  float* sums;                 // (rows): sum of exp(s - maximum)
};
using AttendFunction = void (*)(const AttendArgs&);

struct KernelTable {
  const char* isa;
  int value_tile;   // tokens of a float tile
  int quant_tile;   // tokens of a quantised tile
  int panel_group;  // panels that a float or quantised tile handles together

  MatmulFunction matmul[32];       // by PanelType
  AttendFunction attend[3];        // by KvType

  // Rows: n is padded to a multiple of 16 by the caller; x, weight and out beyond the true count hold zeros. `count` is the true count.
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int64_t count, int64_t n, float* out);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, int64_t count, int64_t n, float* out);
  void (*add_scaled)(float* x, const float* branch, float scale, int64_t n);  // x += scale * branch
  void (*activate)(float* gate, const float* up, int64_t n, GateActivation kind);  // gate = act(gate) * up; up may be null
  void (*softcap)(float* x, int64_t n, float scale, float cap);  // cap * tanh(scale * x / cap); cap 0: scale * x
  // count floats to int8 blocks, count a multiple of 32; writes with a stride of `width` words, the three sums sums_stride apart.
  // A block whose largest entry stands out from the `count` ones gets a fine plane too; fine.quants null: none does.
  void (*quantize)(const float* x, int64_t count, int64_t width, int64_t sums_stride, const QuantPlane& coarse, const QuantPlane& fine,
                   float* scaled_sums);
  void (*spread)(const float* x, int64_t count, int64_t width, float* out);  // out[k * width] = x[k]
  void (*to_f16)(const float* x, int64_t n, uint16_t* out);
  // Folds the partial (m, l, acc) of a later range of positions into an earlier one: both over n lanes.
  void (*merge)(float* acc, float* maximum, float* sum, const float* other_acc, float other_maximum, float other_sum, int64_t n);
  void (*divide)(const float* acc, float sum, int64_t n, float* out);  // out = acc / sum; 0 where sum is 0
  void (*softmax)(float* x, int64_t count, int64_t n);  // in place; slots count .. n - 1 are ignored and become 0

  // For the machine's limits (machine_limits.h).
  int64_t (*read_all)(const uint8_t* p, int64_t n_bytes);
  int peak_chains;
  float (*peak_fma)(int64_t n);    // n x peak_chains x 16 lanes of fused multiply-add
  int64_t (*peak_dot)(int64_t n);  // n x peak_chains x 16 lanes of four products and their sum
};

#define FABULA_ISA(symbol, name) const KernelTable& kernels_##symbol();
#include "core/compute/cpu/isa_list.inc"
#undef FABULA_ISA

}  // namespace fabula::compute::cpu
