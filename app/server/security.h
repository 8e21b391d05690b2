// Who may talk to the server: pure functions, judged before a body is read.
// Source: OWASP on DNS rebinding and CSRF; CVE-2024-28224 (a web page reaching a local model server through
// rebinding).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fabula::server {

struct AccessRules {
  std::string host = "127.0.0.1";  // the address that is listened on
  unsigned short port = 0;
  std::string api_key;  // "": none asked for (loopback only)
  std::vector<std::string>
      allow_origins;  // exact origins ("http://localhost:3000"); nothing else gets CORS headers
};

bool is_loopback_address(std::string_view host);

// The Host header must name the address we listen on, localhost, or an IP literal of loopback; any name would
// pass a rebinding. Off loopback any IP literal is taken, because the key stands guard there.
bool host_allowed(const AccessRules& rules, std::string_view host_header);

// An absent Origin is no browser page. Otherwise it must be allowed by name, or be this very server.
bool origin_allowed(const AccessRules& rules, std::string_view origin_header);

// True where the origin is in allow_origins: then, and only then, CORS headers are sent.
bool origin_gets_cors(const AccessRules& rules, std::string_view origin_header);

// "Bearer K" or the bare key of x-api-key; compared in constant time.
bool key_allowed(const AccessRules& rules, std::string_view authorization, std::string_view x_api_key);

// Time depends on the lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace fabula::server
