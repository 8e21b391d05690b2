#include "core/net/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/clock.h"
#include "core/net/url.h"

namespace fabula::net {

namespace {

constexpr size_t most_header_bytes = size_t{256} << 10;  // of one answer; real ones have a few kB
constexpr int poll_milliseconds = 100;                   // how soon a stop from outside is noticed

// libcurl counts its users itself (7.84 and later, under a lock of its own), so that no global object is needed.
class CurlLibrary {
 public:
  CurlLibrary() : ready_(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {}
  ~CurlLibrary() {
    if (ready_) curl_global_cleanup();
  }
  CurlLibrary(const CurlLibrary&) = delete;
  CurlLibrary& operator=(const CurlLibrary&) = delete;
  bool ready() const { return ready_; }

 private:
  const bool ready_;
};

struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCleanup>;

bool clean(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos; }

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// One request to one address: what libcurl's callbacks fill and ask.
struct Transfer {
  const HttpSink& sink;
  bool swallow_redirect = false;  // its body is of no interest
  HttpHead head;
  bool head_told = false;
  size_t header_bytes = 0;
  std::optional<Error> error;
  double last_byte = monotonic_seconds();

  bool redirected() const { return swallow_redirect && is_redirect(head.status) && head.header_or_null("location"); }

  void take_header_line(std::string_view line);
  bool tell_head();
  bool take_body(std::string_view piece);
};

void Transfer::take_header_line(std::string_view line) {
  last_byte = monotonic_seconds();
  if (line.starts_with("HTTP/")) {  // of this answer, or of another behind "100 Continue"
    head.headers.clear();
    header_bytes = 0;
    return;
  }
  header_bytes += line.size();
  if (header_bytes > most_header_bytes) {
    error = Error{ErrorCode::corrupt, "the answer's headers have no end"};
    return;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos)
    head.headers.push_back({lower(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1)))});
}

bool Transfer::tell_head() {
  if (head_told) return true;
  head_told = true;
  if (const std::string* length = head.header_or_null("content-length")) {
    uint64_t bytes = 0;
    const auto [end, failure] = std::from_chars(length->data(), length->data() + length->size(), bytes);
    if (failure == std::errc() && end == length->data() + length->size()) head.content_length = bytes;
  }
  if (redirected() || !sink.on_head) return true;
  if (Status status = sink.on_head(head); !status.ok()) error = status.error();
  return !error;
}

bool Transfer::take_body(std::string_view piece) {
  last_byte = monotonic_seconds();
  if (error || !tell_head()) return false;
  if (redirected() || !sink.on_body) return true;
  if (Status status = sink.on_body(piece); !status.ok()) error = status.error();
  return !error;
}

// The status stands in the handle as soon as the first line was read; asking there spares a parser.
size_t on_header(char* bytes, size_t, size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.take_header_line({bytes, n});
  return transfer.error ? 0 : n;
}

struct BodyContext {
  CURL* easy;
  Transfer* transfer;
};

size_t on_body(char* bytes, size_t, size_t n, void* user) {
  const auto& [easy, transfer] = *static_cast<BodyContext*>(user);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->head.status = static_cast<int>(status);
  return transfer->take_body({bytes, n}) ? n : CURL_WRITEFUNC_ERROR;
}

Error failure(CURLcode code, const std::string& where, const char* detail) {
  const auto io = [&](std::string what) { return Error{ErrorCode::io, std::move(what)}; };
  const std::string more = detail && *detail ? std::string(" (") + detail + ")" : std::string();
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return io("there is no host " + where + ", or no network");
    case CURLE_COULDNT_RESOLVE_PROXY: return io("the proxy for " + where + " was not found" + more);
    case CURLE_COULDNT_CONNECT: return io(where + " cannot be reached" + more);
    case CURLE_OPERATION_TIMEDOUT: return io(where + " did not answer in time");
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING: return io("the connection to " + where + " was cut" + more);
    case CURLE_SSL_CONNECT_ERROR: return io("no secure connection to " + where + " came about" + more);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::unsupported, "the certificate of " + where + " is not to be trusted" + more};
    case CURLE_OUT_OF_MEMORY: return {ErrorCode::out_of_memory, "there is no memory for a request to " + where};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return {ErrorCode::corrupt, where + " gave an answer that is not HTTP" + more};
    default: return io("the request to " + where + " failed: " + curl_easy_strerror(code) + more);
  }
}

std::string shown(const Origin& origin) {
  const bool usual = origin.port == (origin.scheme == "https" ? 443 : 80);
  return usual ? origin.host : origin.host + ":" + std::to_string(origin.port);
}

}  // namespace

const std::string* HttpHead::header_or_null(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &found->value;
}

class HttpClient::Impl {
 public:
  Impl() : multi_(curl_multi_init()), easy_(curl_easy_init()) {}
  ~Impl() {
    if (easy_) curl_easy_cleanup(easy_);
    if (multi_) curl_multi_cleanup(multi_);
  }

  Result<HttpHead> stream(const HttpRequest& request, const HttpSink& sink);

 private:
  // One request, no redirect. `with_token`: this address may see it.
  Result<HttpHead> once(const HttpRequest& request, const std::string& url, bool with_token, bool swallow_redirect,
                        double deadline, const HttpSink& sink);
  Result<HeaderList> headers_of(const HttpRequest& request, bool with_token) const;
  void set_method(const HttpRequest& request);
  Status drive(const HttpRequest& request, const Origin& origin, Transfer& transfer, double deadline, const char* detail);
  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }

  CurlLibrary library_;
  CURLM* multi_;
  CURL* easy_;
};

Result<HeaderList> HttpClient::Impl::headers_of(const HttpRequest& request, bool with_token) const {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer) (void)list.release(), list.reset(longer);
  };
  for (const Header& header : request.headers) {
    if (!clean(header.name) || !clean(header.value) || header.name.empty() || header.name.find(':') != std::string::npos)
      return Error{ErrorCode::invalid_argument, "the header \"" + header.name + "\" cannot be sent"};
    // "Name;" is how libcurl is told of an empty value.
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  if (with_token && !request.bearer_token.empty()) {
    if (!clean(request.bearer_token))
      return Error{ErrorCode::invalid_argument, "the access token has a line break in it"};
    add("Authorization: Bearer " + request.bearer_token);
  }
  add("Expect:");  // no round trip before a body
  return list;
}

void HttpClient::Impl::set_method(const HttpRequest& request) {
  const bool has_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST")
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

// Until the transfer is done, was stopped, or nothing came for too long.
Status HttpClient::Impl::drive(const HttpRequest& request, const Origin& origin, Transfer& transfer, double deadline,
                               const char* detail) {
  curl_multi_add_handle(multi_, easy_);
  const auto finish = [&](Status status) {
    curl_multi_remove_handle(multi_, easy_);
    return status;
  };
  while (true) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi_, &running); code != CURLM_OK)
      return finish(Error{ErrorCode::internal, std::string("libcurl: ") + curl_multi_strerror(code)});
    if (request.cancel && request.cancel->load()) return finish(Error{ErrorCode::cancelled, "stopped"});
    if (transfer.error) return finish(*transfer.error);
    if (running == 0) break;
    const double now = monotonic_seconds(), stall = request.timeouts.stall_seconds;
    if (stall > 0 && now - transfer.last_byte > stall)
      return finish(Error{ErrorCode::io, shown(origin) + " sent nothing for " +
                                             std::to_string(static_cast<int64_t>(stall + 0.5)) + " seconds"});
    if (deadline > 0 && now > deadline) return finish(failure(CURLE_OPERATION_TIMEDOUT, shown(origin), nullptr));
    curl_multi_poll(multi_, nullptr, 0, poll_milliseconds, nullptr);
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi_, &left);
  const CURLcode code = message ? message->data.result : CURLE_GOT_NOTHING;
  return finish(code == CURLE_OK ? Status() : Status(failure(code, shown(origin), detail)));
}

Result<HttpHead> HttpClient::Impl::once(const HttpRequest& request, const std::string& url, bool with_token,
                                        bool swallow_redirect, double deadline, const HttpSink& sink) {
  FABULA_ASSIGN(const Origin origin, origin_of(url));
  FABULA_ASSIGN(const HeaderList headers, headers_of(request, with_token));
  Transfer transfer{.sink = sink, .swallow_redirect = swallow_redirect};
  transfer.head.url = url;
  BodyContext body{easy_, &transfer};
  char detail[CURL_ERROR_SIZE] = {};
  std::string range;
  curl_easy_reset(easy_);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));  // several connections are to be several
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_USERAGENT, "fabula");
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeouts.connect_seconds * 1000));
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, &body);
  if (is_loopback(origin.host)) set(CURLOPT_PROXY, "");
  if (request.range) {
    range = std::to_string(request.range->first) + "-" + (request.range->last ? std::to_string(*request.range->last) : "");
    set(CURLOPT_RANGE, range.c_str());
  }
  set_method(request);
  FABULA_TRY(drive(request, origin, transfer, deadline, detail));
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
  if (!transfer.tell_head()) return *transfer.error;
  return std::move(transfer.head);
}

Result<HttpHead> HttpClient::Impl::stream(const HttpRequest& request, const HttpSink& sink) {
  if (!library_.ready() || !multi_ || !easy_) return Error{ErrorCode::out_of_memory, "libcurl could not be started"};
  if (request.method.empty() || request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
    return Error{ErrorCode::invalid_argument, "\"" + request.method + "\" is no HTTP method"};
  FABULA_ASSIGN(const Origin home, origin_of(request.url));
  const double deadline =
      request.timeouts.total_seconds > 0 ? monotonic_seconds() + request.timeouts.total_seconds : 0;
  const bool follows = request.max_redirects > 0 && (request.method == "GET" || request.method == "HEAD");
  std::string url = request.url;
  Origin origin = home;
  for (int hop = 0;; ++hop) {
    FABULA_ASSIGN(HttpHead head, once(request, url, origin == home, follows, deadline, sink));
    if (!follows || !is_redirect(head.status) || !head.header_or_null("location")) return head;
    if (hop == request.max_redirects)
      return Error{ErrorCode::corrupt, shown(home) + " redirects without end"};
    const char* next = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &next);
    if (!next) return Error{ErrorCode::corrupt, shown(origin) + " redirects to an address that makes no sense"};
    url = next;
    FABULA_ASSIGN(const Origin there, origin_of(url));
    if (origin.scheme == "https" && there.scheme != "https")
      return Error{ErrorCode::unsupported, shown(origin) + " redirects to " + shown(there) + " without encryption"};
    origin = there;
  }
}

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpHead> HttpClient::stream(const HttpRequest& request, const HttpSink& sink) {
  return impl_->stream(request, sink);
}

Result<HttpReply> HttpClient::fetch(const HttpRequest& request, uint64_t max_body_bytes) {
  HttpReply reply;
  HttpSink sink;
  sink.on_body = [&](std::string_view piece) -> Status {
    if (reply.body.size() + piece.size() > max_body_bytes)
      return Error{ErrorCode::corrupt, "the answer of " + request.url + " is longer than " +
                                           std::to_string(max_body_bytes) + " bytes"};
    reply.body += piece;
    return {};
  };
  FABULA_ASSIGN(reply.head, stream(request, sink));
  return reply;
}

}  // namespace fabula::net
