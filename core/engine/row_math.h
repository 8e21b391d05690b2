// What sampling asks of a whole row of logits, compiled once for each instruction set: the same bits from all of them (NUMERICS 1: sums run
// over 16 virtual lanes), several times the speed of the oldest from the newest.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace fabula::engine {

struct RowPeak {
  float max;
  bool usable;  // no NaN, no +infinity, at least one finite
};

struct RowMath {
  std::string_view isa;  // the least that it asks for, as in compute/cpu/isa.h
  RowPeak (*peak)(const float* x, size_t n);
  double (*exp_sum)(const float* x, size_t n, float max);  // of exp(x - max); max: the row's
  // The row dealt to columns, element i to i modulo their number: the largest of each. n >= columns.
  void (*column_maxima)(const float* x, size_t n, size_t columns, float* maxima);
};

const RowMath& row_math_scalar();
const RowMath& row_math_avx2();
const RowMath& row_math_avx512();

const RowMath& best_row_math();                              // of this machine
std::span<const RowMath* const> row_maths();  // that this machine can run, slowest first

}  // namespace fabula::engine
