// Replies from a server elsewhere. What such a server cannot promise is absent here: token ids, seeds that give the
// same words, kept KV. Its text comes as it writes it.
#pragma once

#include <atomic>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/engine/remote_endpoints.h"
#include "core/net/http_client.h"

namespace fabula::engine {

// What OpenAI's API takes everywhere; what is not given is left to the server.
struct RemoteRequest {
  std::string model;
  std::string messages;  // a JSON list; empty: `prompt` is continued as text
  std::string prompt;
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty;
  std::optional<int64_t> max_tokens;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
};

struct RemoteReply {
  std::string text, reasoning;
  std::string finish_reason;                            // as the server says it
  std::optional<int64_t> prompt_tokens, reply_tokens;  // where the server tells them
};

// Thread: one call at a time; the call blocks.
class RemoteEngine {
 public:
  RemoteEngine(RemoteEndpoint endpoint, std::string key);

  // Errors of both, in plain words: io (not reachable, cut off), invalid_argument (refused, with the server's
  // reason), not_found (no such model), busy (too many requests), corrupt (no such API), cancelled.
  Result<std::vector<std::string>> models(const std::atomic<bool>* cancel = nullptr);

  // `on_text` gets each piece. Tried again, twice at most, only as long as nothing has come: a server that was
  // not reachable, or that said 429 or 503. Once a token has arrived an error ends the reply; what came stays
  // with whoever took it.
  Result<RemoteReply> generate(const RemoteRequest& request, const std::function<void(std::string_view)>& on_text,
                               const std::atomic<bool>* cancel = nullptr);

 private:
  net::HttpRequest request_to(const char* path) const;
  Error refusal(int status, std::string_view body) const;

  const RemoteEndpoint endpoint_;
  const std::string key_;
  net::HttpClient client_;
};

}  // namespace fabula::engine
