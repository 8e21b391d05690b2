#include "core/compute/cpu/type_choice.h"

#include <cmath>
#include <optional>

#include "core/compute/cpu/survey.h"
#include "core/compute/precision.h"

namespace fabula::compute::cpu {

namespace {

using formats::DType;

constexpr double acceptable_f16_error = 5e-4;  // NUMERICS 10

void tell(const Survey& found, TensorReport& report) {
  report.surveyed = true;
  report.max_abs = found.max_abs;
  report.min_abs = std::isinf(found.min_abs) ? 0.0f : found.min_abs;
  const double count = static_cast<double>(std::max<uint64_t>(found.count, 1));
  report.f16_flushed_share = static_cast<double>(found.flushed) / count;
  report.f16_overflow_share = static_cast<double>(found.overflowed) / count;
}

}  // namespace

Result<std::vector<TensorReport>> choose_types(std::vector<MatrixJob>& matrices, Precision precision, const RowStream& stream, Surveys surveys) {
  std::vector<TensorReport> reports;
  const std::optional<DType> wanted = type_of(precision);
  for (MatrixJob& job : matrices) {
    const DType stored = job.ref.tensor->type;
    TensorReport report{.name = job.ref.tensor->name, .stored = stored, .effective = stored};
    const bool stays = !wanted && stored != DType::f32 && panel_type_of(stored);
    std::optional<Survey> found;
    if (surveys == Surveys::all || (surveys == Surveys::needed && !wanted && !stays)) {
      FABULA_ASSIGN(found, survey_matrix(stream, job.ref));
      tell(*found, report);
    }
    if (wanted) {
      report.effective = formats::type_for(*wanted, job.role, job.ref.cols);
    } else if (!stays) {
      const bool keeps = !found || (found->as_f16.relative() <= acceptable_f16_error && found->overflowed == 0);
      report.effective = keeps ? DType::f16 : DType::f32;
      report.relative_error = keeps && found ? found->as_f16.relative() : 0;
    }
    job.type = *panel_type_of(report.effective);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace fabula::compute::cpu
