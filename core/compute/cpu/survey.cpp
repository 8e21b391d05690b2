#include "core/compute/cpu/survey.h"

#include <algorithm>
#include <vector>

#include "core/base/numeric.h"
#include "core/formats/quant.h"

namespace fabula::compute::cpu {

void Loss::add(const float* w, const float* other, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double value = w[i], error = value - other[i];
    squares += value * value;
    error_squares += error * error;
  }
}

void Survey::add(const float* w, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float half = f16_to_f32(f32_to_f16(w[i])), magnitude = std::fabs(w[i]);
    as_f16.add(w + i, &half, 1);
    flushed += w[i] != 0 && half == 0;
    overflowed += std::isinf(half) && !std::isinf(w[i]);
    max_abs = std::max(max_abs, magnitude);
    if (magnitude > 0) min_abs = std::min(min_abs, magnitude);
  }
  count += static_cast<uint64_t>(n);
}

void Survey::add(const Survey& part) {
  as_f16.add(part.as_f16);
  count += part.count;
  flushed += part.flushed;
  overflowed += part.overflowed;
  max_abs = std::max(max_abs, part.max_abs);
  min_abs = std::min(min_abs, part.min_abs);
}

Result<Survey> survey_matrix(const RowStream& stream, const MatrixRef& ref) {
  InRowOrder<Survey> parts;
  FABULA_TRY(stream.for_each(ref, [&](int64_t row, int64_t n, const std::byte* stored) -> Status {
    std::vector<float> values(static_cast<size_t>(n * ref.cols));
    formats::dequantize(ref.tensor->type, stored, values.data(), n * ref.cols);
    Survey part;
    part.add(values.data(), n * ref.cols);
    parts.add(row, part);
    return {};
  }));
  return parts.total();
}

Result<Loss> conversion_loss(const RowStream& stream, const MatrixRef& ref, formats::DType to) {
  InRowOrder<Loss> parts;
  FABULA_TRY(stream.for_each(ref, [&](int64_t row, int64_t n, const std::byte* stored) -> Status {
    std::vector<std::byte> converted(formats::row_bytes(to, ref.cols) * static_cast<size_t>(n));
    Loss part;
    convert_rows(ref.tensor->type, to, n, ref.cols, stored, converted.data(), &part);
    parts.add(row, part);
    return {};
  }));
  return parts.total();
}

void convert_rows(formats::DType from, formats::DType to, int64_t n, int64_t cols, const std::byte* rows, std::byte* out, Loss* loss) {
  const size_t from_bytes = formats::row_bytes(from, cols), to_bytes = formats::row_bytes(to, cols);
  std::vector<float> values(static_cast<size_t>(cols)), back(loss ? values.size() : 0);
  for (int64_t r = 0; r < n; ++r, rows += from_bytes, out += to_bytes) {
    formats::dequantize(from, rows, values.data(), cols);
    formats::quantize(to, values.data(), out, cols);
    if (!loss) continue;
    formats::dequantize(to, out, back.data(), cols);
    loss->add(values.data(), back.data(), cols);
  }
}

}  // namespace fabula::compute::cpu
