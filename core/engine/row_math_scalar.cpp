#include "core/engine/row_math_impl.h"

namespace fabula::engine {

const RowMath& row_math_scalar() {
  static constexpr RowMath rows{"scalar", peak, exp_sum, column_maxima};
  return rows;
}

}  // namespace fabula::engine
