// tokenize, detokenize and render: text in, ids out, and back, without a single weight read.
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/model/model.h"
#include "core/text/chat_template.h"
#include "core/text/template_request.h"
#include "core/text/tokenizer.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_template_bytes = uint64_t{4} << 20;
constexpr uint64_t max_messages_bytes = uint64_t{64} << 20;

using TokenizerPtr = std::shared_ptr<const text::Tokenizer>;

Result<TokenizerPtr> tokenizer_for(const App& app, const std::string& model) {
  FABULA_ASSIGN(const auto path, resolve_model(app, model));
  return model::open_tokenizer(path);
}

struct TokenizeOptions {
  std::string model, input;
  bool no_special = false, json = false;
  std::string jsonl;
};

OrderedJson tokens_json(const std::vector<text::TokenId>& ids) {
  return {{"tokens", ids}};
}

Status tokenize(const App& app, const TokenizeOptions& options) {
  FABULA_ASSIGN(const TokenizerPtr tokenizer, tokenizer_for(app, options.model));
  const text::EncodeOptions encode{!options.no_special, !options.no_special};
  if (!options.jsonl.empty())
    return for_each_json_line([&](const OrderedJson& line) -> Result<OrderedJson> {
      if (!line.is_string()) return Error{ErrorCode::invalid_argument, "expected a string"};
      return tokens_json(tokenizer->encode(line.get_ref<const std::string&>(), encode));
    });
  FABULA_ASSIGN(const std::string input, text_or_stdin(options.input));
  const std::vector<text::TokenId> ids = tokenizer->encode(input, encode);
  if (options.json) {
    print_json(tokens_json(ids));
    return {};
  }
  for (text::TokenId id : ids) {
    const std::string piece = dump_json(Json(std::string(tokenizer->token_text_or_empty(id))));
    std::printf("%7d  %s\n", id, piece.c_str());
  }
  std::printf("%zu tokens\n", ids.size());
  return {};
}

struct DetokenizeOptions {
  std::string model;
  std::vector<int32_t> ids;
  bool keep_special = false, json = false;
  std::string jsonl;
};

Result<std::vector<text::TokenId>> ids_of_json(const OrderedJson& line) {
  std::vector<text::TokenId> ids;
  if (!line.is_array()) return Error{ErrorCode::invalid_argument, "expected a list of token ids"};
  for (const OrderedJson& id : line) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      return Error{ErrorCode::invalid_argument, dump_json(id) + " is not a token id"};
    ids.push_back(id.get<text::TokenId>());
  }
  return ids;
}

Status check_ids(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) {
  for (text::TokenId id : ids)
    if (id < 0 || id >= tokenizer.vocab_size())
      return Error{ErrorCode::invalid_argument, "token id " + std::to_string(id) +
                                                    " is outside the vocabulary of " +
                                                    std::to_string(tokenizer.vocab_size())};
  return {};
}

Status detokenize(const App& app, const DetokenizeOptions& options) {
  FABULA_ASSIGN(const TokenizerPtr tokenizer, tokenizer_for(app, options.model));
  const auto text_of = [&](const std::vector<text::TokenId>& ids) -> Result<OrderedJson> {
    FABULA_TRY(check_ids(*tokenizer, ids));
    return OrderedJson{{"text", tokenizer->decode(ids, options.keep_special)}};
  };
  if (!options.jsonl.empty())
    return for_each_json_line([&](const OrderedJson& line) -> Result<OrderedJson> {
      FABULA_ASSIGN(const auto ids, ids_of_json(line));
      return text_of(ids);
    });
  FABULA_ASSIGN(const OrderedJson answer, text_of(options.ids));
  if (options.json)
    print_json(answer);
  else
    std::printf("%s\n", answer["text"].get_ref<const std::string&>().c_str());
  return {};
}

struct RenderOptions {
  std::string model, template_file, bos, eos, messages, now, jsonl;
  bool no_generation_prompt = false, json = false;
};

struct RenderSetup {
  std::shared_ptr<const text::ChatTemplate> chat_template;
  std::string bos, eos;
};

Result<RenderSetup> render_setup(const App& app, const RenderOptions& options) {
  RenderSetup setup;
  if (!options.template_file.empty()) {
    FABULA_ASSIGN(const std::string source, read_file(options.template_file, max_template_bytes));
    FABULA_ASSIGN(auto parsed, text::ChatTemplate::parse(source));
    setup.chat_template = std::make_shared<const text::ChatTemplate>(std::move(parsed));
  } else {
    FABULA_ASSIGN(const auto path, resolve_model(app, options.model));
    FABULA_ASSIGN(const auto model,
                  model::open_model(path, {.fingerprint_folder = app.places().fingerprint_folder()}));
    if (!model->chat_template) return Error{ErrorCode::unsupported, model->chat_template_error};
    setup.chat_template = model->chat_template;
    const text::Tokenizer& tokenizer = *model->tokenizer;
    if (tokenizer.bos_or_negative() >= 0)
      setup.bos = tokenizer.token_text_or_empty(tokenizer.bos_or_negative());
    if (tokenizer.eos_or_negative() >= 0)
      setup.eos = tokenizer.token_text_or_empty(tokenizer.eos_or_negative());
  }
  if (!options.bos.empty()) setup.bos = options.bos;
  if (!options.eos.empty()) setup.eos = options.eos;
  return setup;
}

// strftime_now sees local time; --now gives it as it stands.
Result<int64_t> local_now(const std::string& given) {
  if (given.empty()) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    return static_cast<int64_t>(timegm(&local));
  }
  const int64_t milliseconds = parse_rfc3339_or_negative(given + "Z");
  if (milliseconds < 0)
    return Error{ErrorCode::invalid_argument, "--now wants the form 2025-03-14T15:09:26, not " + given};
  return milliseconds / 1000;
}

Result<OrderedJson> render_one(const RenderSetup& setup, const RenderOptions& options, int64_t now,
                               OrderedJson input) {
  if (options.no_generation_prompt && input.is_object()) input["add_generation_prompt"] = false;
  text::TemplateRequest request;
  request.bos_token = setup.bos;
  request.eos_token = setup.eos;
  request.add_generation_prompt = !options.no_generation_prompt;
  FABULA_ASSIGN(const OrderedJson variables, text::template_request(std::move(input), request));
  FABULA_ASSIGN(const text::Rendered rendered, setup.chat_template->render(variables, now));
  return OrderedJson{{"text", rendered.text}};
}

Status render(const App& app, const RenderOptions& options) {
  FABULA_ASSIGN(const RenderSetup setup, render_setup(app, options));
  FABULA_ASSIGN(const int64_t now, local_now(options.now));
  if (!options.jsonl.empty())
    return for_each_json_line([&](const OrderedJson& line) { return render_one(setup, options, now, line); });
  const Result<std::string> bytes =
      options.messages == "-" ? text_or_stdin("-") : read_file(options.messages, max_messages_bytes);
  if (!bytes.ok()) return bytes.error();
  FABULA_ASSIGN(OrderedJson input, parse_ordered_json(*bytes, options.messages));
  FABULA_ASSIGN(const OrderedJson answer, render_one(setup, options, now, std::move(input)));
  if (options.json) {
    print_json(answer);
  } else {
    const std::string& text = answer["text"].get_ref<const std::string&>();
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return {};
}

void add_jsonl(CLI::App& command, std::string& jsonl) {
  command.add_option("--jsonl", jsonl, "\"-\": one JSON value a line on standard input, one answer a line")
      ->check(CLI::IsMember({"-"}));
}

}  // namespace

void add_tokenize(CLI::App& command, App& app) {
  auto options = std::make_shared<TokenizeOptions>();
  command.add_option("-m,--model", options->model, "Model or bare tokenizer")->required();
  command.add_flag("--no-special", options->no_special,
                   "No special tokens: none added, none recognised in the text");
  command.add_flag("--json", options->json, "Print JSON");
  auto* input = command.add_option_group("input");
  add_jsonl(*input, options->jsonl);
  input->add_option("text", options->input, "The text, or - for standard input");
  input->require_option(1);
  set_body(command, app, [options, &app] { return tokenize(app, *options); });
}

void add_detokenize(CLI::App& command, App& app) {
  auto options = std::make_shared<DetokenizeOptions>();
  command.add_option("-m,--model", options->model, "Model or bare tokenizer")->required();
  command.add_flag("--keep-special", options->keep_special, "Write special tokens too");
  command.add_flag("--json", options->json, "Print JSON");
  auto* input = command.add_option_group("input");
  add_jsonl(*input, options->jsonl);
  input->add_option("id", options->ids, "Token ids");
  input->require_option(1);
  set_body(command, app, [options, &app] { return detokenize(app, *options); });
}

void add_render(CLI::App& command, App& app) {
  auto options = std::make_shared<RenderOptions>();
  auto* source = command.add_option_group("source");
  source->add_option("-m,--model", options->model, "Model whose template is used");
  source->add_option("--template", options->template_file, "Template file");
  source->require_option(1);
  command.add_option("--bos", options->bos, "bos_token of the template");
  command.add_option("--eos", options->eos, "eos_token of the template");
  command.add_flag("--no-generation-prompt", options->no_generation_prompt,
                   "Do not open the assistant's turn");
  command.add_option("--now", options->now, "Local time that strftime_now sees, as 2025-03-14T15:09:26");
  command.add_flag("--json", options->json, "Print JSON");
  auto* input = command.add_option_group("input");
  add_jsonl(*input, options->jsonl);
  input->add_option("messages", options->messages, "File with the messages, or - for standard input");
  input->require_option(1);
  set_body(command, app, [options, &app] { return render(app, *options); });
}

}  // namespace fabula::cli
