// Many clients of one server: total tokens a second for 1, 2, 4, 8 and 16 of them, the time to the first token,
// and whether each gets the words that it gets alone.
//   server_load http://127.0.0.1:8642 [tokens]
// Exit code 1 where a text differs or a request fails.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/base/json.h"
#include "core/net/http_client.h"

using namespace fabula;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Outcome {
  std::string text, error;
  int64_t tokens = 0;
  double first_token_seconds = 0;
};

// Takes "data: ..." lines as they come.
class EventReader {
 public:
  EventReader(Outcome& outcome, Clock::time_point start) : outcome_(outcome), start_(start) {}

  Status take(std::string_view piece) {
    held_ += piece;
    for (size_t end; (end = held_.find("\n\n")) != std::string::npos; held_.erase(0, end + 2)) {
      const std::string_view line = std::string_view(held_).substr(0, end);
      if (line.starts_with("data: {")) event(line.substr(6));
    }
    return {};
  }

 private:
  void event(std::string_view json) {
    const auto chunk = parse_json(json, "an event");
    if (!chunk.ok() || chunk->contains("error")) {
      outcome_.error = chunk.ok() ? chunk->dump() : chunk.error().message;
      return;
    }
    if (chunk->contains("usage") && (*chunk)["usage"].is_object())
      outcome_.tokens = (*chunk)["usage"]["completion_tokens"].get<int64_t>();
    for (const Json& choice : (*chunk)["choices"]) {
      const std::string text = choice.value("text", "");
      if (!text.empty() && outcome_.text.empty()) outcome_.first_token_seconds = seconds_since(start_);
      outcome_.text += text;
    }
  }

  Outcome& outcome_;
  Clock::time_point start_;
  std::string held_;
};

Outcome ask(const std::string& url, const std::string& model, int client, int64_t tokens) {
  const char* subjects[] = {"a fox", "the sea", "a clock", "two sisters", "a lost key", "winter", "an old map", "the baker"};
  const Json body = {{"model", model},
                     {"prompt", "Once upon a time there was a story number " + std::to_string(client) + " about " +
                                    subjects[client % 8] + ". It began"},
                     {"max_tokens", tokens},
                     {"seed", client},
                     {"stream", true},
                     {"stream_options", {{"include_usage", true}}}};
  net::HttpRequest request;
  request.method = "POST";
  request.url = url + "/v1/completions";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body.dump();
  Outcome outcome;
  EventReader reader(outcome, Clock::now());
  net::HttpSink sink;
  sink.on_body = [&](std::string_view piece) { return reader.take(piece); };
  const auto head = net::HttpClient().stream(request, sink);
  if (!head.ok()) outcome.error = head.error().message;
  return outcome;
}

std::vector<Outcome> ask_together(const std::string& url, const std::string& model, int clients, int64_t tokens) {
  std::vector<Outcome> outcomes(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&, i] { outcomes[static_cast<size_t>(i)] = ask(url, model, i, tokens); });
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

std::string loaded_model(const std::string& url) {
  net::HttpRequest request;
  request.url = url + "/v1/models";
  const auto reply = net::HttpClient().fetch(request);
  const auto models = reply.ok() ? parse_json(reply->body, "the models") : Result<Json>(reply.error());
  return models.ok() && !(*models)["data"].empty() ? (*models)["data"][0]["id"].get<std::string>() : "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "server_load URL [tokens]\n"), 2;
  const std::string url = argv[1];
  const int64_t tokens = argc > 2 ? std::atoll(argv[2]) : 48;
  const std::string model = loaded_model(url);
  if (model.empty()) return std::fprintf(stderr, "server_load: no model at %s\n", url.c_str()), 1;

  std::vector<std::string> alone;
  for (int i = 0; i < 16; ++i) alone.push_back(ask(url, model, i, tokens).text);
  double single = 0;
  int wrong = 0;
  std::printf("%8s %10s %8s %28s\n", "clients", "tokens/s", "x one", "first token s (median, last)");
  for (const int clients : {1, 2, 4, 8, 16}) {
    const auto start = Clock::now();
    const std::vector<Outcome> outcomes = ask_together(url, model, clients, tokens);
    const double seconds = seconds_since(start);
    int64_t total = 0;
    std::vector<double> first;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      total += outcomes[i].tokens;
      first.push_back(outcomes[i].first_token_seconds);
      if (outcomes[i].error.empty() && outcomes[i].text == alone[i]) continue;
      ++wrong;
      std::fprintf(stderr, "client %zu of %d: %s\n", i, clients,
                   outcomes[i].error.empty() ? "another text than alone" : outcomes[i].error.c_str());
    }
    std::ranges::sort(first);
    const double rate = static_cast<double>(total) / seconds;
    if (clients == 1) single = rate;
    std::printf("%8d %10.1f %8.2f %20.3f %7.3f\n", clients, rate, rate / single, first[first.size() / 2], first.back());
  }
  return wrong > 0;
}
