// Finds tensors by name, checks their shapes, and knows afterwards which were never asked for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/formats/tensor.h"

namespace fabula::model {

// A part of a fused tensor: rows [begin, begin + rows) of `total`.
struct RowPart {
  int64_t begin = 0, rows = 0, total = 0;
};

// The first error is kept; what comes after it gives empty references.
class TensorBinder {
 public:
  explicit TensorBinder(const formats::TensorSource& source)
      : source_(source), used_(source.tensors().size()) {}

  bool has(const std::string& name) const { return source_.find_or_null(name) != nullptr; }

  compute::VectorRef vector(const std::string& name, int64_t size);
  compute::VectorRef vector_part(const std::string& name, RowPart part);
  compute::VectorRef vector_if_present(const std::string& name, int64_t size);
  compute::MatrixRef matrix(const std::string& name, int64_t rows, int64_t cols);
  compute::MatrixRef matrix_part(const std::string& name, RowPart part, int64_t cols);
  compute::MatrixRef stacked(const std::string& name, int64_t index, int64_t count, int64_t rows,
                             int64_t cols);
  void ignore(const std::string& name);  // known, and not needed

  const std::optional<Error>& error() const { return error_; }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  // A tensor that nothing asked for means something that would be left out of the computation. Errors:
  // unsupported.
  Status all_used() const;

 private:
  // Null after an error. `shape` is what the tensor must have.
  const formats::TensorInfo* take(const std::string& name, const std::vector<int64_t>& shape);

  const formats::TensorSource& source_;
  std::vector<bool> used_;
  std::optional<Error> error_;
};

}  // namespace fabula::model
