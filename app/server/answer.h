// One answer of an OpenAI endpoint: its generations followed to their ends, told as one document or as a stream
// of chunks.
#pragma once

#include <nlohmann/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/server/engine_bridge.h"
#include "app/server/exchange.h"
#include "app/server/openai_request.h"
#include "app/server/reply_splitter.h"

namespace fabula::server {

using LoadedPtr = std::shared_ptr<const engine::Engine::LoadedModel>;

// Both endpoints differ in these words alone.
struct Dialect {
  const char* id_prefix;
  const char* object;
  const char* chunk_object;
  bool chat;
};
inline constexpr Dialect chat_dialect{"chatcmpl-", "chat.completion", "chat.completion.chunk", true};
inline constexpr Dialect text_dialect{"cmpl-", "text_completion", "text_completion", false};

// Destroying it cancels what still runs. The references outlive it.
class Answer {
 public:
  Answer(Exchange& exchange, EngineBridge& bridge, const Dialect& dialect, const OpenAiRequest& request,
         LoadedPtr loaded, ReplySplitter::Options splitting);

  Status submit(engine::ModelId model, const std::vector<std::vector<int32_t>>& prompts,
                grammar::GrammarPtr grammar);
  asio::awaitable<void> run(const std::vector<std::string>& echoes);

 private:
  // What one choice has become so far.
  struct ChoiceState {
    ReplySplitter splitter;
    std::string text, reasoning;
    OrderedJson calls = OrderedJson::array();
    int64_t tokens = 0;
    std::string finish_reason;  // "" while it runs
    engine::Event end;
    OrderedJson logprobs = OrderedJson::array();  // not yet sent ones, in the chat form
  };

  std::vector<ReplyPart> take(size_t index, const engine::Event& event);
  std::string marker_text(int32_t token) const;
  void note_logprobs(size_t index, const engine::Event& event);
  OrderedJson head(const char* object) const;
  OrderedJson usage() const;
  OrderedJson take_logprobs(ChoiceState& choice);
  OrderedJson choice_base(size_t index);
  OrderedJson delta_of(const ReplyPart& part, const ChoiceState& choice) const;
  OrderedJson message_of(const ChoiceState& choice) const;
  OrderedJson begun_call(const std::string& name) const;
  std::string chunk(size_t index, OrderedJson delta_or_text);
  std::string chunk_document(OrderedJson choices, OrderedJson usage_or_null) const;
  std::string opening_chunk(size_t index) const;
  asio::awaitable<void> begin_stream();
  asio::awaitable<void> stream_parts(size_t index, std::vector<ReplyPart> parts);
  asio::awaitable<void> end_stream();
  OrderedJson document();

  Exchange& exchange_;
  const Dialect& dialect_;
  const OpenAiRequest& request_;
  LoadedPtr loaded_;
  ReplySplitter::Options splitting_;
  Generations generations_;
  std::string id_;
  int64_t created_;
  int64_t prompt_tokens_ = 0;
  std::vector<ChoiceState> choices_;
};

}  // namespace fabula::server
