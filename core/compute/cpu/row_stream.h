// The rows of a stored matrix, read in runs of about a megabyte by all threads at once.
#pragma once

#include <tbb/enumerable_thread_specific.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/base/result.h"
#include "core/compute/model_spec.h"

namespace fabula::compute::cpu {

class RowStream {
 public:
  // Both outlive it. cancel: null or looked at before every run.
  RowStream(const formats::TensorSource& source, const std::atomic<bool>* cancel) : source_(source), cancel_(cancel) {}

  // body(first row, number of rows, their stored bytes), from several threads; runs are whole panels, and
  // what they hold depends on the shape alone. The first error ends it. Errors: io, corrupt, cancelled, the body's.
  using Body = std::function<Status(int64_t row, int64_t n, const std::byte* stored)>;
  Status for_each(const MatrixRef& ref, const Body& body) const;

 private:
  const formats::TensorSource& source_;
  const std::atomic<bool>* cancel_;
  mutable tbb::enumerable_thread_specific<std::vector<std::byte>> stored_;  // one run for each thread; fresh ones cost more than reading
};

// body(i) for i in 0 .. n - 1 from several threads; the first error ends it.
Status parallel_each(int64_t n, const std::function<Status(int64_t i)>& body);

}  // namespace fabula::compute::cpu
