#include "app/server/answer.h"

#include <algorithm>
#include <ctime>

#include "core/base/clock.h"
#include "core/model/library.h"
#include "core/session/defaults.h"

namespace fabula::server {

namespace {

constexpr std::chrono::milliseconds client_check{
    50};  // how often a waiting request looks whether its client is still there

OrderedJson null() {
  return OrderedJson(nullptr);
}

OrderedJson logprob_json(const text::Tokenizer& tokenizer, const engine::Choice& choice) {
  const std::string bytes = tokenizer.token_bytes(choice.token, true);
  OrderedJson list = OrderedJson::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return {{"token", replace_invalid_utf8(bytes)}, {"logprob", choice.logprob}, {"bytes", std::move(list)}};
}

}  // namespace

Answer::Answer(Exchange& exchange, EngineBridge& bridge, const Dialect& dialect, const OpenAiRequest& request,
               LoadedPtr loaded, ReplySplitter::Options splitting)
    : exchange_(exchange),
      dialect_(dialect),
      request_(request),
      loaded_(std::move(loaded)),
      splitting_(std::move(splitting)),
      generations_(bridge),
      id_(dialect.id_prefix + make_uuid_v7()),
      created_(std::time(nullptr)) {}

Status Answer::submit(engine::ModelId model, const std::vector<std::vector<int32_t>>& prompts,
                      grammar::GrammarPtr grammar) {
  const uint64_t seed = request_.seed ? *request_.seed : session::draw_seed();
  std::shared_ptr<const grammar::Constraint> constraint;
  if (grammar)
    constraint = std::make_shared<const grammar::Constraint>(
        grammar::Constraint{std::move(grammar), loaded_->vocabulary->get()});
  for (const std::vector<int32_t>& prompt : prompts) {
    for (int64_t i = 0; i < request_.n; ++i) {
      engine::GenerateRequest job;
      job.model = model;
      job.prompt = prompt;
      job.sampler = request_.sampler;
      job.seed = seed;
      job.choice_index = static_cast<uint32_t>(i);
      job.max_tokens = request_.max_tokens;
      job.stop = request_.stop;
      job.constraint = constraint;
      job.top_logprobs = request_.logprobs ? static_cast<int>(std::max<int64_t>(request_.top_logprobs, 1)) : 0;
      FABULA_TRY(generations_.add(std::move(job)));
      choices_.push_back({.splitter = ReplySplitter(splitting_)});
    }
    prompt_tokens_ += static_cast<int64_t>(prompt.size());
  }
  return {};
}

asio::awaitable<void> Answer::run(const std::vector<std::string>& echoes) {
  for (size_t i = 0; i < choices_.size() && !echoes.empty(); ++i)
    choices_[i].text = echoes[i / static_cast<size_t>(request_.n)];
  if (request_.stream) co_await begin_stream();
  while (generations_.running() > 0) {
    const auto arrival = co_await generations_.next(client_check);
    if (exchange_.client_left()) co_return;  // the destructor cancels
    if (!arrival) continue;
    if (arrival->event.kind == engine::Event::Kind::finished &&
        arrival->event.reason == engine::FinishReason::error) {
      co_await exchange_.send_error(api_error_of(generations_.take_error(arrival->index)));
      co_return;
    }
    std::vector<ReplyPart> parts = take(arrival->index, arrival->event);
    if (request_.stream) co_await stream_parts(arrival->index, std::move(parts));
  }
  if (request_.stream)
    co_await end_stream();
  else
    co_await exchange_.send_json(200, document());
}

// Notes one event; returns what it adds.
std::vector<ReplyPart> Answer::take(size_t index, const engine::Event& event) {
  ChoiceState& choice = choices_[index];
  std::string piece(event.text, event.text_bytes);
  if (event.kind == engine::Event::Kind::token) {
    if (request_.logprobs) note_logprobs(index, event);
    ++choice.tokens;
    if (dialect_.chat) piece = marker_text(event.token) + piece;
  }
  std::vector<ReplyPart> parts;
  if (!dialect_.chat) {
    if (!piece.empty()) parts.push_back({ReplyPart::Kind::content, std::move(piece)});
  } else if (!piece.empty()) {
    parts = choice.splitter.push(piece);
  }
  if (event.kind == engine::Event::Kind::finished) {
    for (ReplyPart& part : choice.splitter.finish()) parts.push_back(std::move(part));
    choice.end = event;
  }
  for (ReplyPart& part : parts) {
    if (part.kind == ReplyPart::Kind::content) choice.text += part.text;
    if (part.kind == ReplyPart::Kind::reasoning) choice.reasoning += part.text;
    if (part.kind == ReplyPart::Kind::call) choice.calls.push_back(begun_call(part.text));
    if (!choice.calls.empty()) part.index = choice.calls.size() - 1;
    if (part.kind == ReplyPart::Kind::arguments)
      choice.calls.back()["function"]["arguments"].get_ref<std::string&>() += part.text;
  }
  if (event.kind == engine::Event::Kind::finished) {
    const bool called = event.reason == engine::FinishReason::stop && !choice.calls.empty();
    choice.finish_reason = called ? "tool_calls" : engine::finish_reason_name(event.reason);
  }
  return parts;
}

// Control tokens show no text; those that mark calls and thoughts are needed all the same.
std::string Answer::marker_text(int32_t token) const {
  const text::Tokenizer& tokenizer = *loaded_->model->tokenizer;
  if (!tokenizer.is_special(token)) return "";
  const std::string_view text = tokenizer.token_text_or_empty(token);
  if (text == "<think>" || text == "</think>") return std::string(text);
  const ToolFormat* format = splitting_.format;
  if (!format || text.empty()) return "";
  const bool marks = text == format->open || text == format->close || text == "<|python_tag|>" ||
                     (format->between && text == format->between);
  return marks ? std::string(text) : "";
}

void Answer::note_logprobs(size_t index, const engine::Event& event) {
  ChoiceState& choice = choices_[index];
  OrderedJson entry = logprob_json(*loaded_->model->tokenizer, {event.token, event.logprob});
  entry["top_logprobs"] = OrderedJson::array();
  const auto alternatives = generations_.take_alternatives(index, choice.tokens);
  for (size_t i = 0; i < alternatives.size() && i < static_cast<size_t>(request_.top_logprobs); ++i)
    entry["top_logprobs"].push_back(logprob_json(*loaded_->model->tokenizer, alternatives[i]));
  choice.logprobs.push_back(std::move(entry));
}

OrderedJson Answer::head(const char* object) const {
  return {{"id", id_},
          {"object", object},
          {"created", created_},
          {"model", model::model_name(loaded_->load.path)}};
}

OrderedJson Answer::usage() const {
  int64_t generated = 0, cached = 0;
  for (const ChoiceState& choice : choices_) generated += choice.tokens;
  for (size_t i = 0; i < choices_.size(); i += static_cast<size_t>(request_.n))
    cached += choices_[i].end.prompt.reused;
  return {{"prompt_tokens", prompt_tokens_},
          {"completion_tokens", generated},
          {"total_tokens", prompt_tokens_ + generated},
          {"prompt_tokens_details", {{"cached_tokens", cached}}}};
}

// Moves the log-probabilities that were not sent yet into the form of the endpoint.
OrderedJson Answer::take_logprobs(ChoiceState& choice) {
  if (!request_.logprobs) return null();
  OrderedJson entries = std::exchange(choice.logprobs, OrderedJson::array());
  if (dialect_.chat) return {{"content", std::move(entries)}, {"refusal", nullptr}};
  OrderedJson out = {{"tokens", OrderedJson::array()},
                     {"token_logprobs", OrderedJson::array()},
                     {"top_logprobs", OrderedJson::array()}};
  for (const OrderedJson& entry : entries) {
    out["tokens"].push_back(entry["token"]);
    out["token_logprobs"].push_back(entry["logprob"]);
    OrderedJson top = OrderedJson::object();
    for (const OrderedJson& other : entry["top_logprobs"])
      top[other["token"].get<std::string>()] = other["logprob"];
    out["top_logprobs"].push_back(std::move(top));
  }
  return out;
}

OrderedJson Answer::choice_base(size_t index) {
  ChoiceState& choice = choices_[index];
  OrderedJson out = {{"index", index}};
  out["logprobs"] = take_logprobs(choice);
  out["finish_reason"] = null();
  return out;
}

// Its arguments follow.
OrderedJson Answer::begun_call(const std::string& name) const {
  const size_t wanted = splitting_.format ? splitting_.format->id_length : 0;
  std::string id = make_uuid_v7();
  std::erase(id, '-');
  if (wanted > 0)
    id = id.substr(id.size() - wanted);
  else
    id.insert(0, "call_");
  return {{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", ""}}}};
}

OrderedJson Answer::delta_of(const ReplyPart& part, const ChoiceState& choice) const {
  if (part.kind == ReplyPart::Kind::content) return {{"content", part.text}};
  if (part.kind == ReplyPart::Kind::reasoning) return {{"reasoning_content", part.text}};
  OrderedJson call = {{"index", part.index}};
  if (part.kind == ReplyPart::Kind::call) {
    call.update(choice.calls[part.index]);
    call["function"]["arguments"] = "";
  } else {
    call["function"] = {{"arguments", part.text}};
  }
  return {{"tool_calls", OrderedJson::array({std::move(call)})}};
}

OrderedJson Answer::message_of(const ChoiceState& choice) const {
  const bool only_calls = choice.text.empty() && !choice.calls.empty();
  OrderedJson message = {{"role", "assistant"}, {"content", only_calls ? null() : OrderedJson(choice.text)}, {"refusal", nullptr}};
  if (!choice.reasoning.empty()) message["reasoning_content"] = choice.reasoning;
  if (!choice.calls.empty()) message["tool_calls"] = choice.calls;
  return message;
}

std::string Answer::chunk(size_t index, OrderedJson delta_or_text) {
  OrderedJson choice = choice_base(index);
  choice[dialect_.chat ? "delta" : "text"] = std::move(delta_or_text);
  return chunk_document(OrderedJson::array({std::move(choice)}), null());
}

std::string Answer::chunk_document(OrderedJson choices, OrderedJson usage_or_null) const {
  OrderedJson document = head(dialect_.chunk_object);
  document["choices"] = std::move(choices);
  if (request_.include_usage) document["usage"] = std::move(usage_or_null);
  return dump_json(document);
}

std::string Answer::opening_chunk(size_t index) const {
  OrderedJson choice = {{"index", index},
                        {"delta", {{"role", "assistant"}, {"content", ""}}},
                        {"logprobs", nullptr},
                        {"finish_reason", nullptr}};
  return chunk_document(OrderedJson::array({std::move(choice)}), null());
}

asio::awaitable<void> Answer::begin_stream() {
  co_await exchange_.begin_events();
  for (size_t i = 0; i < choices_.size(); ++i) {
    if (dialect_.chat) {
      co_await exchange_.send_event(opening_chunk(i));
    } else if (!choices_[i].text.empty()) {
      const std::string echoed = choices_[i].text;
      co_await exchange_.send_event(chunk(i, echoed));
    }
  }
}

asio::awaitable<void> Answer::stream_parts(size_t index, std::vector<ReplyPart> parts) {
  const ChoiceState& choice = choices_[index];
  for (const ReplyPart& part : parts) {
    OrderedJson delta = dialect_.chat ? delta_of(part, choice) : OrderedJson(part.text);
    co_await exchange_.send_event(chunk(index, std::move(delta)));
  }
  if (choice.finish_reason.empty()) co_return;
  OrderedJson last = choice_base(index);
  last[dialect_.chat ? "delta" : "text"] = dialect_.chat ? OrderedJson::object() : OrderedJson("");
  last["finish_reason"] = choice.finish_reason;
  OrderedJson list = OrderedJson::array();
  list.push_back(std::move(last));
  co_await exchange_.send_event(chunk_document(std::move(list), null()));
}

asio::awaitable<void> Answer::end_stream() {
  if (request_.include_usage) co_await exchange_.send_event(chunk_document(OrderedJson::array(), usage()));
  co_await exchange_.send_event("[DONE]");
  co_await exchange_.end_events();
}

OrderedJson Answer::document() {
  OrderedJson document = head(dialect_.object);
  OrderedJson list = OrderedJson::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    OrderedJson choice = choice_base(i);
    choice["finish_reason"] = choices_[i].finish_reason;
    if (dialect_.chat)
      choice["message"] = message_of(choices_[i]);
    else
      choice["text"] = choices_[i].text;
    list.push_back(std::move(choice));
  }
  document["choices"] = std::move(list);
  document["usage"] = usage();
  return document;
}

}  // namespace fabula::server
