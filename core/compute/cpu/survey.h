// What a matrix's numbers are like, and what storing them in another type would lose.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "core/base/result.h"
#include "core/compute/cpu/row_stream.h"
#include "core/formats/dtype.h"

namespace fabula::compute::cpu {

// ||w - other(w)|| against ||w||, summed in double.
struct Loss {
  double squares = 0, error_squares = 0;

  void add(const float* w, const float* other, int64_t n);
  void add(const Loss& part) {
    squares += part.squares;
    error_squares += part.error_squares;
  }
  double relative() const { return squares > 0 ? std::sqrt(error_squares / squares) : 0; }
};

struct Survey {
  Loss as_f16;
  uint64_t count = 0;
  uint64_t flushed = 0, overflowed = 0;  // not 0 but 0 as f16; finite but infinite as f16
  float max_abs = 0, min_abs = INFINITY;  // min_abs: of what is not 0

  void add(const float* w, int64_t n);
  void add(const Survey& part);
};

// Parts of a matrix that several threads found, added in the order of their rows: the sums do not depend on threads.
template <class Part>
class InRowOrder {
 public:
  void add(int64_t row, const Part& part) {
    const std::lock_guard lock(mutex_);
    parts_.emplace(row, part);
  }
  Part total() const {
    Part sum;
    for (const auto& [row, part] : parts_) sum.add(part);
    return sum;
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, Part> parts_;
};

// Errors: as RowStream.
Result<Survey> survey_matrix(const RowStream& stream, const MatrixRef& ref);
Result<Loss> conversion_loss(const RowStream& stream, const MatrixRef& ref, formats::DType to);

// `n` rows of `cols` elements from one type to another, through floats. out: as many rows of type `to`.
// loss: added to where it is not null.
void convert_rows(formats::DType from, formats::DType to, int64_t n, int64_t cols, const std::byte* rows, std::byte* out, Loss* loss);

}  // namespace fabula::compute::cpu
