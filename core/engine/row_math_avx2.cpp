#include "core/engine/row_math_impl.h"

namespace fabula::engine {

const RowMath& row_math_avx2() {
  static constexpr RowMath rows{"avx2", peak, exp_sum, column_maxima};
  return rows;
}

}  // namespace fabula::engine
