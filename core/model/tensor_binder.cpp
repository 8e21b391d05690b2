#include "core/model/tensor_binder.h"

#include "core/formats/byte_reader.h"
#include "core/formats/quant.h"

namespace fabula::model {

namespace {

std::string show(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

// (1, n) and (n) are the same list of numbers.
bool same_shape(const std::vector<int64_t>& found, const std::vector<int64_t>& wanted) {
  if (found == wanted) return true;
  return wanted.size() == 2 && wanted[0] == 1 && found.size() == 1 && found[0] == wanted[1];
}

}  // namespace

const formats::TensorInfo* TensorBinder::take(const std::string& name, const std::vector<int64_t>& shape) {
  if (error_) return nullptr;
  const formats::TensorInfo* tensor = source_.find_or_null(name);
  if (!tensor) {
    fail({ErrorCode::corrupt, "the tensor " + formats::in_quotes(name) + " is missing"});
    return nullptr;
  }
  if (!same_shape(tensor->shape, shape)) {
    fail({ErrorCode::corrupt, "the tensor " + formats::in_quotes(name) + " has the shape " +
                                  show(tensor->shape) + ", expected was " + show(shape)});
    return nullptr;
  }
  if (!formats::can_dequantize(tensor->type)) {
    fail({ErrorCode::unsupported, "the tensor " + formats::in_quotes(name) + " is of type " +
                                      std::string(formats::dtype_info(tensor->type).name) +
                                      ", which cannot be computed with"});
    return nullptr;
  }
  used_[static_cast<size_t>(tensor - source_.tensors().data())] = true;
  return tensor;
}

compute::VectorRef TensorBinder::vector(const std::string& name, int64_t size) {
  return vector_part(name, {0, size, size});
}

compute::VectorRef TensorBinder::vector_part(const std::string& name, RowPart part) {
  const formats::TensorInfo* tensor = take(name, {part.total});
  if (tensor && formats::is_quantised(tensor->type)) {
    fail({ErrorCode::unsupported, "the tensor " + formats::in_quotes(name) + " is a quantised vector"});
    return {};
  }
  return tensor ? compute::VectorRef{tensor, part.begin, part.rows} : compute::VectorRef{};
}

compute::VectorRef TensorBinder::vector_if_present(const std::string& name, int64_t size) {
  return has(name) ? vector(name, size) : compute::VectorRef{};
}

compute::MatrixRef TensorBinder::matrix(const std::string& name, int64_t rows, int64_t cols) {
  return matrix_part(name, {0, rows, rows}, cols);
}

compute::MatrixRef TensorBinder::matrix_part(const std::string& name, RowPart part, int64_t cols) {
  const formats::TensorInfo* tensor = take(name, {part.total, cols});
  return tensor ? compute::MatrixRef{tensor, part.begin, part.rows, cols, 0} : compute::MatrixRef{};
}

compute::MatrixRef TensorBinder::stacked(const std::string& name, int64_t index, int64_t count, int64_t rows,
                                         int64_t cols) {
  const formats::TensorInfo* tensor = take(name, {count, rows, cols});
  return tensor ? compute::MatrixRef{tensor, 0, rows, cols, index} : compute::MatrixRef{};
}

void TensorBinder::ignore(const std::string& name) {
  if (const formats::TensorInfo* tensor = source_.find_or_null(name))
    used_[static_cast<size_t>(tensor - source_.tensors().data())] = true;
}

Status TensorBinder::all_used() const {
  if (error_) return *error_;
  for (size_t i = 0; i < used_.size(); ++i)
    if (!used_[i])
      return Error{ErrorCode::unsupported,
                   "the tensor " + formats::in_quotes(source_.tensors()[i].name) +
                       " has no place in this architecture, so the model cannot be run faithfully"};
  return {};
}

}  // namespace fabula::model
