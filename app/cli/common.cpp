#include "app/cli/common.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/model/library.h"
#include "core/model/model.h"

namespace fabula::cli {

CLI::Validator known_precision() {
  std::vector<std::string> names;
  for (const std::string_view name : compute::precision_names()) names.emplace_back(name);
  return CLI::IsMember(names, CLI::ignore_case);
}

void EngineFlags::add_to(CLI::App& command, const char* default_kv_precision) {
  kv_precision = default_kv_precision;
  command.add_option("--threads", threads, "Worker threads (default: physical cores)")
      ->check(CLI::Range(1, 1024));
  command.add_option("--device", device, "auto, cpu or cuda[:i]")->capture_default_str();
  command.add_option("--gpu-layers", gpu_layers, "On a GPU: how many of the last layers it computes, or auto for as many as fit")
      ->capture_default_str();
  precision_option = command.add_option("--precision", precision, "Type of the weights in memory");
  precision_option->transform(known_precision())->capture_default_str();
  command.add_option("--kv-precision", kv_precision, "Type of the KV cache")
      ->check(CLI::IsMember({"f32", "f16", "q8_0"}))
      ->capture_default_str();
  command.add_option("--context", context, "Context length in tokens (default: the model's, at most 8192)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
}

Status EngineFlags::keep_f32(const App& app, const std::string& model) {
  if (precision_option->count() > 0) return {};
  FABULA_ASSIGN(const auto path, resolve_model(app, model));
  FABULA_ASSIGN(const auto opened,
                model::open_model(path, {.fingerprint_folder = app.places().fingerprint_folder()}));
  bool has_f32 = false, has_quantised = false;
  for (const formats::TensorInfo& tensor : opened->source->tensors()) {
    has_f32 = has_f32 || (tensor.shape.size() > 1 && tensor.type == formats::DType::f32);
    has_quantised = has_quantised || formats::is_quantised(tensor.type);
  }
  if (has_f32 && !has_quantised) precision = "f32";
  return {};
}

Result<engine::ModelLoad> EngineFlags::load_for(const std::filesystem::path& path) const {
  engine::ModelLoad load;
  // What the host of the data directory is asked to open is found from any working directory.
  load.path = std::filesystem::absolute(path).lexically_normal();
  load.threads = threads;
  load.context = context;
  load.device = device;
  if (gpu_layers != "auto") {
    const char* const end = gpu_layers.data() + gpu_layers.size();
    const auto [parsed, error] = std::from_chars(gpu_layers.data(), end, load.gpu_layers);
    if (error != std::errc() || parsed != end || load.gpu_layers < 0)
      return Error{ErrorCode::invalid_argument, "--gpu-layers takes a number or auto, not \"" + gpu_layers + "\""};
  }
  FABULA_ASSIGN(load.precision, compute::precision_from_name(precision));
  FABULA_ASSIGN(load.kv_precision, compute::kv_precision_from_name(kv_precision));
  return load;
}

Result<std::filesystem::path> resolve_model(const App& app, const std::string& model) {
  return model::find_model(app.places(), model);
}

Result<std::vector<int32_t>> parse_token_list(std::string_view text) {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view piece = text.substr(0, comma);
    while (!piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
    int32_t id = -1;
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), id);
    if (error != std::errc() || end != piece.data() + piece.size() || id < 0)
      return Error{ErrorCode::invalid_argument, "\"" + std::string(piece) + "\" is not a token id"};
    ids.push_back(id);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (ids.empty()) return Error{ErrorCode::invalid_argument, "no token ids given"};
  return ids;
}

Result<std::string> text_or_stdin(const std::string& argument) {
  if (argument != "-") return argument;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void print_json(const OrderedJson& value) {
  const std::string line = dump_json(value) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

Status for_each_json_line(const std::function<Result<OrderedJson>(const OrderedJson&)>& answer) {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.empty()) continue;
    Result<OrderedJson> result = [&]() -> Result<OrderedJson> {
      FABULA_ASSIGN(const OrderedJson value, parse_ordered_json(line, "the line"));
      return answer(value);
    }();
    print_json(result.ok() ? *result : OrderedJson{{"error", result.error().message}});
  }
  return {};
}

void set_body(CLI::App& command, App& app, std::function<Status()> body) {
  command.callback([&app, body = std::move(body)] { app.outcome = body(); });
}

std::string escape_controls(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0x7F || (byte < 0x20 && c != '\n' && c != '\t'))
      out += "\xEF\xBF\xBD";
    else
      out += c;
  }
  return out;
}

}  // namespace fabula::cli
