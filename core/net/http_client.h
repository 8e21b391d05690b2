// The one door to the network: HTTP and HTTPS requests of ours, through libcurl.
//
// Goals: a caller can stop at any byte and within a tenth of a second; a secret never leaves the host it was meant
// for; certificates are always checked; every failure says in plain words what happened and where.
// Non-goals: cookies, caches, uploads of files, servers (app/server), retries (whoever knows what a retry costs does them).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace fabula::net {

struct Header {
  std::string name, value;
};

// Bytes first .. last, both included. last absent: to the end.
struct ByteRange {
  uint64_t first = 0;
  std::optional<uint64_t> last;
};

struct HttpTimeouts {
  double connect_seconds = 15;
  double stall_seconds = 30;  // no byte for so long, waiting for the first one included; 0: for ever
  double total_seconds = 0;   // 0: no limit
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;              // http:// or https://
  std::vector<Header> headers;  // sent to every host on the way; no secrets here
  // Sent as "Authorization: Bearer ..." to the scheme, host and port of `url` alone, never to where a redirect leads.
  std::string bearer_token;
  std::string body;  // of POST, PUT and PATCH
  std::optional<ByteRange> range;
  HttpTimeouts timeouts;
  int max_redirects = 8;  // followed for GET and HEAD; 0: the redirect itself is the answer
  const std::atomic<bool>* cancel = nullptr;  // looked at ten times a second and with every piece; outlives the call
};

struct HttpHead {
  int status = 0;
  std::string url;              // of the answer: the last one where redirects were followed
  std::vector<Header> headers;  // names in lower case
  // The first header of that name (lower case), or null.
  const std::string* header_or_null(std::string_view name) const;
  // Of the whole answer's body as Content-Length says; none where it does not.
  std::optional<uint64_t> content_length;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpReply {
  HttpHead head;
  std::string body;
};

// Called on the calling thread, in this order. An error ends the transfer and is what the call returns. They must not throw.
struct HttpSink {
  std::function<Status(const HttpHead&)> on_head;          // once, before the body; may be empty
  std::function<Status(std::string_view piece)> on_body;   // any number of times; may be empty
};

// Keeps connections alive between calls. Thread: one call at a time; several clients may work at the same time. No
// client shares anything with another, and nothing outlives the last one.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Any status is an answer, not an error. Errors: invalid_argument (the request), cancelled, io (the network: no such
  // host, refused, cut, stalled, certificate), corrupt (an answer that is no HTTP, endless headers or redirects), and
  // whatever the sink returned.
  Result<HttpHead> stream(const HttpRequest& request, const HttpSink& sink);

  // The same with a body of at most `max_body_bytes` in memory; a longer one is ErrorCode::corrupt.
  Result<HttpReply> fetch(const HttpRequest& request, uint64_t max_body_bytes = uint64_t{64} << 20);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "Host not found" and the like are worth another try; a refused certificate or a wrong request is not. For callers
// with retries: true for ErrorCode::io.
inline bool worth_retrying(const Error& error) { return error.code == ErrorCode::io; }

}  // namespace fabula::net
