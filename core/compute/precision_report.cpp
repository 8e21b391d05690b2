#include "core/compute/precision_report.h"

#include "core/compute/cpu/survey.h"
#include "core/compute/cpu/type_choice.h"
#include "core/compute/cpu/weight_list.h"
#include "core/compute/cpu/weights.h"

namespace fabula::compute {

Result<std::vector<TensorReport>> report_precision(const ModelSpec& spec, const formats::TensorSource& source, Precision precision,
                                                   const std::atomic<bool>* cancel) {
  cpu::Weights places;
  FABULA_ASSIGN(cpu::WeightList list, cpu::list_weights(spec, places));
  const cpu::RowStream stream(source, cancel);
  FABULA_ASSIGN(auto reports, cpu::choose_types(list.matrices, precision, stream, cpu::Surveys::all));
  for (size_t i = 0; i < reports.size(); ++i) {
    const bool is_measured = precision == Precision::automatic;  // by the rule itself
    if (is_measured || reports[i].effective == reports[i].stored) continue;
    FABULA_ASSIGN(const cpu::Loss loss, cpu::conversion_loss(stream, list.matrices[i].ref, reports[i].effective));
    reports[i].relative_error = loss.relative();
  }
  return reports;
}

}  // namespace fabula::compute
