// Chat templates: Jinja2 as models use it, interpreted in a sandbox. No host access; depth, range, output and
// steps are bounded. Equal to Jinja2 3.1 with transformers' settings (trim_blocks, lstrip_blocks, loop
// controls, tojson without HTML escapes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::text {

struct TemplateLimits {
  int max_depth = 1000;  // nesting of statements, expressions, macro calls and values, together
  size_t max_output_bytes = size_t{16} << 20;
  int64_t max_steps = 20'000'000;              // statements and expressions evaluated; about a second
  int64_t max_range = 100'000;                 // elements of one range() or sequence repetition
  size_t max_memory_bytes = size_t{40} << 20;  // what the render holds at once, beside its input
};

// Half-open byte range of the output that came, character by character, from a string of the input variables.
// Not counted as input, because models build special tokens of them: variables named `..._token` and the
// well-known roles of messages.
struct Provenance {
  size_t begin = 0, end = 0;  // bytes of Rendered::text
  int32_t message = -1;       // index into messages; -1: from another variable
};

struct Rendered {
  std::string text;
  // Sorted, not overlapping. What no range covers was written by the template itself: only there may special
  // tokens form.
  std::vector<Provenance> from_input;
};

class ChatTemplate {
 public:
  // Errors: corrupt with line number (Jinja's TemplateSyntaxError).
  static Result<ChatTemplate> parse(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `variables`: messages, add_generation_prompt, bos_token, eos_token, tools, ... `now_unix_seconds`/offset
  // feed strftime_now. Errors: invalid_argument with the template's own words (raise_exception) or what went
  // wrong; never throws.
  Result<Rendered> render(const OrderedJson& variables, int64_t now_local_seconds,
                          const TemplateLimits& limits = {}) const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace fabula::text
