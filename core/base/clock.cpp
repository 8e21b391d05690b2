#include "core/base/clock.h"

#include <sys/random.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>

namespace fabula {

int64_t unix_milliseconds() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

double monotonic_seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::string format_rfc3339(int64_t ms) {
  int64_t seconds = ms / 1000, rest = ms % 1000;
  if (rest < 0) {
    rest += 1000;
    seconds -= 1;
  }
  std::time_t time = static_cast<std::time_t>(seconds);
  std::tm tm{};
  gmtime_r(&time, &tm);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec, static_cast<int>(rest));
  return buffer;
}

namespace {

// Reads exactly `digits` decimal digits at `at`; -1 where there are none.
int read_digits(std::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

int64_t parse_rfc3339_or_negative(std::string_view text) {
  const int year = read_digits(text, 0, 4), month = read_digits(text, 5, 2), day = read_digits(text, 8, 2);
  const int hour = read_digits(text, 11, 2), minute = read_digits(text, 14, 2), second = read_digits(text, 17, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60)
    return -1;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') return -1;
  size_t at = 19;
  int64_t fraction_ms = 0;
  if (at < text.size() && text[at] == '.') {
    int64_t scale = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) fraction_ms += (text[at] - '0') * scale;
  }
  int64_t offset_minutes = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int offset_hour = read_digits(text, at + 1, 2), offset_minute = read_digits(text, at + 4, 2);
    if (offset_hour < 0 || offset_minute < 0 || at + 6 != text.size()) return -1;
    offset_minutes = (text[at] == '+' ? 1 : -1) * (offset_hour * 60 + offset_minute);
  } else if (at + 1 != text.size() || (text[at] != 'Z' && text[at] != 'z')) {
    return -1;
  }
  std::tm tm{};
  tm.tm_year = year - 1900, tm.tm_mon = month - 1, tm.tm_mday = day;
  tm.tm_hour = hour, tm.tm_min = minute, tm.tm_sec = second;
  const int64_t seconds = static_cast<int64_t>(timegm(&tm)) - offset_minutes * 60;
  return seconds < 0 ? -1 : seconds * 1000 + fraction_ms;
}

std::string make_uuid_v7() {
  // One 60-bit counter of (milliseconds << 12 | sequence) keeps the ids of a process in order (RFC 9562, method 3).
  static std::atomic<uint64_t> last{0};
  const uint64_t now = static_cast<uint64_t>(unix_milliseconds()) << 12;
  uint64_t seen = last.load(std::memory_order_relaxed), next;
  do {
    next = now > seen ? now : seen + 1;
  } while (!last.compare_exchange_weak(seen, next, std::memory_order_relaxed));

  std::array<unsigned char, 8> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    std::random_device device;
    for (auto& byte : random) byte = static_cast<unsigned char>(device());
  }
  uint64_t low = 0;
  for (unsigned char byte : random) low = low << 8 | byte;
  low = (low & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;
  const uint64_t high = (next >> 12) << 16 | 0x7000 | (next & 0xFFF);
  char buffer[37];
  std::snprintf(buffer, sizeof buffer, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFull));
  return buffer;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
  }
  return true;
}

}  // namespace fabula
