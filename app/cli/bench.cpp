// bench: prefill and decode of a model, file or made-up shape, beside the limits of this machine, measured
// interleaved with the work (NUMERICS 12). Decode samples nothing; prefill wants the logits of the last token
// only.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "app/cli/commands.h"
#include "core/base/clock.h"
#include "core/compute/cpu/machine_limits.h"
#include "core/compute/executor.h"
#include "core/engine/backends.h"
#include "core/engine/engine.h"
#include "core/model/model.h"
#include "core/model/shapes.h"
#include "gpu/cuda_executor.h"
#include "gpu/vendor_products.h"

namespace fabula::cli {

namespace {

using compute::cpu::MachineLimits;
using compute::cpu::MachineMeter;

struct Options {
  std::string model, shape, precision = "auto", kv_precision = "f16", device = "auto";
  int64_t gpu_layers = -1;
  int threads = 0;
  int64_t prompt = 512, decode = 128, depth = 0, batch = 1, repeat = 5;
  bool json = false;
};

// What is run: the spec points into `source`.
struct Subject {
  std::string name;
  compute::ModelSpec spec;
  std::shared_ptr<const formats::TensorSource> source;
  compute::Precision precision = compute::Precision::automatic;
};

Result<Subject> subject_of(const App& app, const Options& options) {
  if (!options.shape.empty()) {
    const std::string type = options.precision == "auto" ? "bf16" : options.precision;
    const auto stored = formats::dtype_from_name_or_none(type);
    if (!stored) return Error{ErrorCode::invalid_argument, "\"" + type + "\" is no stored type"};
    FABULA_ASSIGN(model::SyntheticModel made, model::make_synthetic_model(options.shape, *stored));
    // f32 stays f32: `auto` would take made-up weights to f16.
    const auto precision =
        *stored == formats::DType::f32 ? compute::Precision::f32 : compute::Precision::automatic;
    return Subject{options.shape + " " + type, std::move(made.spec), std::move(made.source), precision};
  }
  FABULA_ASSIGN(const auto path, resolve_model(app, options.model));
  FABULA_ASSIGN(const auto model,
                model::open_model(path, {.fingerprint_folder = app.places().fingerprint_folder()}));
  FABULA_ASSIGN(const compute::Precision precision, compute::precision_from_name(options.precision));
  return Subject{model->info.name, model->spec, model->source, precision};
}

// The same made-up prompt in each of `batch` sequences with blocks of their own.
class Runner {
 public:
  Runner(compute::Executor& executor, const Options& options, int64_t vocab, int64_t blocks_each)
      : executor_(executor), vocab_(vocab), blocks_(static_cast<size_t>(options.batch)) {
    for (size_t b = 0; b < blocks_.size(); ++b) {
      blocks_[b].resize(static_cast<size_t>(blocks_each));
      std::iota(blocks_[b].begin(), blocks_[b].end(),
                static_cast<int32_t>(static_cast<int64_t>(b) * blocks_each));
    }
  }

  // Seconds for positions start .. start + n - 1 of every sequence, `step` tokens of each at a time.
  Result<double> read(int64_t start, int64_t n, int64_t step) {
    std::vector<int32_t> tokens(static_cast<size_t>(n));
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = static_cast<int32_t>((i * 7919 + 13) % static_cast<size_t>(vocab_));
    std::vector<compute::SequenceSlice> slices(blocks_.size());
    const double begin = monotonic_seconds();
    for (int64_t at = 0; at < n; at += step) {
      const int64_t m = std::min(step, n - at);
      const auto rows = at + m == n || step == 1 ? compute::LogitRows::last : compute::LogitRows::none;
      for (size_t b = 0; b < blocks_.size(); ++b)
        slices[b] = {std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(m)), start + at,
                     blocks_[b], rows};
      FABULA_TRY(executor_.forward(slices, nullptr));
    }
    return monotonic_seconds() - begin;
  }

 private:
  compute::Executor& executor_;
  int64_t vocab_;
  std::vector<std::vector<int32_t>> blocks_;
};

// The limits that shares are held against, and what they are called: of the CPU or of a GPU.
struct Meter {
  std::function<MachineLimits()> sample;
  const char *memory, *floats, *ints;
  double upload_bytes_per_second = 0;  // to a GPU's memory; 0: there is none
  double copy_bytes_per_second = 0;    // into new memory of the CPU; 0: not what loads are held against
};

Result<Meter> meter_of(const gpu::DeviceChoice& device, const compute::ExecutorInfo& info, const std::string& isa) {
  if (device.on_gpu) {
    FABULA_ASSIGN(const gpu::DeviceLimits once, gpu::measure_limits(device.index));
    return Meter{[index = device.index] {
                   const auto limits = gpu::measure_limits(index);
                   const gpu::DeviceLimits found = limits.ok() ? *limits : gpu::DeviceLimits{};
                   return MachineLimits{.dram_read_bytes_per_second = found.read_bytes,
                                        .fma_flops = found.bf16_ops,
                                        .int8_ops = found.int8_ops,
                                        .weights_read_bytes_per_second = found.read_bytes};
                 },
                 "GPU memory", "tensor cores (bf16)", "tensor cores (int8)", once.upload_bytes};
  }
  FABULA_ASSIGN(auto made, MachineMeter::make(info.threads, isa, info.weight_bytes_per_token));
  const std::shared_ptr<MachineMeter> meter = std::move(made);
  return Meter{[meter] { return meter->sample(); },
               compute::cpu::level_name(meter->level_of(info.weight_bytes_per_token)), "fma", "vnni", 0, meter->copy_rate()};
}

struct Range {
  double min = 0, median = 0, max = 0;
};

Range range_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

struct Measured {
  Range prefill, decode;
  double decode_alone = 0;  // tokens per second of one thread; 0: not measured
  MachineLimits limits;
  std::vector<compute::PhaseTime> prefill_phases, decode_phases;  // of one more run each, not timed
};

// Where the time of one prefill and one decode goes.
Status profile(Runner& runner, compute::Executor& executor, const Options& options, int64_t chunk,
               Measured& measured) {
  executor.set_profiling(true);
  FABULA_TRY(runner.read(0, std::max(options.prompt, options.depth), chunk));
  measured.prefill_phases = executor.profile();
  executor.set_profiling(true);
  FABULA_TRY(runner.read(options.depth, options.decode, 1));
  measured.decode_phases = executor.profile();
  executor.set_profiling(false);
  return {};
}

// The decode again with one thread, on the same weights and beside the same neighbours.
Result<double> decode_alone(Runner& runner, compute::Executor& executor, const Options& options) {
  const int threads = executor.info().threads;
  executor.set_threads(1);
  FABULA_TRY(runner.read(options.depth, std::min<int64_t>(2, options.decode), 1));
  FABULA_ASSIGN(const double seconds, runner.read(options.depth, options.decode, 1));
  executor.set_threads(threads);
  FABULA_TRY(runner.read(options.depth, std::min<int64_t>(2, options.decode), 1));
  return static_cast<double>(options.decode * options.batch) / seconds;
}

Result<Measured> measure(Runner& runner, compute::Executor& executor, const Meter& meter,
                         const Options& options, int64_t chunk) {
  const bool several = executor.info().kind == "cpu" && executor.info().threads > 1;
  std::vector<double> prefill, decode, alone;
  std::vector<MachineLimits> samples;
  FABULA_TRY(runner.read(0, std::min<int64_t>(options.prompt, 64),
                         std::min<int64_t>(chunk, 64)));  // wakes the workers
  for (int64_t r = 0; r < options.repeat; ++r) {
    samples.push_back(meter.sample());
    FABULA_ASSIGN(const double read_seconds, runner.read(0, options.prompt, chunk));
    prefill.push_back(static_cast<double>(options.prompt * options.batch) / read_seconds);
    samples.push_back(meter.sample());
    if (options.depth > 0) FABULA_TRY(runner.read(0, options.depth, chunk));
    FABULA_TRY(runner.read(options.depth, std::min<int64_t>(2, options.decode), 1));
    FABULA_ASSIGN(const double write_seconds, runner.read(options.depth, options.decode, 1));
    decode.push_back(static_cast<double>(options.decode * options.batch) / write_seconds);
    if (!several) continue;
    FABULA_ASSIGN(const double rate, decode_alone(runner, executor, options));
    alone.push_back(rate);
  }
  Measured measured{.prefill = range_of(prefill), .decode = range_of(decode), .limits = compute::cpu::median(samples)};
  if (several) measured.decode_alone = range_of(alone).median;
  FABULA_TRY(profile(runner, executor, options, chunk, measured));
  return measured;
}

// Operations of one prompt token in its matrix products (experts: the active ones), split by the unit that
// does them.
struct Operations {
  double ints = 0, floats = 0;
};

Operations operations_per_token(const compute::ModelSpec& spec) {
  Operations operations;
  const auto add = [&](const compute::MatrixRef& m, double share = 1) {
    if (!m) return;
    (formats::is_quantised(m.tensor->type) ? operations.ints : operations.floats) +=
        2.0 * share * static_cast<double>(m.rows * m.cols);
  };
  for (const compute::LayerSpec& layer : spec.layers) {
    for (const auto* m : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down,
                          &layer.router, &layer.shared_gate, &layer.shared_up, &layer.shared_down})
      add(*m);
    const double active = layer.expert_up.empty() ? 0
                                                  : static_cast<double>(spec.experts_per_token) /
                                                        static_cast<double>(layer.expert_up.size());
    for (const auto* list : {&layer.expert_gate, &layer.expert_up, &layer.expert_down})
      for (const auto& m : *list) add(m, active);
  }
  return operations;
}

struct Row {
  const char* phase;
  Range rate;
  double gb_per_s;
  const char* level;
  double share;
  double one_thread;  // tokens per second; 0: not measured
  std::vector<compute::PhaseTime> phases;
  std::optional<double> share_of_vendor = {};  // of prefill: cuBLASLt's time for the same bf16 products over ours
};

std::vector<Row> rows_of(const Options& options, const compute::ModelSpec& spec,
                         const compute::ExecutorInfo& info, const Measured& measured,
                         const Meter& meter) {
  const Operations operations = operations_per_token(spec);
  const MachineLimits& limits = measured.limits;
  const double attention = 2.0 * static_cast<double>(spec.n_layers * spec.n_heads * spec.head_dim) *
                           static_cast<double>(options.prompt + 1);
  const bool has_int_unit = limits.int8_ops > 0;
  const double floats = operations.floats + attention + (has_int_unit ? 0 : operations.ints);
  const double seconds_at_limit =
      (has_int_unit ? operations.ints / limits.int8_ops : 0) + floats / limits.fma_flops;
  const double weights = static_cast<double>(info.weight_bytes_per_token);
  const double kv = static_cast<double>(info.kv_bytes_per_token) *
                    (static_cast<double>(options.depth) + static_cast<double>(options.decode) / 2);
  const double bytes_per_token = weights / static_cast<double>(options.batch) + kv;
  const double decode_bytes = measured.decode.median * bytes_per_token;
  if (info.gpu_layers > 0 && info.gpu_layers < spec.n_layers)  // two devices in turn: no single limit says anything
    return {{"prefill", measured.prefill, 0, "mixed", 0, 0, measured.prefill_phases},
            {"decode", measured.decode, decode_bytes / 1e9, "mixed", 0, 0, measured.decode_phases}};
  return {{"prefill", measured.prefill,
           measured.prefill.median * weights / static_cast<double>(options.prompt) / 1e9,
           has_int_unit && operations.ints > operations.floats ? meter.ints : meter.floats,
           measured.prefill.median * seconds_at_limit, 0, measured.prefill_phases},
          {"decode", measured.decode, decode_bytes / 1e9,
           meter.memory,
           decode_bytes / limits.weights_read_bytes_per_second, measured.decode_alone, measured.decode_phases}};
}

// What cuBLASLt takes for the matrix products of a whole prompt, embedding and head apart. None: no GPU, no such library, or weights that
// are not all bf16.
std::optional<double> vendor_seconds(const gpu::DeviceChoice& device, const Subject& subject, const Options& options) {
  if (!device.on_gpu) return std::nullopt;
  std::vector<gpu::ProductSize> sizes;
  for (const compute::LayerSpec& layer : subject.spec.layers) {
    if (!layer.expert_up.empty()) return std::nullopt;
    const int64_t tokens = options.prompt * options.batch, hidden = subject.spec.hidden;
    sizes.push_back({layer.q.rows + layer.k.rows + layer.v.rows, hidden, tokens});
    sizes.push_back({layer.o.rows, layer.o.cols, tokens});
    sizes.push_back({layer.gate.rows + layer.up.rows, hidden, tokens});
    sizes.push_back({layer.down.rows, layer.down.cols, tokens});
    for (const auto* m : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      if (*m && m->tensor->type != formats::DType::bf16) return std::nullopt;
  }
  // Layers are alike: the first one's four, as often as there are layers.
  const auto found = gpu::vendor_product_seconds(device.index, std::span(sizes).first(std::min<size_t>(4, sizes.size())));
  return found.ok() ? std::optional(*found * static_cast<double>(subject.spec.n_layers)) : std::nullopt;
}

double seconds_of(const std::vector<compute::PhaseTime>& phases) {
  double seconds = 0;
  for (const compute::PhaseTime& phase : phases) seconds += phase.seconds;
  return seconds;
}

OrderedJson phases_json(const std::vector<compute::PhaseTime>& phases) {
  const double total = seconds_of(phases);
  OrderedJson list = OrderedJson::array();
  for (const compute::PhaseTime& phase : phases) {
    OrderedJson workers = OrderedJson::array();
    for (const double busy : phase.busy_seconds)
      workers.push_back({{"busy_seconds", busy}, {"wait_seconds", std::max(0.0, phase.seconds - busy)}});
    list.push_back({{"name", phase.name},
                    {"seconds", phase.seconds},
                    {"share", phase.seconds / total},
                    {"shards", phase.shards},
                    {"workers", std::move(workers)}});
  }
  return list;
}

// How fast the weights came into the memory that they are computed from.
struct LoadRate {
  double seconds = 0, bytes_per_second = 0;
  double upload_bytes_per_second = 0, share_of_upload = 0;  // of the way to a GPU's memory; 0 without one
  double copy_bytes_per_second = 0, share_of_copy = 0;      // of a plain copy into new memory; 0 on a GPU
};

LoadRate load_rate(const compute::ExecutorInfo& info, double seconds, const Meter& meter) {
  LoadRate rate{.seconds = seconds, .bytes_per_second = static_cast<double>(info.weight_bytes) / seconds};
  rate.upload_bytes_per_second = meter.upload_bytes_per_second;
  if (rate.upload_bytes_per_second > 0) rate.share_of_upload = rate.bytes_per_second / rate.upload_bytes_per_second;
  rate.copy_bytes_per_second = meter.copy_bytes_per_second;
  if (rate.copy_bytes_per_second > 0) rate.share_of_copy = rate.bytes_per_second / rate.copy_bytes_per_second;
  return rate;
}

OrderedJson answer_json(const Subject& subject, const compute::ExecutorInfo& info,
                        const MachineLimits& limits, const std::vector<Row>& rows, const LoadRate& load) {
  OrderedJson list = OrderedJson::array();
  for (const Row& row : rows) {
    OrderedJson& out = list.emplace_back(OrderedJson{
        {"phase", row.phase},
        {"tokens_per_second", {{"min", row.rate.min}, {"median", row.rate.median}, {"max", row.rate.max}}},
        {"gb_per_s", row.gb_per_s},
        {"level", row.level},
        {"share_of_peak", row.share},
        {"phases", phases_json(row.phases)}});
    if (row.share_of_vendor) out["share_of_cublaslt"] = *row.share_of_vendor;
    if (row.one_thread > 0) out["one_thread_tokens_per_second"] = row.one_thread;
  }
  return {{"machine",
           {{"threads", info.threads},
            {"isa", info.isa},
            {"dram_read_gb_s", limits.dram_read_bytes_per_second / 1e9},
            {"l3_read_gb_s", limits.l3_read_bytes_per_second / 1e9},
            {"weights_read_gb_s", limits.weights_read_bytes_per_second / 1e9},
            {"one_thread_read_gb_s", limits.one_thread_read_bytes_per_second / 1e9},
            {"fma_gflop_s", limits.fma_flops / 1e9},
            {"vnni_gop_s", limits.int8_ops / 1e9}}},
          {"model",
           {{"name", subject.name},
            {"weight_bytes", info.weight_bytes},
            {"gpu_layers", info.gpu_layers},
            {"load_seconds", load.seconds},
            {"load_gb_s", load.bytes_per_second / 1e9},
            {"upload_gb_s", load.upload_bytes_per_second / 1e9},
            {"share_of_upload", load.share_of_upload},
            {"copy_gb_s", load.copy_bytes_per_second / 1e9},
            {"share_of_copy", load.share_of_copy}}},
          {"rows", std::move(list)}};
}

// One line per phase: its share of the step, and how much of it each worker had work.
void print_phases(const Row& row) {
  if (row.phases.empty()) return;
  const double total = seconds_of(row.phases);
  std::printf("\n%s: where the time goes, and how busy each worker is meanwhile\n", row.phase);
  for (const compute::PhaseTime& phase : row.phases) {
    std::printf("  %-10s %5.1f %%  ", std::string(phase.name).c_str(), 100 * phase.seconds / total);
    for (const double busy : phase.busy_seconds) std::printf(" %3.0f %%", 100 * busy / phase.seconds);
    std::printf("\n");
  }
}

void print_plain(const Subject& subject, const compute::ExecutorInfo& info, const MachineLimits& limits,
                 const std::vector<Row>& rows, const LoadRate& load) {
  std::printf("%s, %.1f MB of weights, %d threads, %s\n", subject.name.c_str(),
              static_cast<double>(info.weight_bytes) / 1e6, info.threads, info.isa.c_str());
  if (info.gpu_layers > 0)
    std::printf("limits: GPU memory %.0f GB/s, tensor cores bf16 %.0f TFLOP/s, int8 %.0f TOP/s\n",
                limits.dram_read_bytes_per_second / 1e9, limits.fma_flops / 1e12, limits.int8_ops / 1e12);
  else
    std::printf("limits: DRAM %.1f GB/s, L3 %.1f GB/s, FMA %.0f GFLOP/s, int8 %.0f GOP/s\n",
                limits.dram_read_bytes_per_second / 1e9, limits.l3_read_bytes_per_second / 1e9,
                limits.fma_flops / 1e9, limits.int8_ops / 1e9);
  std::printf("load     %9.2f s  %6.1f GB/s", load.seconds, load.bytes_per_second / 1e9);
  if (load.share_of_upload > 0)
    std::printf("  %3.0f %% of the way to the GPU (%.1f GB/s)", load.share_of_upload * 100, load.upload_bytes_per_second / 1e9);
  if (load.share_of_copy > 0)
    std::printf("  %3.0f %% of a plain copy into new memory (%.1f GB/s)", load.share_of_copy * 100, load.copy_bytes_per_second / 1e9);
  std::printf("\n");
  for (const Row& row : rows)
    std::printf("%-8s %9.1f tokens/s (%.1f to %.1f)  %6.1f GB/s  %3.0f %% of %s\n", row.phase,
                row.rate.median, row.rate.min, row.rate.max, row.gb_per_s, row.share * 100, row.level);
  for (const Row& row : rows) {
    if (row.one_thread > 0)
      std::printf("%s by one thread %.1f tokens/s: %d threads %.2f times; reading as many bytes %.1f and %.1f GB/s: %.2f times\n",
                  row.phase, row.one_thread, info.threads, row.rate.median / row.one_thread,
                  limits.one_thread_read_bytes_per_second / 1e9, limits.weights_read_bytes_per_second / 1e9,
                  limits.weights_read_bytes_per_second / limits.one_thread_read_bytes_per_second);
    if (row.share_of_vendor) std::printf("%-8s at %.0f %% of cuBLASLt's speed in the same products\n", row.phase, *row.share_of_vendor * 100);
  }
  for (const Row& row : rows) print_phases(row);
}

struct Loaded {
  std::unique_ptr<compute::Executor> executor;
  gpu::DeviceChoice device;
  compute::LoadOptions options;
  double seconds = 0;
};

// Placed and made as the engine does it, but with blocks for the measurement alone.
Result<Loaded> load_subject(const Subject& subject, const Options& options, int64_t positions) {
  const int64_t blocks_each = (positions + compute::kv_block_tokens - 1) / compute::kv_block_tokens;
  Loaded loaded;
  compute::LoadOptions& load = loaded.options;
  load.precision = subject.precision;
  load.max_logit_rows = std::max<int64_t>(load.max_logit_rows, options.batch);
  load.kv_blocks = blocks_each * options.batch;
  FABULA_ASSIGN(load.kv_precision, compute::kv_precision_from_name(options.kv_precision));
  model::Model model;
  model.spec = subject.spec;
  model.source = subject.source;
  engine::ModelLoad place{.kv_precision = load.kv_precision, .threads = options.threads, .device = options.device, .gpu_layers = options.gpu_layers};
  const char* isa = std::getenv("FABULA_ISA");
  const engine::Backends backends = engine::real_backends(isa ? isa : "", {});
  FABULA_TRY(backends.place(model, positions * options.batch, place, load));
  load.kv_blocks = blocks_each * options.batch;
  FABULA_ASSIGN(loaded.device, gpu::choose_device(place.device));
  const double begin = monotonic_seconds();
  FABULA_ASSIGN(loaded.executor, backends.make_executor(model, place, load));
  loaded.seconds = monotonic_seconds() - begin;
  return loaded;
}

Status bench(const App& app, const Options& options) {
  FABULA_ASSIGN(const Subject subject, subject_of(app, options));
  const int64_t positions = std::max(options.prompt, options.depth + options.decode);
  if (positions > subject.spec.context_length)
    return Error{ErrorCode::context_overflow, std::to_string(positions) +
                                                  " positions exceed the context of " +
                                                  std::to_string(subject.spec.context_length)};
  FABULA_ASSIGN(const Loaded loaded, load_subject(subject, options, positions));
  compute::Executor& executor = *loaded.executor;
  const compute::ExecutorInfo& info = executor.info();
  const char* isa = std::getenv("FABULA_ISA");
  FABULA_ASSIGN(const Meter meter, meter_of(loaded.device, info, isa ? isa : ""));
  executor.set_hot(true);
  Runner runner(executor, options, subject.spec.vocab, loaded.options.kv_blocks / options.batch);
  FABULA_ASSIGN(const Measured measured,
                measure(runner, executor, meter, options, loaded.options.max_batch_tokens / options.batch));
  std::vector<Row> rows = rows_of(options, subject.spec, info, measured, meter);
  if (const auto vendor = vendor_seconds(loaded.device, subject, options))
    rows.front().share_of_vendor = *vendor * measured.prefill.median / static_cast<double>(options.prompt * options.batch);
  const LoadRate load = load_rate(info, loaded.seconds, meter);
  if (options.json)
    print_json(answer_json(subject, info, measured.limits, rows, load));
  else
    print_plain(subject, info, measured.limits, rows, load);
  return {};
}

}  // namespace

void add_bench(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  auto* subject = command.add_option_group("subject");
  subject->add_option("-m,--model", options->model, "GGUF file, model directory or name");
  subject->add_option("--shape", options->shape,
                      "Made-up weights: story, smollm2-135m, llama-3.2-1b, llama-3.1-8b");
  subject->require_option(1);
  command.add_option("--precision", options->precision, "Type of the weights; any stored type with --shape");
  command.add_option("--kv-precision", options->kv_precision, "Type of the KV cache")
      ->check(CLI::IsMember({"f32", "f16", "q8_0"}))
      ->capture_default_str();
  command.add_option("--device", options->device, "auto, cpu or cuda[:i]")->capture_default_str();
  command.add_option("--gpu-layers", options->gpu_layers, "On a GPU: how many of the last layers it computes (-1: as many as fit)")
      ->check(CLI::Range(int64_t{-1}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_option("--threads", options->threads, "Worker threads (default: physical cores)")
      ->check(CLI::Range(1, 1024));
  const auto count = [&](const char* flag, int64_t& field, int64_t lowest, int64_t highest,
                         const char* what) {
    command.add_option(flag, field, what)->capture_default_str()->check(CLI::Range(lowest, highest));
  };
  count("--prompt", options->prompt, 1, 1 << 20, "Prompt tokens of one prefill");
  count("--decode", options->decode, 1, 1 << 20, "Tokens of one decode");
  count("--depth", options->depth, 0, 1 << 20, "Tokens in the context before decode");
  count("--batch", options->batch, 1, 64, "Sequences side by side");
  count("--repeat", options->repeat, 1, 1000, "Measurements; the median is shown");
  command.add_flag("--json", options->json, "Print JSON");
  set_body(command, app, [options, &app] { return bench(app, *options); });
}

}  // namespace fabula::cli
