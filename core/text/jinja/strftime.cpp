#include "core/text/jinja/strftime.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace fabula::text::jinja {

namespace {

constexpr std::array kDays = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array kMonths = {"January", "February", "March",     "April",   "May",      "June",
                                "July",    "August",   "September", "October", "November", "December"};

struct Moment {
  int year, month, day, hour, minute, second;
  int weekday;   // Sunday is 0
  int year_day;  // from 0
};

Moment break_down(int64_t seconds) {
  using namespace std::chrono;
  // The years that Python's datetime knows.
  seconds = std::clamp<int64_t>(seconds, -62'135'596'800, 253'402'300'799);
  const sys_seconds time{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  const sys_days new_year = date.year() / January / 1;
  return {int(date.year()),
          int(unsigned(date.month())),
          int(unsigned(date.day())),
          int(clock.hours().count()),
          int(clock.minutes().count()),
          int(clock.seconds().count()),
          int(weekday(day).c_encoding()),
          int((day - new_year).count())};
}

std::string padded(int value, int width, char fill = '0') {
  std::string digits = std::to_string(value);
  if (static_cast<int>(digits.size()) < width)
    digits.insert(0, static_cast<size_t>(width) - digits.size(), fill);
  return digits;
}

// Year and week of ISO 8601.
std::pair<int, int> iso_week(const Moment& m) {
  const auto weeks_in = [](int year) {
    const auto p = [](int y) { return (y + y / 4 - y / 100 + y / 400) % 7; };
    return p(year) == 4 || p(year - 1) == 3 ? 53 : 52;
  };
  const int weekday = m.weekday == 0 ? 7 : m.weekday;
  const int week = (m.year_day + 1 - weekday + 10) / 7;
  if (week < 1) return {m.year - 1, weeks_in(m.year - 1)};
  if (week > weeks_in(m.year)) return {m.year + 1, 1};
  return {m.year, week};
}

std::string field(char directive, const Moment& m, int64_t seconds, bool& known) {
  const auto all = [&](std::string_view format) { return format_time(format, seconds); };
  const int hour12 = m.hour % 12 == 0 ? 12 : m.hour % 12;
  known = true;
  switch (directive) {
    case 'a': return std::string(kDays[static_cast<size_t>(m.weekday)]).substr(0, 3);
    case 'A': return kDays[static_cast<size_t>(m.weekday)];
    case 'b':
    case 'h': return std::string(kMonths[static_cast<size_t>(m.month - 1)]).substr(0, 3);
    case 'B': return kMonths[static_cast<size_t>(m.month - 1)];
    case 'c': return all("%a %b %e %H:%M:%S %Y");
    case 'C': return padded(m.year / 100, 2);
    case 'd': return padded(m.day, 2);
    case 'D':
    case 'x': return all("%m/%d/%y");
    case 'e': return padded(m.day, 2, ' ');
    case 'f': return "000000";
    case 'F': return all("%Y-%m-%d");
    case 'G': return std::to_string(iso_week(m).first);
    case 'g': return padded(iso_week(m).first % 100, 2);
    case 'H': return padded(m.hour, 2);
    case 'I': return padded(hour12, 2);
    case 'j': return padded(m.year_day + 1, 3);
    case 'k': return padded(m.hour, 2, ' ');
    case 'l': return padded(hour12, 2, ' ');
    case 'm': return padded(m.month, 2);
    case 'M': return padded(m.minute, 2);
    case 'n': return "\n";
    case 'p': return m.hour < 12 ? "AM" : "PM";
    case 'P': return m.hour < 12 ? "am" : "pm";
    case 'r': return all("%I:%M:%S %p");
    case 'R': return all("%H:%M");
    case 's': return std::to_string(seconds);
    case 'S': return padded(m.second, 2);
    case 't': return "\t";
    case 'T':
    case 'X': return all("%H:%M:%S");
    case 'u': return std::to_string(m.weekday == 0 ? 7 : m.weekday);
    case 'U': return padded((m.year_day + 7 - m.weekday) / 7, 2);
    case 'V': return padded(iso_week(m).second, 2);
    case 'w': return std::to_string(m.weekday);
    case 'W': return padded((m.year_day + 7 - (m.weekday + 6) % 7) / 7, 2);
    case 'y': return padded(m.year % 100, 2);
    case 'Y': return std::to_string(m.year);
    case 'z':
    case 'Z': return "";  // Python's naive times have no zone
    case '%': return "%";
    default: known = false; return "";
  }
}

}  // namespace

std::string format_time(std::string_view format, int64_t local_seconds) {
  const Moment moment = break_down(local_seconds);
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
      continue;
    }
    size_t at = i + 1;
    char flag = '\0';  // glibc: - no padding, _ spaces, 0 zeros, ^ capitals
    if (std::string_view("-_0^#").find(format[at]) != std::string_view::npos && at + 1 < format.size())
      flag = format[at++];
    bool known = false;
    std::string value = field(format[at], moment, local_seconds, known);
    if (!known) {
      out += format.substr(i, at + 1 - i);
    } else {
      const bool number = !value.empty() && std::isdigit(static_cast<unsigned char>(value.back())) &&
                          value.find_first_not_of("0123456789 ") == std::string::npos;
      if (number && flag != '\0') {
        size_t leading = 0;
        while (leading + 1 < value.size() && (value[leading] == '0' || value[leading] == ' ')) ++leading;
        if (flag == '-') value.erase(0, leading);
        if (flag == '_') value.replace(0, leading, leading, ' ');
        if (flag == '0') value.replace(0, leading, leading, '0');
      }
      if (flag == '^' || flag == '#')
        for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      out += value;
    }
    i = at;
  }
  return out;
}

}  // namespace fabula::text::jinja
