#include "app/server/service_routes.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "app/server/openapi.h"

namespace fabula::server {

namespace {

asio::awaitable<void> health(Exchange& exchange, ApiContext& context) {
  const auto loading = [&](session::Mode mode) {
    return context.service.model_state(mode).phase == session::ModelState::Phase::loading;
  };
  const bool busy = loading(session::Mode::chat) || loading(session::Mode::story);
  OrderedJson document = {{"status", busy ? "loading" : "ok"}};
  co_await exchange.send_json(200, std::move(document));
}

struct Reading {
  engine::Metrics engine;
  int connections = 0;
};

struct MetricRow {
  const char* name;
  const char* type;
  const char* help;
  double (*read)(const Reading&);
};

constexpr MetricRow metric_rows[] = {
    {"fabula_prompt_tokens_total", "counter", "Prompt tokens read by the model",
     [](const Reading& r) { return static_cast<double>(r.engine.prompt_tokens_read); }},
    {"fabula_prompt_tokens_reused_total", "counter", "Prompt tokens found in the prefix store",
     [](const Reading& r) { return static_cast<double>(r.engine.prompt_tokens_reused); }},
    {"fabula_tokens_generated_total", "counter", "Tokens written",
     [](const Reading& r) { return static_cast<double>(r.engine.tokens_generated); }},
    {"fabula_requests_active", "gauge", "Requests being read or written",
     [](const Reading& r) { return static_cast<double>(r.engine.active_requests); }},
    {"fabula_requests_queued", "gauge", "Requests that wait",
     [](const Reading& r) { return static_cast<double>(r.engine.queued_requests); }},
    {"fabula_kv_blocks_used", "gauge", "KV blocks in use",
     [](const Reading& r) { return static_cast<double>(r.engine.kv_blocks_used); }},
    {"fabula_kv_blocks", "gauge", "KV blocks there are",
     [](const Reading& r) { return static_cast<double>(r.engine.kv_blocks_total); }},
    {"fabula_kv_ram_bytes", "gauge", "KV moved from a GPU's memory to RAM",
     [](const Reading& r) { return static_cast<double>(r.engine.kv_ram_bytes); }},
    {"fabula_prefill_tokens_per_second", "gauge", "Prompt tokens per second, lately",
     [](const Reading& r) { return r.engine.prefill_tokens_per_second; }},
    {"fabula_decode_tokens_per_second", "gauge", "Written tokens per second, lately",
     [](const Reading& r) { return r.engine.decode_tokens_per_second; }},
    {"fabula_http_connections", "gauge", "Connections of clients, this one too",
     [](const Reading& r) { return static_cast<double>(r.connections); }},
};

asio::awaitable<void> metrics(Exchange& exchange, ApiContext& context) {
  const Reading now{context.service.metrics(), context.connections};
  std::string text;
  for (const MetricRow& row : metric_rows)
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n{} {}\n", row.name, row.help,
                   row.name, row.type, row.name, row.read(now));
  co_await exchange.send_text(200, "text/plain; version=0.0.4", std::move(text));
}

asio::awaitable<void> openapi(Exchange& exchange, ApiContext&) {
  co_await exchange.send_json(200, openapi_document());
}

constexpr ApiRow rows[] = {
    {http::verb::get, "/health", health},
    {http::verb::get, "/metrics", metrics},
    {http::verb::get, "/openapi.json", openapi},
};

}  // namespace

void add_service_routes(std::vector<Route>& routes, ApiContext& context) {
  add_routes(routes, context, rows);
}

}  // namespace fabula::server
