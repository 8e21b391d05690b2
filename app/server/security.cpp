#include "app/server/security.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace fabula::server {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// "host:port", "[::1]:port" or "host" to the host and the port ("" where none).
struct HostPort {
  std::string host, port;
};

HostPort split_host(std::string_view text) {
  const std::string all = lower(text);
  if (all.starts_with('[')) {
    const size_t close = all.find(']');
    if (close == std::string::npos) return {};
    const std::string rest = all.substr(close + 1);
    return {all.substr(1, close - 1), rest.starts_with(':') ? rest.substr(1) : ""};
  }
  const size_t colon = all.rfind(':');
  if (colon == std::string::npos) return {all, ""};
  return {all.substr(0, colon), all.substr(colon + 1)};
}

bool is_ip_literal(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

bool is_loopback_address(std::string_view host) {
  if (lower(host) == "localhost") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  return !error && address.is_loopback();
}

bool host_allowed(const AccessRules& rules, std::string_view host_header) {
  const HostPort given = split_host(host_header);
  if (given.host.empty()) return false;
  if (!given.port.empty() && given.port != std::to_string(rules.port)) return false;
  if (given.host == "localhost" || given.host == lower(rules.host) || is_loopback_address(given.host))
    return true;
  return !is_loopback_address(rules.host) && is_ip_literal(given.host);
}

bool origin_gets_cors(const AccessRules& rules, std::string_view origin_header) {
  const std::string origin = lower(origin_header);
  return std::any_of(rules.allow_origins.begin(), rules.allow_origins.end(),
                     [&](const std::string& o) { return lower(o) == origin; });
}

bool origin_allowed(const AccessRules& rules, std::string_view origin_header) {
  if (origin_header.empty() || origin_gets_cors(rules, origin_header)) return true;
  const std::string origin = lower(origin_header);
  constexpr std::string_view scheme = "http://";
  if (!origin.starts_with(scheme)) return false;
  const HostPort given = split_host(std::string_view(origin).substr(scheme.size()));
  return given.port == std::to_string(rules.port) &&
         (given.host == "localhost" || is_loopback_address(given.host) || given.host == lower(rules.host));
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < b.size(); ++i) {
    const auto left = static_cast<unsigned char>(a.empty() ? 0 : a[i % a.size()]);
    difference |= left ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

bool key_allowed(const AccessRules& rules, std::string_view authorization, std::string_view x_api_key) {
  if (rules.api_key.empty()) return true;
  constexpr std::string_view bearer = "bearer ";
  if (authorization.size() > bearer.size() && lower(authorization.substr(0, bearer.size())) == bearer)
    return equal_in_constant_time(authorization.substr(bearer.size()), rules.api_key);
  return equal_in_constant_time(x_api_key, rules.api_key);
}

}  // namespace fabula::server
