// What all commands share: places, the engine's options, errors and output as the contract writes them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/engine/engine.h"

namespace fabula::cli {

constexpr int exit_usage = 2;

// The state of one run of the program. Commands set `outcome`; main turns it into the exit code.
struct App {
  std::string data_dir;
  Status outcome;
  int exit_code = 0;  // besides errors: 130 after Ctrl+C

  Places places() const { return places_of_program(data_dir); }
};

// Any case; what was given becomes the name as it is written in lists.
CLI::Validator known_precision();

// Options common to every command that computes.
struct EngineFlags {
  int threads = 0;
  std::string device = "auto", precision = "auto", kv_precision = "f16";
  int64_t context = 0;
  std::string gpu_layers = "auto";
  CLI::Option* precision_option = nullptr;

  void add_to(CLI::App& command, const char* default_kv_precision = "f16");
  // For the commands that measure (logits, score): where nobody chose a precision and the matrices are stored
  // as F32, they stay F32. `auto` would take them to f16, which moves logits by about 1e-3.
  Status keep_f32(const App& app, const std::string& model);

  // Errors: unsupported (a device that is not there), invalid_argument.
  Result<engine::ModelLoad> load_for(const std::filesystem::path& path) const;
};

// A path as it is, or a name that `models list` prints. Errors: not_found.
Result<std::filesystem::path> resolve_model(const App& app, const std::string& model);

// "1,2,3" to ids. Errors: invalid_argument naming the piece.
Result<std::vector<int32_t>> parse_token_list(std::string_view text);

// The argument, or all of standard input where it is "-".
Result<std::string> text_or_stdin(const std::string& argument);

// One line of JSON on standard output.
void print_json(const OrderedJson& value);

// Calls `answer` with each JSON line of standard input and prints its object, or {"error": ...}.
Status for_each_json_line(const std::function<Result<OrderedJson>(const OrderedJson&)>& answer);

// Wraps a command's body so that it becomes a CLI11 callback.
void set_body(CLI::App& command, App& app, std::function<Status()> body);

std::string escape_controls(
    std::string_view text);  // for the terminal: control characters of a model's text made harmless

}  // namespace fabula::cli
