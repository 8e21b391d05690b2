#include "core/compute/cpu/survey.h"

#include <algorithm>
#include <vector>

#include "core/base/half_rows.h"
#include "core/formats/quant.h"

namespace fabula::compute::cpu {

namespace {

// Sums run in eight lanes, so that the compiler may use vectors and the order is the same with and without.
constexpr int lanes = 8;
double total(const double* lane) { return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7])); }

constexpr int64_t run = 512;  // numbers of a survey whose f16 forms are held at a time

}  // namespace

void Loss::add(const float* w, const float* other, int64_t n) {
  double value_lanes[lanes] = {}, error_lanes[lanes] = {};
  const auto fold = [&](int64_t i, int l) {
    const double value = w[i], error = value - other[i];
    value_lanes[l] += value * value;
    error_lanes[l] += error * error;
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) fold(i + l, l);
  for (int l = 0; i + l < n; ++l) fold(i + l, l);
  squares += total(value_lanes);
  error_squares += total(error_lanes);
}

void Survey::add(const float* w, int64_t n) {
  float half[run];
  for (int64_t begin = 0; begin < n; begin += run, w += run) {
    const int64_t m = std::min(run, n - begin);
    f32_through_f16_row(w, half, m);
    as_f16.add(w, half, m);
    uint32_t zeros = 0, infinities = 0;
    for (int64_t i = 0; i < m; ++i) {
      const float magnitude = std::fabs(w[i]);
      zeros += magnitude != 0.0f && half[i] == 0.0f;
      infinities += std::fabs(half[i]) == INFINITY && magnitude != INFINITY;
      max_abs = magnitude > max_abs ? magnitude : max_abs;
      min_abs = magnitude > 0.0f && magnitude < min_abs ? magnitude : min_abs;
    }
    flushed += zeros;
    overflowed += infinities;
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
