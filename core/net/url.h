// The little of URLs that requests need (RFC 3986). Taking them apart is libcurl's.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace fabula::net {

struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case
  int port = 0;        // 80 and 443 where the URL names none
  bool operator==(const Origin&) const = default;
};

// Errors: invalid_argument (no URL, another scheme, a user name or password inside).
Result<Origin> origin_of(std::string_view url);

// Everything but letters, digits and -._~ as %XX; `keep` names more that stay ("/" for paths).
std::string percent_encode(std::string_view text, std::string_view keep = {});

// A name or address of this machine: no proxy is asked for these.
bool is_loopback(std::string_view host);

}  // namespace fabula::net
