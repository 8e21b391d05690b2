// Time as the contract writes it, and ids that sort by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fabula {

// Milliseconds since 1970-01-01T00:00:00Z, wall clock.
int64_t unix_milliseconds();

// Seconds on a clock that never steps; only differences mean something.
double monotonic_seconds();

// RFC 3339, UTC, milliseconds: "2025-03-14T15:09:26.535Z".
std::string format_rfc3339(int64_t unix_milliseconds);

// Accepts what format_rfc3339 writes, also without or with more digits of fraction, and with an offset. -1 where malformed.
int64_t parse_rfc3339_or_negative(std::string_view text);

// UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits of the kernel. Ids made by one process never go backwards.
std::string make_uuid_v7();

bool is_uuid(std::string_view text);

}  // namespace fabula
