#include "core/hub/file_download.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/hub/piece_map.h"

namespace fabula::hub {

namespace {

constexpr uint64_t longest_segment_bytes = uint64_t{32} << 20;  // a redirect and a handshake cost little against it
constexpr double longest_wait_seconds = 300;            // what a server may ask for with Retry-After

std::filesystem::path part_path(const FileDownload& d) { return d.folder / (d.sha256 + ".part"); }
std::filesystem::path map_path(const FileDownload& d) { return d.folder / (d.sha256 + ".map"); }

bool cancelled(const FileDownload& d) { return d.cancel && d.cancel->load(); }

// Sleeps in short steps. false: cancelled.
bool sleep_for(const FileDownload& d, double seconds) {
  for (const double end = monotonic_seconds() + seconds; monotonic_seconds() < end;) {
    if (cancelled(d)) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return !cancelled(d);
}

double retry_after_or(const net::HttpHead& head, double otherwise) {
  const std::string* value = head.header_or_null("retry-after");
  double seconds = 0;
  if (!value || std::from_chars(value->data(), value->data() + value->size(), seconds).ec != std::errc()) return otherwise;
  return std::clamp(seconds, 0.0, longest_wait_seconds);
}

// "bytes 100-199/1000" for exactly these bytes of a file of this length.
bool is_range(const net::HttpHead& head, const Segment& segment, uint64_t bytes) {
  const std::string* range = head.header_or_null("content-range");
  return range && *range == "bytes " + std::to_string(segment.next) + "-" + std::to_string(segment.end - 1) + "/" + std::to_string(bytes);
}

class Fetcher {
 public:
  // Each connection gets several turns, so that none is left with a long rest alone.
  Fetcher(const FileDownload& download, PieceMap& map)
      : d_(download),
        map_(map),
        connections_(static_cast<size_t>(std::clamp(download.connections, 1, 16))),
        segment_bytes_(std::clamp(download.bytes / (2 * connections_), piece_bytes, longest_segment_bytes)) {}

  // Until everything is there.
  Status run();

 private:
  void work();
  enum class Outcome { done, again, stop };
  Outcome fetch(net::HttpClient& client, Segment& segment, double& wait);
  Outcome judge(const Status& status, const net::HttpHead& head, double& wait);
  void fail(Error error);

  const FileDownload& d_;
  PieceMap& map_;
  const size_t connections_;
  const uint64_t segment_bytes_;  // of one request
  std::atomic<bool> stop_{false};
  std::atomic<bool> no_ranges_{false};   // the server sends the whole file whatever it is asked for
  std::atomic<int> failures_{0};         // since the last new byte
  std::mutex mutex_;
  std::optional<Error> error_;           // guarded by mutex_: the first that ends it
};

void Fetcher::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  stop_ = true;
}

Status Fetcher::run() {
  {
    std::vector<std::jthread> others;
    for (size_t t = 1; t < connections_ && d_.bytes > t * piece_bytes; ++t) others.emplace_back([this] { work(); });
    work();
  }
  if (no_ranges_ && !error_) work();  // alone, from the beginning
  if (error_) return *error_;
  if (cancelled(d_)) return Error{ErrorCode::cancelled, "stopped"};
  return {};
}

void Fetcher::work() {
  net::HttpClient client;
  while (!stop_ && !cancelled(d_)) {
    auto segment = map_.take(no_ranges_ ? d_.bytes : segment_bytes_);
    if (!segment) return;
    for (bool working = true; working;) {
      double wait = 0;
      const Outcome outcome = fetch(client, *segment, wait);
      working = outcome == Outcome::again && sleep_for(d_, wait);
      if (outcome == Outcome::stop || (outcome == Outcome::again && !working)) {
        map_.give_back(*segment);
        return;
      }
    }
  }
}

Fetcher::Outcome Fetcher::fetch(net::HttpClient& client, Segment& segment, double& wait) {
  net::HttpRequest request;
  request.url = d_.url;
  request.bearer_token = d_.bearer_token;
  request.timeouts.stall_seconds = d_.stall_seconds;
  request.cancel = d_.cancel;
  const bool ranged = !no_ranges_;
  if (ranged) request.range = net::ByteRange{segment.next, segment.end - 1};
  net::HttpHead head;
  uint64_t skip = 0;
  net::HttpSink sink;
  sink.on_head = [&](const net::HttpHead& told) -> Status {
    head = told;
    if (head.status == 206 && ranged && is_range(head, segment, d_.bytes)) return {};
    if (head.status == 200) {
      if (head.content_length && *head.content_length != d_.bytes)
        return Error{ErrorCode::corrupt, d_.what + " has " + std::to_string(*head.content_length) + " bytes there; the hub said " + std::to_string(d_.bytes)};
      const bool needs_all_of_it = ranged && (segment.next != 0 || segment.end != d_.bytes);
      if (needs_all_of_it) no_ranges_ = true;
      skip = segment.next;
      return needs_all_of_it ? Status(Error{ErrorCode::unsupported, "no ranges"}) : Status();
    }
    if (head.status == 206 || head.status == 416)
      return Error{ErrorCode::corrupt, d_.what + " has another length there than the hub said"};
    return {};  // judged by its status; the body is of no interest
  };
  sink.on_body = [&](std::string_view bytes) -> Status {
    if (!head.ok()) return {};
    if (stop_) return Error{ErrorCode::cancelled, "stopped"};
    const uint64_t over = std::min<uint64_t>(skip, bytes.size());
    skip -= over;
    bytes.remove_prefix(over);
    if (bytes.empty()) return {};
    if (Status written = map_.write(segment, bytes); !written.ok()) return fail(written.error()), written;
    failures_ = 0;
    if (d_.on_progress) d_.on_progress(map_.bytes_there());
    return {};
  };
  const auto result = client.stream(request, sink);
  if (segment.next == segment.end) return Outcome::done;  // whatever befell the connection afterwards
  if (no_ranges_ && ranged) return Outcome::stop;
  const Status status = result.ok() ? result->ok() ? Status(Error{ErrorCode::io, "the answer was short"}) : Status() : Status(result.error());
  return judge(status, head, wait);
}

// What a try that did not bring everything means.
Fetcher::Outcome Fetcher::judge(const Status& status, const net::HttpHead& head, double& wait) {
  if (stop_ || cancelled(d_)) return Outcome::stop;
  const int failures = ++failures_;
  wait = std::min(30.0, 0.25 * static_cast<double>(uint64_t{1} << std::min(failures, 8)));
  std::optional<Error> final;
  if (!status.ok()) {
    if (!net::worth_retrying(status.error())) final = status.error();
    else if (failures >= d_.tries) final = Error{ErrorCode::io, d_.what + ": " + status.error().message};
  } else {
    const bool later = head.status == 429 || head.status >= 500;
    wait = retry_after_or(head, wait);
    if (!later || failures >= d_.tries) final = d_.refusal ? d_.refusal(head) : Error{ErrorCode::io, d_.what + ": status " + std::to_string(head.status)};
  }
  if (!final) return Outcome::again;
  fail(*std::move(final));
  return Outcome::stop;
}

Result<std::string> sha256_of(const FileDownload& d, const std::filesystem::path& path) {
  FABULA_ASSIGN(const File file, File::open(path));
  Sha256 hash;
  std::vector<std::byte> buffer(size_t{1} << 20);
  for (uint64_t at = 0; at < file.size_bytes(); at += buffer.size()) {
    if (cancelled(d)) return Error{ErrorCode::cancelled, "stopped"};
    const auto part = std::span(buffer).first(std::min<uint64_t>(buffer.size(), file.size_bytes() - at));
    FABULA_TRY(file.read_at(at, part));
    hash.update(part.data(), part.size());
  }
  return to_hex(hash.finish());
}

}  // namespace

uint64_t bytes_there(const FileDownload& download) { return bytes_in_map(map_path(download), download.bytes); }

void forget_download(const FileDownload& download) {
  std::error_code ignored;
  std::filesystem::remove(map_path(download), ignored);
  std::filesystem::remove(part_path(download), ignored);
}

Status download_file(const FileDownload& download) {
  std::error_code error;
  if (std::filesystem::is_regular_file(download.destination, error) && std::filesystem::file_size(download.destination, error) == download.bytes) {
    // Its process was killed before it could clear up, or another one fetches it as we speak: then the map belongs to a part.
    if (!std::filesystem::exists(part_path(download), error)) std::filesystem::remove(map_path(download), error);
    return {};
  }
  FABULA_TRY(fabula::create_directories(download.folder));
  PieceMap map(part_path(download), map_path(download), download.bytes);
  FABULA_TRY(map.open());
  for (int attempt = 0;; ++attempt) {
    FABULA_TRY(Fetcher(download, map).run());
    if (!map.whole()) return Error{ErrorCode::internal, download.what + ": pieces are missing although nothing failed"};
    if (download.on_verify) download.on_verify();
    FABULA_TRY(map.sync());
    FABULA_ASSIGN(const std::string found, sha256_of(download, map.part()));
    if (found == download.sha256) break;
    FABULA_TRY(map.forget_pieces());
    if (attempt == 1)
      return Error{ErrorCode::corrupt, download.what + " is not what the hub promised, twice: its SHA-256 is " + found + ", expected was " + download.sha256};
  }
  FABULA_TRY(fabula::create_directories(download.destination.parent_path()));
  std::filesystem::rename(map.part(), download.destination, error);
  if (error) return io_error("rename", map.part(), error.value());
  std::filesystem::remove(map_path(download), error);
  return {};
}

}  // namespace fabula::hub
