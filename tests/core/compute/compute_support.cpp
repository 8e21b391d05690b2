#include "tests/core/compute/compute_support.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/formats/gguf.h"
#include "core/model/families.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/hf_model.h"
#include "core/model/spec_builder.h"
#include "tests/support/support.h"

namespace fabula::test {

Sequence::Sequence(compute::Executor& executor, std::vector<int32_t> blocks) : executor_(executor), blocks_(std::move(blocks)) {
  if (!blocks_.empty()) return;
  blocks_.resize(8);
  std::iota(blocks_.begin(), blocks_.end(), 0);
}

std::vector<float> Sequence::read(std::span<const int32_t> tokens, int64_t chunk, int64_t vocab) {
  std::vector<float> out;
  const size_t step = chunk > 0 ? static_cast<size_t>(chunk) : tokens.size();
  for (size_t at = 0; at < tokens.size(); at += step) {
    const auto part = tokens.subspan(at, std::min(step, tokens.size() - at));
    const compute::SequenceSlice slice{part, length_, blocks_, compute::LogitRows::all};
    const Status status = executor_.forward({&slice, 1}, nullptr);
    REQUIRE_MESSAGE(status.ok(), status.error().message);
    out.insert(out.end(), executor_.logits(), executor_.logits() + static_cast<int64_t>(part.size()) * vocab);
    length_ += static_cast<int64_t>(part.size());
    least_workers_ = std::min(least_workers_, executor_.last_step().workers);
  }
  return out;
}

namespace {

template <class T>
Difference compare_any(std::span<const float> found, std::span<const T> reference, size_t columns) {
  Difference d;
  REQUIRE(found.size() == reference.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double e = std::fabs(double{found[i]} - double{reference[i]});
    error += e * e;
    size += double{reference[i]} * double{reference[i]};
    if (!(e <= d.worst)) {
      d.worst = e;
      d.worst_at = i;
    }
  }
  d.relative = std::sqrt(error / size);
  d.text = "relative " + std::to_string(d.relative) + ", worst at row " + std::to_string(d.worst_at / columns) + ", column " +
           std::to_string(d.worst_at % columns) + ": " + std::to_string(found[d.worst_at]) + " against " +
           std::to_string(reference[d.worst_at]);
  return d;
}

}  // namespace

Difference compare(std::span<const float> found, std::span<const float> reference, size_t columns) {
  return compare_any(found, reference, columns);
}
Difference compare(std::span<const float> found, std::span<const double> reference, size_t columns) {
  return compare_any(found, reference, columns);
}

int32_t argmax(std::span<const float> row) {
  size_t best = 0;
  for (size_t i = 1; i < row.size(); ++i)
    if (row[i] > row[best]) best = i;
  return static_cast<int32_t>(best);
}

std::unique_ptr<compute::Executor> load(const compute::ModelSpec& spec, const formats::TensorSource& source,
                                        compute::LoadOptions options, compute::CpuOptions cpu) {
  if (options.kv_blocks == 0) options.kv_blocks = 16;
  options.max_logit_rows = options.max_batch_tokens;
  auto executor = compute::make_cpu_executor(spec, source, options, cpu);
  REQUIRE_MESSAGE(executor.ok(), executor.error().message);
  return std::move(executor).value();
}

namespace {

template <class T>
T value_of(Result<T> result) {
  REQUIRE_MESSAGE(result.ok(), result.error().message);
  return std::move(result).value();
}

}  // namespace

OpenedModel open_weights(const std::filesystem::path& path) {
  OpenedModel model;
  if (std::filesystem::is_directory(path)) {
    const auto opened = value_of(model::open_hf_weights(path));
    model.source = opened.source;
    model.spec = value_of(model::build_spec(opened.hyper, *opened.family, model::Convention::hugging_face, *opened.source));
    return model;
  }
  const auto file = value_of(formats::Gguf::open(path));
  const auto* architecture = formats::find_or_null(file->metadata(), "general.architecture");
  REQUIRE(architecture != nullptr);
  const model::Family* family = model::find_family_by_gguf_or_null(std::string(*architecture->text_or_none()));
  REQUIRE(family != nullptr);
  const auto hyper = value_of(model::read_gguf_hyperparameters(*file, *family));
  model.spec = value_of(model::build_spec(hyper, *family, model::Convention::gguf, *file));
  model.source = file;
  return model;
}

std::vector<float> read_floats(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  std::vector<float> out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  return out;
}

}  // namespace fabula::test
