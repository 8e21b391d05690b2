// How models write calls of functions: one row for each format, from the makers' public descriptions (Meta for
// Llama 3, Qwen, Mistral AI, Nous Research for Hermes). A model's format is found by asking its own chat
// template to write a call and looking at what it wrote.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/grammar/builder.h"
#include "core/text/tokenizer.h"

namespace fabula::server {

struct ToolFormat {
  const char* name;
  const char* sample;     // in what a template writes for a call of fabula_probe
  const char* open;       // what announces calls; "": a reply that begins with {
  const char* close;      // "" where nothing does
  const char* arguments;  // the member of a call's object with the arguments
  bool list;              // one JSON list of all calls; else an object each
  const char* between;    // name, this, arguments; null: a JSON object holds both
  bool repeats_open;      // each call is announced anew
  size_t id_length;       // of a call's id; 0: any
};
// Llama 3, Qwen and Hermes, Mistral (list), Mistral (name and arguments).
const std::vector<ToolFormat>& tool_formats();
const ToolFormat& hermes_format();  // for models whose template knows no tools

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object
};

// What stands at the beginning of `text`, which follows an `open` (or is the beginning of the reply).
struct ParsedCalls {
  enum class Outcome { calls, incomplete, no_call };
  Outcome outcome = Outcome::no_call;
  std::vector<ToolCall> calls;
  size_t bytes = 0;  // of text that the calls took, `close` included
};
ParsedCalls parse_calls(const ToolFormat& format, std::string_view text, bool at_end);

// One function that a request offers.
struct Tool {
  std::string name;
  OrderedJson parameters;  // a JSON Schema
  bool strict = false;
};

// The texts of calls of these functions, at least one, at most `most` (1 where the calls are not to be
// parallel). Control tokens of the vocabulary are written as such. Errors: those of the schemas.
Result<grammar::Expr> calls_expression(grammar::Builder& builder, const ToolFormat& format, const std::vector<Tool>& tools,
                                       int64_t most, const text::Tokenizer& tokenizer);
// Anything, in which calls, where there are any, are well formed.
Result<grammar::Expr> text_or_calls_expression(grammar::Builder& builder, const ToolFormat& format,
                                               const std::vector<Tool>& tools, int64_t most,
                                               const text::Tokenizer& tokenizer);

}  // namespace fabula::server
