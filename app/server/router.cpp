#include "app/server/router.h"

#include <optional>

namespace fabula::server {

namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  size_t at = 0;
  while (at < path.size()) {
    const size_t slash = path.find('/', at + 1);
    out.push_back(path.substr(at, slash - at));
    if (slash == std::string_view::npos) break;
    at = slash;
  }
  return out;
}

std::optional<std::vector<std::string>> match_pattern(std::string_view pattern, std::string_view path) {
  const auto wanted = segments(pattern), given = segments(path);
  if (wanted.size() != given.size()) return std::nullopt;
  std::vector<std::string> parameters;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "/{}") {
      if (given[i].size() < 2) return std::nullopt;
      parameters.emplace_back(given[i].substr(1));
    } else if (wanted[i] != given[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace

Match find_route(const std::vector<Route>& routes, http::verb method, std::string_view path) {
  Match match;
  for (const Route& route : routes) {
    auto parameters = match_pattern(route.pattern, path);
    if (!parameters) continue;
    if (route.method == method || (method == http::verb::head && route.method == http::verb::get))
      return {&route, std::move(*parameters), {}};
    match.allowed.push_back(route.method);
  }
  return match;
}

}  // namespace fabula::server
