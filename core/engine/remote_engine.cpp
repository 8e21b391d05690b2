#include "core/engine/remote_engine.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

namespace fabula::engine {

namespace {

constexpr size_t max_held_bytes = size_t{4} << 20;  // of one event, or of an error's body
constexpr int max_tries = 3;
constexpr std::chrono::milliseconds pause_between_tries{400};

std::string body_of(const RemoteRequest& request) {
  OrderedJson body = {{"model", request.model}, {"stream", true}, {"stream_options", {{"include_usage", true}}}};
  if (request.messages.empty())
    body["prompt"] = request.prompt;
  else
    body["messages"] = OrderedJson::parse(request.messages, nullptr, false);
  const auto put = [&body](const char* name, const auto& value) {
    if (value) body[name] = *value;
  };
  put("temperature", request.temperature);
  put("top_p", request.top_p);
  put("presence_penalty", request.presence_penalty);
  put("frequency_penalty", request.frequency_penalty);
  put("max_tokens", request.max_tokens);
  put("seed", request.seed);
  if (!request.stop.empty()) body["stop"] = request.stop;
  return dump_json(body);
}

std::string text_or_empty(const OrderedJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The server's own words about what was wrong, where it says any.
std::string reason_in(std::string_view body) {
  const auto parsed = parse_ordered_json(body, "an error");
  if (!parsed.ok() || !parsed->is_object()) return "";
  const auto error = parsed->find("error");
  if (error != parsed->end() && error->is_object()) return text_or_empty(*error, "message");
  if (error != parsed->end() && error->is_string()) return error->get<std::string>();
  return text_or_empty(*parsed, "message");
}

// false: cancelled meanwhile.
bool pause(std::chrono::milliseconds time, const std::atomic<bool>* cancel) {
  constexpr std::chrono::milliseconds look{20};
  for (; time.count() > 0; time -= look) {
    if (cancel && *cancel) return false;
    std::this_thread::sleep_for(look);
  }
  return !cancel || !*cancel;
}

// Server-sent events (WHATWG HTML, 9.2), as far as this API uses them: data lines, blank lines between events.
class EventReader {
 public:
  EventReader(RemoteReply& reply, const std::function<void(std::string_view)>& on_text)
      : reply_(reply), on_text_(on_text) {}

  bool something_came() const { return something_came_; }
  bool whole() const { return done_ || !reply_.finish_reason.empty(); }

  Status take(std::string_view piece) {
    held_ += piece;
    size_t begin = 0;
    for (size_t end; (end = held_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      std::string_view line = std::string_view(held_).substr(begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.starts_with("data:")) FABULA_TRY(event(line.substr(5)));
    }
    held_.erase(0, begin);
    if (held_.size() > max_held_bytes) return Error{ErrorCode::corrupt, "the server's answer does not end its lines"};
    return {};
  }

 private:
  Status event(std::string_view data) {
    while (data.starts_with(' ')) data.remove_prefix(1);
    if (data == "[DONE]") {
      done_ = true;
      return {};
    }
    const auto chunk = parse_ordered_json(data, "the server's answer");
    if (!chunk.ok()) return chunk.error();
    if (!chunk->is_object()) return Error{ErrorCode::corrupt, "the server's answer is no stream of chunks"};
    if (chunk->contains("error")) return Error{ErrorCode::io, "the server stopped: " + reason_in(data)};
    note_usage(*chunk);
    const auto choices = chunk->find("choices");
    if (choices == chunk->end() || !choices->is_array() || choices->empty() || !(*choices)[0].is_object()) return {};
    const OrderedJson& choice = (*choices)[0];
    const auto delta = choice.find("delta");
    const OrderedJson& words = delta != choice.end() && delta->is_object() ? *delta : choice;
    const std::string text = text_or_empty(words, delta != choice.end() ? "content" : "text");
    const std::string reasoning = text_or_empty(words, "reasoning_content");
    something_came_ = something_came_ || !text.empty() || !reasoning.empty();
    reply_.reasoning += reasoning;
    reply_.text += text;
    if (!text.empty()) on_text_(text);
    if (const std::string reason = text_or_empty(choice, "finish_reason"); !reason.empty()) reply_.finish_reason = reason;
    return {};
  }

  void note_usage(const OrderedJson& chunk) {
    const auto usage = chunk.find("usage");
    if (usage == chunk.end() || !usage->is_object()) return;
    const auto count = [&](const char* key) -> std::optional<int64_t> {
      const auto found = usage->find(key);
      if (found == usage->end() || !found->is_number_integer()) return std::nullopt;
      return found->get<int64_t>();
    };
    reply_.prompt_tokens = count("prompt_tokens");
    reply_.reply_tokens = count("completion_tokens");
  }

  RemoteReply& reply_;
  const std::function<void(std::string_view)>& on_text_;
  std::string held_;
  bool something_came_ = false, done_ = false;
};

}  // namespace

RemoteEngine::RemoteEngine(RemoteEndpoint endpoint, std::string key)
    : endpoint_(std::move(endpoint)), key_(std::move(key)) {}

net::HttpRequest RemoteEngine::request_to(const char* path) const {
  net::HttpRequest request;
  request.url = endpoint_.url + path;
  request.bearer_token = key_;
  request.max_redirects = 0;
  return request;
}

Error RemoteEngine::refusal(int status, std::string_view body) const {
  const std::string reason = reason_in(body);
  const std::string said = reason.empty() ? "" : ": " + reason;
  const std::string& name = endpoint_.name;
  if (status == 401 || status == 403)
    return {ErrorCode::invalid_argument, name + (key_.empty() ? " asks for a key" : " does not accept the key") + said};
  if (status == 404) return {ErrorCode::not_found, name + " has no such model or no such API at " + endpoint_.url + said};
  if (status == 429 || status == 503) return {ErrorCode::busy, name + " is busy" + said};
  if (status >= 500) return {ErrorCode::io, name + " failed (status " + std::to_string(status) + ")" + said};
  if (status >= 300 && status < 400) return {ErrorCode::corrupt, name + " answers from elsewhere; enter the address that it names"};
  return {ErrorCode::invalid_argument, name + " refused the request" + said};
}

Result<std::vector<std::string>> RemoteEngine::models(const std::atomic<bool>* cancel) {
  net::HttpRequest request = request_to("/models");
  request.timeouts.total_seconds = 30;
  request.cancel = cancel;
  FABULA_ASSIGN(const net::HttpReply reply, client_.fetch(request, max_held_bytes));
  if (!reply.head.ok()) return refusal(reply.head.status, reply.body);
  const auto document = parse_ordered_json(reply.body, endpoint_.name + "'s list of models");
  if (!document.ok()) return document.error();
  const auto data = document->is_object() ? document->find("data") : document->end();
  if (!document->is_object() || data == document->end() || !data->is_array())
    return Error{ErrorCode::corrupt, endpoint_.url + " lists no models as OpenAI's API does"};
  std::vector<std::string> names;
  for (const OrderedJson& model : *data)
    if (model.is_object())
      if (std::string id = text_or_empty(model, "id"); !id.empty()) names.push_back(std::move(id));
  return names;
}

Result<RemoteReply> RemoteEngine::generate(const RemoteRequest& asked, const std::function<void(std::string_view)>& on_text,
                                           const std::atomic<bool>* cancel) {
  net::HttpRequest request = request_to(asked.messages.empty() ? "/completions" : "/chat/completions");
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  request.body = body_of(asked);
  request.timeouts.stall_seconds = 300;  // a long prompt on a slow machine
  request.cancel = cancel;
  for (int attempt = 1;; ++attempt) {
    RemoteReply reply;
    EventReader reader(reply, on_text);
    int status = 0;
    std::string refused;
    net::HttpSink sink;
    sink.on_head = [&](const net::HttpHead& head) -> Status {
      status = head.status;
      return {};
    };
    sink.on_body = [&](std::string_view piece) -> Status {
      if (status >= 200 && status < 300) return reader.take(piece);
      if (refused.size() + piece.size() <= max_held_bytes) refused += piece;
      return {};
    };
    const auto head = client_.stream(request, sink);
    Error problem;
    if (!head.ok())
      problem = head.error();
    else if (!head->ok())
      problem = refusal(status, refused);
    else if (!reader.whole())
      problem = {ErrorCode::io, endpoint_.name + " ended the reply in the middle"};
    else
      return reply;
    if (problem.code == ErrorCode::cancelled) return problem;
    if (reader.something_came()) return Error{problem.code, problem.message + "; what had come by then is kept"};
    const bool again = problem.code == ErrorCode::busy || (!head.ok() && net::worth_retrying(problem));
    if (!again || attempt == max_tries) return problem;
    if (!pause(pause_between_tries * attempt, cancel)) return Error{ErrorCode::cancelled, "cancelled"};
  }
}

}  // namespace fabula::engine
