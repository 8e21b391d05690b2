#include "core/engine/row_math.h"

#include <array>

#include "core/compute/cpu/isa.h"

namespace fabula::engine {

namespace {

struct Found {
  std::array<const RowMath*, 3> rows{};
  size_t n = 0;
};

Found find() {
  Found found;
  for (const RowMath* rows : {&row_math_scalar(), &row_math_avx2(), &row_math_avx512()})
    for (const compute::cpu::Isa& isa : compute::cpu::isa_list())
      if (isa.name == rows->isa && isa.supported) found.rows[found.n++] = rows;
  return found;
}

}  // namespace

std::span<const RowMath* const> row_maths() {
  static const Found found = find();
  return {found.rows.data(), found.n};
}

const RowMath& best_row_math() { return *row_maths().back(); }

}  // namespace fabula::engine
