#include "core/text/chat_template.h"

#include <new>
#include <nlohmann/json.hpp>

#include "core/base/utf8.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/parser.h"
#include "core/text/template_variables.h"

namespace fabula::text {

namespace {

constexpr size_t kMaxSourceBytes = size_t{2} << 20;

std::string message_of(const jinja::Failure& failure) {
  std::string message = failure.type + ": " + failure.message;
  if (failure.line > 0) message += " (line " + std::to_string(failure.line) + ")";
  return message;
}

Rendered to_rendered(jinja::Text text) {
  Rendered rendered;
  text.for_each_run(0, text.size(), [&](size_t begin, size_t end, jinja::Origin origin) {
    if (origin != jinja::kFromTemplate) rendered.from_input.push_back({begin, end, origin});
  });
  rendered.text = std::move(text).take_bytes();
  return rendered;
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Template tree;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Program> program) : program_(std::move(program)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes)
    return Error{ErrorCode::corrupt,
                 "the chat template is larger than " + std::to_string(kMaxSourceBytes >> 20) + " MiB"};
  try {
    auto program = std::make_unique<Program>();
    program->tree = jinja::parse_template(replace_invalid_utf8(source));
    return ChatTemplate(std::move(program));
  } catch (const jinja::Failure& failure) {
    return Error{ErrorCode::corrupt, message_of(failure)};
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "not enough memory to read the chat template"};
  }
}

Result<Rendered> ChatTemplate::render(const OrderedJson& variables, int64_t now_local_seconds,
                                      const TemplateLimits& limits) const {
  try {
    jinja::Runtime runtime(limits, now_local_seconds);
    const jinja::Value context = template_variables(runtime, variables);
    return to_rendered(jinja::Interpreter(program_->tree, runtime, context).render());
  } catch (const jinja::Failure& failure) {
    return Error{ErrorCode::invalid_argument, message_of(failure)};
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "not enough memory to render the chat template"};
  }
}

}  // namespace fabula::text
