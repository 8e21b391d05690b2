#include "app/gui/shell.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

namespace fabula::gui {
namespace {

std::tm local(int64_t unix_milliseconds) {
  const auto seconds = static_cast<std::time_t>(unix_milliseconds / 1000);
  std::tm out{};
  localtime_r(&seconds, &out);
  return out;
}

}  // namespace

int day_of(int64_t unix_milliseconds) {
  const std::tm t = local(unix_milliseconds);
  return static_cast<int>((unix_milliseconds / 1000 + t.tm_gmtoff) / 86400);
}

std::string relative_time(const Strings& tr, int64_t then, int64_t now) {
  const int64_t minutes = std::max<int64_t>(now - then, 0) / 60'000;
  if (minutes < 1) return tr("time.now");
  if (minutes < 60) return tr.format("time.minutes", {std::to_string(minutes)});
  const int days = day_of(now) - day_of(then);
  if (days <= 0) return tr.format("time.hours", {std::to_string(minutes / 60)});
  if (days == 1) return tr("time.yesterday");
  if (days < 7) return tr.format("time.days", {std::to_string(days)});
  const std::tm t = local(then);
  const std::string month = tr(fmt::format("month.{}", t.tm_mon + 1));
  return tr.format("time.date", {std::to_string(t.tm_mday), month});
}

std::string exact_time(int64_t unix_milliseconds) {
  const std::tm t = local(unix_milliseconds);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min);
}

std::string clock_time(int64_t unix_milliseconds) {
  const std::tm t = local(unix_milliseconds);
  return fmt::format("{:02}:{:02}", t.tm_hour, t.tm_min);
}

bool contains_folded(std::string_view text, std::string_view part) {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [fold](char a, char b) { return fold(a) == fold(b); }) != text.end();
}

std::string short_number(double value) {
  if (!(std::fabs(value) < 1e15)) return "–";
  if (value >= 1e6) return fmt::format("{:.1f}M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f}k", value / 1e3);
  if (value >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.1f}", value);
}

}  // namespace fabula::gui
