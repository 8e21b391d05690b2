// Mixture of experts: choosing, grouping rows by expert, adding the experts' outputs.
#include "gpu/device/launch.h"
#include "gpu/kernels/kernels.h"
#include "gpu/device/intrinsics.h"

namespace fabula::gpu {

namespace {

constexpr unsigned expert_threads = 128;

// A warp per token. Softmax over all experts; the chosen ones in the order of their ids, so that sums have one order.
FABULA_KERNEL void choose_kernel(const float* router, int n, int n_experts, int chosen, bool normalise, Routing routing) {
  const int token = static_cast<int>(block_x() * (expert_threads / 32) + warp_index()), lane = static_cast<int>(lane_index());
  if (token >= n) return;
  const float* row = router + static_cast<int64_t>(token) * n_experts;
  float top = -INFINITY, sum = 0;
  for (int e = lane; e < n_experts; e += 32) top = row[e] > top ? row[e] : top;
  top = warp_max(top);
  for (int e = lane; e < n_experts; e += 32) sum += exponential(row[e] - top);
  sum = warp_sum(sum);
  int32_t* ids = routing.expert + static_cast<int64_t>(token) * chosen;
  float* weights = routing.weight + static_cast<int64_t>(token) * chosen;
  if (lane != 0) return;
  for (int j = 0; j < chosen; ++j) {  // insertion by id; a few dozen comparisons
    int best = -1;
    for (int e = 0; e < n_experts; ++e) {
      bool taken = false;
      for (int i = 0; i < j; ++i) taken = taken || ids[i] == e;
      if (!taken && (best < 0 || row[e] > row[best])) best = e;
    }
    int at = j;
    for (; at > 0 && ids[at - 1] > best; --at) ids[at] = ids[at - 1];
    ids[at] = best;
  }
  float total = 0;
  for (int j = 0; j < chosen; ++j) total += weights[j] = exponential(row[ids[j]] - top) / sum;
  if (!normalise || !(total > 0)) return;
  for (int j = 0; j < chosen; ++j) weights[j] /= total;
}

// One block. A thread per expert finds its pairs in order; the first thread lays out the groups.
FABULA_KERNEL void group_kernel(int pairs, int n_experts, Routing routing) {
  int* const begin = reinterpret_cast<int*>(shared_memory());  // (n_experts + 1)
  for (int e = static_cast<int>(thread_index()); e < n_experts; e += expert_threads) {
    int count = 0;
    for (int p = 0; p < pairs; ++p) count += routing.expert[p] == e;
    begin[e + 1] = count;
  }
  sync_block();
  if (thread_index() == 0) {
    begin[0] = 0;
    int group = 0;
    for (int e = 0; e < n_experts; ++e) {
      const int count = begin[e + 1], first = begin[e];
      begin[e + 1] += first;
      for (int at = 0; at < count; at += routing.width)
        routing.groups[group++] = {e, first + at, count - at < routing.width ? count - at : routing.width};
    }
    for (; group < routing.max_groups; ++group) routing.groups[group] = {0, 0, 0};
  }
  sync_block();
  for (int e = static_cast<int>(thread_index()); e < n_experts; e += expert_threads) {
    int at = begin[e];
    for (int p = 0; p < pairs && at < begin[e + 1]; ++p)
      if (routing.expert[p] == e) routing.order[at++] = p;
  }
}

FABULA_KERNEL void combine_kernel(CombineArgs a) {
  const int column = static_cast<int>(block_x() * expert_threads + thread_index()), row = static_cast<int>(block_y());
  if (column >= a.hidden) return;
  const int64_t at = static_cast<int64_t>(row) * a.hidden + column;
  float sum = 0;
  if (a.shared) sum = a.shared_gate ? a.shared[at] / (1.0f + exponential(-a.shared_gate[row])) : a.shared[at];
  for (int j = 0; j < a.chosen; ++j) {
    const int64_t pair = static_cast<int64_t>(row) * a.chosen + j;
    sum = fused(a.expert_out[pair * a.hidden + column], a.weight[pair], sum);
  }
  a.branch[at] = sum;
}

}  // namespace

void route(Device& device, const float* router, int32_t n, int32_t n_experts, int32_t chosen, bool normalise, const Routing& routing) {
  constexpr unsigned warps = expert_threads / 32;
  launch(device, {.x = (static_cast<unsigned>(n) + warps - 1) / warps, .threads = expert_threads}, choose_kernel, router, n, n_experts, chosen, normalise,
         routing);
  launch(device, {.threads = expert_threads, .shared_bytes = (static_cast<size_t>(n_experts) + 1) * sizeof(int)}, group_kernel, n * chosen, n_experts,
         routing);
}

void combine_experts(Device& device, const CombineArgs& args) {
  launch(device, {.x = (static_cast<unsigned>(args.hidden) + expert_threads - 1) / expert_threads, .y = static_cast<unsigned>(args.n), .threads = expert_threads},
         combine_kernel, args);
}

}  // namespace fabula::gpu
