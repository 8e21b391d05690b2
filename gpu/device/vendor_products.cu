#include "gpu/vendor_products.h"

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <string>

#include "gpu/devices.h"

namespace fabula::gpu {

namespace {

constexpr size_t workspace_bytes = size_t{64} << 20;  // what cuBLASLt likes on Hopper
constexpr int rounds = 3, products_a_round = 10;

// The few functions that a product takes.
struct Library {
  void* handle = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;

  ~Library() {
    if (handle) dlclose(handle);
  }
  template <class Function>
  bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    return function != nullptr;
  }
  bool open() {
    for (const char* name : {"libcublasLt.so.13", "libcublasLt.so"})
      if (!handle) handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    return handle && find(create, "cublasLtCreate") && find(destroy, "cublasLtDestroy") && find(desc_create, "cublasLtMatmulDescCreate") &&
           find(desc_set, "cublasLtMatmulDescSetAttribute") && find(desc_destroy, "cublasLtMatmulDescDestroy") &&
           find(layout_create, "cublasLtMatrixLayoutCreate") && find(layout_destroy, "cublasLtMatrixLayoutDestroy") &&
           find(preference_create, "cublasLtMatmulPreferenceCreate") && find(preference_set, "cublasLtMatmulPreferenceSetAttribute") &&
           find(preference_destroy, "cublasLtMatmulPreferenceDestroy") && find(heuristic, "cublasLtMatmulAlgoGetHeuristic") &&
           find(matmul, "cublasLtMatmul");
  }
};

struct CudaFree {
  void operator()(void* memory) const { cudaFree(memory); }
};
using Buffer = std::unique_ptr<void, CudaFree>;

Buffer allocate(size_t bytes) {
  void* memory = nullptr;
  return Buffer(cudaMalloc(&memory, bytes) == cudaSuccess ? memory : nullptr);
}

// One product, its descriptions and memory. Row-major matrices are column-major ones turned.
class Product {
 public:
  Product(const Library& lt, const ProductSize& size) : lt_(lt), size_(size) {}
  ~Product() {
    if (preference_) lt_.preference_destroy(preference_);
    for (const cublasLtMatrixLayout_t layout : {weights_, activations_, out_})
      if (layout) lt_.layout_destroy(layout);
    if (desc_) lt_.desc_destroy(desc_);
  }
  Status prepare(cublasLtHandle_t handle);
  cublasStatus_t run(cublasLtHandle_t handle) const {
    const float one = 1, zero = 0;
    return lt_.matmul(handle, desc_, &one, w_.get(), weights_, x_.get(), activations_, &zero, y_.get(), out_, y_.get(), out_, &way_.algo,
                      workspace_.get(), workspace_bytes, nullptr);
  }

 private:
  const Library& lt_;
  const ProductSize size_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t weights_ = nullptr, activations_ = nullptr, out_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulHeuristicResult_t way_{};
  Buffer w_, x_, y_, workspace_;
};

Status Product::prepare(cublasLtHandle_t handle) {
  const auto rows = static_cast<uint64_t>(size_.rows), columns = static_cast<uint64_t>(size_.columns), tokens = static_cast<uint64_t>(size_.tokens);
  w_ = allocate(rows * columns * 2);
  x_ = allocate(tokens * columns * 2);
  y_ = allocate(tokens * rows * 2);
  workspace_ = allocate(workspace_bytes);
  if (!w_ || !x_ || !y_ || !workspace_) {
    cudaGetLastError();
    return Error{ErrorCode::out_of_memory, "the GPU has no memory left for cuBLASLt's products"};
  }
  cudaMemset(w_.get(), 0x3c, rows * columns * 2);  // 0.0115 everywhere: no zeros, which run cooler
  cudaMemset(x_.get(), 0x3c, tokens * columns * 2);
  const cublasOperation_t turned = CUBLAS_OP_T;
  int found = 0;
  const bool made = lt_.desc_create(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
                    lt_.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned) == CUBLAS_STATUS_SUCCESS &&
                    lt_.layout_create(&weights_, CUDA_R_16BF, columns, rows, size_.columns) == CUBLAS_STATUS_SUCCESS &&
                    lt_.layout_create(&activations_, CUDA_R_16BF, columns, tokens, size_.columns) == CUBLAS_STATUS_SUCCESS &&
                    lt_.layout_create(&out_, CUDA_R_16BF, rows, tokens, size_.rows) == CUBLAS_STATUS_SUCCESS &&
                    lt_.preference_create(&preference_) == CUBLAS_STATUS_SUCCESS &&
                    lt_.preference_set(preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes, sizeof workspace_bytes) ==
                        CUBLAS_STATUS_SUCCESS &&
                    lt_.heuristic(handle, desc_, weights_, activations_, out_, out_, preference_, 1, &way_, &found) == CUBLAS_STATUS_SUCCESS;
  if (!made || found == 0) return Error{ErrorCode::unsupported, "cuBLASLt knows no way to multiply these sizes"};
  return {};
}

// Seconds of one product, 0 where it failed.
double best_seconds(const Product& product, cublasLtHandle_t handle, cudaEvent_t begin, cudaEvent_t end) {
  double best = 0;
  for (int round = 0; round <= rounds; ++round) {  // the first one warms up
    cudaEventRecord(begin, nullptr);
    for (int i = 0; i < products_a_round; ++i)
      if (product.run(handle) != CUBLAS_STATUS_SUCCESS) return 0;
    cudaEventRecord(end, nullptr);
    float milliseconds = 0;
    if (cudaEventSynchronize(end) != cudaSuccess || cudaEventElapsedTime(&milliseconds, begin, end) != cudaSuccess) return 0;
    const double seconds = static_cast<double>(milliseconds) / 1e3 / products_a_round;
    if (round > 0 && (best == 0 || seconds < best)) best = seconds;
  }
  return best;
}

Result<double> all_seconds(const Library& lt, cublasLtHandle_t handle, std::span<const ProductSize> sizes, cudaEvent_t begin, cudaEvent_t end) {
  double total = 0;
  for (const ProductSize& size : sizes) {
    Product product(lt, size);
    FABULA_TRY(product.prepare(handle));
    const double seconds = best_seconds(product, handle, begin, end);
    if (seconds == 0) return Error{ErrorCode::device_lost, "cuBLASLt's product failed"};
    total += seconds;
  }
  return total;
}

}  // namespace

Result<double> vendor_product_seconds(int device, std::span<const ProductSize> sizes) {
  FABULA_TRY(list_devices());
  Library lt;
  if (!lt.open()) return Error{ErrorCode::not_found, "this system has no cuBLASLt"};
  cublasLtHandle_t handle = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  if (cudaSetDevice(device) != cudaSuccess || cudaEventCreate(&begin) != cudaSuccess || cudaEventCreate(&end) != cudaSuccess ||
      lt.create(&handle) != CUBLAS_STATUS_SUCCESS)
    return Error{ErrorCode::device_lost, "cuBLASLt could not be started"};
  auto total = all_seconds(lt, handle, sizes, begin, end);
  lt.destroy(handle);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return total;
}

}  // namespace fabula::gpu
