#include "gpu/executor/ranking.h"

#include <algorithm>
#include <cmath>

#include "core/compute/carver.h"

namespace fabula::gpu {

size_t Ranking::lay_out(uint8_t* base, bool host, const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  const int64_t rows = options.max_logit_rows, chunks = rank_chunks(static_cast<int>(spec.vocab));
  compute::Carver carver(base, 256);
  auto* const values = carver.take<float>(rows * most_ranked);
  auto* const ids = carver.take<int32_t>(rows * most_ranked);
  auto* const stats = carver.take<RankStats>(rows * chunks);
  if (host) {
    values_ = values, ids_ = ids, stats_ = stats;
    return carver.used_bytes();
  }
  args_ = {.vocab = static_cast<int32_t>(spec.vocab), .values = values, .ids = ids, .stats = stats};
  for (uint64_t*& keys : args_.keys) keys = carver.take<uint64_t>(rows * chunks * most_ranked);
  return carver.used_bytes();
}

uint64_t Ranking::bytes_of(const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  return Ranking().lay_out(nullptr, false, spec, options);
}

Status Ranking::allocate(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  FABULA_ASSIGN(host_, device.allocate_on_host(lay_out(nullptr, true, spec, options), "The ranked logits"));
  FABULA_ASSIGN(device_memory_, device.allocate(bytes_of(spec, options), "The ranked logits"));
  lay_out(host_.data(), true, spec, options);
  lay_out(device_memory_.data(), false, spec, options);
  return {};
}

void Ranking::run(Device& device, const float* logits, int n, int k) const {
  RankArgs args = args_;
  args.logits = logits;
  args.n = n;
  args.k = k;
  rank(device, args);
  const auto rows = static_cast<size_t>(n);
  device.download(values_, args.values, rows * static_cast<size_t>(k) * sizeof(float));
  device.download(ids_, args.ids, rows * static_cast<size_t>(k) * sizeof(int32_t));
  device.download(stats_, args.stats, rows * static_cast<size_t>(rank_chunks(args.vocab)) * sizeof(RankStats));
}

compute::RankedRow Ranking::row(int64_t index, int k) const {
  const auto count = static_cast<size_t>(std::min(k, args_.vocab));
  const int chunks = rank_chunks(args_.vocab);
  const RankStats* stats = stats_ + index * chunks;
  compute::RankedRow row{.logits = {values_ + index * k, count}, .ids = {ids_ + index * k, count}, .max = -INFINITY, .usable = true};
  for (int c = 0; c < chunks; ++c) {
    row.max = std::max(row.max, stats[c].max);
    row.usable = row.usable && stats[c].unusable == 0;
  }
  row.usable = row.usable && row.max > -INFINITY;
  if (!row.usable) return row;
  double sum = 0;
  for (int c = 0; c < chunks; ++c)
    if (stats[c].sum > 0) sum += double{stats[c].sum} * std::exp(double{stats[c].max} - double{row.max});
  row.log_sum = std::log(sum);
  return row;
}

}  // namespace fabula::gpu
