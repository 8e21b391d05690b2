// Many clients of one server: total tokens a second for 1, 2, 4, 8 and 16 of them, the time to the first token,
// and whether each gets the words that it gets alone. The row of one client is the mean over all sixteen texts, each asked for alone:
// a lone reply is drafted from its own words, so that one text alone may be twice as fast as another.
// A shared machine's speed changes from second to second: every row is measured once a round, shown is the median of the rounds, and
// of the ratio to one client in the same round.
//   server_load http://127.0.0.1:8642 [tokens=48] [rounds=3]
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

constexpr int most_clients = 16;

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

struct Measured {
  std::vector<Outcome> outcomes;
  double seconds = 0;

  double rate() const {
    int64_t total = 0;
    for (const Outcome& outcome : outcomes) total += outcome.tokens;
    return static_cast<double>(total) / seconds;
  }
};

template <class Ask>
Measured measure(const Ask& ask) {
  const auto start = Clock::now();
  Measured measured;
  measured.outcomes = ask();
  measured.seconds = seconds_since(start);
  return measured;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// How many got an error or other words than alone.
int count_wrong(int clients, const Measured& measured, const Measured& alone) {
  int wrong = 0;
  for (size_t i = 0; i < measured.outcomes.size(); ++i) {
    const Outcome& outcome = measured.outcomes[i];
    if (outcome.error.empty() && outcome.text == alone.outcomes[i].text) continue;
    ++wrong;
    std::fprintf(stderr, "client %zu of %d: %s\n", i, clients, outcome.error.empty() ? "another text than alone" : outcome.error.c_str());
  }
  return wrong;
}

// Of one number of clients, by round; first tokens of all rounds.
struct Row {
  int clients;
  std::vector<double> rates, ratios, first_tokens;

  void add(const Measured& measured, double alone) {
    rates.push_back(measured.rate());
    ratios.push_back(measured.rate() / alone);
    for (const Outcome& outcome : measured.outcomes) first_tokens.push_back(outcome.first_token_seconds);
  }
  void print() const {
    std::printf("%8d %10.1f %8.2f %20.3f %7.3f\n", clients, median(rates), median(ratios), median(first_tokens), std::ranges::max(first_tokens));
  }
};

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

  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 3;
  int wrong = 0;
  std::vector<Row> rows = {{1, {}, {}, {}}, {2, {}, {}, {}}, {4, {}, {}, {}}, {8, {}, {}, {}}, {most_clients, {}, {}, {}}};
  for (int round = 0; round < rounds; ++round) {
    const Measured alone = measure([&] {
      std::vector<Outcome> outcomes;
      for (int i = 0; i < most_clients; ++i) outcomes.push_back(ask(url, model, i, tokens));
      return outcomes;
    });
    for (Row& row : rows) {
      const Measured measured = row.clients == 1 ? alone : measure([&] { return ask_together(url, model, row.clients, tokens); });
      wrong += count_wrong(row.clients, measured, alone);
      row.add(measured, alone.rate());
    }
  }
  std::printf("%8s %10s %8s %28s\n", "clients", "tokens/s", "x one", "first token s (median, last)");
  for (const Row& row : rows) row.print();
  return wrong > 0;
}
