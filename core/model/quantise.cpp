#include "core/model/quantise.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "core/base/file.h"
#include "core/formats/gguf.h"
#include "core/formats/gguf_writer.h"
#include "core/formats/quant.h"
#include "core/formats/type_policy.h"
#include "core/model/gguf_export.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/hf_files.h"
#include "core/model/hf_model.h"
#include "core/model/hf_vocabulary.h"
#include "core/model/spec_builder.h"

namespace fabula::model {

namespace {

using formats::DType;
using formats::GgufValue;

// What is to be written, wherever it comes from.
struct Plan {
  std::vector<std::filesystem::path> inputs;
  std::shared_ptr<const formats::TensorSource> source;
  formats::GgufMetadata metadata;
  std::vector<ExportTensor> tensors;
  compute::ModelSpec spec;  // what the result must compute
};

Result<Plan> plan_from_gguf(const std::filesystem::path& path) {
  FABULA_ASSIGN(const auto file, formats::Gguf::open(path));
  Plan plan;
  plan.source = file;
  for (const File& input : file->files()) plan.inputs.push_back(input.path());
  plan.metadata = file->metadata();
  for (const char* key : {"split.no", "split.count", "split.tensors.count"}) plan.metadata.erase(key);
  const GgufValue* architecture = formats::find_or_null(plan.metadata, "general.architecture");
  const auto name = architecture ? architecture->text_or_none().value_or("") : std::string_view();
  const Family* family = find_family_by_gguf_or_null(name);
  if (!family)
    return Error{ErrorCode::unsupported,
                 path.string() + ": the architecture \"" + std::string(name) + "\" is not known"};
  FABULA_ASSIGN(const auto hyper, read_gguf_hyperparameters(*file, *family));
  FABULA_ASSIGN(plan.spec, build_spec(hyper, *family, Convention::gguf, *file));
  for (const formats::TensorInfo& tensor : file->tensors()) {
    ExportTensor entry;
    entry.name = tensor.name;
    entry.shape = tensor.shape;
    entry.sources = {&tensor};
    plan.tensors.push_back(std::move(entry));
  }
  return plan;
}

Result<Plan> plan_from_folder(const std::filesystem::path& folder) {
  FABULA_ASSIGN(const HfModel opened, open_hf_weights(folder));
  Plan plan;
  plan.source = opened.source;
  for (const File& input : opened.files->files()) plan.inputs.push_back(input.path());
  FABULA_ASSIGN(plan.spec,
                build_spec(opened.hyper, *opened.family, Convention::hugging_face, *opened.source));
  plan.tensors = plan_tensors(plan.spec, opened.hyper, *opened.family);
  plan.metadata = export_metadata(opened.hyper, *opened.family);
  const std::filesystem::path plain = folder.has_filename() ? folder : folder.parent_path();
  plan.metadata.emplace("general.name", GgufValue::text(plain.filename().string()));
  FABULA_ASSIGN(const auto tokenizer, open_hf_tokenizer(folder));
  constexpr uint64_t max_tokenizer_bytes = uint64_t{64} << 20;
  FABULA_ASSIGN(const std::string tokenizer_json, read_file(folder / "tokenizer.json", max_tokenizer_bytes));
  FABULA_ASSIGN(const auto vocabulary, vocabulary_from_hf(tokenizer_json, *tokenizer, opened.hyper.vocab));
  export_vocabulary(vocabulary, plan.metadata);
  FABULA_ASSIGN(const std::string chat_template, read_hf_template(folder));
  if (!chat_template.empty())
    plan.metadata.emplace("tokenizer.chat_template", GgufValue::text(chat_template));
  return plan;
}

DType type_of(const ExportTensor& tensor, const Plan& plan, DType wanted) {
  using formats::MatrixRole;
  if (tensor.shape.size() < 2) return DType::f32;
  const bool has_head = std::any_of(plan.tensors.begin(), plan.tensors.end(),
                                    [](const auto& t) { return t.name == "output.weight"; });
  const bool is_output = tensor.name == "output.weight" || (tensor.name == "token_embd.weight" && !has_head);
  const bool is_router = tensor.name.ends_with("ffn_gate_inp.weight");
  const MatrixRole role = is_router ? MatrixRole::router : is_output ? MatrixRole::output : MatrixRole::inner;
  return formats::type_for(wanted, role, tensor.shape.back());
}

uint32_t file_type_of(DType type) {  // llama.cpp's LLAMA_FTYPE
  switch (type) {
    case DType::f16: return 1;
    case DType::q4_0: return 2;
    case DType::q4_1: return 3;
    case DType::q8_0: return 7;
    case DType::q5_0: return 8;
    case DType::q5_1: return 9;
    case DType::q4_k: return 14;
    case DType::q5_k: return 17;
    case DType::q6_k: return 18;
    case DType::bf16: return 32;
    default: return 0;
  }
}

// (i, i + d/2) -> (2i, 2i + 1) within each head. Rows of `cols` values.
void interleave_rows(std::vector<float>& values, int64_t head_dim, int64_t cols,
                     std::vector<float>& scratch) {
  scratch.resize(values.size());
  const auto rows = static_cast<int64_t>(values.size()) / cols;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / head_dim, within = row % head_dim;
    const int64_t from = head * head_dim + within % 2 * (head_dim / 2) + within / 2;
    std::copy_n(values.begin() + from * cols, cols, scratch.begin() + row * cols);
  }
  values.swap(scratch);
}

// Rows are independent: each thread takes a run of them.
void quantise_rows(DType type, const std::vector<float>& values, int64_t cols, int threads,
                   std::vector<std::byte>& out) {
  const auto rows = static_cast<int64_t>(values.size()) / cols;
  const size_t row_size = formats::row_bytes(type, cols);
  out.resize(static_cast<size_t>(rows) * row_size);
  const int64_t share = (rows + threads - 1) / threads;
  const auto work = [&](int64_t begin) {
    const int64_t n = std::min(share, rows - begin);
    if (n > 0)
      formats::quantize(type, values.data() + begin * cols,
                        out.data() + static_cast<size_t>(begin) * row_size, n * cols);
  };
  std::vector<std::jthread> helpers;
  for (int t = 1; t < threads; ++t) helpers.emplace_back(work, t * share);
  work(0);
}

class Carrier {
 public:
  Carrier(const Plan& plan, formats::GgufWriter& writer, const QuantiseOptions& options)
      : plan_(plan), writer_(writer), options_(options), threads_(options.threads) {
    if (threads_ <= 0) threads_ = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (const ExportTensor& tensor : plan.tensors)
      for (const formats::TensorInfo* source : tensor.sources) total_ += source->elements();
  }

  Status carry(const ExportTensor& tensor, DType type) {
    cols_ = tensor.interleaved_head_dim > 0 && tensor.shape.size() == 1 ? 1 : tensor.shape.back();
    if (tensor.sources.empty()) return writer_.write(std::as_bytes(std::span(tensor.values)));
    for (const formats::TensorInfo* source : tensor.sources) FABULA_TRY(carry_source(tensor, *source, type));
    return {};
  }

 private:
  Status carry_source(const ExportTensor& tensor, const formats::TensorInfo& source, DType type) {
    constexpr int64_t chunk_elements = int64_t{4} << 20;                     // 16 MB of floats
    const int64_t unit = std::max<int64_t>(1, tensor.interleaved_head_dim);  // rows that stay together
    const int64_t rows = source.elements() / cols_;
    const int64_t step = std::max<int64_t>(1, chunk_elements / (cols_ * unit)) * unit;
    for (int64_t row = 0; row < rows; row += step) {
      if (options_.cancel && options_.cancel->load()) return Error{ErrorCode::cancelled, "cancelled"};
      FABULA_TRY(read_floats(source, row, std::min(step, rows - row)));
      if (tensor.interleaved_head_dim > 0)
        interleave_rows(floats_, tensor.interleaved_head_dim, cols_, scratch_);
      if (tensor.plus_one)
        for (float& value : floats_) value += 1.0f;
      quantise_rows(type, floats_, cols_, threads_, bytes_);
      FABULA_TRY(writer_.write(bytes_));
      done_ += static_cast<int64_t>(floats_.size());
      if (options_.on_progress)
        options_.on_progress(static_cast<double>(done_) / static_cast<double>(std::max<int64_t>(total_, 1)));
    }
    return {};
  }

  Status read_floats(const formats::TensorInfo& source, int64_t row, int64_t rows) {
    const size_t row_size = formats::row_bytes(source.type, cols_);
    bytes_.resize(row_size * static_cast<size_t>(rows));
    FABULA_TRY(plan_.source->read(source, row_size * static_cast<uint64_t>(row), bytes_));
    floats_.resize(static_cast<size_t>(rows * cols_));
    formats::dequantize(source.type, bytes_.data(), floats_.data(), rows * cols_);
    return {};
  }

  const Plan& plan_;
  formats::GgufWriter& writer_;
  const QuantiseOptions& options_;
  int threads_;
  int64_t cols_ = 1, done_ = 0, total_ = 0;
  std::vector<float> floats_, scratch_;
  std::vector<std::byte> bytes_;
};

Status refuse_quantised(const Plan& plan, DType wanted) {
  for (const ExportTensor& tensor : plan.tensors)
    for (const formats::TensorInfo* source : tensor.sources)
      if (formats::is_quantised(source->type) && formats::is_quantised(wanted))
        return Error{ErrorCode::unsupported,
                     "the model is quantised already (" + tensor.name + " is " +
                         std::string(formats::dtype_info(source->type).name) +
                         "); quantising it once more would only lose: take the original, or F16"};
  return {};
}

// The model's own files are read while the result is written.
Status refuse_own_source(const Plan& plan, const std::filesystem::path& out) {
  std::error_code ignored;
  for (const std::filesystem::path& input : plan.inputs)
    if (std::filesystem::equivalent(input, out, ignored))
      return Error{ErrorCode::invalid_argument, out.string() + " is a file of the model itself"};
  return {};
}

// The result, read as any GGUF file, must compute what the source computes.
Status verify(const std::filesystem::path& out, const compute::ModelSpec& expected) {
  FABULA_ASSIGN(const Plan written, plan_from_gguf(out));
  const std::string difference = first_difference(expected, written.spec);
  if (difference.empty()) return {};
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  return Error{ErrorCode::unsupported, "GGUF cannot express " + difference + " of this model"};
}

}  // namespace

std::vector<formats::DType> quantise_types() {
  std::vector<formats::DType> types;
  for (int i = 0; i <= static_cast<int>(formats::DType::q2_0); ++i)
    if (const auto type = static_cast<formats::DType>(i); formats::can_quantize(type)) types.push_back(type);
  return types;
}

Status quantise_model(const std::filesystem::path& model, const std::filesystem::path& out,
                      const QuantiseOptions& options) {
  if (!formats::can_quantize(options.type))
    return Error{ErrorCode::invalid_argument,
                 std::string(formats::dtype_info(options.type).name) + " cannot be written"};
  FABULA_ASSIGN(Plan plan, formats::looks_like_gguf(model) ? plan_from_gguf(model) : plan_from_folder(model));
  FABULA_TRY(refuse_quantised(plan, options.type));
  FABULA_TRY(refuse_own_source(plan, out));
  plan.metadata.insert_or_assign("general.file_type", GgufValue::u32(file_type_of(options.type)));
  plan.metadata.insert_or_assign("general.quantization_version", GgufValue::u32(2));
  formats::GgufWriter writer;
  for (const auto& [key, value] : plan.metadata) writer.set(key, value);
  std::vector<DType> types;
  for (const ExportTensor& tensor : plan.tensors) {
    types.push_back(type_of(tensor, plan, options.type));
    writer.add_tensor(tensor.name, types.back(), tensor.shape);
  }
  FABULA_TRY(writer.begin(out));
  Carrier carrier(plan, writer, options);
  for (size_t i = 0; i < plan.tensors.size(); ++i) FABULA_TRY(carrier.carry(plan.tensors[i], types[i]));
  FABULA_TRY(writer.finish());
  return verify(out, plan.spec);
}

}  // namespace fabula::model
