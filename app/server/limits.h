// What one server, and one client of it, may take: connections, sizes, time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fabula::server {

struct Limits {
  int connections = 1024;  // beyond: closed at once
  size_t header_bytes = size_t{32} << 10;
  uint64_t body_bytes = uint64_t{16} << 20;

  // A connection that needs longer is closed. Bytes that come one by one do not help: each of these ends when it ends.
  std::chrono::milliseconds idle{60'000};    // from connecting, or the end of an answer, to the first byte of a request
  std::chrono::milliseconds header{15'000};  // from there to the end of the headers
  std::chrono::milliseconds body{60'000};    // from there to the end of the body
  std::chrono::milliseconds write{30'000};   // for a client to take the next `write_bytes` of an answer: 2 KiB/s at least
  size_t write_bytes = size_t{64} << 10;
};

}  // namespace fabula::server
