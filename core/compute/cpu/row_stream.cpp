#include "core/compute/cpu/row_stream.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "core/compute/cpu/panels.h"
#include "core/compute/cpu/tbb_tasks.h"

namespace fabula::compute::cpu {

namespace {

constexpr size_t run_bytes = size_t{1} << 20;  // stays in a core's L2 while it is converted and packed

// `ended` orders what the caller has written before every body, and what they write before the caller goes on (tbb_tasks.h).
struct Each {
  const std::function<Status(int64_t)>& body;
  std::atomic<int64_t> ended{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  Status failure;

  void run(int64_t i) {
    ended.load(std::memory_order_acquire);
    if (Status status = failed.load() ? Status{} : body(i); !status.ok()) {
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = std::move(status);
    }
    ended.fetch_add(1, std::memory_order_release);
  }
};

}  // namespace

Status parallel_each(int64_t n, const std::function<Status(int64_t)>& body) {
  Each each{body};
  each.ended.store(0, std::memory_order_release);
  parallel_for(n, [](void* context, int64_t i) { static_cast<Each*>(context)->run(i); }, &each);
  each.ended.load(std::memory_order_acquire);
  return std::move(each.failure);
}

Status RowStream::for_each(const MatrixRef& ref, const Body& body) const {
  const formats::TensorInfo& tensor = *ref.tensor;
  const size_t row_bytes = std::max<size_t>(1, formats::row_bytes(tensor.type, ref.cols));
  const int64_t step = std::max<int64_t>(panel_rows, static_cast<int64_t>(run_bytes / row_bytes) / panel_rows * panel_rows);
  const int64_t rows_per_expert = tensor.shape.size() == 3 ? tensor.shape[1] : 0;
  const int64_t first = ref.expert * rows_per_expert + ref.row_begin;
  return parallel_each((ref.rows + step - 1) / step, [&](int64_t run) -> Status {
    if (cancel_ && cancel_->load()) return Error{ErrorCode::cancelled, "loading was cancelled"};
    const int64_t row = run * step, n = std::min(step, ref.rows - row);
    std::vector<std::byte>& stored = stored_.local();
    const size_t bytes = static_cast<size_t>(n) * row_bytes;
    if (stored.size() < bytes) stored.resize(bytes);
    FABULA_TRY(source_.read(tensor, static_cast<uint64_t>(first + row) * row_bytes, std::span(stored).first(bytes)));
    return body(row, n, stored.data());
  });
}

}  // namespace fabula::compute::cpu
