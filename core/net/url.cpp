#include "core/net/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace fabula::net {

namespace {

struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_or_empty(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || !text) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

}  // namespace

Result<Origin> origin_of(std::string_view text) {
  const std::string copy(text);
  const Error refused{ErrorCode::invalid_argument, "\"" + copy + "\" is no http or https address"};
  const std::unique_ptr<CURLU, UrlCleanup> url(curl_url());
  if (!url || copy.find('\0') != std::string::npos || curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), 0) != CURLUE_OK)
    return refused;
  Origin origin;
  origin.scheme = part_or_empty(url.get(), CURLUPART_SCHEME);
  origin.host = part_or_empty(url.get(), CURLUPART_HOST);
  std::ranges::transform(origin.host, origin.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  origin.port = std::atoi(part_or_empty(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str());
  if ((origin.scheme != "http" && origin.scheme != "https") || origin.host.empty()) return refused;
  if (!part_or_empty(url.get(), CURLUPART_USER).empty() || !part_or_empty(url.get(), CURLUPART_PASSWORD).empty())
    return Error{ErrorCode::invalid_argument, "an address with a user name or password inside is not used"};
  return origin;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos || keep.find(c) != std::string_view::npos;
    if (plain) out += c;
    else (out += '%') += {hex[byte >> 4], hex[byte & 15]};
  }
  return out;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host == "::1" || host.starts_with("127.");
}

}  // namespace fabula::net
